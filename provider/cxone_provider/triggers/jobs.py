"""Waiting for a listing that the tenant makes in the background, without a worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.jobs import POLL_INTERVAL_S, JobWait, JobWatch
from cxone_provider.archive.ports import Clock
from cxone_provider.archive.waiting import parse_deadline
from cxone_provider.hooks.listing import aextraction_jobs


class ListingJobTrigger(BaseTrigger):
    """Fires once: when a listing job has ended, or at the deadline.

    The event is the document of :class:`cxone_provider.archive.jobs.JobWait`. The trigger only reads, keeps nothing and
    leaves nothing behind: copies of it may run side by side, and one that is started again goes on with the same job
    and the same deadline.

    Args:
        cxone_conn_id: connection to the tenant; looked up where the trigger runs, so that no secret is stored with it.
        job_id: the job.
        deadline_at: ISO 8601.
        poll_interval_s: length of the first pause, seconds; the next ones are longer.
        clock: tells the time.
        sleep: waits without blocking the loop.
    """

    def __init__(
        self,
        cxone_conn_id: str,
        job_id: str,
        deadline_at: str,
        poll_interval_s: float = POLL_INTERVAL_S,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.cxone_conn_id = cxone_conn_id
        self.job_id = job_id
        self.deadline_at = deadline_at
        self.poll_interval_s = poll_interval_s
        self._clock = clock or SystemClock()
        self._sleep = sleep

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that make this trigger again, in another process."""
        return (
            "cxone_provider.triggers.jobs.ListingJobTrigger",
            {
                "cxone_conn_id": self.cxone_conn_id,
                "job_id": self.job_id,
                "deadline_at": self.deadline_at,
                "poll_interval_s": self.poll_interval_s,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        ended = await self._waited()
        yield TriggerEvent(ended.to_document())  # type: ignore[no-untyped-call]  # Airflow's

    async def _waited(self) -> JobWait:
        watch = JobWatch(self.job_id, parse_deadline(self.deadline_at), self.poll_interval_s)
        cancelled = threading.Event()
        jobs = await aextraction_jobs(self.cxone_conn_id, cancelled)
        try:
            while (pause_s := watch.pause_s(self._clock.now())) is not None:
                await self._sleep(pause_s)
                await asyncio.to_thread(watch.look, jobs, self._clock.now())
        finally:
            # A cancelled trigger leaves its thread alone; it ends with its request.
            cancelled.set()
            jobs.close()
        return watch.end()
