"""Profiles as Markdown: seconds for a GiB, milliseconds for a recording, by purpose and by place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.loads import FULL
from benchmarks.places import PLACES
from benchmarks.purposes import PURPOSES

_NAMES = {"ours": "signed", "ours_unsigned": "unsigned", "rclone": "rclone", "curl_curl": "`curl` into `curl`"}
_SIZES = {"large": "1 GiB", "small": "256 KiB"}
_UNITS: Mapping[str, tuple[str, Callable[[float], float]]] = {
    "large": ("s/GiB", lambda spent_s: spent_s),
    "small": ("ms a recording", lambda spent_s: spent_s * 1e3 / FULL["small"].count),
}


def profile_tables(told: Mapping[str, Any]) -> str:
    """Return both tables, and the flame graphs."""
    purposes = {load: told[load]["purposes"] for load in _UNITS if load in told}
    by_place = {load: told[load]["places"] for load in _UNITS if load in told}
    lines = [
        "### Where processor time goes", "",
        "By purpose, from stacks of our own threads, sampled each 4 ms of processor time:", "",
        *_table("for", PURPOSES, purposes),
    ]  # fmt: skip
    if any(by_place.values()):
        lines += ["", "By place, as `perf` sees any program:", "", *_table("in", PLACES, by_place)]
    for load, profiles in purposes.items():
        lines += [
            f"\n![flame graph: {FULL[load].name}, {_NAMES[own]}](performance/{profiles[own]['picture']})"
            for own in profiles
        ]
    return "\n".join(lines)


def _table(word: str, rows: Sequence[str], told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    columns = [(load, name, profile) for load, profiles in told.items() for name, profile in profiles.items()]
    heads = [f"{_SIZES[load]}, {_NAMES[name]}: {_UNITS[load][0]}" for load, name, _ in columns]
    lines = [f"| {word} | {' | '.join(heads)} |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = [_cell(load, profile, row) for load, _, profile in columns]
        if any(cells):
            lines.append(f"| {row} | {' | '.join(cells)} |")
    sums = [f"**{_UNITS[load][1](profile['cpu_s']):.2f}**" for load, _, profile in columns]
    took = [f"{_UNITS[load][1](profile['took_s']):.2f}" for load, _, profile in columns]
    return [*lines, f"| **processor time in all** | {' | '.join(sums)} |", f"| time that passed | {' | '.join(took)} |"]


def _cell(load: str, profile: Mapping[str, Any], row: str) -> str:
    share = profile["shares"].get(row, 0.0)
    return f"{_UNITS[load][1](share * profile['cpu_s']):.2f} ({share:.0%})" if share else ""
