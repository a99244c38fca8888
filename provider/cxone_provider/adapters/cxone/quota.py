"""How many requests one tenant takes, and the share of one task.

CXone counts the Media Playback requests of a whole tenant, and tasks on several workers share no memory. So each task
gets a fixed share: of N requests in a period and P tasks at once, ``floor(N / P)``, evenly spaced. The first request of
a task waits for its turn too, which makes tasks that follow each other in one slot of an Airflow pool no denser than
one task: whatever runs in P slots sends at most ``P * floor(N / P)`` requests in any period, which is at most N.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.ports import Clock

DEFAULT_REQUESTS_PER_PERIOD = 150
DEFAULT_PERIOD_S = 300.0
DEFAULT_PARALLEL_TASKS = 4
JITTER = 0.02
"""Part of a period that turns are spread over beyond it."""
_ON_ITS_WAY = 0.75 * JITTER
"""What of it requests may be late on their way; the rest is for threads that wake late, which costs no request."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A tenant's quota and how many tasks share it.

    Attributes:
        requests_per_period: requests that the tenant takes in any window of `period_s`.
        period_s: seconds.
        parallel_tasks: tasks that may run at once against the tenant: the slots of their Airflow pool.
    """

    requests_per_period: int = DEFAULT_REQUESTS_PER_PERIOD
    period_s: float = DEFAULT_PERIOD_S
    parallel_tasks: int = DEFAULT_PARALLEL_TASKS

    def __post_init__(self) -> None:
        if not 1 <= self.parallel_tasks <= self.requests_per_period:
            raise InvalidSetting(
                "connection field parallel_tasks", found=self.parallel_tasks,
                expected=f"1 to requests_per_period, {self.requests_per_period}",
                hint="Each of the tasks needs at least one request in a period.",
            )  # fmt: skip

    @property
    def task_requests(self) -> int:
        """Requests of one task in any window of `period_s`, at most."""
        return self.requests_per_period // self.parallel_tasks

    @property
    def interval_s(self) -> float:
        """Seconds between two turns of one task."""
        return self.period_s * (1 + JITTER) / self.task_requests

    @property
    def window_s(self) -> float:
        """Seconds in which a task sends no more than its share, by its own clock."""
        return self.period_s * (1 + _ON_ITS_WAY)


class Pacer:
    """Hands out turns that lie at least an interval apart; pure, and not safe under threads.

    Args:
        quota: says how far apart.
        began_s: when the task began; its first turn is an interval later.
    """

    def __init__(self, quota: Quota, began_s: float) -> None:
        self._quota = quota
        self._last_s = began_s
        self._begun_s = began_s
        self._paused_until_s = began_s
        self._sent_s: deque[float] = deque(maxlen=quota.task_requests)

    def turn(self, now_s: float) -> float:
        """Hand out the next turn and return its time, never before `now_s`."""
        self._last_s = max(now_s, self._paused_until_s, self._last_s + self._quota.interval_s)
        return self._last_s

    def pause(self, until_s: float) -> None:
        """Let no turn begin before a time; turns that were handed out for an earlier one are void."""
        if until_s > self._paused_until_s:
            self._paused_until_s = until_s
            self._last_s = max(self._begun_s, until_s - self._quota.interval_s)

    def begin(self, turn_s: float, now_s: float) -> float | None:
        """Use a turn now; return 0, or the seconds to wait before asking again, or None where the turn is void.

        A thread that woke late leaves less room for those after it: what counts is when requests really went out.
        """
        if turn_s < self._paused_until_s:
            return None
        if len(self._sent_s) == self._quota.task_requests:
            wait_s = self._sent_s[0] + self._quota.window_s - now_s
            if wait_s > 0:
                return wait_s
        self._sent_s.append(now_s)
        self._begun_s = max(self._begun_s, turn_s)
        return 0.0


class RequestBudget:
    """One task's share of the quota, for all its threads.

    Args:
        quota: the tenant's.
        clock: measures and waits.
    """

    def __init__(self, quota: Quota, clock: Clock) -> None:
        self.quota = quota
        self._clock = clock
        self._lock = threading.Lock()
        self._pacer = Pacer(quota, clock.monotonic_s())
        self._used = 0

    @property
    def requests_used(self) -> int:
        """How many requests were let through."""
        return self._used

    def take(self) -> None:
        """Wait until one more request may be sent, and count it.

        Raises:
            TransferCancelled: cancelled while waiting.
        """
        while True:
            with self._lock:
                now_s = self._clock.monotonic_s()
                turn_s = self._pacer.turn(now_s)
            if turn_s > now_s:
                self._clock.sleep(turn_s - now_s)
            if self._begun(turn_s):
                return

    def _begun(self, turn_s: float) -> bool:
        """Use a turn whose time has come, once there is room for it; return False where a pause has voided it."""
        while True:
            with self._lock:
                wait_s = self._pacer.begin(turn_s, self._clock.monotonic_s())
                if wait_s == 0:
                    self._used += 1
                    return True
            if wait_s is None:
                return False
            self._clock.sleep(wait_s)

    def pause(self, seconds: float) -> None:
        """Send nothing for `seconds`: the tenant refused a request. Several refusals at once are one pause."""
        with self._lock:
            self._pacer.pause(self._clock.monotonic_s() + seconds)
