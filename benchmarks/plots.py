"""A run's plots as SVG: ``python -m benchmarks.plots RUN FOLDER``, by the peers' interpreter, which has matplotlib."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.airflow_plots import share_plot, sweep_plot
from benchmarks.speed_plot import speed_plot


def draw(run: Mapping[str, Any], folder: Path) -> None:
    """Write a picture of each part that the run has."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    # The same picture for the same figures: a diff then shows what changed. Text stays text.
    look = {
        "svg.hashsalt": "bench",
        "svg.fonttype": "none",
        "font.size": 8,
        "font.sans-serif": ["DejaVu Sans", "Arial"],
        "axes.spines.top": False,
    }
    matplotlib.rcParams.update({**look, "axes.spines.right": False, "savefig.facecolor": "white"})
    plt = importlib.import_module("matplotlib.pyplot")
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {
        "speed": run["loads"] and speed_plot(plt, run),
        "growth": run["growth"] and _growth(plt, run["growth"]),
        "airflow": run["airflow"] and share_plot(plt, run["airflow"]["batches"]),
        "sweep": run.get("sweep") and sweep_plot(plt, run["sweep"]),
    }
    for name, figure in pictures.items():
        if figure:
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


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
