"""What the recordings of a run share: never more than was agreed, and whoever waits longest is served first."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from cxone_provider.archive.slots import Slots


class Meter:
    """The most that was held at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = 0
        self.most = 0

    def add(self, count: int) -> None:
        with self._lock:
            self._held += count
            self.most = max(self.most, self._held)


@settings(max_examples=30, deadline=None)
@given(requests=st.integers(1, 4), sizes=st.lists(st.integers(0, 2000), min_size=1, max_size=40))
def test_memory_and_requests_stay_within_what_was_agreed(requests: int, sizes: list[int]) -> None:
    slots, held, asked = Slots(requests, 1000), Meter(), Meter()

    def work(size_bytes: int) -> int:
        with slots.buffer(size_bytes) as buffer:
            held.add(len(buffer))
            with slots.request():
                asked.add(1)
                asked.add(-1)
            held.add(-len(buffer))
            return len(buffer)

    with ThreadPoolExecutor(8) as pool:
        given_bytes = list(pool.map(work, sizes))
    assert given_bytes == [min(size, 1000) for size in sizes]
    assert held.most <= requests * 1000
    assert asked.most <= requests


def test_who_waits_longest_is_served_first() -> None:
    slots, order, started = Slots(1, 1000), [], []

    def wait(name: str, size_bytes: int) -> Callable[[], None]:
        def run() -> None:
            started.append(name)
            with slots.buffer(size_bytes):
                order.append(name)

        return run

    with ThreadPoolExecutor(2) as pool:
        with slots.buffer(1000):
            large = pool.submit(wait("large", 1000))
            while not slots.waiting:
                pass
            small = pool.submit(wait("small", 1))
            while slots.waiting < 2:
                pass
        large.result(5)
        small.result(5)
    assert order == ["large", "small"]


def test_a_buffer_of_a_parts_size_is_used_again() -> None:
    slots = Slots(2, 1000)
    with slots.buffer(1000) as first:
        seen = id(first.obj)
    with slots.buffer(5000) as second:
        assert id(second.obj) == seen
    with slots.buffer(999) as third:
        assert len(third) == 999
