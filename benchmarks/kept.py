"""The run that is kept beside the page: a part that is measured again takes the place of the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EMPTY: Mapping[str, Any] = {
    "machines": {}, "loads": {}, "ends": {}, "titles": {},
    "memory": [], "growth": [], "airflow": {}, "sweep": {}, "profiles": {},
}  # fmt: skip


def opened(path: Path) -> dict[str, Any]:
    """Return the run kept at `path`; an empty one where none is kept."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {name: kept.get(name, nothing) for name, nothing in EMPTY.items()}


def renewed(run: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run with what was measured anew: tables as a whole, loads and profiles one by one."""
    new = dict(run)
    for name, value in part.items():
        new[name] = {**new[name], **value} if isinstance(value, Mapping) else value
    return new


def keep(run: Mapping[str, Any], path: Path) -> None:
    """Write the run, at once or not at all: an interrupted one leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(run, separators=(",", ":")) + "\n", encoding="utf-8")
    fresh.replace(path)
