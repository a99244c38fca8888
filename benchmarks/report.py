"""One run of the benchmarks as text: tables, ratios with their spread, goals and whether they were reached."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.loads import MIB, Load
from benchmarks.rounds import CLIENTS

BEGIN, END = "<!-- one run of `make bench` begins -->", "<!-- one run of `make bench` ends -->"
OURS = ("ours_unsigned", "ours")
_GIB = 1024 * MIB


def written(document: str, run: Mapping[str, Any], loads: Mapping[str, Load]) -> str:
    """Return the document with this run in the place of the one before."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{text_of(run, loads)}\n\n{pictures(run)}\n{END}{after}"


def text_of(run: Mapping[str, Any], loads: Mapping[str, Load]) -> str:
    """Return a run as Markdown."""
    parts = [_machine(run), _goals(run, loads)]
    parts += [_load_table(loads[name], costs, run["ends"][name]) for name, costs in run["loads"].items()]
    parts += [_memory_table(run["memory"]), _growth_table(run["growth"]), _airflow_tables(run["airflow"])]
    return "\n\n".join(part for part in parts if part)


def pictures(run: Mapping[str, Any]) -> str:
    """Return the Markdown of the plots that a run has."""
    names = {"speed": run["loads"], "growth": run["growth"]}
    return "\n\n".join(f"![{name}](performance/{name}.svg)" for name, there in names.items() if there)


def _machine(run: Mapping[str, Any]) -> str:
    machine = run["machine"]
    return (
        f"One run of {machine['date']} on {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"Python {machine['python']}; {machine['rounds']} rounds, the clients in turn; machine load before it "
        f"{machine['load']}. MiB/s, recordings/s and CPU are medians, `±` is half of what lies between the quarters."
    )


def machine_of(rounds: int) -> dict[str, Any]:
    """Return what a figure depends on besides the code."""
    cpu = [line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    total = [int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")]
    return {
        "cpu": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(total[0] / MIB) if total else "?",
        "python": platform.python_version(),
        "rounds": rounds,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def middle(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Return half of what lies between the quarters; 0 of one value."""
    if len(values) < 2:
        return 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return (quarters[2] - quarters[0]) / 2


def rates(costs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return recordings a second, of each round."""
    return [cost["count"] / cost["took_s"] for cost in costs]


def ratios(ours: Sequence[Mapping[str, Any]], peer: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return how many times a peer's rate ours is, round by round: what changes between rounds meets both."""
    return [mine / other for mine, other in zip(rates(ours), rates(peer), strict=True)]


def cpu_per_gib(load: Load, costs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the client's own seconds of processor for a GiB, of each round."""
    return [cost["cpu_s"] / (cost["count"] * load.bytes_of_one()) * _GIB for cost in costs]


def _load_table(load: Load, costs: Mapping[str, Any], ends: str) -> str:
    lines = [
        f"### {load.name}",
        f"{ends}.",
        "",
        "| client | MiB/s | recordings/s | ours ÷ this | unsigned ÷ this | CPU s/GiB | memory MiB | requests | open |",
        "|---" * 9 + "|",
    ]
    lines += [_row(load, name, costs) for name in costs]
    return "\n".join(lines)


def _row(load: Load, name: str, costs: Mapping[str, Any]) -> str:
    rounds, one_mib = costs[name], load.bytes_of_one() / MIB
    per_s = rates(rounds)
    compared = " | ".join(_ratio(costs.get(own), rounds) for own in ("ours", "ours_unsigned"))
    cpu, peak = middle(cpu_per_gib(load, rounds)), middle([cost["peak_mib"] for cost in rounds])
    asked = middle([sum(cost["requests"].values()) / cost["count"] for cost in rounds])
    at_once = max(cost["peak_requests"] for cost in rounds)
    few = f" ({rounds[0]['count']} of them)" if rounds[0]["count"] < load.count else ""
    return (
        f"| {CLIENTS[name].title}{few} | {middle(per_s) * one_mib:,.0f} ± {spread(per_s) * one_mib:,.0f} | "
        f"{middle(per_s):,.1f} | {compared} | {cpu:.2f} | {peak:,.0f} | {asked:,.1f} | {at_once} |"
    )


def _ratio(ours: Sequence[Mapping[str, Any]] | None, rounds: Sequence[Mapping[str, Any]]) -> str:
    if not ours or ours is rounds:
        return ""
    times = ratios(ours, rounds)
    return f"{middle(times):.2f} ± {spread(times):.2f}"


def _goals(run: Mapping[str, Any], loads: Mapping[str, Load]) -> str:
    lines = ["### Goals", "", "| goal | signed chunks | unsigned tenant | reached |", "|---|---|---|---|"]
    for name, title, peer, least in (
        ("large", "{load}: speed against rclone", "rclone", 1.3),
        ("large", "{load}: speed against `curl \\| curl`", "curl_curl", 1.0),
        ("mib", "{load}: speed against rclone", "rclone", 1.0),
        ("small", "{load}: speed against rclone", "rclone", 1.0),
        ("latency", "{load}: speed against rclone", "rclone", 1.3),
        ("large", "{load}: speed against `HttpToS3Operator`", "http_to_s3", 3.0),
        ("mib", "{load}: speed against `HttpToS3Operator`", "http_to_s3", 50.0),
        ("small", "{load}: speed against `HttpToS3Operator`", "http_to_s3", 50.0),
    ):
        costs = run["loads"].get(name, {})
        if peer in costs:
            values = [ratios(costs[own], costs[peer]) for own in ("ours", "ours_unsigned")]
            lines.append(_goal(f"{title.format(load=loads[name].name)}, ≥ {least}", values, least, at_least=True))
    large = run["loads"].get("large", {})
    if "rclone" in large:
        cpu = [[_part(large, own, "rclone", "cpu_s")] for own in ("ours", "ours_unsigned")]
        lines.append(_goal("CPU for a GiB against rclone, ≤ 0.6", cpu, 0.6, at_least=False))
    if "http_to_s3" in large:
        peak = [[_part(large, own, "http_to_s3", "peak_mib")] for own in ("ours", "ours_unsigned")]
        lines.append(_goal("memory against `HttpToS3Operator`, ≤ 0.025", peak, 0.025, at_least=False))
    return "\n".join(lines)


def _part(costs: Mapping[str, Any], own: str, peer: str, what: str) -> float:
    return middle([cost[what] for cost in costs[own]]) / middle([cost[what] for cost in costs[peer]])


def _goal(title: str, values: Sequence[Sequence[float]], bound: float, *, at_least: bool) -> str:
    told = [f"{middle(rounds):.3g} ± {spread(rounds):.2g}" for rounds in values]
    reached = [middle(rounds) >= bound if at_least else middle(rounds) <= bound for rounds in values]
    verdict = "yes" if all(reached) else "unsigned" if reached[1] else "signed" if reached[0] else "no"
    return f"| {title} | {' | '.join(told)} | {verdict} |"


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


def _airflow_tables(told: Mapping[str, Any]) -> str:
    if not told:
        return ""
    bare = {row["count"]: row["run_s"] for row in told["batches"] if "validate" not in row}
    lines = [
        "### Airflow's share", "",
        "| database | recordings | run s | each ms | bare ms | Airflow's share ms | validate s | stream s | parse s |",
        "|---" * 9 + "|",
    ]  # fmt: skip
    for row in told["batches"]:
        if "validate" in row:
            each, alone = row["run_s"] / row["count"] * 1e3, bare[row["count"]] / row["count"] * 1e3
            lines.append(
                f"| {row['database']} | {row['count']:,} | {row['run_s']:.2f} | {each:.1f} | {alone:.1f} | "
                f"{each - alone:.1f} | {row['validate']:.2f} | {row['stream']:.2f} | {row['parse_s']:.2f} |"
            )
    imports = told["imports"]
    started_s, ours_s = imports["airflow.sdk"], imports["cxone_provider.operators.recordings"]
    lines += ["", f"Import of `airflow.sdk` {started_s:.2f} s, of the operators on top of it {ours_s:.3f} s."]
    return "\n".join(lines)
