"""Clients beside each other: medians, ratios round by round, and how far they spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.loads import MIB, Load
from benchmarks.rounds import CLIENTS

_GIB = 1024 * MIB

Costs = Sequence[Mapping[str, Any]]


def middle(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """Return half of what lies between the quarters; 0 of one value."""
    if len(values) < 2:
        return 0.0
    quarters = statistics.quantiles(values, n=4, method="inclusive")
    return (quarters[2] - quarters[0]) / 2


def rates(costs: Costs) -> list[float]:
    """Return recordings a second, of each round."""
    return [cost["count"] / cost["took_s"] for cost in costs]


def ratios(ours: Costs, peer: Costs) -> list[float]:
    """Return how many times a peer's rate ours is, round by round: what changes between rounds meets both."""
    return [mine / other for mine, other in zip(rates(ours), rates(peer), strict=True)]


def shares(ours: Costs, peer: Costs, what: str) -> list[float]:
    """Return ours of something for each of the peer's, for a recording, round by round."""
    pairs = zip(ours, peer, strict=True)
    return [(mine[what] / mine["count"]) / (other[what] / other["count"]) for mine, other in pairs]


def cpu_per_gib(load: Load, costs: Costs) -> list[float]:
    """Return the client's own seconds of processor for a GiB, of each round."""
    return [cost["cpu_s"] / (cost["count"] * load.bytes_of_one()) * _GIB for cost in costs]


def load_table(load: Load, costs: Mapping[str, Costs], ends: str, when: str) -> str:
    """Return one load's table."""
    lines = [
        f"### {load.name}", f"{ends}. {when}", "",
        "| client | MiB/s | recordings/s | ours ÷ this | unsigned ÷ this | CPU s/GiB | memory MiB | requests | open |",
        "|---" * 9 + "|",
    ]  # fmt: skip
    lines += [_row(load, name, costs) for name in costs]
    return "\n".join(lines)


def _row(load: Load, name: str, costs: Mapping[str, Costs]) -> str:
    rounds, one_mib = costs[name], load.bytes_of_one() / MIB
    per_s = rates(rounds)
    compared = " | ".join(_ratio(costs.get(own), rounds) for own in ("ours", "ours_unsigned"))
    cpu, peak = cpu_per_gib(load, rounds), middle([cost["peak_mib"] for cost in rounds])
    asked = middle([sum(cost["requests"].values()) / cost["count"] for cost in rounds])
    at_once = max(cost["peak_requests"] for cost in rounds)
    few = f" ({rounds[0]['count']} of them)" if rounds[0]["count"] < load.count else ""
    return (
        f"| {CLIENTS[name].title}{few} | {middle(per_s) * one_mib:,.0f} ± {spread(per_s) * one_mib:,.0f} | "
        f"{middle(per_s):,.1f} | {compared} | {middle(cpu):.2f} ± {spread(cpu):.2f} | {peak:,.0f} | {asked:,.1f} | "
        f"{at_once} |"
    )


def _ratio(ours: Costs | None, rounds: Costs) -> str:
    if not ours or ours is rounds:
        return ""
    times = ratios(ours, rounds)
    return f"{middle(times):.2f} ± {spread(times):.2f}"
