"""Wait until the recordings of media download requests are ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import BaseSensorOperator, Context, PokeReturnValue, conf

from cxone_provider.archive.downloads import (
    MAX_ENTITIES,
    DownloadRequest,
    DownloadStatus,
    DownloadWatch,
    documents_after,
    seen_requests,
)
from cxone_provider.archive.errors import TransferCancelled
from cxone_provider.archive.recording import iso
from cxone_provider.archive.waiting import parse_wait_s
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.media_download import media_download_api
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import (
    BATCHES_OF_A_SIZE,
    DEFAULT_TASKS,
    Documents,
    handed_over,
    in_batches,
    task_count,
)
from cxone_provider.operators.running import KillableOperator, documents_of

# How long after the deadline a deferred task fails if no triggerer has answered.
_TRIGGERER_GRACE_S = 900


class MediaDownloadSensor(KillableOperator, BaseSensorOperator):
    """Wait until every request has ended or the wait is over; return batches, made to be expanded over.

    A batch is what one request was for: a ref for each recording that is ready, which says by which request, so that
    the tasks after this one find its media; and a plan for each that is not, with its outcome and the tenant's reason.
    A request that has not ended when the wait is over leaves its recordings FAILED, and the others go on.

    Links to media are not returned: the task that reads the media asks for them.

    Args:
        requests: what :class:`~cxone_provider.operators.media_download.RequestMediaDownloadOperator` returned.
        wait: how long after the last request to wait: a duration, seconds, or ``PT12H``; at most a week.
        max_tasks: mapped tasks that share the batches, 1 to 1024.
        deferrable: wait in the triggerer instead of in a worker; by default as ``[operators] default_deferrable`` says.
        cxone_conn_id: connection to the tenant.
        kwargs: ``poke_interval``, 60 s by default, is the pause between two rounds, also in the triggerer; ``mode``.
    """

    template_fields: Sequence[str] = ("requests", "wait", "max_tasks", "deferrable", "cxone_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"requests": "json"}
    ui_color = "#fff2cc"

    def __init__(
        self,
        *,
        requests: Any,
        wait: Any = "PT12H",
        max_tasks: int | str = DEFAULT_TASKS,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.requests = requests
        self.wait = wait
        self.max_tasks = max_tasks
        self.deferrable = deferrable
        self.cxone_conn_id = cxone_conn_id
        self._asked: list[DownloadRequest] = []

    @cached_property
    def hook(self) -> CXoneHook:
        """The tenant's hook; waits inside it end with the task."""
        return CXoneHook(self.cxone_conn_id, cancelled=self.cancelled)

    def execute(self, context: Context) -> Any:
        """Return the batches."""
        with self.work():
            self._read(context)
            if not rendered.flag(self.deferrable, "deferrable"):
                return handed_over(super().execute(context), context, max_tasks=self.max_tasks)
            self._defer()
            return handed_over(_batches(self._asked, {}), context, max_tasks=self.max_tasks)

    def poke(self, context: Context) -> PokeReturnValue:
        """Ask once how each request stands that has not ended."""
        with self.work():
            self._read(context)
            watch = self._watch
            self._look(watch)
            self.log.info("%d of %d requests have not ended", len(watch.waiting), len(watch.found))
            is_done = watch.is_over(self.clock.now())
            return PokeReturnValue(is_done, _batches(self._asked, watch.found) if is_done else None)

    def execute_complete(self, context: Context, event: Any = None) -> list[Any]:
        """Go on when the trigger has fired; ask for what it could not ask for."""
        with self.work():
            self._read(context)
            watch = self._watch
            seen = seen_requests(event)
            unseen = DownloadWatch([one for one in watch.found if one not in seen], watch.deadline_at)
            self._look(unseen)
            made = _batches(self._asked, {**seen, **unseen.found})
            return handed_over(made, context, max_tasks=self.max_tasks)

    def _read(self, context: Context) -> None:
        task_count(self.max_tasks)  # refused before anything is waited for
        if not self._asked:
            documents = documents_of(self.requests, "requests", context)
            self._asked = [DownloadRequest.from_document(one) for one in documents]

    @cached_property
    def _watch(self) -> DownloadWatch:
        made = [one.requested_at for one in self._asked if one.requested_at is not None]
        wait_s = parse_wait_s(self.wait, "wait") or 0.0
        # From the requests on and not from now: a retry or a second look in another process waits no longer.
        deadline_at = max(made, default=self.clock.now()).add(seconds=int(wait_s))
        return DownloadWatch([one.request_id for one in self._asked if one.request_id is not None], deadline_at)

    def _look(self, watch: DownloadWatch) -> None:
        if not watch.waiting:
            return
        with media_download_api(self.hook) as api:
            for request_id in watch.waiting:
                if self.cancelled.is_set():
                    raise TransferCancelled("the wait for media downloads was stopped")
                if not watch.look(api.status, request_id):
                    return

    def _defer(self) -> None:
        """Leave the worker: this raises what Airflow defers a task by, unless there is nothing to wait for."""
        watch = self._watch
        if not watch.waiting:
            return
        from cxone_provider.triggers.media_download import MediaDownloadTrigger

        end = str(iso(watch.deadline_at))
        self.log.info("Waiting until %s for %d requests", end, len(watch.waiting))
        left_s = max(0.0, (watch.deadline_at - self.clock.now()).total_seconds())
        conn_id = rendered.text(self.cxone_conn_id, "cxone_conn_id")
        self.defer(
            trigger=MediaDownloadTrigger(conn_id, watch.waiting, end, self.poke_interval),
            method_name="execute_complete",
            timeout=timedelta(seconds=left_s + _TRIGGERER_GRACE_S),
        )


def _batches(requests: Sequence[DownloadRequest], found: Mapping[str, DownloadStatus | None]) -> list[Documents]:
    """Return a batch for each request; larger ones where there would be too many."""
    made: list[Documents] = [documents_after(one, found.get(one.request_id or "")) for one in requests]
    few = len(made) <= BATCHES_OF_A_SIZE
    return made if few else list(in_batches(chain.from_iterable(made), MAX_ENTITIES))
