"""What was to be reached, and whether this run reaches it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.comparing import middle, ratios, shares, spread
from benchmarks.loads import Load

_MEMORY_MIB = 64
_SPEEDS = (
    ("large", "rclone", 1.3),
    ("large", "curl_curl", 1.0),
    ("mib", "rclone", 1.0),
    ("small", "rclone", 1.0),
    ("latency", "rclone", 1.3),
    ("large", "http_to_s3", 3.0),
    ("mib", "http_to_s3", 50.0),
    ("small", "http_to_s3", 50.0),
)
_PEERS = {"rclone": "rclone", "curl_curl": "`curl` into `curl`", "http_to_s3": "`HttpToS3Operator`"}
_SHARES = (
    ("CPU for a GiB against rclone", "rclone", "cpu_s", 0.6),
    ("memory against `HttpToS3Operator`", "http_to_s3", "peak_mib", 1 / 40),
)


def goals(run: Mapping[str, Any], loads: Mapping[str, Load]) -> str:
    """Return the table of goals."""
    rows = [*_speeds(run, loads), *_shares(run), *_memory(run)]
    if not rows:
        return ""
    return "\n".join(
        ["### Goals", "", "| goal | signed chunks | unsigned tenant | reached |", "|---|---|---|---|", *rows]
    )


def _speeds(run: Mapping[str, Any], loads: Mapping[str, Load]) -> Iterator[str]:
    for name, peer, least in _SPEEDS:
        costs = run["loads"].get(name, {})
        if peer in costs:
            values = [ratios(costs[own], costs[peer]) for own in ("ours", "ours_unsigned")]
            title = f"{loads[name].name}: speed against {_PEERS[peer]}, ≥ {least}"
            yield _goal(title, values, [middle(rounds) >= least for rounds in values])


def _shares(run: Mapping[str, Any]) -> Iterator[str]:
    large = run["loads"].get("large", {})
    for title, peer, what, most in _SHARES:
        if peer in large:
            values = [shares(large[own], large[peer], what) for own in ("ours", "ours_unsigned")]
            yield _goal(f"{title}, ≤ {most:.3g}", values, [middle(rounds) <= most for rounds in values])


def _goal(title: str, values: Sequence[Sequence[float]], reached: Sequence[bool]) -> str:
    told = [f"{middle(rounds):.3g} ± {spread(rounds):.2g}" for rounds in values]
    verdict = "yes" if all(reached) else "unsigned" if reached[1] else "signed" if reached[0] else "no"
    return f"| {title} | {' | '.join(told)} | {verdict} |"


def _memory(run: Mapping[str, Any]) -> Iterator[str]:
    """Both were measured of an unsigned tenant: signatures hold no memory."""
    sizes = {row["what"]: row for row in run["memory"]}
    batches = {f"{row['count']:,}": row for row in run["growth"]}
    for title, rows in (("one recording of any size", sizes), ("a batch of any size", batches)):
        if rows:
            largest = max(rows, key=lambda name: rows[name]["peak_mib"])
            peak = rows[largest]["peak_mib"]
            reached = "yes" if peak <= _MEMORY_MIB else f"no: {largest}"
            yield f"| memory of {title}, ≤ {_MEMORY_MIB} MiB | | {peak:.0f} | {reached} |"
    measured = [*sizes.values(), *batches.values()]
    if measured:
        within = sum(row["peak_mib"] <= row["bound_mib"] for row in measured)
        reached = "yes" if within == len(measured) else "no"
        yield f"| memory within the formula | | {within} of {len(measured)} | {reached} |"
