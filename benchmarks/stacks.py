"""Stacks of Python functions, as sampled: read, shortened, counted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

_FRAME = re.compile(r'  File "(?P<file>.*)", line \d+ in (?P<function>.*)')
_ROOTS = ("site-packages/", "cxone_provider/", "python3.11/", "python3.12/", "python3.13/", "python3.14/")
# What every thread of a pool begins with says nothing.
_BEGINNINGS = ("threading.py", "concurrent/futures/", "benchmarks/client.py", "<frozen runpy>")


@dataclass(frozen=True, slots=True, order=True)
class Frame:
    """A function, and the file it is in, from its package on."""

    file: str
    function: str


Stack: TypeAlias = tuple[Frame, ...]
Stacks: TypeAlias = Counter[Stack]


def stacks_of(paths: Iterable[Path]) -> Stacks:
    """Return how often each stack was seen, outermost function first."""
    return Counter(stack for path in paths for stack in _stacks(path.read_text(errors="replace")))


def _stacks(text: str) -> Iterator[Stack]:
    # Two threads that are interrupted at once write into each other's lines: what does not read as a stack is left out.
    for sample in text.split("Stack (most recent call first):\n")[1:]:
        found = [_FRAME.fullmatch(line) for line in sample.splitlines()]
        frames = [Frame(_short(match["file"]), match["function"]) for match in reversed(found) if match]
        if len(frames) == len(found):
            yield _without_beginning(frames)


def _short(file: str) -> str:
    for root in _ROOTS:
        file = file.rpartition(root)[2]
    return f"benchmarks/{file.rpartition('/benchmarks/')[2]}" if "/benchmarks/" in file else file


def _without_beginning(frames: list[Frame]) -> Stack:
    own = (n for n, one in enumerate(frames) if not one.file.startswith(_BEGINNINGS) and one.function != "<module>")
    return tuple(frames[next(own, 0) :])
