"""A clock whose waits are short: production's own retry bounds, without production's patience."""

from __future__ import annotations

import threading
import time

import pendulum

_REAL_WAIT_S = 0.01


class HurriedClock:
    """Implements :class:`cxone_provider.archive.ports.Clock`; a wait ends at once and moves the clock on by its length.

    Time that passes in sockets passes here too, so deadlines and token lifetimes stay consistent.
    """

    def __init__(self) -> None:
        self._skipped_s = 0.0
        self._lock = threading.Lock()

    def now(self) -> pendulum.DateTime:
        """Return the time, and what was skipped, in UTC."""
        return pendulum.now("UTC").add(seconds=self._skipped_s)

    def monotonic_s(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic() + self._skipped_s

    def sleep(self, seconds: float) -> None:
        """Let a moment pass, and skip the rest."""
        threading.Event().wait(min(seconds, _REAL_WAIT_S))
        self.skip(max(0.0, seconds - _REAL_WAIT_S))

    def skip(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self._skipped_s += seconds
