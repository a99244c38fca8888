"""Waiting for archived media without a worker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.ports import Clock, RecordingSource
from cxone_provider.archive.waiting import POLL_INTERVAL_S, StorageWait, StorageWatch, parse_deadline
from cxone_provider.hooks.cxone import CXoneHook

_READERS = 4


class StorageStateTrigger(BaseTrigger):
    """Fires once: when no recording waits for its storage any more, or at the deadline.

    The event is the document of :class:`cxone_provider.archive.waiting.StorageWait`. The trigger only reads, keeps
    nothing and leaves nothing behind: copies of it may run side by side, and one that is started again goes on with the
    same deadline.

    Args:
        cxone_conn_id: connection to the tenant; looked up where the trigger runs, so that no secret is stored with it.
        recording_ids: what to wait for.
        deadline_at: ISO 8601.
        poll_interval_s: length of the first pause, seconds; the next ones are longer.
        clock: tells the time.
        sleep: waits without blocking the loop.
    """

    def __init__(
        self,
        cxone_conn_id: str,
        recording_ids: Iterable[str],
        deadline_at: str,
        poll_interval_s: float = POLL_INTERVAL_S,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.cxone_conn_id = cxone_conn_id
        self.recording_ids = list(recording_ids)
        self.deadline_at = deadline_at
        self.poll_interval_s = poll_interval_s
        self._clock = clock or SystemClock()
        self._sleep = sleep

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that make this trigger again, in another process."""
        return (
            "cxone_provider.triggers.storage.StorageStateTrigger",
            {
                "cxone_conn_id": self.cxone_conn_id,
                "recording_ids": self.recording_ids,
                "deadline_at": self.deadline_at,
                "poll_interval_s": self.poll_interval_s,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        ended = await self._waited()
        yield TriggerEvent(ended.to_document())  # type: ignore[no-untyped-call]  # Airflow's

    async def _waited(self) -> StorageWait:
        watch = StorageWatch(self.recording_ids, parse_deadline(self.deadline_at), self.poll_interval_s)
        cancelled = threading.Event()
        source = await CXoneHook(self.cxone_conn_id, cancelled=cancelled).aget_conn()
        try:
            while (pause_s := watch.pause_s(self._clock.now())) is not None:
                await self._sleep(pause_s)
                if not watch.is_over(self._clock.now()):
                    await _look_round(watch, source)
        finally:
            # A cancelled trigger leaves its threads alone; they end with their request.
            cancelled.set()
            source.close()
        return watch.end()


async def _look_round(watch: StorageWatch, source: RecordingSource) -> None:
    """Look at all that waits, a few at a time; the threads keep the event loop free."""
    waiting = iter(watch.waiting)

    async def reader() -> None:
        for recording_id in waiting:
            await asyncio.to_thread(watch.look, source, recording_id)

    async with asyncio.TaskGroup() as readers:
        for _ in range(_READERS):
            readers.create_task(reader())
