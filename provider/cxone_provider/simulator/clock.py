"""Time, injected: tokens expire, storage states change and drips wait by this clock only."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the simulator needs to know of time."""

    def now(self) -> datetime:
        """Return the present, timezone-aware."""
        ...

    def wait(self, seconds: float, stopped: threading.Event) -> None:
        """Return after `seconds`, or as soon as `stopped` is set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present in UTC."""
        return datetime.now(UTC)

    def wait(self, seconds: float, stopped: threading.Event) -> None:
        """Wait in real time."""
        stopped.wait(min(seconds, threading.TIMEOUT_MAX))


class ManualClock:
    """A clock that stands still until it is advanced; waiting advances it and takes no real time.

    Args:
        start: where the clock stands at first, timezone-aware.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return where the clock stands."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock on."""
        with self._lock:
            self._now += timedelta(seconds=seconds)

    def wait(self, seconds: float, stopped: threading.Event) -> None:
        """Move the clock on instead of waiting."""
        if not stopped.is_set():
            self.advance(seconds)
