"""Flame graphs as SVG: a function is as wide as its time, callers are below callees, colours are purposes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

from benchmarks.purposes import PURPOSES, purpose_of, shares_of
from benchmarks.stacks import Frame, Stack, Stacks

_WIDTH, _ROW, _EDGE, _LETTER = 1160, 17, 20, 6.3
_LEAST = 0.003  # of the whole: what is narrower cannot be seen
_MOSTLY, _MIXED = 0.9, "#f0f1f3"
_COLOURS = (
    "#c9b8d8", "#b39ddb", "#d94f3d", "#e9826b", "#f2ab8e", "#2f9e6e", "#7cc7a0", "#a9d8b8", "#3f7fc1", "#8fb8e0",
    "#d8c36a", "#9a9a9a", "#eebb4d", "#b7c3c9", "#d9d9d9",
)  # fmt: skip
_COLOUR_OF = dict(zip(PURPOSES, _COLOURS, strict=True))


@dataclass(slots=True)
class _Node:
    frame: Frame
    count: int = 0
    purposes: Counter[str] = field(default_factory=Counter)
    callees: dict[Frame, _Node] = field(default_factory=dict)


def flame_graph(title: str, stacks: Stacks) -> str:
    """Return a picture of stacks, the outermost functions at its bottom."""
    root = _tree(stacks)
    least = max(1, round(root.count * _LEAST))
    legend = _legend(shares_of(stacks))
    depth = _depth(root, least)
    height = (depth + 2) * _ROW + _EDGE * 3 + legend.count("<rect") // 3 * _ROW + _ROW
    bottom = (depth + 2) * _ROW + _EDGE
    body = "\n".join(_drawn(root, _EDGE, bottom, _WIDTH / root.count, least, root.count))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 2 * _EDGE} {height}" '
        f'font-family="ui-monospace, DejaVu Sans Mono, Menlo, monospace" font-size="10.5">\n'
        f'<rect width="100%" height="100%" rx="6" fill="#fff"/>\n'
        f'<text x="{_EDGE}" y="{_EDGE}" font-size="14" font-weight="bold" font-family="sans-serif">{escape(title)}'
        f'</text>\n{body}\n<g transform="translate({_EDGE} {bottom + _EDGE + _ROW})">{legend}</g>\n</svg>\n'
    )


def _tree(stacks: Stacks) -> _Node:
    root = _Node(Frame("", "all of it"))
    for stack, count in sorted(stacks.items()):
        purpose = purpose_of(stack)
        for node in _along(root, stack):
            node.count += count
            node.purposes[purpose] += count
    return root


def _along(node: _Node, stack: Stack) -> Iterator[_Node]:
    yield node
    for frame in stack:
        node = node.callees.setdefault(frame, _Node(frame))
        yield node


def _shown(node: _Node, least: int) -> list[_Node]:
    wide = [callee for callee in node.callees.values() if callee.count >= least]
    return sorted(wide, key=lambda callee: (-callee.count, callee.frame))


def _depth(node: _Node, least: int) -> int:
    return 1 + max((_depth(callee, least) for callee in _shown(node, least)), default=0)


def _drawn(node: _Node, x: float, y: int, scale: float, least: int, total: int) -> Iterator[str]:
    width = node.count * scale
    name = f"{node.frame.function} ({node.frame.file})" if node.frame.file else node.frame.function
    fits = int((width - 6) / _LETTER)
    label = name if len(name) <= fits else node.frame.function[:fits] if fits > 3 else ""
    purpose, most = node.purposes.most_common(1)[0]
    colour = _COLOUR_OF[purpose] if most >= node.count * _MOSTLY else _MIXED
    text = f'<text x="{x + 3:.1f}" y="{y - 4}">{escape(label)}</text>' if label else ""
    yield (
        f'<g><title>{escape(name)}: {node.count / total:.1%}</title><rect x="{x:.1f}" y="{y - _ROW}" '
        f'width="{max(0.3, width - 0.4):.1f}" height="{_ROW - 1}" rx="1" fill="{colour}"/>{text}</g>'
    )
    for callee in _shown(node, least):
        yield from _drawn(callee, x, y - _ROW, scale, least, total)
        x += callee.count * scale


def _legend(shares: Mapping[str, float]) -> str:
    told = []
    for number, (purpose, share) in enumerate(shares.items()):
        x, y = number % 3 * _WIDTH // 3, number // 3 * _ROW
        told.append(
            f'<rect x="{x}" y="{y - 9}" width="11" height="11" fill="{_COLOUR_OF[purpose]}"/>'
            f'<text x="{x + 16}" y="{y}">{escape(purpose)} {share:.1%}</text>'
        )
    return "".join(told)
