"""Airflow's share and the sweeps behind the defaults as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GOAL_MS = 10.0
_STEPS = ("queued_s", "starts_s", "works_s", "ends_s", "cpu_s")


def airflow_tables(told: Mapping[str, Any]) -> str:
    """Return what :func:`benchmarks.airflow_share.share` measured."""
    if not told:
        return ""
    runs = [row for row in told["batches"] if row["how"] != "bare"]
    bare = {row["count"]: row for row in told["batches"] if row["how"] == "bare"}
    parts = [
        "### Airflow's share",
        _share_table(runs, bare),
        "What a task costs beside its work, medians of a run's tasks:",
        _task_table(runs),
        "All processes of this Airflow, shared memory counted once:",
        _memory_table(told["memory"]),
        "Before any task:",
        _import_table(told["imports"], runs),
    ]
    return "\n\n".join(parts)


def _share_table(runs: Sequence[Mapping[str, Any]], bare: Mapping[int, Mapping[str, Any]]) -> str:
    lines = [
        f"| run by | database | preload | batches | run s | each ms | bare ms | share ms | ≤ {GOAL_MS:.0f} | CPU s |",
        "|---" * 10 + "|",
    ]
    for row in runs:
        each, alone = (one["run_s"] / row["count"] * 1e3 for one in (row, bare[row["count"]]))
        share = each - alone
        reached = "yes" if share <= GOAL_MS else "no"
        lines.append(
            f"| {_about(row)} | {row['run_s']:.2f} | {each:,.1f} | {alone:.1f} | {share:,.1f} | {reached} | "
            f"{row['cpu_s']:.1f} |"
        )
    return "\n".join(lines)


def _about(row: Mapping[str, Any]) -> str:
    preload = {True: "on", False: "off"}.get(row.get("preload", ""), "")
    batches = f"{row['batches']} x {row['count'] // row['batches']:,}"
    return f"{row['how']} | {row['database']} | {preload} | {batches}"


def _task_table(runs: Sequence[Mapping[str, Any]]) -> str:
    titles = "queued to forked s | forked to execute s | execute s | to its end s | its own CPU s"
    lines = [f"| run by | database | preload | batches | task | {titles} |", "|---" * 10 + "|"]
    for row in runs:
        for task, cost in row.get("tasks", {}).items():
            lines.append(f"| {_about(row)} | {task} | {_steps(cost)} |")
    return "\n".join(lines)


def _steps(cost: Mapping[str, float]) -> str:
    return " | ".join(f"{cost[name]:.2f}" for name in _STEPS)


def _memory_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| database | preload | idle MiB | most, with four tasks at a time MiB |", "|---|---|---|---|"]
    for row in rows:
        preload = "on" if row["preload"] else "off"
        lines.append(f"| {row['database']} | {preload} | {row['idle_mib']:,.0f} | {row['peak_mib']:,.0f} |")
    return "\n".join(lines)


def _import_table(imports: Mapping[str, float], runs: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| what | s |", "|---|---|", f"| import of `airflow.sdk` | {imports['airflow.sdk']:.2f} |"]
    ours = [name for name in imports if name.startswith("cxone_provider.")]
    lines += [f"| import of `{name}` on top of it | {imports[name]:.3f} |" for name in ours]
    parses = {name.removeprefix("parse "): took for name, took in imports.items() if name.startswith("parse ")}
    lines += [f"| parsing `{name}`, operators imported | {took:.3f} |" for name, took in parses.items()]
    measured = [row["parse_s"] for row in runs if "parse_s" in row]
    if measured:
        lines.append(f"| a DagBag of the benchmark's DAGs, operators included | {min(measured):.2f} |")
    lines.append(
        f"| what preloading imports: data rules, boto3, requests | {imports['preload_s']:.2f} "
        f"({imports['preload_cpu_s']:.2f} of processor) |"
    )
    heavy = f"{imports['heavy']:.0f} of boto3, requests, Great Expectations and pandas"
    return "\n".join([*lines, "", f"Parsing every DAG has imported {heavy}."])


def sweep_tables(told: Mapping[str, Any]) -> str:
    """Return what :func:`benchmarks.sweep.sweep` measured."""
    if not told:
        return ""
    return "\n\n".join(
        [
            "### Where the defaults come from",
            "A thousand recordings of 256 KiB through a LocalExecutor, four tasks at a time, SQLite, by batch size:",
            _size_table(told["batch_size"]),
            "A hundred recordings of 1 MiB through the bare pipeline, by `concurrency`:",
            _concurrency_table(told["concurrency"]),
        ]
    )


def _size_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "| each answer after | batch size | tasks | run s | each ms | all CPU s | stream task s |",
        "|---" * 7 + "|",
    ]
    for row in rows:
        each_ms, tasks = row["run_s"] / row["count"] * 1e3, 2 * row["count"] // row["size"]
        lines.append(
            f"| {row['delay_ms']} ms | {row['size']:,} | {tasks} | {row['run_s']:.1f} | {each_ms:.1f} | "
            f"{row['cpu_s']:.1f} | {row['tasks']['stream']['works_s']:.2f} |"
        )
    return "\n".join(lines)


def _concurrency_table(rows: Sequence[Mapping[str, Any]]) -> str:
    head = ["| each answer after | concurrency | recordings/s | CPU s | memory MiB |", "|---" * 5 + "|"]
    return "\n".join([*head, *map(_concurrency_row, rows)])


def _concurrency_row(row: Mapping[str, Any]) -> str:
    return (
        f"| {row['delay_ms']} ms | {row['concurrency']} | {row['count'] / row['took_s']:.1f} | "
        f"{row['cpu_s']:.2f} | {row['peak_mib']:.0f} |"
    )
