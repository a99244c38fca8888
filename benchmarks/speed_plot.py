"""The speed of every client, a panel for each load: medians, and lowest to highest round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

_OURS, _PEERS, _LIMITS = "#0b6e4f", "#4a5a6a", "#b0b8c0"
_TITLES = {
    "ours": "this provider, signed chunks", "ours_unsigned": "this provider, unsigned tenant",
    "rclone": "rclone copyurl", "boto3": "requests → boto3", "smart_open": "smart_open",
    "obstore": "obstore, payload unsigned", "aws": "curl | aws s3 cp -", "http_to_s3": "Airflow HttpToS3Operator",
    "curl_curl": "limit: curl | curl PUT", "curl_null": "limit: curl to nothing",
}  # fmt: skip
_MIB_OF_THE_LARGE = 1024
_COLUMNS = 2
_FAR_APART = 5


def speed_plot(plt: Any, run: Mapping[str, Any]) -> Any:
    """Return the figure; where speeds lie orders of magnitude apart, its axis is logarithmic."""
    loads = run["loads"]
    rows = -(-len(loads) // _COLUMNS)
    figure, axes = plt.subplots(rows, _COLUMNS, figsize=(11, 2.5 * rows), layout="constrained", squeeze=False)
    for axis, (name, costs) in zip(axes.flat, loads.items(), strict=False):
        _panel(axis, run["titles"][name], costs, is_large=name == "large")
    for axis in axes.flat[len(loads) :]:
        axis.set_axis_off()
    told = "Speed: median of all rounds, line from the lowest to the highest; axes without a zero are logarithmic"
    figure.suptitle(told, fontsize=10, x=0.01, ha="left")
    return figure


def _panel(axis: Any, title: str, costs: Mapping[str, Sequence[Mapping[str, Any]]], *, is_large: bool) -> None:
    each = _MIB_OF_THE_LARGE if is_large else 1
    speeds = {client: [each * cost["count"] / cost["took_s"] for cost in rounds] for client, rounds in costs.items()}
    for at, (client, values) in enumerate(speeds.items()):
        _mark(axis, at, client, values)
    axis.set_yticks(range(len(speeds)), [_TITLES[client] for client in speeds])
    axis.set_ylim(len(speeds) - 0.4, -0.6)
    _scale(axis, [value for values in speeds.values() for value in values])
    axis.grid(visible=True, axis="x", alpha=0.25)
    axis.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axis.set_xlabel("MiB/s" if is_large else "recordings/s")


def _scale(axis: Any, speeds: Sequence[float]) -> None:
    slowest, fastest = min(speeds), max(speeds)
    if fastest < _FAR_APART * slowest:
        axis.set_xlim(0, fastest * 1.2)
        return
    axis.set_xscale("log")
    axis.set_xlim(slowest / 1.3, fastest * (fastest / slowest) ** 0.15 * 1.2)
    axis.xaxis.set_major_formatter(plain)
    axis.xaxis.set_minor_formatter(plain if fastest < 50 * slowest else "")
    axis.tick_params(which="minor", labelsize=6.5)


def plain(value: float, _: int | None = None) -> str:
    """Return a tick's number in full where its first digit is 1, 2 or 5; others would meet each other."""
    return f"{value:,.10g}" if f"{value:e}"[0] in "125" else ""


def _mark(axis: Any, at: int, client: str, values: Sequence[float]) -> None:
    colour = _OURS if client.startswith("ours") else _LIMITS if client.startswith("curl") else _PEERS
    axis.plot([min(values), max(values)], [at, at], color=colour, linewidth=3, alpha=0.45, solid_capstyle="butt")
    middle = statistics.median(values)
    axis.plot([middle], [at], marker="o", markersize=6, color=colour)
    digits = 0 if middle >= 100 else 1
    axis.annotate(f"{middle:,.{digits}f}", (max(values), at), (7, -3), textcoords="offset points", fontsize=7.5)
