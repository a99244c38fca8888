"""Waiting for media downloads without a worker."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.downloads import DownloadWatch
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.ports import Clock
from cxone_provider.archive.waiting import parse_deadline
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.media_download import PacedLooks

log = logging.getLogger(__name__)
POLL_INTERVAL_S = 60.0


class MediaDownloadTrigger(BaseTrigger):
    """Fires once: when every request has ended, or at the deadline.

    The event is the document of :class:`cxone_provider.archive.downloads.DownloadWatch`: what became of each recording,
    nothing of where the media lies. The trigger only reads, keeps nothing and leaves nothing behind: copies of it
    may run side by side, and one that is started again goes on with the same deadline.

    Args:
        cxone_conn_id: connection to the tenant; looked up where the trigger runs, so that no secret is stored with it.
        request_ids: what to wait for.
        deadline_at: ISO 8601.
        poll_interval_s: pause between two rounds, seconds; inside a round, requests keep to the tenant's quota.
        clock: tells the time.
        sleep: waits without blocking the loop.
    """

    def __init__(
        self,
        cxone_conn_id: str,
        request_ids: Iterable[str],
        deadline_at: str,
        poll_interval_s: float = POLL_INTERVAL_S,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's
        self.cxone_conn_id = cxone_conn_id
        self.request_ids = list(request_ids)
        self.deadline_at = deadline_at
        self.poll_interval_s = poll_interval_s
        self._clock = clock or SystemClock()
        self._sleep = sleep

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that make this trigger again, in another process."""
        return (
            "cxone_provider.triggers.media_download.MediaDownloadTrigger",
            {
                "cxone_conn_id": self.cxone_conn_id,
                "request_ids": self.request_ids,
                "deadline_at": self.deadline_at,
                "poll_interval_s": self.poll_interval_s,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event."""
        ended = await self._waited()
        yield TriggerEvent(ended.to_document())  # type: ignore[no-untyped-call]  # Airflow's

    async def _waited(self) -> DownloadWatch:
        watch = DownloadWatch(self.request_ids, parse_deadline(self.deadline_at))
        cancelled = threading.Event()
        looks = await PacedLooks.of(CXoneHook(self.cxone_conn_id, cancelled=cancelled))
        try:
            while not watch.is_over(self._clock.now()):
                await self._round(watch, looks)
                await self._pause(watch)
        except ArchiveError as error:
            # The task asks again for what is left, and fails by an error that says what is wrong.
            log.warning("waiting ends early: %s", error)
        finally:
            # A cancelled trigger leaves its thread alone; it ends with its request.
            cancelled.set()
            looks.close()
        return watch

    async def _round(self, watch: DownloadWatch, looks: PacedLooks) -> None:
        for request_id in watch.waiting:
            await self._sleep(looks.interval_s)
            if self._clock.now() >= watch.deadline_at:
                return
            if not await asyncio.to_thread(watch.look, looks.ask, request_id):
                return

    async def _pause(self, watch: DownloadWatch) -> None:
        left_s = (watch.deadline_at - self._clock.now()).total_seconds()
        if watch.waiting and left_s > 0:
            await self._sleep(min(left_s, max(self.poll_interval_s, watch.take_pause_s())))
