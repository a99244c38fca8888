"""How fast an audit trail is checked: a thousand lines, as a recording of 250 MiB in segments of 256 KiB leaves them.

``python -m benchmarks.verify_trail`` prints the figures; nothing is asserted, machines differ.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable

import pendulum

from cxone_provider.archive.audit import AuditEntry
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.trail import empty_trail, verify_trail

LINES = 1000
ROUNDS = 200
_SEGMENT_SIZE_BYTES = 256 * 1024
_MB = 1e6


def trail_of(lines: int) -> bytes:
    """Return a trail as the pipeline writes it: one event per segment."""
    began_at = pendulum.datetime(2026, 11, 23, 6)
    events = []
    for index in range(lines):
        segment = Segment(index, index * _SEGMENT_SIZE_BYTES, (index + 1) * _SEGMENT_SIZE_BYTES)
        digest = hashlib.sha256(str(index).encode()).hexdigest()
        entry = AuditEntry(
            began_at.add(seconds=index), index, segment.size_bytes, segment.inclusive, "success", 1, 12.345, digest,
            "verified",
        )  # fmt: skip
        events.append({"event": "segment", **entry.to_document()})
    return empty_trail("bench").extended(events).raw


def seconds_of(work: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return the processor's time of each of many runs, in seconds: what neighbours take does not count."""
    taken = []
    for _ in range(rounds):
        began_s = time.process_time()
        work()
        taken.append(time.process_time() - began_s)
    return taken


def main() -> None:
    """Print the speed beside that of SHA-256 alone, its bound."""
    raw = trail_of(LINES)
    megabytes = len(raw) / _MB
    checked, hashed = seconds_of(lambda: verify_trail("bench", raw)), seconds_of(lambda: hashlib.sha256(raw).digest())
    print(f"audit trail of {LINES:,} lines, {megabytes:.3f} MB; {ROUNDS} rounds")
    for name, taken in (("verify_trail", checked), ("SHA-256 alone", hashed)):
        best, median = megabytes / min(taken), megabytes / statistics.median(taken)
        print(f"  {name:<14} best {best:8,.0f} MB/s   median {median:8,.0f} MB/s   best {min(taken) * 1e3:7.2f} ms")


if __name__ == "__main__":
    main()
