"""The run as text: tables, each with its date, and the plots."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.airflow_tables import airflow_tables, sweep_tables
from benchmarks.comparing import load_table
from benchmarks.goals import goals
from benchmarks.loads import MIB, Load
from benchmarks.profile_tables import profile_tables

BEGIN, END = "<!-- one run of `make bench` begins -->", "<!-- one run of `make bench` ends -->"
_ON = ("cpu", "cores", "memory_gib", "python")


def written(document: str, run: Mapping[str, Any], loads: Mapping[str, Load]) -> str:
    """Return the document with this run in the place of the one before."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text_of(run, loads)}\n\n{pictures(run)}\n{END}{after}"


def text_of(run: Mapping[str, Any], loads: Mapping[str, Load]) -> str:
    """Return a run as Markdown."""
    machines = run["machines"]
    parts = [_machine(run), goals(run, loads)]
    parts += [
        load_table(load, run["loads"][name], run["ends"][name], when(machines[name]))
        for name, load in loads.items()
        if name in run["loads"]
    ]
    tables: Mapping[str, Callable[[Any], str]] = {
        "memory": _memory_table,
        "growth": _growth_table,
        "airflow": airflow_tables,
        "sweep": sweep_tables,
        "profiles": profile_tables,
    }
    parts += [_dated(table(run[name]), machines[name]) for name, table in tables.items() if run[name]]
    return "\n\n".join(part for part in parts if part)


def pictures(run: Mapping[str, Any]) -> str:
    """Return the Markdown of the plots that a run has."""
    there = {
        "speed": ("speed of every client, a panel for each load", run["loads"]),
        "growth": ("growth of time, memory, requests and XCom with the batch", run["growth"]),
        "airflow": ("Airflow's share of a recording's time by the size of its batch", run["airflow"]),
        "sweep": ("what the size of a batch and concurrency bring", run.get("sweep")),
    }
    return "\n\n".join(f"![{told}](performance/{name}.svg)" for name, (told, is_there) in there.items() if is_there)


def when(machine: Mapping[str, Any]) -> str:
    """Return when a part was measured, in how many rounds where it has rounds, and what else ran."""
    rounds = machine.get("rounds", 0)
    told = f", {rounds} round{'s'[: rounds > 1]}" if rounds else ""
    return f"{machine['date']}{told}; machine load before it {machine['load']}."


def _dated(table: str, machine: Mapping[str, Any]) -> str:
    heading, _, rest = table.partition("\n")
    return f"{heading}\n{when(machine)}\n{rest}"


def _machine(run: Mapping[str, Any]) -> str:
    places = {tuple(machine[name] for name in _ON) for machine in run["machines"].values()}
    told = "; ".join(
        f"{cpu}, {cores} cores, {memory_gib} GiB, Python {python}" for cpu, cores, memory_gib, python in sorted(places)
    )
    return (
        f"Measured on {told}. Each part has its date; clients take turns in every round. MiB/s, recordings/s, "
        "CPU and ratios are medians, `±` is half of what lies between the quarters."
    )


def machine_of() -> dict[str, Any]:
    """Return what a figure depends on besides the code."""
    cpu = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    total = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(total[0] / MIB) if total else "?",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def _memory_table(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ["### Memory above idle", "", "| recordings | peak MiB | by the formula, at most |", "|---|---|---|"]
    lines += [f"| {row['what']} | {row['peak_mib']:.0f} | {row['bound_mib']:.0f} |" for row in rows]
    return "\n".join(lines) if rows else ""


def exponent(rows: Sequence[Mapping[str, Any]], what: str) -> float:
    """Return how a figure grows from the first batch to the last: 1 is in proportion, 0 not at all."""
    import math

    first, last = rows[0], rows[-1]
    return math.log(last[what] / first[what]) / math.log(last["count"] / first["count"])


def _growth_table(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    names = ("took_s", "cpu_s", "peak_mib", "s3_requests", "cxone_requests", "xcom_bytes")
    titles = "time s | CPU s | memory MiB | S3 requests | CXone requests | XCom bytes"
    lines = ["### Growth, recordings of 256 KiB", "", f"| recordings | {titles} |", "|---" * 7 + "|"]
    lines += [f"| {row['count']:,} | " + " | ".join(f"{row[name]:,.5g}" for name in names) + " |" for row in rows]
    grown = [row for row in rows if row["count"] >= 10]
    if len(grown) > 1:
        lines.append("| exponent from 10 on | " + " | ".join(f"{exponent(grown, name):.2f}" for name in names) + " |")
    return "\n".join(lines)
