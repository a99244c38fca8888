"""A run of the growth as Markdown, and the figures of a tenant that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import tenants
from benchmarks.exponents import exponent

BEGIN, END = "<!-- one run of `python -m benchmarks.growth` begins -->", "<!-- it ends -->"
TITLES: Mapping[str, str] = {
    "stream": "pipeline", "plan": "plan", "list": "list", "estimate": "estimate", "check_run": "check run",
    "reconcile": "reconcile", "verify": "verify", "sweep": "sweep", "console": "console",
}  # fmt: skip
_FIGURES: Sequence[tuple[str, str, Callable[[float], str]]] = (
    ("took_s", "Time, s", lambda value: f"{value:,.2f}"),
    ("cpu_s", "Processor, s", lambda value: f"{value:,.2f}"),
    ("peak_mib", "Memory above idle, MiB", lambda value: f"{value:,.0f}"),
    ("cxone_requests", "Requests to CXone", lambda value: f"{value:,.0f}"),
    ("s3_requests", "Requests to S3", lambda value: f"{value:,.0f}"),
    ("xcom_bytes", "XCom of all tasks, KiB", lambda value: f"{value / 1024:,.1f}"),
    ("xcom_largest_bytes", "XCom, the largest value that a task reads or writes, KiB", lambda v: f"{v / 1024:,.1f}"),
)


def written(document: str, run: Mapping[str, Any]) -> str:
    """Return the document with this run in the place of the one before."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text_of(run)}\n{END}{after}"


def text_of(run: Mapping[str, Any]) -> str:
    """Return a run as Markdown."""
    parts = [
        _machine(run["machine"]),
        *(_table(run["steps"], *figure) for figure in _FIGURES),
        "![growth](scaling/growth.svg)",
        _scheduler(run["scheduler"], run["scheduler_waiting"]),
        tenants.tables(tenants.measured(run)),
    ]
    return "\n\n".join(part for part in parts if part)


def _machine(machine: Mapping[str, Any]) -> str:
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Python {machine['python']}"
    return (
        f"One run of {machine['date']} on {where}; machine load before it {machine['load']}. Exponents are from 100 "
        "recordings on; a dash stands where there is too little to tell, and a step without such requests is left out."
    )


def _table(
    steps: Mapping[str, Sequence[Mapping[str, Any]]], what: str, title: str, shown: Callable[[float], str]
) -> str:
    told = {name: rows for name, rows in steps.items() if any(row.get(what) for row in rows)}
    counts = [row["count"] for row in next(iter(told.values()))]
    lines = [
        f"### {title}", "",
        f"| recordings | {' | '.join(TITLES[name] for name in told)} |",
        "|---" * (len(told) + 1) + "|",
    ]  # fmt: skip
    for place, count in enumerate(counts):
        lines.append(f"| {count:,} | {' | '.join(shown(rows[place][what]) for rows in told.values())} |")
    grown = (_shown(exponent(rows, what)) for rows in told.values())
    lines.append(f"| exponent | {' | '.join(grown)} |")
    return "\n".join(lines)


def _scheduler(rows: Sequence[Mapping[str, Any]], waiting: float | None) -> str:
    if not rows:
        return ""
    names = ("tasks", "took_s", "scheduler_cpu_s", "api_cpu_s", "database_bytes")
    lines = [
        "### Airflow itself", "",
        "| batches | recordings | task instances | time s | scheduler CPU s | API server CPU s | database KiB |",
        "|---" * 7 + "|",
    ]  # fmt: skip
    lines += [
        f"| {row['batches']:,} | {row['count']:,} | {row['tasks']:,} | {row['took_s']:.0f} | "
        f"{row['scheduler_cpu_s']:.2f} | {row['api_cpu_s']:.2f} | {row['database_bytes'] / 1024:,.0f} |"
        for row in rows
    ]
    for first in (1, 10):
        grown = [_shown(exponent(rows, name, first * 100)) for name in names]
        lines.append(f"| exponent | from {first} on | {' | '.join(grown)} |")
    each = [f"{row['scheduler_cpu_s'] / row['tasks'] * 1e3:.0f}" for row in rows]
    lines += ["", f"Scheduler for a task instance, ms: {', '.join(each)}."]
    if waiting is not None:
        lines[-1] += f" While a run's tasks wait for their tenant, it takes {waiting:.1%} of a core."
    told = ", ".join(f"{name} {count:,}" for name, count in rows[-1]["rows"].items() if count)
    lines += ["", f"Rows of the last run: {told}."]
    return "\n".join(lines)


def _shown(grown: float | None) -> str:
    return "-" if grown is None else f"{grown:.2f}"
