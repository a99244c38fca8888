"""Which recordings a run is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from airflow.providers.common.compat.sdk import Context, conf

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.jobs import (
    DEFAULT_WAIT_S,
    POLL_INTERVAL_S,
    JobListing,
    JobWait,
    begun_job,
    check_succeeded,
    read_job,
)
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.list_file import read_list
from cxone_provider.archive.listing import Window, batch_of, day_before, listed, parse_lookback
from cxone_provider.archive.listing_ports import JobJournal, JobLook, JobState, ListingJobs
from cxone_provider.archive.recording import iso
from cxone_provider.archive.waiting import parse_wait_s
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.listing import bucket_listing, completed_contacts, extraction_jobs
from cxone_provider.hooks.task_state import TaskStateJob
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import DEFAULT_TASKS, MAX_BATCH_SIZE, handed_over, in_batches, task_count
from cxone_provider.operators.running import TRIGGERER_GRACE_S, KillableOperator, data_interval, run_after
from cxone_provider.operators.selecting import selected

Refs: TypeAlias = Iterable[Mapping[str, Any]]

SOURCES = ("manifest", "completed-contacts", "data-extraction", "bucket")
_JOB = "listing-job"


class ListRecordingsOperator(KillableOperator):
    """List recordings; return batches of refs, made to be expanded over.

    At most `max_tasks` mapped tasks share the batches; on a long day each takes several, one after another. Where
    batches come to more than 256 KiB, each lies in an XCom of its own, and what is returned says where; operators of
    this provider take either. After every 1024 batches they are twice as large, up to 1000.

    ``source="manifest"`` takes what the caller has: recordings named one by one, or a CSV or JSON Lines object in S3.
    ``completed-contacts`` and ``data-extraction`` ask the tenant; each contact comes once, however many legs it had.
    ``bucket`` lists the vendor's bucket of Secure External Access; its window is when objects were copied there.
    A recording named twice is taken once. What cannot be used is carried on, and validation rejects it by name.

    Recordings that started outside ``[start - lookback, end)`` are left out, as far as the list tells when they
    started. Without `start` and `end` the window is the run's data interval, or, where that is absent or empty, the UTC
    day before the run was due. Recordings named one by one are left out only by a `start` and `end` that are given.

    A Data Extraction job of an earlier try is gone on with, where Airflow keeps the state of tasks (3.3 and later).

    Args:
        source: ``manifest``, ``completed-contacts``, ``data-extraction`` or ``bucket``.
        recordings: ids or refs, a list of them, or JSON text of it.
        manifest_uri: ``s3://bucket/key`` of a CSV with a header row, or of JSON Lines.
        start: begin of the window, ISO 8601.
        end: end of the window, not in it.
        lookback: how much earlier the window begins: days, ``P2D``, or a timedelta; recordings arrive late.
        updated_since: of completed contacts, only those that the tenant changed at or after this, ISO 8601: what is new
            in a long look-back.
        batch_size: recordings of a batch, 1 to 1000: what is validated together and lies in one XCom.
        max_tasks: mapped tasks that share the batches, 1 to 1024; the scheduler's work for a run grows with them.
        max_wait: how long a Data Extraction job is waited for: a duration, seconds, or ISO 8601; by default ``PT1H``.
        deferrable: wait for it in the triggerer instead of in a worker; by default as ``[operators]
            default_deferrable`` says.
        listing: changes to ``listing`` of the connection, e.g. ``{"entity_version": "12"}``.
        aws_conn_id: connection of the Amazon provider, for `manifest_uri`.
        cxone_conn_id: connection to the tenant; for the sources that ask it.
    """

    template_fields: Sequence[str] = (
        "source",
        "recordings",
        "manifest_uri",
        "start",
        "end",
        "lookback",
        "updated_since",
        "batch_size",
        "max_tasks",
        "max_wait",
        "deferrable",
        "listing",
        "aws_conn_id",
        "cxone_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"recordings": "json", "listing": "json"}
    ui_color = "#dae8fc"

    def __init__(
        self,
        *,
        source: str = "manifest",
        recordings: Any = None,
        manifest_uri: str | None = None,
        start: Any = None,
        end: Any = None,
        lookback: Any = None,
        updated_since: Any = None,
        batch_size: int | str = 100,
        max_tasks: int | str = DEFAULT_TASKS,
        max_wait: Any = None,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        listing: Any = None,
        aws_conn_id: str | None = "aws_default",
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.recordings = recordings
        self.manifest_uri = manifest_uri
        self.start = start
        self.end = end
        self.lookback = lookback
        self.updated_since = updated_since
        self.batch_size = batch_size
        self.max_tasks = max_tasks
        self.max_wait = max_wait
        self.deferrable = deferrable
        self.listing = listing
        self.aws_conn_id = aws_conn_id
        self.cxone_conn_id = cxone_conn_id

    @cached_property
    def hook(self) -> CXoneHook:
        """The tenant's hook; waits inside it end with the task."""
        return CXoneHook(self.cxone_conn_id, cancelled=self.cancelled)

    def execute(self, context: Context) -> Any:
        """Return the refs in batches, or where each batch lies if they are long; no batch where nothing is listed."""
        with self.work(), self._refs(context) as refs:
            return self._concluded(refs, context)

    def execute_complete(self, context: Context, event: Any = None, window: Any = None) -> Any:
        """Read the job that a trigger has waited for. The tenant is asked how it stands: an event may be old.

        Args:
            context: of the task.
            event: what the trigger sent.
            window: start and end of what was listed; without them, as in `airflow dags test`, as for :meth:`execute`.
        """
        with self.work(), self._waited_for(context, event, window) as refs:
            return self._concluded(refs, context)

    def _concluded(self, refs: Refs, context: Context) -> Any:
        return handed_over(in_batches(refs, self._size()), context, max_tasks=self.max_tasks)

    def _refs(self, context: Context) -> AbstractContextManager[Refs]:
        """Return what is listed, each recording once; where it is read from is closed with it."""
        source = rendered.choice(self.source, "source", SOURCES)
        self._check_sizes()
        if source == "manifest":
            return self._from_manifest(context)
        self._check_unused()
        window = self._tenant_window(context)
        if source == "bucket":
            return self._copied(window)
        if source == "completed-contacts":
            return self._completed_contacts(window)
        return self._extracted(window, context)

    @contextmanager
    def _waited_for(self, context: Context, event: Any, window: Any) -> Iterator[Refs]:
        ended = JobWait.from_document(event)
        self.log.info("%s", ended)
        if ended.state is JobState.RUNNING:
            check_succeeded(ended.job_id, JobLook(JobState.RUNNING))
        listed_window = self._tenant_window(context) if window is None else rendered.window(window)
        with closing(self._jobs()) as jobs:
            yield selected(read_job(jobs, ended.job_id, self._journal(context)), listed_window, self.log)

    @contextmanager
    def _from_manifest(self, context: Context) -> Iterator[Refs]:
        window = self._window(context)
        with self._listed() as documents:
            yield selected(documents, window, self.log)

    @contextmanager
    def _completed_contacts(self, window: Window) -> Iterator[Refs]:
        updated_since = rendered.moment(self.updated_since, "updated_since")
        with closing(completed_contacts(self.hook, self._options(), updated_since)) as listing:
            yield selected(listing.refs(window), window, self.log)

    @contextmanager
    def _copied(self, window: Window) -> Iterator[Refs]:
        self.log.info("Looking for what was copied in %s", window)
        with closing(bucket_listing(self.hook)) as listing:
            # Chosen by the time of the copy: nothing is left out for when a recording began.
            yield selected(listing.refs(window), None, self.log)

    @contextmanager
    def _extracted(self, window: Window, context: Context) -> Iterator[Refs]:
        wait_s = parse_wait_s(rendered.given(self.max_wait), "max_wait") or DEFAULT_WAIT_S
        journal = self._journal(context)
        with closing(self._jobs()) as jobs:
            if rendered.flag(self.deferrable, "deferrable"):
                job_id = begun_job(jobs, window, journal)
                self._defer_while_it_runs(jobs, job_id, wait_s, window)
                yield selected(read_job(jobs, job_id, journal), window, self.log)
                return
            waiting = JobListing(jobs, self.clock, wait_s=wait_s, journal=journal, cancelled=self.cancelled)
            yield selected(waiting.refs(window), window, self.log)

    def _defer_while_it_runs(self, jobs: ListingJobs, job_id: str, wait_s: float, window: Window) -> None:
        """Leave the worker where the job is not done; then this raises what Airflow defers a task by."""
        if jobs.look(job_id).state is not JobState.RUNNING:
            return
        from cxone_provider.triggers.jobs import ListingJobTrigger

        end = str(iso(self.clock.now().add(seconds=wait_s)))
        self.log.info("Waiting until %s for job %s", end, job_id)
        conn_id = rendered.text(self.cxone_conn_id, "cxone_conn_id")
        self.defer(
            trigger=ListingJobTrigger(conn_id, job_id, end, POLL_INTERVAL_S),
            method_name="execute_complete",
            kwargs={"window": [iso(window.start), iso(window.end)]},
            timeout=wait_s + TRIGGERER_GRACE_S,
        )

    def _jobs(self) -> ListingJobs:
        return extraction_jobs(self.hook, self._options())

    def _options(self) -> Mapping[str, Any]:
        return rendered.mapping(self.listing, "listing") or {}

    def _journal(self, context: Context) -> JobJournal | None:
        store = context.get("task_state_store")
        return None if store is None else TaskStateJob(store, _JOB)

    def _check_sizes(self) -> None:
        """Refuse before anything is asked what would be refused after it."""
        self._size()
        task_count(self.max_tasks)
        parse_lookback(self.lookback)

    def _check_unused(self) -> None:
        for name in ("recordings", "manifest_uri"):
            if rendered.given(getattr(self, name)) is not None:
                raise InvalidSetting(f"{name} is given", found=self.source, expected='source="manifest"')

    @contextmanager
    def _listed(self) -> Iterator[Iterable[Mapping[str, Any]]]:
        manifest_uri = rendered.optional_text(self.manifest_uri, "manifest_uri")
        recordings = batch_of(self.recordings)
        if manifest_uri is not None and recordings:
            raise InvalidSetting("recordings and manifest_uri are both given", expected="one of them")
        if manifest_uri is None:
            if rendered.given(self.recordings) is None:
                raise InvalidSetting("neither recordings nor manifest_uri is given", expected="one of them")
            yield listed(recordings)
            return
        bucket, key = split_uri(manifest_uri)
        reached = archive_bucket(bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock)
        with reached.store.stream(key) as chunks:
            yield read_list(chunks)

    def _window(self, context: Context) -> Window | None:
        """Return the window of a manifest; None for recordings that are named one by one."""
        window = self._given_window()
        return self._run_window(context) if window is None and rendered.given(self.manifest_uri) is not None else window

    def _tenant_window(self, context: Context) -> Window:
        return self._given_window() or self._run_window(context)

    def _given_window(self) -> Window | None:
        start, end = rendered.moment(self.start, "start"), rendered.moment(self.end, "end")
        if start is not None and end is not None:
            return Window(start, end).widened(parse_lookback(self.lookback))
        if start is not None or end is not None:
            raise InvalidSetting("start and end go together", found={"start": self.start, "end": self.end})
        return None

    def _run_window(self, context: Context) -> Window:
        interval = data_interval(context)
        window = Window(*interval) if interval else day_before(run_after(context))
        return window.widened(parse_lookback(self.lookback))

    def _size(self) -> int:
        return rendered.whole_number(self.batch_size, "batch_size", least=1, most=MAX_BATCH_SIZE)
