"""A run's plots as SVG: ``python -m benchmarks.plots RUN FOLDER``, by the peers' interpreter, which has matplotlib."""

from __future__ import annotations

import importlib
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_OURS, _OTHERS = "#0b6e4f", "#9aa5b1"


def draw(run: Mapping[str, Any], folder: Path) -> None:
    """Write ``speed.svg`` and ``growth.svg``."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # The same picture for the same figures: a diff then shows what changed.
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "font.size": 8})
    plt = importlib.import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    if run["loads"]:
        _speed(plt, run).savefig(folder / "speed.svg", metadata={"Date": None})
    if run["growth"]:
        _growth(plt, run["growth"]).savefig(folder / "growth.svg", metadata={"Date": None})


def _speed(plt: Any, run: Mapping[str, Any]) -> Any:
    loads = run["loads"]
    figure, axes = plt.subplots(len(loads), 1, figsize=(7, 1.9 * len(loads)), layout="constrained", squeeze=False)
    for axis, (name, costs) in zip(axes[:, 0], loads.items(), strict=True):
        speeds = {client: [cost["count"] / cost["took_s"] for cost in rounds] for client, rounds in costs.items()}
        bars = {client: statistics.median(values) for client, values in speeds.items()}
        errors = [[bars[c] - min(v) for c, v in speeds.items()], [max(v) - bars[c] for c, v in speeds.items()]]
        colours = [_OURS if client.startswith("ours") else _OTHERS for client in bars]
        axis.barh(list(bars), list(bars.values()), xerr=errors, color=colours, error_kw={"lw": 0.7})
        axis.invert_yaxis()
        axis.set_title(run["titles"][name], loc="left")
        axis.set_xlabel("recordings a second, with lowest and highest round")
    return figure


def _growth(plt: Any, rows: list[Mapping[str, Any]]) -> Any:
    names = {
        "took_s": "time, s", "peak_mib": "memory, MiB", "s3_requests": "S3 requests",
        "cxone_requests": "CXone requests", "xcom_bytes": "XCom, bytes",
    }  # fmt: skip
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, title in names.items():
        axis.loglog([row["count"] for row in rows], [row[name] for row in rows], marker="o", label=title)
    axis.set_xlabel("recordings of 256 KiB in one batch")
    axis.grid(visible=True, alpha=0.3)
    axis.legend()
    return figure


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
