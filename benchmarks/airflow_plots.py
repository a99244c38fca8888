"""Airflow's share of a recording's time by the size of its batch, and the sweeps behind the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.speed_plot import plain

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#6a51a3")
_GOAL_MS, _GOAL_AT = 10.0, 100
_DEFAULTS = {"size": 100, "concurrency": 4}

Rows = Sequence[Mapping[str, Any]]


def share_plot(plt: Any, rows: Rows) -> Any:
    """Return the figure: time of a recording, and what of it is Airflow's, by recordings in a batch."""
    bare = {row["count"]: _each_ms(row) for row in rows if row["how"] == "bare"}
    figure, (whole, share) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
    whole.plot(list(bare), list(bare.values()), color="#222", marker="s", linewidth=2, label="the bare pipeline")
    found: dict[int, list[float]] = {}
    for number, (name, runs) in enumerate(_by_way(rows).items()):
        sizes = [row["count"] // row["batches"] for row in runs]
        shares = [_each_ms(row) - bare[row["count"]] for row in runs]
        several = runs[0]["batches"] > 1
        look = {"color": _COLOURS[number % len(_COLOURS)], "marker": "*" if several else "o", "linestyle": "-"}
        whole.plot(sizes, [_each_ms(row) for row in runs], label=name, markersize=11 if several else 6, **look)
        share.plot(sizes, shares, markersize=11 if several else 6, **look)
        for size, share_ms in zip(sizes, shares, strict=True):
            found.setdefault(size, []).append(share_ms)
    for size, shares in found.items():
        _number(share, size, max(shares), (5, 5))
        _number(share, size, min(shares), (-5, -12))
    share.axhline(_GOAL_MS, color="#b00020", linestyle="--", linewidth=1)
    goal = f"goal: {_GOAL_MS:.0f} ms at {_GOAL_AT}"
    share.annotate(goal, (1, _GOAL_MS), (0, 4), textcoords="offset points", fontsize=7.5, color="#b00020")
    for axis, title in ((whole, "Time of a recording, ms"), (share, "Airflow's share of it, ms")):
        _logarithmic(axis, title, "recordings of 256 KiB in one batch", list(bare))
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def _each_ms(row: Mapping[str, Any]) -> float:
    return float(row["run_s"]) / int(row["count"]) * 1e3


def _by_way(rows: Rows) -> dict[str, list[Mapping[str, Any]]]:
    """Return the runs through Airflow by how they were run."""
    ways: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["how"] != "bare":
            preload = {True: ", preloaded", False: ", not preloaded"}.get(row.get("preload", ""), "")
            at_once = f", {row['batches']} batches at once" if row["batches"] > 1 else ""
            ways.setdefault(f"{row['how'].strip('`')}, {row['database']}{preload}{at_once}", []).append(row)
    return ways


def _number(axis: Any, at: float, value: float, beside: tuple[int, int]) -> None:
    text = f"{value:,.{0 if value >= 100 else 1}f}"
    where = "left" if beside[0] > 0 else "right"
    axis.annotate(text, (at, value), beside, textcoords="offset points", fontsize=7.5, ha=where)


def sweep_plot(plt: Any, told: Mapping[str, Rows]) -> Any:
    """Return the figure: what the size of a batch and `concurrency` bring, with the default of each marked."""
    figure, (sizes, threads) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for colour, delay_ms in zip(_COLOURS, sorted({row["delay_ms"] for row in told["concurrency"]}), strict=False):
        label = f"{delay_ms} ms before each answer" if delay_ms else "loopback"
        by_size = [row for row in told["batch_size"] if row["delay_ms"] == delay_ms]
        by_thread = [row for row in told["concurrency"] if row["delay_ms"] == delay_ms]
        each_ms = [row["run_s"] / row["count"] * 1e3 for row in by_size]
        per_s = [row["count"] / row["took_s"] for row in by_thread]
        sizes.plot([row["size"] for row in by_size], each_ms, color=colour, marker="o", label=label)
        threads.plot([row["concurrency"] for row in by_thread], per_s, color=colour, marker="o")
    for axis, title, below, rows, name in (
        (sizes, "Through Airflow: time of a recording of 256 KiB, ms", "recordings in a batch", "batch_size", "size"),
        (threads, "Bare pipeline: recordings of 1 MiB a second", "concurrency", "concurrency", "concurrency"),
    ):
        _logarithmic(axis, title, below, sorted({row[name] for row in told[rows]}))
        axis.axvline(_DEFAULTS[name], color="#999", linestyle="--", linewidth=1)
        axis.annotate(
            "default", (_DEFAULTS[name], axis.get_ylim()[1]), (4, -10), textcoords="offset points", fontsize=7.5
        )
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def _logarithmic(axis: Any, title: str, below: str, ticks: Sequence[int]) -> None:
    axis.set_xscale("log")
    axis.set_yscale("log")
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_formatter(plain)
    axis.yaxis.set_minor_formatter(plain)
    axis.set_xticks([], minor=True)
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.tick_params(which="minor", labelsize=6.5)
    axis.set_xlim(ticks[0] / 2.2, ticks[-1] * 2.2)
    axis.margins(y=0.1)
    axis.grid(visible=True, alpha=0.25)
    axis.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axis.set_xlabel(below)
