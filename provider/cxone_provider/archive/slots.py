"""What the recordings of one run share: how much memory holds their bytes, and how many media requests are open.

Memory is the run's, not a recording's: small recordings take little of it and many of them are on their way at once,
a large one takes a part's size for each of its readers, and whoever waits longest is served first.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_BESIDE_BYTES = 2**19
"""What a recording needs besides its bytes."""

_LEAST_BYTES = 2**16


class Slots:
    """Buffers and requests of a run; called from many threads.

    Args:
        requests: media requests open at the same time.
        unit_bytes: the largest buffer; as many of these as `requests` fit.
    """

    def __init__(self, requests: int, unit_bytes: int) -> None:
        self.requests = requests
        self._open = threading.BoundedSemaphore(requests)
        self._large = threading.BoundedSemaphore(requests)
        self._unit_bytes = unit_bytes
        self._free_bytes = requests * unit_bytes
        self._spare: list[bytearray] = []  # the oldest first; together never more than what is free
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for a buffer."""
        return len(self._waiting)

    @contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the media requests."""
        with self._open:
            yield

    @contextmanager
    def large(self) -> Iterator[None]:
        """Hold the place of a recording that goes in parts: there are as many as media requests."""
        with self._large:
            yield

    @contextmanager
    def buffer(self, size_bytes: int) -> Iterator[memoryview]:
        """Give a buffer of exactly `size_bytes`, waiting until so much memory is free.

        A caller that holds one must not wait for another one: its own would never come free.
        """
        size_bytes = min(size_bytes, self._unit_bytes)
        whole = self._take(self._class_bytes(size_bytes))
        try:
            yield memoryview(whole)[:size_bytes]
        finally:
            self._give_back(whole)

    def spare_buffer(self, held: ExitStack, size_bytes: int) -> memoryview | None:
        """Give one more buffer to who holds one, until `held` ends, if there is memory that nobody waits for."""
        size_bytes = min(size_bytes, self._unit_bytes)
        class_bytes = self._class_bytes(size_bytes)
        with self._lock:
            if self._waiting or self._free_bytes < self._charge(class_bytes):
                return None
            self._free_bytes -= self._charge(class_bytes)
        spare = self._made(class_bytes)
        held.callback(self._give_back, spare)
        return memoryview(spare)[:size_bytes]

    def _class_bytes(self, size_bytes: int) -> int:
        """Return the size of the buffer for `size_bytes`: an eighth or 64 KiB larger at most: others can use it.

        Buffers of odd sizes, made anew each time, leave gaps in the allocator's memory that nothing fits into.
        """
        step_bytes = max(_LEAST_BYTES, 1 << max(0, size_bytes.bit_length() - 4))
        return min(-(-size_bytes // step_bytes) * step_bytes, self._unit_bytes)

    def _take(self, size_bytes: int) -> bytearray:
        turn = threading.Event()
        with self._lock:
            if not self._waiting and self._free_bytes >= self._charge(size_bytes):
                turn.set()
                self._free_bytes -= self._charge(size_bytes)
            else:
                self._waiting.append(turn)
        if not turn.is_set():
            self._wait(turn, size_bytes)
        return self._made(size_bytes)

    def _made(self, size_bytes: int) -> bytearray:
        with self._lock:
            fitting = next((spare for spare in reversed(self._spare) if len(spare) == size_bytes), None)
            if fitting is not None:
                self._spare = [spare for spare in self._spare if spare is not fitting]
            while sum(map(len, self._spare)) > self._free_bytes:
                self._spare.pop(0)
        # A new one is zeroed first; at a part's size, that is a tenth of what hashing it takes.
        return bytearray(size_bytes) if fitting is None else fitting

    def _wait(self, turn: threading.Event, size_bytes: int) -> None:
        while True:
            turn.wait()
            with self._lock:
                if self._free_bytes >= self._charge(size_bytes):
                    self._free_bytes -= self._charge(size_bytes)
                    self._waiting.popleft()
                    self._call_next()
                    return
                turn.clear()

    def _give_back(self, buffer: bytearray) -> None:
        with self._lock:
            self._free_bytes += self._charge(len(buffer))
            self._spare.append(buffer)
            self._call_next()

    def _charge(self, size_bytes: int) -> int:
        return min(size_bytes + _BESIDE_BYTES, self._unit_bytes)

    def _call_next(self) -> None:
        if self._waiting:
            self._waiting[0].set()
