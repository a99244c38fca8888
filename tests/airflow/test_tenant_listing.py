"""Asking the tenant which recordings there are: both sources, the wait in the worker and the deferral."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred

from cxone_provider.archive.errors import AccessDenied, SourceUnavailable
from cxone_provider.archive.jobs import JobWait
from cxone_provider.archive.listing_ports import JobState
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.operators import listing
from cxone_provider.operators.recordings import EstimateArchiveOperator, ListRecordingsOperator
from cxone_provider.operators.running import KillableOperator
from cxone_provider.triggers.jobs import ListingJobTrigger
from tests.airflow.versions import timeout_s
from tests.fakes.clock import FakeClock
from tests.fakes.listing import FakeJobs, FakeLeg, FakeListing
from tests.fakes.task import FakeStateStore, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
YESTERDAY = pendulum.datetime(2026, 11, 22)
DEADLINE = "2026-11-22T07:00:00Z"
RUNNING, SUCCEEDED = JobState.RUNNING, JobState.SUCCEEDED


@dataclass
class Tenant:
    """What the operator reaches, and how it asked for it."""

    contacts: FakeListing = field(default_factory=FakeListing)
    jobs: FakeJobs = field(default_factory=lambda: FakeJobs(RUNNING))
    clock: FakeClock = field(default_factory=FakeClock)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def completed_contacts(self, hook: CXoneHook, options: Mapping[str, Any], since: object) -> FakeListing:
        self.asked.append({"conn_id": hook.cxone_conn_id, "options": options, "updated_since": since})
        return self.contacts

    def extraction_jobs(self, hook: CXoneHook, options: Mapping[str, Any]) -> FakeJobs:
        self.asked.append({"conn_id": hook.cxone_conn_id, "options": options})
        return self.jobs


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    tenant = Tenant()
    tenant.contacts.legs = tenant.jobs.listing.legs = [
        FakeLeg(f"d{day}", pendulum.datetime(2026, 11, day, 12)) for day in range(18, 24)
    ]
    monkeypatch.setattr(listing, "completed_contacts", tenant.completed_contacts)
    monkeypatch.setattr(listing, "extraction_jobs", tenant.extraction_jobs)
    monkeypatch.setattr(KillableOperator, "clock", tenant.clock)
    return tenant  # type: ignore[return-value]  # pytest takes both


def lister(source: str, **arguments: Any) -> ListRecordingsOperator:
    return ListRecordingsOperator(task_id="list", source=source, **{"deferrable": False, **arguments})


def ids(batches: list[list[Mapping[str, Any]]]) -> list[list[str]]:
    return [[ref["recording_id"] for ref in batch] for batch in batches]


def run(source: str, context: dict[str, Any] | None = None, **arguments: Any) -> list[list[str]]:
    return ids(lister(source, **arguments).execute(context_of(**(context or {}))))


def interval(start_day: int, end_day: int) -> dict[str, Any]:
    return {
        "data_interval_start": pendulum.datetime(2026, 11, start_day),
        "data_interval_end": pendulum.datetime(2026, 11, end_day),
    }


@pytest.mark.parametrize("source", ["completed-contacts", "data-extraction"])
@pytest.mark.parametrize(
    ("arguments", "context", "found"),
    [
        ({}, {}, [["d22"]]),
        ({"lookback": "2"}, {}, [["d20", "d21", "d22"]]),
        ({"lookback": "2", "batch_size": "2"}, {}, [["d20", "d21"], ["d22"]]),
        ({"start": "2026-11-18", "end": "2026-11-20"}, {}, [["d18", "d19"]]),
        ({}, interval(20, 22), [["d20", "d21"]]),
        ({}, interval(20, 20), [["d22"]]),
        ({"start": "2020-01-01", "end": "2020-01-02"}, {}, []),
    ],
)
def test_the_tenant_is_asked_for_the_window_of_the_run(
    tenant: Tenant, source: str, arguments: dict[str, Any], context: dict[str, Any], found: list[list[str]]
) -> None:
    tenant.jobs.states = (SUCCEEDED,)
    assert run(source, context, **arguments) == found
    assert tenant.contacts.closed + tenant.jobs.closed == 1


def test_connection_options_and_what_is_new_are_handed_on(tenant: Tenant) -> None:
    run("completed-contacts", cxone_conn_id="tenant_a", updated_since="2026-11-22T00:00:00+01:00",
        listing='{"contacts_version": "31.0"}')  # fmt: skip
    assert tenant.asked == [
        {
            "conn_id": "tenant_a",
            "options": {"contacts_version": "31.0"},
            "updated_since": pendulum.datetime(2026, 11, 21, 23),
        }
    ]


def test_rows_that_cannot_be_used_are_told_and_carried(tenant: Tenant, task_log: Any) -> None:
    tenant.contacts.unusable = ["../x"]
    assert run("completed-contacts") == [["d22", "../x"]]
    assert "1 of them cannot be used and will be rejected" in task_log()


@pytest.mark.parametrize("source", ["completed-contacts", "data-extraction"])
@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"recordings": "a"}, "recordings is given"),
        ({"manifest_uri": "s3://a/b"}, "manifest_uri is given"),
        ({"start": "2026-11-22"}, "start and end go together"),
        ({"lookback": "P2Y"}, "lookback"),
        ({"listing": "[1]"}, "unusable listing"),
    ],
)
def test_what_makes_no_sense_fails_before_the_tenant_is_asked(
    tenant: Tenant, source: str, arguments: dict[str, Any], cause: str
) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        run(source, **arguments)
    assert tenant.contacts.asked == []
    assert tenant.jobs.begun == {}


@pytest.mark.parametrize(("wait", "cause"), [("P8D", "unusable max_wait"), (-1, "unusable max_wait")])
def test_a_wait_that_makes_no_sense_begins_no_job(tenant: Tenant, wait: object, cause: str) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        run("data-extraction", max_wait=wait)
    assert tenant.jobs.begun == {}


@pytest.mark.parametrize(("fault", "final"), [(SourceUnavailable("503"), False), (AccessDenied("403"), True)])
def test_an_error_says_whether_another_try_can_help(tenant: Tenant, fault: Any, final: bool) -> None:
    tenant.contacts.refuse_with = fault
    with pytest.raises(AirflowException) as caught:
        run("completed-contacts")
    assert isinstance(caught.value, AirflowFailException) is final
    assert tenant.contacts.closed == 1


# --- jobs: in the worker -----------------------------------------------------------------------------------------


def test_without_deferral_the_worker_waits_for_the_job(tenant: Tenant) -> None:
    tenant.jobs.states = (RUNNING, RUNNING, SUCCEEDED)
    assert run("data-extraction") == [["d22"]]
    assert len(tenant.clock.sleeps) == 2


@pytest.mark.parametrize(("wait", "waited_s"), [(None, 3600), ("None", 3600), ("PT10M", 600), (90, 90)])
def test_a_job_is_overdue_after_its_wait_and_tried_again(tenant: Tenant, wait: object, waited_s: int) -> None:
    with pytest.raises(AirflowException, match="job-1 still runs") as caught:
        run("data-extraction", max_wait=wait)
    assert not isinstance(caught.value, AirflowFailException)
    assert sum(tenant.clock.sleeps) == pytest.approx(waited_s)


def test_a_kill_ends_the_wait_and_never_in_success(tenant: Tenant) -> None:
    tenant.clock.cancelled.set()
    with pytest.raises(AirflowException, match="cancelled"):
        run("data-extraction")


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_retry_goes_on_with_the_job_that_still_runs(tenant: Tenant, deferrable: bool) -> None:
    kept = {"task_state_store": FakeStateStore()}
    tenant.jobs.faults.append(AccessDenied("403"))
    with pytest.raises(AirflowException):
        run("data-extraction", kept, deferrable=deferrable)
    assert list(tenant.jobs.begun) == ["job-1"]
    tenant.jobs.stand("job-1", SUCCEEDED)
    assert run("data-extraction", kept, deferrable=deferrable) == [["d22"]]
    assert list(tenant.jobs.begun) == ["job-1"]


def test_the_try_after_a_kill_goes_on_with_the_job_that_still_runs(tenant: Tenant) -> None:
    kept = {"task_state_store": FakeStateStore()}
    tenant.clock.cancelled.set()
    with pytest.raises(AirflowException, match="cancelled"):
        run("data-extraction", kept)
    tenant.clock.cancelled.clear()
    tenant.jobs.stand("job-1", RUNNING, SUCCEEDED)
    assert run("data-extraction", kept) == [["d22"]]
    assert list(tenant.jobs.begun) == ["job-1"]


def test_a_task_that_is_run_again_after_its_success_asks_anew(tenant: Tenant) -> None:
    kept = {"task_state_store": FakeStateStore()}
    tenant.jobs.states = (SUCCEEDED,)
    run("data-extraction", kept)
    run("data-extraction", kept)
    assert list(tenant.jobs.begun) == ["job-1", "job-2"]


def test_where_airflow_keeps_no_state_each_try_begins_a_job(tenant: Tenant) -> None:
    for _ in range(2):
        with pytest.raises(AirflowException):
            run("data-extraction", max_wait=5)
    assert list(tenant.jobs.begun) == ["job-1", "job-2"]


# --- jobs: deferred ----------------------------------------------------------------------------------------------


def deferral(operator: ListRecordingsOperator, **context: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context_of(**context))
    deferred: TaskDeferred = caught.value
    return deferred


@pytest.mark.parametrize("deferrable", [True, "True", "yes"])
def test_a_deferred_task_names_its_job_and_until_when(tenant: Tenant, deferrable: object) -> None:
    deferred = deferral(lister("data-extraction", deferrable=deferrable, cxone_conn_id="tenant_a"))
    assert isinstance(deferred.trigger, ListingJobTrigger)
    assert deferred.trigger.serialize() == (
        "cxone_provider.triggers.jobs.ListingJobTrigger",
        {"cxone_conn_id": "tenant_a", "job_id": "job-1", "deadline_at": DEADLINE, "poll_interval_s": 5.0},
    )
    assert deferred.method_name == "execute_complete"
    assert deferred.kwargs == {"window": ["2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"]}
    assert timeout_s(deferred) == pytest.approx(3600 + 900)
    assert tenant.jobs.closed == 1


def test_a_job_that_is_done_at_once_defers_nothing(tenant: Tenant) -> None:
    tenant.jobs.states = (SUCCEEDED,)
    assert run("data-extraction", deferrable=True) == [["d22"]]


def resumed(operator: ListRecordingsOperator, event: Any, **context: Any) -> list[list[str]]:
    window = ["2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z"]
    return ids(operator.execute_complete(context_of(**context), event, window=window))


def ended(state: JobState | None = SUCCEEDED, job_id: str = "job-1") -> dict[str, Any]:
    return JobWait(job_id, YESTERDAY, state).to_document()


def test_the_resumed_task_reads_the_job_for_the_window_it_was_deferred_with(tenant: Tenant) -> None:
    operator = lister("data-extraction", deferrable=True, start="2026-11-20", end="2026-11-22")
    deferral(operator)
    tenant.jobs.stand("job-1", SUCCEEDED)
    operator.start = operator.end = "2020-01-01"
    assert resumed(operator, ended()) == [["d20", "d21"]]
    assert list(tenant.jobs.begun) == ["job-1"]


def test_a_resumed_task_forgets_its_job_once_it_has_read_it(tenant: Tenant) -> None:
    store = FakeStateStore()
    operator = lister("data-extraction", deferrable=True)
    deferral(operator, task_state_store=store)
    assert list(store.values) == ["cxone.listing-job"]
    tenant.jobs.stand("job-1", SUCCEEDED)
    resumed(operator, ended(), task_state_store=store)
    assert store.values == {}


def test_a_job_that_was_overdue_is_gone_on_with_by_the_next_try(tenant: Tenant) -> None:
    kept = {"task_state_store": FakeStateStore()}
    operator = lister("data-extraction", deferrable=True)
    deferral(operator, **kept)
    with pytest.raises(AirflowException, match="job-1 still runs"):
        resumed(operator, ended(RUNNING), **kept)
    assert deferral(operator, **kept).trigger.serialize()[1]["job_id"] == "job-1"


@pytest.mark.parametrize("state", [JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED])
def test_a_job_that_did_not_succeed_is_told_and_the_next_try_begins_another(tenant: Tenant, state: JobState) -> None:
    kept = {"task_state_store": FakeStateStore()}
    operator = lister("data-extraction", deferrable=True)
    deferral(operator, **kept)
    tenant.jobs.stand("job-1", state)
    tenant.jobs.message = "too much data"
    with pytest.raises(AirflowException, match="too much data") as caught:
        resumed(operator, ended(state), **kept)
    assert not isinstance(caught.value, AirflowFailException)
    assert deferral(operator, **kept).trigger.serialize()[1]["job_id"] == "job-2"


def test_the_resumed_task_believes_the_tenant_not_the_event(tenant: Tenant) -> None:
    operator = lister("data-extraction", deferrable=True, start="2026-11-20", end="2026-11-22")
    deferral(operator)
    with pytest.raises(AirflowException, match="still runs"):
        resumed(operator, ended(SUCCEEDED))
    tenant.jobs.stand("job-1", SUCCEEDED)
    assert resumed(operator, ended(None)) == [["d20", "d21"]]


@pytest.mark.parametrize("event", [None, {}, "SUCCEEDED", {**ended(), "job_id": "../x"}, {**ended(), "state": "DONE"}])
def test_an_event_that_no_trigger_of_ours_sent_is_refused(tenant: Tenant, event: object) -> None:
    with pytest.raises(AirflowFailException):
        resumed(lister("data-extraction"), event)
    assert tenant.jobs.looks == 0


@pytest.mark.parametrize("window", [[], ["2026-11-20"], ["soon", "later"], "2026-11-20", [None, None]])
def test_a_window_that_no_task_of_ours_handed_over_is_refused(tenant: Tenant, window: object) -> None:
    with pytest.raises(AirflowFailException):
        lister("data-extraction").execute_complete(context_of(), ended(), window=window)


def test_a_resumed_task_without_a_window_takes_that_of_the_run(tenant: Tenant) -> None:
    operator = lister("data-extraction", deferrable=True)
    deferral(operator)
    tenant.jobs.stand("job-1", SUCCEEDED)
    assert ids(operator.execute_complete(context_of(), ended())) == [["d22"]]


# --- operators that list by themselves ---------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["completed-contacts", "data-extraction"])
def test_an_operator_about_a_list_can_ask_the_tenant_itself(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", '{"conn_type": "cxone", "extra": {"api": "media-playback"}}')
    operator = EstimateArchiveOperator(task_id="estimate", source=source, lookback=1, deferrable=True)
    if source == "data-extraction":
        with pytest.raises(TaskDeferred) as caught:
            operator.execute(context_of())
        tenant.jobs.stand("job-1", SUCCEEDED)
        made = operator.execute_complete(context_of(), ended(), **(caught.value.kwargs or {}))
    else:
        made = operator.execute(context_of())
    assert made["contacts"] == 2
