from __future__ import annotations

import threading
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    InvalidDocument,
    RateLimited,
    SourceUnavailable,
    TransferCancelled,
    UnexpectedAnswer,
)
from cxone_provider.archive.jobs import (
    MAX_POLL_INTERVAL_S,
    JobListing,
    JobWait,
    JobWatch,
    begun_job,
    check_succeeded,
    checked_job_id,
    read_job,
    wait_for_job,
)
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    JobOverdue,
    JobUnknown,
    ListingFailed,
)
from cxone_provider.archive.listing_ports import JobLook, JobState
from tests.fakes.clock import FakeClock
from tests.fakes.listing import FakeJobJournal, FakeJobs, FakeLeg

NOW = pendulum.datetime(2026, 11, 22, 6)
DAY = Window(pendulum.datetime(2026, 11, 21), pendulum.datetime(2026, 11, 22))
NEXT_DAY = Window(DAY.end, DAY.end.add(days=1))
RUNNING, SUCCEEDED = JobState.RUNNING, JobState.SUCCEEDED
CALL = FakeLeg("4711", DAY.start.add(hours=8))


def longest() -> float:
    return 1.0


def watch(*, wait_s: float = 3600) -> JobWatch:
    return JobWatch("job-1", NOW.add(seconds=wait_s), 5, longest)


def waited(jobs: FakeJobs, clock: FakeClock, *, wait_s: float = 3600) -> JobWait:
    jobs.begin(jobs.request(DAY))
    return wait_for_job(watch(wait_s=wait_s), jobs, clock, threading.Event())


def jobs_of(*states: JobState) -> FakeJobs:
    jobs = FakeJobs(*states)
    jobs.listing.legs = [CALL]
    return jobs


@pytest.mark.parametrize("state", [state for state in JobState if state is not RUNNING])
def test_waiting_ends_when_the_job_does(state: JobState) -> None:
    clock = FakeClock()
    end = waited(FakeJobs(RUNNING, RUNNING, state), clock)
    assert end.state is state
    assert clock.sleeps == [5, 10], "the first look comes at once"


def test_pauses_double_up_to_a_minute_and_end_at_the_deadline() -> None:
    clock = FakeClock()
    end = waited(FakeJobs(RUNNING), clock, wait_s=200)
    assert end.state is RUNNING
    assert clock.sleeps == [5, 10, 20, 40, MAX_POLL_INTERVAL_S, 60, 5]
    assert clock.now() == end.deadline_at


def test_a_wait_that_begins_after_its_deadline_asks_for_nothing() -> None:
    jobs = FakeJobs(SUCCEEDED)
    assert waited(jobs, FakeClock(), wait_s=0).state is RUNNING
    assert jobs.looks == 0


def test_what_passes_is_waited_through() -> None:
    jobs, clock = FakeJobs(RUNNING, SUCCEEDED), FakeClock()
    limited = RateLimited("429")
    limited.retry_after_s = 90
    jobs.faults.extend([SourceUnavailable("503"), limited])
    assert waited(jobs, clock).state is SUCCEEDED
    assert clock.sleeps == [5, 90, 20]


@pytest.mark.parametrize(
    "fault", [AuthenticationFailed("401"), AccessDenied("403"), JobUnknown("404"), UnexpectedAnswer("QUEUED")]
)
def test_what_does_not_pass_ends_the_wait_without_a_state(fault: ArchiveError) -> None:
    jobs = FakeJobs(RUNNING)
    jobs.faults.append(fault)
    assert waited(jobs, FakeClock()).state is None
    assert jobs.looks == 1


def test_a_wait_ends_with_its_task() -> None:
    cancelled = threading.Event()
    cancelled.set()
    jobs = FakeJobs(RUNNING)
    with pytest.raises(TransferCancelled):
        wait_for_job(watch(), jobs, FakeClock(), cancelled)
    jobs.faults.append(TransferCancelled("killed"))
    with pytest.raises(TransferCancelled):
        wait_for_job(watch(), jobs, FakeClock(), threading.Event())


@pytest.mark.parametrize("state", [*JobState, None])
def test_the_end_of_a_wait_survives_its_document(state: JobState | None) -> None:
    end = JobWait("job-1", NOW, state)
    assert JobWait.from_document(end.to_document()) == end


@pytest.mark.parametrize(
    "document",
    [
        None, {}, "SUCCEEDED", [], {"schema": "cxone.storage-wait/1"},
        {**JobWait("j", NOW, SUCCEEDED).to_document(), "state": "DONE"},
        {**JobWait("j", NOW, SUCCEEDED).to_document(), "state": 1},
        {**JobWait("j", NOW, SUCCEEDED).to_document(), "job_id": "../x"},
        {**JobWait("j", NOW, SUCCEEDED).to_document(), "job_id": None},
        {**JobWait("j", NOW, SUCCEEDED).to_document(), "deadline_at": None},
        {**JobWait("j", NOW, SUCCEEDED).to_document(), "deadline_at": "soon"},
    ],
)  # fmt: skip
def test_a_document_that_is_no_end_is_refused(document: Any) -> None:
    with pytest.raises(InvalidDocument):
        JobWait.from_document(document)


@pytest.mark.parametrize("job_id", ["job-1", "0a1b2c3d-0000-4000-8000-000000000000", "a.b_c~d:e", "x" * 128])
def test_a_job_id_is_taken(job_id: str) -> None:
    assert checked_job_id(job_id) == job_id


@pytest.mark.parametrize("job_id", ["", ".", "..", "a/b", "a b", "a\n", "x" * 129, "ö", 1, None, b"a", True])
def test_what_is_no_job_id_is_refused(job_id: object) -> None:
    with pytest.raises(InvalidDocument, match="unusable job id"):
        checked_job_id(job_id)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (JobState.RUNNING, JobOverdue), (JobState.FAILED, JobFailed), (JobState.CANCELLED, JobCancelled),
        (JobState.EXPIRED, JobExpired),
    ],
)  # fmt: skip
def test_every_end_but_success_has_its_error(state: JobState, kind: type[ListingFailed]) -> None:
    with pytest.raises(kind, match=r"job-1 .*: found why"):
        check_succeeded("job-1", JobLook(state, "why"))
    check_succeeded("job-1", JobLook(SUCCEEDED))


# --- across tries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [RUNNING, SUCCEEDED])
def test_a_later_try_goes_on_with_the_job_of_the_one_before(state: JobState) -> None:
    jobs, journal = jobs_of(RUNNING), FakeJobJournal()
    first = begun_job(jobs, DAY, journal)
    jobs.stand(first, state)
    assert begun_job(jobs, DAY, journal) == first
    assert list(jobs.begun) == [first]


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED, None])
def test_a_job_that_can_deliver_nothing_is_begun_anew(state: JobState | None) -> None:
    jobs, journal = jobs_of(RUNNING), FakeJobJournal()
    first = begun_job(jobs, DAY, journal)
    if state is None:
        jobs.forget(first)
    else:
        jobs.stand(first, state)
    assert begun_job(jobs, DAY, journal) == "job-2"
    assert journal.state == {"job_id": "job-2", "request": dict(jobs.request(DAY))}


def test_a_job_for_another_window_is_no_help() -> None:
    jobs, journal = jobs_of(RUNNING), FakeJobJournal()
    begun_job(jobs, DAY, journal)
    assert begun_job(jobs, NEXT_DAY, journal) == "job-2"


@pytest.mark.parametrize("kept", [{}, {"job_id": "job-1"}, {"request": None}, {"job_id": "../x", "request": "same"}])
def test_what_is_remembered_wrongly_only_costs_a_job(kept: dict[str, Any]) -> None:
    jobs, journal = jobs_of(RUNNING), FakeJobJournal()
    journal.state = {**kept, "request": dict(jobs.request(DAY))} if kept.get("request") == "same" else kept
    assert begun_job(jobs, DAY, journal) == "job-1"


def test_a_tenant_that_cannot_be_asked_costs_no_second_job() -> None:
    jobs, journal = jobs_of(RUNNING), FakeJobJournal()
    begun_job(jobs, DAY, journal)
    jobs.faults.append(SourceUnavailable("503"))
    with pytest.raises(SourceUnavailable):
        begun_job(jobs, DAY, journal)
    assert list(jobs.begun) == ["job-1"]


def test_a_job_is_forgotten_when_all_of_it_was_read() -> None:
    jobs, journal = jobs_of(SUCCEEDED), FakeJobJournal()
    job_id = begun_job(jobs, DAY, journal)
    reading = read_job(jobs, job_id, journal)
    assert next(reading)["recording_id"] == "4711"
    assert journal.state is not None
    assert list(reading) == []
    assert journal.state is None


def test_a_job_that_failed_stays_known_so_that_the_next_try_looks_before_it_posts() -> None:
    jobs, journal = jobs_of(JobState.FAILED), FakeJobJournal()
    listing = JobListing(jobs, FakeClock(), journal=journal)
    with pytest.raises(JobFailed):
        list(listing.refs(DAY))
    jobs.states = (SUCCEEDED,)
    assert [ref["recording_id"] for ref in listing.refs(DAY)] == ["4711"]
    assert list(jobs.begun) == ["job-1", "job-2"]


def test_a_listing_waits_for_its_job_and_reads_it() -> None:
    jobs, clock = jobs_of(RUNNING, RUNNING, SUCCEEDED), FakeClock()
    assert [ref["recording_id"] for ref in JobListing(jobs, clock).refs(DAY)] == ["4711"]
    assert len(clock.sleeps) == 2


def test_a_listing_that_takes_too_long_is_overdue_and_goes_on_in_the_next_try() -> None:
    jobs, clock, journal = jobs_of(RUNNING), FakeClock(), FakeJobJournal()
    listing = JobListing(jobs, clock, wait_s=600, journal=journal)
    with pytest.raises(JobOverdue, match="job-1 still runs"):
        list(listing.refs(DAY))
    assert sum(clock.sleeps) == pytest.approx(600)
    jobs.stand("job-1", SUCCEEDED)
    assert len(list(listing.refs(DAY))) == 1
    assert list(jobs.begun) == ["job-1"]


def test_closing_a_listing_closes_its_jobs() -> None:
    jobs = FakeJobs()
    JobListing(jobs, FakeClock()).close()
    assert jobs.closed == 1
