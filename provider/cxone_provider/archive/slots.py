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
"""What a recording needs besides its bytes, and what allocating them in odd sizes wastes."""


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
        self._spare: list[bytearray] = []
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
        whole = self._take(size_bytes)
        try:
            yield memoryview(whole)
        finally:
            self._give_back(whole)

    def spare_buffer(self, held: ExitStack, size_bytes: int) -> memoryview | None:
        """Give one more buffer to who holds one, until `held` ends, if there is memory that nobody waits for."""
        size_bytes = min(size_bytes, self._unit_bytes)
        with self._lock:
            if self._waiting or self._free_bytes < self._charge(size_bytes):
                return None
            self._free_bytes -= self._charge(size_bytes)
        spare = self._made(size_bytes)
        held.callback(self._give_back, spare)
        return memoryview(spare)

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
            spare = self._spare.pop() if size_bytes == self._unit_bytes and self._spare else None
        # A new one is zeroed first; at a part's size, that is a tenth of what hashing it takes.
        return bytearray(size_bytes) if spare is None else spare

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
            if len(buffer) == self._unit_bytes:
                self._spare.append(buffer)
            self._call_next()

    def _charge(self, size_bytes: int) -> int:
        return min(size_bytes + _BESIDE_BYTES, self._unit_bytes)

    def _call_next(self) -> None:
        if self._waiting:
            self._waiting[0].set()
