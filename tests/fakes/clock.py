"""A clock that only sleeping moves."""

from __future__ import annotations

import threading

import pendulum

from cxone_provider.archive.errors import TransferCancelled


class FakeClock:
    """Implements :class:`cxone_provider.archive.ports.Clock` without waiting.

    Args:
        at: time of the start in UTC, e.g. ``2026-11-22T06:00:00Z``.
        tick_s: seconds that pass by each look at the clock, so that latencies are not zero.

    Attributes:
        sleeps: every wait in seconds, in order.
        cancelled: set it, and the next sleep raises TransferCancelled.
    """

    def __init__(self, at: str = "2026-11-22T06:00:00Z", *, tick_s: float = 0.0) -> None:
        self._start = pendulum.from_format(at, "YYYY-MM-DDTHH:mm:ss[Z]", tz="UTC")
        self._elapsed_s = 0.0
        self._tick_s = tick_s
        self._lock = threading.Lock()
        self.sleeps: list[float] = []
        self.cancelled = threading.Event()

    def now(self) -> pendulum.DateTime:
        """Return the start moved by what was slept."""
        return self._start.add(seconds=self._look_s())

    def monotonic_s(self) -> float:
        """Return the seconds that passed."""
        return self._look_s()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass at once."""
        if self.cancelled.is_set():
            raise TransferCancelled("cancelled while waiting")
        with self._lock:
            self.sleeps.append(seconds)
            self._elapsed_s += seconds

    def pass_s(self, seconds: float) -> None:
        """Let `seconds` pass without anyone sleeping."""
        with self._lock:
            self._elapsed_s += seconds

    def _look_s(self) -> float:
        with self._lock:
            self._elapsed_s += self._tick_s
            return self._elapsed_s
