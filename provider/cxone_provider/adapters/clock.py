"""The machine's time, and waiting that a kill can end."""

from __future__ import annotations

import threading
import time

import pendulum

from cxone_provider.archive.errors import TransferCancelled


class SystemClock:
    """Implements :class:`cxone_provider.archive.ports.Clock`.

    Args:
        cancelled: set by ``on_kill`` or a shutdown; wakes every sleeper. None where nothing can cancel.
    """

    def __init__(self, cancelled: threading.Event | None = None) -> None:
        self._cancelled = cancelled or threading.Event()

    def now(self) -> pendulum.DateTime:
        """Return the time in UTC."""
        return pendulum.now("UTC")

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`; a negative wait is none.

        Raises:
            TransferCancelled: the work was cancelled, before or meanwhile.
        """
        if self._cancelled.wait(max(0.0, seconds)):
            raise TransferCancelled("cancelled while waiting", hint="The next try goes on from what is stored.")
