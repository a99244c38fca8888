"""What grows with the work and what does not: memory with the size, everything with the number of recordings."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ends import ends
from benchmarks.loads import MIB, Load, make_media
from benchmarks.rounds import CLIENTS, once
from cxone_provider.archive.settings import recordings_at_once

CONCURRENCY = 4
PART_BYTES = 8 * MIB
OVERHEAD_MIB = 24
EACH_KIB = 4
SIZES = {"1 MiB": MIB, "64 MiB": 64 * MIB, "1 GiB": 1024 * MIB, "5 GiB": 5120 * MIB}
BATCHES = (1, 10, 100, 1_000, 10_000)
_SMALL_BYTES = MIB // 4


def bound_mib(size_bytes: int, count: int) -> float:
    """Return what memory above the idle task is at most, by the settings alone.

    A recording holds its own size, a part's at most, and so many are on their way at once; the run never holds more
    than `CONCURRENCY` parts. The rest is client, connections, threads, and slices of 1 MiB on their way; and of each
    recording of the batch its plan, audit log and XCom document.
    """
    held_bytes = min(size_bytes, PART_BYTES) * min(count, recordings_at_once(CONCURRENCY))
    if size_bytes > PART_BYTES:
        held_bytes = CONCURRENCY * PART_BYTES
    return min(held_bytes, CONCURRENCY * PART_BYTES) / MIB + OVERHEAD_MIB + count * EACH_KIB / 1024


def memory(work: Path, names: Sequence[str]) -> list[dict[str, Any]]:
    """Archive one recording of each size and return its peak memory, beside the bound."""
    rows = []
    for name in names:
        load = Load(name, "one", 1, SIZES[name])
        cost = _archived(work / "memory", load)
        rows.append({"what": f"one of {name}", "peak_mib": cost.peak_mib, "bound_mib": bound_mib(SIZES[name], 1)})
    return rows


def growth(work: Path, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Archive batches of 256 KiB recordings and return what each took."""
    rows = []
    for count in counts:
        cost = _archived(work / "growth", Load(f"{count}", "small", count, _SMALL_BYTES))
        cxone = sum(cost.requests.get(kind, 0) for kind in ("token", "metadata", "media"))
        rows.append(
            {
                "count": count,
                "took_s": cost.took_s,
                "cpu_s": cost.cpu_s,
                "peak_mib": cost.peak_mib,
                "bound_mib": bound_mib(_SMALL_BYTES, count),
                "cxone_requests": cxone,
                "s3_requests": sum(cost.requests.values()) - cxone,
                "xcom_bytes": cost.told["xcom_bytes"],
            }
        )
    return rows


def _archived(folder: Path, load: Load) -> Any:
    make_media(load, folder)
    # The compiled source: it counts.
    with tempfile.TemporaryDirectory() as scratch, ends(folder, Path(scratch), nginx=False) as both:
        cost = once(CLIENTS["ours_unsigned"], load, both, concurrency=CONCURRENCY)
    for left in folder.glob(f"{load.media}*"):
        left.unlink()
    return cost
