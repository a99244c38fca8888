"""What the recordings of a run share: never more than was agreed, and whoever waits longest is served first."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from cxone_provider.archive.slots import Slots

MIB = 2**20


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


def test_a_buffer_is_used_again_for_what_is_nearly_as_large() -> None:
    slots = Slots(2, 8 * MIB)
    with slots.buffer(8 * MIB) as first:
        seen = id(first.obj)
    with slots.buffer(100 * MIB) as second:
        assert id(second.obj) == seen
    with slots.buffer(2_200_000) as third:
        seen = id(third.obj)
        assert len(third) == 2_200_000
    with slots.buffer(2_300_000) as fourth:
        assert id(fourth.obj) == seen
        assert len(fourth) == 2_300_000


@given(st.integers(1, 8 * MIB))
def test_a_buffer_is_little_larger_than_it_must_be(size_bytes: int) -> None:
    with Slots(1, 8 * MIB).buffer(size_bytes) as buffer:
        made_bytes = memoryview(buffer.obj).nbytes
    assert size_bytes <= made_bytes <= size_bytes + max(64 * 1024, size_bytes // 8)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 8 * MIB), min_size=1, max_size=30))
def test_what_is_kept_for_later_takes_nothing_from_what_was_agreed(sizes: list[int]) -> None:
    """One after the other, so that every buffer but the one in use is a spare one."""
    slots = Slots(2, 8 * MIB)
    tracemalloc.start()
    try:
        for size_bytes in sizes:
            with slots.buffer(size_bytes):
                pass
        assert tracemalloc.get_traced_memory()[1] <= 2 * 8 * MIB + MIB // 4
    finally:
        tracemalloc.stop()
