"""How many requests one tenant takes: settings, and the share of one task.

CXone counts the Media Playback requests of a whole tenant, and tasks on several workers share no memory. So each task
gets a fixed share: of N requests in a period and P tasks at once, ``floor(N / P)``, evenly spaced. The first request of
a task waits for its turn too, which makes tasks that follow each other in one slot of an Airflow pool no denser than
one task: whatever runs in P slots sends at most ``P * floor(N / P)`` requests in any period, which is at most N.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxone_provider.archive.errors import InvalidSetting

DEFAULT_REQUESTS_PER_PERIOD = 150
DEFAULT_PERIOD_S = 300.0
DEFAULT_PARALLEL_TASKS = 4
JITTER = 0.02
"""Part of a period by which requests may arrive later than they were sent, before a window could hold one more."""


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
        """Requests of one task in any window of `period_s`."""
        return self.requests_per_period // self.parallel_tasks

    @property
    def interval_s(self) -> float:
        """Seconds between the requests of one task."""
        return self.period_s * (1 + JITTER) / self.task_requests
