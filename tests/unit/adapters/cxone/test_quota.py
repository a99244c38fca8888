"""One task's share of a tenant's quota: spaced, from its first request on, and never more in any window."""

from __future__ import annotations

import threading
from heapq import heappop, heappush

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.quota import JITTER, Pacer, Quota, RequestBudget
from cxone_provider.archive.errors import InvalidSetting, TransferCancelled
from tests.fakes.clock import FakeClock

QUOTAS = st.tuples(st.integers(1, 400), st.floats(0.1, 86_400), st.integers(1, 50)).filter(lambda q: q[2] <= q[0])
IDLE = st.sampled_from([0, 0, 0, 0.3, 1.7, 30])
PAUSES = st.sampled_from([0, 0, 0, 0.1, 0.9, 1.1, 40])


@pytest.mark.parametrize(
    ("requests", "tasks", "share"), [(150, 1, 150), (150, 4, 37), (150, 3, 50), (150, 150, 1), (7, 2, 3), (1, 1, 1)]
)
def test_tasks_share_the_requests_of_a_period(requests: int, tasks: int, share: int) -> None:
    quota = Quota(requests, 300, tasks)
    assert quota.task_requests == share
    assert quota.interval_s == pytest.approx(300 * (1 + JITTER) / share)


@pytest.mark.parametrize("tasks", [0, -1, 151])
def test_no_more_tasks_than_requests(tasks: int) -> None:
    with pytest.raises(InvalidSetting, match="parallel_tasks"):
        Quota(150, 300, tasks)


def most_in_a_window(times_s: list[float], window_s: float) -> int:
    """Return the most of `times_s` in any half-open window."""
    ordered, first, most = sorted(times_s), 0, 0
    for index, time_s in enumerate(ordered):
        while time_s - ordered[first] >= window_s:
            first += 1
        most = max(most, index - first + 1)
    return most


@given(QUOTAS, st.data())
def test_whatever_runs_in_the_slots_of_a_pool_keeps_the_quota(
    drawn: tuple[int, float, int], data: st.DataObject
) -> None:
    """Each slot runs task after task, each with its own budget and its own pauses between requests."""
    quota = Quota(*drawn)
    sent_s: list[float] = []
    for _ in range(quota.parallel_tasks):
        now_s = data.draw(st.floats(0, quota.period_s))
        for _ in range(data.draw(st.integers(1, 3))):
            pacer = Pacer(quota, now_s)
            for idle, pause in data.draw(st.lists(st.tuples(IDLE, PAUSES), max_size=12)):
                now_s = pacer.turn(now_s + idle * quota.interval_s)
                assert pacer.begin(now_s, now_s) == 0
                sent_s.append(now_s)
                pacer.pause(now_s + pause * quota.interval_s)
    assert most_in_a_window(sent_s, quota.period_s) <= quota.requests_per_period


LATE = st.sampled_from([0, 0, 0, 0.001, 0.3, 1])


@given(QUOTAS, st.lists(st.tuples(LATE, st.floats(0, 1)), min_size=1, max_size=60))
def test_threads_that_wake_late_and_requests_that_arrive_late_keep_it_too(
    drawn: tuple[int, float, int], lateness: list[tuple[float, float]]
) -> None:
    quota = Quota(*drawn)
    pacer, arrived_s = Pacer(quota, 0), []
    woken_s: list[tuple[float, float, float]] = []
    for late, network in lateness:
        turn_s = pacer.turn(0)
        heappush(woken_s, (turn_s + late * quota.period_s / 2, turn_s, network))
    while woken_s:
        now_s, turn_s, network = heappop(woken_s)
        if wait_s := pacer.begin(turn_s, now_s):
            heappush(woken_s, (now_s + wait_s * 1.0000001, turn_s, network))
        else:
            arrived_s.append(now_s + network * 0.99 * (quota.window_s - quota.period_s))
    assert len(arrived_s) == len(lateness)
    assert most_in_a_window(arrived_s, quota.period_s) <= quota.task_requests


def test_a_busy_task_uses_its_share() -> None:
    quota = Quota(150, 300, 4)
    clock = FakeClock()
    budget = RequestBudget(quota, clock)
    for _ in range(370):
        budget.take()
    assert clock.monotonic_s() == pytest.approx(3000 * (1 + JITTER))
    assert budget.requests_used == 370


def test_the_first_request_waits_for_its_turn_and_an_idle_task_saves_none_up() -> None:
    clock = FakeClock()
    budget = RequestBudget(Quota(10, 100, 1), clock)
    budget.take()
    assert clock.sleeps == [pytest.approx(10.2)]
    clock.pass_s(1000)
    budget.take()
    assert len(clock.sleeps) == 1
    budget.take()
    assert clock.sleeps[1:] == [pytest.approx(10.2)]


def test_a_pause_holds_for_every_thread_and_several_are_one() -> None:
    clock = FakeClock()
    budget = RequestBudget(Quota(10, 100, 1), clock)
    budget.take()
    for _ in range(5):
        budget.pause(300)
    before_s = clock.monotonic_s()
    budget.take()
    assert clock.monotonic_s() - before_s == pytest.approx(300)
    budget.pause(1)
    before_s = clock.monotonic_s()
    budget.take()
    assert clock.monotonic_s() - before_s == pytest.approx(10.2), "a pause shorter than the turn changes nothing"


def test_turns_that_were_handed_out_before_a_pause_are_void() -> None:
    pacer = Pacer(Quota(10, 100 / (1 + JITTER), 1), 0)
    turns_s = [pacer.turn(0) for _ in range(3)]
    pacer.pause(100)
    assert [pacer.begin(turn_s, turn_s) for turn_s in turns_s] == [None] * 3
    again_s = [pacer.turn(0) for _ in range(3)]
    assert again_s == pytest.approx([100, 110, 120])
    assert [pacer.begin(turn_s, turn_s) for turn_s in again_s] == [0] * 3


class PausedWhileAsleep(FakeClock):
    """A clock during whose first sleep the tenant refuses another thread's request."""

    budget: RequestBudget

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.sleeps) == 1:
            self.budget.pause(500)


def test_a_thread_that_wakes_up_in_a_pause_waits_for_its_end() -> None:
    clock = PausedWhileAsleep()
    clock.budget = RequestBudget(Quota(10, 100, 1), clock)
    clock.budget.take()
    assert clock.monotonic_s() == pytest.approx(510.2)
    assert clock.budget.requests_used == 1


def test_threads_get_different_turns() -> None:
    clock = FakeClock()
    budget = RequestBudget(Quota(10, 100, 1), clock)
    threads = [threading.Thread(target=budget.take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert budget.requests_used == 20
    assert clock.monotonic_s() >= 20 * 10.2 - 0.001


def test_a_cancelled_wait_sends_nothing() -> None:
    clock = FakeClock()
    clock.cancelled.set()
    budget = RequestBudget(Quota(10, 100, 1), clock)
    with pytest.raises(TransferCancelled):
        budget.take()
    assert budget.requests_used == 0
