"""Where the defaults come from: batches of every size through Airflow, every `concurrency` through the bare pipeline.

Both on loopback, where the machine is the limit, and with 30 ms before each answer of both ends, as over a network.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.airflow_runs import MAPPED, connections, deployed
from benchmarks.ends import Ends, ends
from benchmarks.equipment import WORK
from benchmarks.loads import MIB, Load, make_media
from benchmarks.rounds import CLIENTS, once

SIZES = (10, 25, 50, 100, 250, 500, 1_000)
CONCURRENCY = (1, 2, 4, 8, 16)
DELAYS_MS = (0, 30)
_SMALL, _MIB = Load("a call of 16 s", "small", 1, MIB // 4), Load("a call of a minute", "mib", 100, MIB)


def sweep(rounds: int = 3) -> dict[str, Any]:
    """Measure both sweeps: rows of `delay_ms`, `size` or `concurrency`, and what it took."""
    found: dict[str, Any] = {"batch_size": [], "concurrency": []}
    folder = WORK / "sweep"
    for load in (_SMALL, _MIB):
        make_media(load, folder)
    for delay_ms in DELAYS_MS:
        with (
            tempfile.TemporaryDirectory(dir=WORK) as scratch,
            ends(folder, Path(scratch), delay_ms=delay_ms) as both,
        ):
            found["concurrency"] += [{"delay_ms": delay_ms, **row} for row in _by_concurrency(both, rounds)]
            found["batch_size"] += [{"delay_ms": delay_ms, **row} for row in _by_size(both, Path(scratch))]
    return found


def _by_concurrency(both: Ends, rounds: int) -> Iterator[dict[str, Any]]:
    for concurrency in CONCURRENCY:
        costs = [once(CLIENTS["ours_unsigned"], _MIB, both, concurrency=concurrency) for _ in range(rounds)]
        middle = sorted(costs, key=lambda cost: cost.took_s)[rounds // 2]
        yield {
            "concurrency": concurrency,
            "count": middle.count,
            "took_s": middle.took_s,
            "cpu_s": middle.cpu_s,
            "peak_mib": max(cost.peak_mib for cost in costs),
        }


def _by_size(both: Ends, scratch: Path) -> Iterator[dict[str, Any]]:
    with deployed(scratch / "airflow", both, connections(both), preload=True) as there:
        for size in SIZES:
            run = there.batches_of(size)
            yield {"size": size, "count": MAPPED, "run_s": run["run_s"], "cpu_s": run["cpu_s"], "tasks": run["tasks"]}
