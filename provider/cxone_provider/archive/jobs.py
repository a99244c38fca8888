"""Listings that a tenant makes in the background: begun once, waited for, read.

The rules hold no I/O, so that a task in its worker and a trigger in Airflow's event loop wait alike. Waiting only
reads: two that watch the same job do each other no harm.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pendulum

from cxone_provider.archive.errors import ArchiveError, InvalidDocument, RateLimited, TransferCancelled
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    JobOverdue,
    ListingFailed,
)
from cxone_provider.archive.listing_ports import JobJournal, JobLook, JobState, ListingJobs
from cxone_provider.archive.ports import Clock
from cxone_provider.archive.recording import iso
from cxone_provider.archive.waiting import parse_deadline

JOB_SCHEMA = "cxone.listing-job/1"
POLL_INTERVAL_S = 5.0
MAX_POLL_INTERVAL_S = 60.0
DEFAULT_WAIT_S = 3600.0
_JOB_ID = re.compile(r"[A-Za-z0-9._~:-]{1,128}", re.ASCII)


def checked_job_id(value: object) -> str:
    """Return `value` if it can be a job's id: it becomes part of a path, and of what Airflow stores.

    Raises:
        InvalidDocument: it cannot.
    """
    if isinstance(value, str) and _JOB_ID.fullmatch(value) and value not in {".", ".."}:
        return value
    raise InvalidDocument("unusable job id", found=value, expected="1 to 128 of A-Z a-z 0-9 . _ ~ : -")


@dataclass(frozen=True, slots=True)
class JobWait:
    """How waiting for a job ended.

    Attributes:
        job_id: the job.
        deadline_at: when waiting had to end.
        state: its last known state; None where the tenant would not tell, so that whoever goes on asks and learns why.
    """

    job_id: str
    deadline_at: pendulum.DateTime
    state: JobState | None

    def __str__(self) -> str:
        return f"job {self.job_id}: {self.state or 'not told'}, waited at most until {iso(self.deadline_at)}"

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object that a trigger sends as its event."""
        return {
            "schema": JOB_SCHEMA,
            "job_id": self.job_id,
            "deadline_at": iso(self.deadline_at),
            "state": None if self.state is None else str(self.state),
        }

    @classmethod
    def from_document(cls, document: object) -> JobWait:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != JOB_SCHEMA:
            raise InvalidDocument(
                "not the end of a wait for a job", found=document, expected=f"an object with schema {JOB_SCHEMA}"
            )
        state = document.get("state")
        if state is not None and state not in list(JobState):
            raise InvalidDocument("state of a job", found=state, expected=", ".join(JobState))
        deadline_at = parse_deadline(document.get("deadline_at"))
        return cls(checked_job_id(document.get("job_id")), deadline_at, None if state is None else JobState(state))


class JobWatch:
    """One job that is waited for, looked at now and then.

    The first look comes at once. Pauses double up to a minute; what the tenant asks for by 429 is the least of the
    next one.

    Args:
        job_id: the job.
        deadline_at: no look begins at or after it.
        poll_interval_s: length of the first pause, seconds; half to all of each is waited.
        random: returns numbers from 0 up to 1.
    """

    def __init__(
        self,
        job_id: str,
        deadline_at: pendulum.DateTime,
        poll_interval_s: float = POLL_INTERVAL_S,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.job_id = job_id
        self.deadline_at = deadline_at
        self._interval_s = poll_interval_s
        self._least_pause_s = 0.0
        self._random = random
        self._looked = False
        self._state: JobState | None = JobState.RUNNING

    def pause_s(self, now: pendulum.DateTime) -> float | None:
        """Return the seconds until the next look, never past the deadline; None when there is none to come."""
        if self._state is not JobState.RUNNING or now >= self.deadline_at:
            return None
        if not self._looked:
            return 0.0
        pause_s = max(self._interval_s * (1 + self._random()) / 2, self._least_pause_s)
        self._interval_s = max(self._interval_s, min(2 * self._interval_s, MAX_POLL_INTERVAL_S))
        self._least_pause_s = 0.0
        return min(pause_s, (self.deadline_at - now).total_seconds())

    def look(self, jobs: ListingJobs, now: pendulum.DateTime) -> None:
        """Ask for the job, unless the deadline has come meanwhile; where no answer could be had it is asked again.

        Raises:
            TransferCancelled: the work was cancelled meanwhile.
        """
        self._looked = True
        if now >= self.deadline_at:
            return
        try:
            self._state = jobs.look(self.job_id).state
        except TransferCancelled:
            raise
        except RateLimited as error:
            self._least_pause_s = error.retry_after_s or 0.0
        except ArchiveError as error:
            if not error.retryable or isinstance(error, ListingFailed):
                self._state = None

    def end(self) -> JobWait:
        """Return how it stands."""
        return JobWait(self.job_id, self.deadline_at, self._state)


def wait_for_job(watch: JobWatch, jobs: ListingJobs, clock: Clock, cancelled: threading.Event) -> JobWait:
    """Wait in the calling thread until the job has ended or the deadline has come; return how it ended.

    Raises:
        TransferCancelled: `cancelled` was set.
    """
    while (pause_s := watch.pause_s(clock.now())) is not None:
        if pause_s:
            clock.sleep(pause_s)
        if cancelled.is_set():
            raise TransferCancelled("the wait for the listing was stopped")
        watch.look(jobs, clock.now())
    return watch.end()


def check_succeeded(job_id: str, look: JobLook) -> None:
    """Return where the job succeeded.

    Raises:
        JobFailed, JobCancelled, JobExpired: it ended otherwise.
        JobOverdue: it has not ended.
    """
    if look.state is not JobState.SUCCEEDED:
        kind, what = _ENDS[look.state]
        raise kind(f"the listing job {job_id} {what}", found=look.message)


_ENDS: Mapping[JobState, tuple[type[ListingFailed], str]] = {
    JobState.RUNNING: (JobOverdue, "still runs"),
    JobState.FAILED: (JobFailed, "failed"),
    JobState.CANCELLED: (JobCancelled, "was cancelled"),
    JobState.EXPIRED: (JobExpired, "has expired"),
}


def begun_job(jobs: ListingJobs, window: Window, journal: JobJournal | None = None) -> str:
    """Return the job that lists `window`: one of an earlier try where it still can deliver, else a new one.

    Args:
        jobs: the tenant.
        window: what to list.
        journal: remembers the job between tries; without one each try begins a job of its own.

    Raises:
        the errors of :class:`~cxone_provider.archive.listing_ports.ListingJobs`.
    """
    request = dict(jobs.request(window))
    known = None if journal is None else _known_job(journal.load(), request)
    if known is not None and _can_deliver(jobs, known):
        return known
    job_id = checked_job_id(jobs.begin(request))
    if journal is not None:
        journal.save({"job_id": job_id, "request": request})
    return job_id


def _known_job(state: Mapping[str, Any] | None, request: Mapping[str, str]) -> str | None:
    if state is None or state.get("request") != request:
        return None
    try:
        return checked_job_id(state.get("job_id"))
    except InvalidDocument:
        return None  # what is remembered only saves work


def _can_deliver(jobs: ListingJobs, job_id: str) -> bool:
    try:
        return jobs.look(job_id).state in {JobState.RUNNING, JobState.SUCCEEDED}
    except ListingFailed:
        return False


class JobListing:
    """A :class:`~cxone_provider.archive.listing_ports.RecordingListing` made of jobs that are waited for here.

    Args:
        jobs: the tenant.
        clock: time.
        wait_s: how long a job is waited for, seconds.
        journal: remembers the job between tries.
        cancelled: set by a kill.
    """

    def __init__(
        self,
        jobs: ListingJobs,
        clock: Clock,
        *,
        wait_s: float = DEFAULT_WAIT_S,
        journal: JobJournal | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._wait_s = wait_s
        self._journal = journal
        self._cancelled = cancelled or threading.Event()

    def refs(self, window: Window) -> Iterator[dict[str, Any]]:
        """Yield the ref documents of a window; contract in the port.

        Raises:
            JobOverdue: it still runs after `wait_s`; the next try goes on with it where there is a journal.
            the errors of the port.
        """
        job_id = begun_job(self._jobs, window, self._journal)
        watch = JobWatch(job_id, self._clock.now().add(seconds=self._wait_s))
        wait_for_job(watch, self._jobs, self._clock, self._cancelled)
        yield from read_job(self._jobs, job_id, self._journal)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._jobs.close()


def read_job(jobs: ListingJobs, job_id: str, journal: JobJournal | None = None) -> Iterator[dict[str, Any]]:
    """Yield the ref documents of a job, and forget it once all were read: a later run asks anew.

    Raises:
        the errors of :meth:`~cxone_provider.archive.listing_ports.ListingJobs.refs`.
    """
    yield from jobs.refs(job_id)
    if journal is not None:
        journal.clear()
