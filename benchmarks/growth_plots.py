"""The growth as a picture: ``python -m benchmarks.growth_plots RUN FOLDER``, by the peers' interpreter."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.exponents import exponent

_NAMES: Mapping[str, tuple[str, str]] = {
    "stream": ("pipeline", "#0b6e4f"), "plan": ("plan", "#d1495b"), "list": ("list", "#30638e"),
    "estimate": ("estimate", "#edae49"), "check_run": ("check run", "#7d4f9e"), "reconcile": ("reconcile", "#00a6a6"),
    "verify": ("verify", "#8d6a3f"), "sweep": ("sweep", "#9aa5b1"), "console": ("console", "#3d3d3d"),
}  # fmt: skip
_MARKS = "os^vD<>pX"
_FIGURES = (
    ("took_s", "time", "seconds", 1.0),
    ("peak_mib", "memory above the idle task", "MiB", 1.0),
    ("cxone_requests", "requests to CXone", "requests", 1.0),
    ("s3_requests", "requests to S3", "requests", 1.0),
    ("xcom_bytes", "XCom of all tasks", "KiB", 1024.0),
    ("xcom_largest_bytes", "XCom: the largest value of one task", "KiB", 1024.0),
)
_LOAD = (
    ("tasks", "task instances", "#30638e"), ("scheduler_cpu_s", "scheduler, CPU seconds", "#0b6e4f"),
    ("api_cpu_s", "API server, CPU seconds", "#d1495b"), ("database_kib", "database, KiB", "#edae49"),
)  # fmt: skip


def draw(run: Mapping[str, Any], folder: Path) -> None:
    """Write ``growth.svg``: a panel for each figure, log-log, exponents in the legends."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # The same picture for the same figures: a diff then shows what changed.
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 8, "legend.fontsize": 7})
    plt = importlib.import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(4, 2, figsize=(12, 13), layout="constrained")
    for axis, panel in zip(axes.flat, _FIGURES, strict=False):
        _panel(axis, run["steps"], *panel)
    _load(axes.flat[6], run["scheduler"])
    axes.flat[7].axis("off")
    figure.savefig(folder / "growth.svg", metadata={"Date": None})


def _panel(
    axis: Any, steps: Mapping[str, Sequence[Mapping[str, Any]]], what: str, title: str, unit: str, by: float
) -> None:
    for mark, (name, rows) in zip(_MARKS, steps.items(), strict=False):
        told = [(row["count"], row[what] / by) for row in rows if row.get(what)]
        if told:
            words, colour = _NAMES[name]
            axis.loglog(
                *zip(*told, strict=True),
                marker=mark,
                ms=4,
                lw=1.2,
                color=colour,
                label=_told(words, exponent(rows, what)),
            )
    _finish(axis, f"{title}, {unit}" if unit != "requests" else title, unit, "recordings of the day")


def _load(axis: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        axis.axis("off")
        return
    told = [{**row, "database_kib": row["database_bytes"] / 1024} for row in rows]
    for mark, (name, words, colour) in zip(_MARKS, _LOAD, strict=False):
        axis.loglog(
            [row["batches"] for row in told], [row[name] for row in told], marker=mark, ms=4, lw=1.2, color=colour,
            label=_told(words, exponent(told, name)),
        )  # fmt: skip
    _finish(axis, "Airflow's own load, of one run", "", "mapped batches of 100 recordings")


def _told(words: str, grown: float | None) -> str:
    return words if grown is None else f"{words}  ~ n^{grown:.2f}"


def _finish(axis: Any, title: str, unit: str, below: str) -> None:
    axis.set_title(title, loc="left", fontweight="bold")
    axis.set_xlabel(below)
    axis.set_ylabel(unit)
    axis.grid(visible=True, which="major", alpha=0.3)
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)  # beside the lines, never on them


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
