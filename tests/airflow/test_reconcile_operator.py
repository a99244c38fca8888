from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from cxone_provider.archive.completeness import Completeness, parse_completeness
from cxone_provider.archive.errors import StoreRefused, StoreUnavailable
from cxone_provider.archive.jobs import JobWait
from cxone_provider.archive.listing_ports import JobState
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.run_report import line_of
from cxone_provider.operators import listing
from cxone_provider.operators.reconciliation import COMPLETENESS_ALIAS
from cxone_provider.operators.recordings import ReconcileArchiveOperator
from tests.airflow.operator_world import World, entered
from tests.fakes.listing import FakeJobs, FakeLeg
from tests.fakes.passing import Passing, Results
from tests.fakes.task import FakeTaskInstance, context_of
from tests.unit.archive.reconciling_cases import NOW, START, commit, log, ref

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore"),
]  # Great Expectations and Airflow warn themselves
MOST_ALIVE = 2 * 50 + 2  # a slice of fifty, the next before it is let go, and who works on one
RUN_KEY = "p/runs/date=2026-11-23/run.jsonl"
REPORT_KEY = "p/runs/date=2026-11-22/reconcile-run.json"
ALIAS = AssetAlias(COMPLETENESS_ALIAS)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps({"conn_type": "cxone"}))
    world = entered(monkeypatch)
    for name in ("a", "b"):
        commit(world.store, name)
    return world


def reconciled(
    recordings: Any = None, ti: FakeTaskInstance | None = None, context: dict[str, Any] | None = None, **arguments: Any
) -> dict[str, Any]:
    operator = ReconcileArchiveOperator(
        task_id="reconcile", recordings=recordings, **{"s3_bucket": "archive", "s3_prefix": "p", **arguments}
    )
    events = {"outlet_events": OutletEventAccessors(), **(context or {})}
    answer: dict[str, Any] = operator.execute(context_of(ti or FakeTaskInstance(), **events))
    return answer


def stored(world: World, key: str = REPORT_KEY) -> Completeness:
    return parse_completeness(world.store.body(key))


def test_a_day_that_is_archived_passes_and_leaves_its_report(world: World, task_log: Callable[[], str]) -> None:
    answer = reconciled([[ref("a")], [ref("b")]], audit_logs=[[log("a").to_document()], [log("b").to_document()]])
    assert (answer["schema"], answer["run_id"]) == ("cxone.completeness-summary/1", "run")
    assert (answer["expected"], answer["archived"], answer["missing"], answer["bytes"]) == (2, 2, 0, 2000)
    assert answer["days"][0]["report_uri"] == f"s3://archive/{REPORT_KEY}"
    assert answer["quality"]["success"] is True
    report = stored(world)
    assert (report.day, report.run_id, report.archived, report.size_bytes) == ("2026-11-22", "run", 2, 2000)
    logged = task_log()
    assert re.search(r"2026-11-22 +2 +2 +0 +0 +0 +2,000", logged)
    assert "completeness passed" in logged


def test_what_is_missing_fails_the_run_after_it_is_written_down(world: World, task_log: Callable[[], str]) -> None:
    ti = FakeTaskInstance()
    with pytest.raises(AirflowFailException, match=r"1 of 3 are missing, 0 may be: c\. Reports: s3://archive/p/runs"):
        reconciled([ref("a"), ref("b"), ref("c")], ti)
    assert stored(world).missing_ids == ("c",)
    assert ti.pushed["return_value"]["days"][0]["missing_ids"] == ["c"]
    assert "2026-11-22  missing: c" in task_log()
    assert reconciled([ref("a"), ref("c")], max_missing="1")["missing"] == 1


def test_what_a_task_only_says_is_archived_fails_the_run_whatever_may_be_missing(world: World) -> None:
    with pytest.raises(AirflowFailException, match="breaks its data rules: completeness failed: unproven"):
        reconciled([ref("a"), ref("ghost")], audit_logs=[log("ghost").to_document()], max_missing=5)
    assert stored(world).unproven_ids == ("ghost",)


def test_other_outcomes_are_told_with_their_ids_and_are_not_missing(world: World) -> None:
    logs = [log("x", Outcome.NOT_FOUND).to_document(), log("y", Outcome.FAILED).to_document()]
    answer = reconciled([ref("a"), ref("x"), ref("y"), ref("z", has_media=False)], audit_logs=logs)
    assert answer["outcomes"] == {"FAILED": 1, "NOT_FOUND": 1, "NO_RECORDING": 1}
    assert answer["days"][0]["other_ids"] == {"FAILED": ["y"], "NOT_FOUND": ["x"], "NO_RECORDING": ["z"]}


def test_the_run_s_own_file_tells_where_no_audit_log_is_given(world: World) -> None:
    lines = b"".join(map(line_of, (log("a"), log("x", Outcome.DELETED))))
    world.store.put(RUN_KEY, lines, ObjectAttributes("application/x-ndjson"))
    answer = reconciled([ref("a"), ref("x")])
    assert (answer["outcomes"], answer["missing"], answer["requests_used"]) == ({"DELETED": 1}, 0, 4)


def test_refs_and_audit_logs_pass_through(world: World) -> None:
    passing = Passing()
    operator = ReconcileArchiveOperator(
        task_id="reconcile", s3_bucket="archive", s3_prefix="p",
        audit_logs=Results(passing, [log(str(number), Outcome.DELETED).to_document() for number in range(500)]),
    )  # fmt: skip
    refs = passing.documents(ref(name) for name in ("a", *map(str, range(500))))
    answer = operator.look_at(refs, context_of(outlet_events=OutletEventAccessors()))
    assert (answer["expected"], answer["outcomes"]) == (501, {"DELETED": 500})
    assert (passing.handed, passing.alive) == (1001, 0)
    assert passing.most_alive <= MOST_ALIVE


def test_the_run_s_file_is_read_by_one_request_and_never_whole(world: World) -> None:
    count = 3000
    body = b"".join(line_of(log(str(number), Outcome.DELETED, s3_uri="s3://x/" + "y" * 900)) for number in range(count))
    world.store.put(RUN_KEY, body, ObjectAttributes("application/x-ndjson"))
    answer = reconciled([ref("a"), *(ref(str(number)) for number in range(count))])
    assert (answer["outcomes"], len(body) > 3 * 2**20) == ({"DELETED": count}, True)
    assert [call.operation for call in world.store.calls if call.key == RUN_KEY] == ["put", "stream"]


@pytest.mark.parametrize(
    ("error", "kind"), [(StoreUnavailable("503"), AirflowException), (StoreRefused("denied"), AirflowFailException)]
)
def test_a_run_s_file_that_cannot_be_read_is_not_taken_for_none(
    world: World, error: Exception, kind: type[Exception], task_log: Callable[[], str]
) -> None:
    world.store.put(RUN_KEY, line_of(log("a")), ObjectAttributes("application/x-ndjson"))
    for when in ("before", "after"):
        world.store.fail_next("stream", error, when=when)
        with pytest.raises(kind) as caught:
            reconciled([ref("a")])
        assert type(caught.value) is kind
    assert "none are told" not in task_log()
    assert REPORT_KEY not in world.store.objects
    world.store.objects.pop(RUN_KEY)
    assert reconciled([ref("a")])["requests_used"] is None
    assert "audit logs: none are told" in task_log()


@pytest.mark.parametrize("recordings", [[], "[]", [[]]])
def test_an_expectation_of_nothing_is_no_pass_unless_it_is_allowed(world: World, recordings: Any) -> None:
    with pytest.raises(AirflowFailException, match="Nothing was expected, and that is no pass"):
        reconciled(recordings)
    assert stored(world).expected == 0
    assert reconciled(recordings, allow_empty="true")["expected"] == 0


def test_it_lists_again_where_nothing_is_handed_to_it(world: World) -> None:
    rows = "recording_id,recorded_at\na,2026-11-22T10:00:00Z\nold,2026-11-21T23:00:00Z\nolder,2026-11-20T23:00:00Z\n"
    world.store.put("list.csv", rows.encode(), ObjectAttributes("text/csv"))
    answer = reconciled(manifest_uri="s3://lists/list.csv", lookback=1, max_missing=1)
    assert [(day["day"], day["expected"], day["looked_back"]) for day in answer["days"]] == [
        ("2026-11-21", 1, True), ("2026-11-22", 1, False),
    ]  # fmt: skip


@pytest.fixture
def tenant_listing(monkeypatch: pytest.MonkeyPatch) -> FakeJobs:
    """A tenant that lists two contacts of the run's day, by either of its listings."""
    jobs = FakeJobs(JobState.RUNNING)
    jobs.listing.legs = [FakeLeg(name, START.add(hours=1)) for name in ("a", "c")]
    monkeypatch.setattr(listing, "completed_contacts", lambda hook, options, since: jobs.listing)
    monkeypatch.setattr(listing, "extraction_jobs", lambda hook, options: jobs)
    return jobs


def test_it_asks_the_tenant_what_was_to_be_expected(world: World, tenant_listing: FakeJobs) -> None:
    answer = reconciled(source="completed-contacts", max_missing=1)
    assert (answer["expected"], answer["archived"], answer["days"][0]["missing_ids"]) == (2, 1, ["c"])


def test_a_listing_that_takes_long_is_waited_for_in_the_triggerer(world: World, tenant_listing: FakeJobs) -> None:
    context = context_of(outlet_events=OutletEventAccessors())
    operator = ReconcileArchiveOperator(
        task_id="reconcile",
        source="data-extraction",
        deferrable=True,
        s3_bucket="archive",
        s3_prefix="p",
        max_missing=1,
    )
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert world.store.count("put") == 4, "nothing is told before the tenant has"
    tenant_listing.stand("job-1", JobState.SUCCEEDED)
    event = JobWait("job-1", NOW, JobState.SUCCEEDED).to_document()
    resume: Any = getattr(operator, deferred.value.method_name)
    assert resume(context, event, **(deferred.value.kwargs or {}))["archived"] == 1
    assert stored(world).missing_ids == ("c",)


def test_late_arrivals_stand_with_their_own_day(world: World) -> None:
    early = START.subtract(hours=1)
    commit(world.store, "late", recorded_at=early)
    answer = reconciled([ref("a"), ref("late", early)], audit_logs=[log("a").to_document(), log("late").to_document()])
    assert answer["late"] == 1
    assert stored(world, "p/runs/date=2026-11-21/reconcile-run.json").late_ids == ("late",)


@pytest.mark.parametrize(
    ("context", "day"),
    [
        ({}, "2026-11-22"),
        ({"data_interval_start": START.subtract(days=2), "data_interval_end": START.subtract(days=1)}, "2026-11-20"),
    ],
)
def test_the_day_is_that_of_the_run(world: World, context: dict[str, Any], day: str) -> None:
    assert reconciled([ref("a", None)], context=context)["days"][0]["day"] == day
    window: dict[str, Any] = {"start": "2026-10-01", "end": pendulum.datetime(2026, 10, 2)}
    assert reconciled([ref("a", None)], context=context, **window)["days"][0]["day"] == "2026-10-01"


def test_requests_are_told_against_the_quota_of_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"api": "media-playback", "requests_per_period": 300}
    monkeypatch.setenv("AIRFLOW_CONN_PLAYBACK", json.dumps({"conn_type": "cxone", "extra": extra}))
    logs = [log("a", chunks_processed=9).to_document()]
    answer = reconciled([ref("a")], audit_logs=logs, cxone_conn_id="playback")
    assert (answer["requests_used"], answer["requests_allowed"]) == (1, 86_400)
    unknown = reconciled([ref("a")], audit_logs=logs, cxone_conn_id="nowhere")
    assert (unknown["requests_used"], unknown["requests_allowed"]) == (10, None)


def test_the_outlets_get_an_event_with_the_counts(world: World) -> None:
    events = OutletEventAccessors()
    reconciled([ref("a")], context={"outlet_events": events})
    [event] = events[ALIAS].asset_alias_events
    extra: dict[str, Any] = event.extra
    assert event.dest_asset_key.uri == "s3://archive/p/runs"
    assert (extra["expected"], extra["archived"], extra["days"][0]["day"]) == (1, 1, "2026-11-22")
    own, asset = OutletEventAccessors(), Asset("s3://archive/of-mine")
    reconciled([ref("a")], context={"outlet_events": own}, outlets=[asset])
    assert own[asset].extra["archived"] == 1
    failed = OutletEventAccessors()
    with pytest.raises(AirflowFailException):
        reconciled([ref("gone")], context={"outlet_events": failed})
    assert len(failed) == 0


def test_the_result_stays_small_and_the_report_complete(world: World) -> None:
    ids = [f"{'missing' * 10}-{number}" for number in range(3000)]
    answer = reconciled([[ref(name) for name in ids[:1500]], [ref(name) for name in ids[1500:]]], max_missing=3000)
    assert len(json.dumps(answer)) < 48 * 1024
    assert (answer["missing"], len(answer["days"][0]["missing_ids"])) == (3000, 20)
    assert stored(world).missing_ids == tuple(ids)


def test_a_suite_of_ones_own_and_data_docs(world: World, tmp_path: Path) -> None:
    rule = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "archived", "min_value": 5000},
        "meta": {"rule": "at least 5000 a day"},
        "severity": "critical",
    }
    with pytest.raises(AirflowFailException, match="at least 5000 a day"):
        reconciled(
            [ref("a")],
            completeness_suite={"name": "house", "expectations": [rule]},
            data_docs=str(tmp_path / "docs"),
        )
    assert (tmp_path / "docs" / "index.html").exists()


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"recordings": None}, "neither recordings nor manifest_uri"),
        ({"source": "data-extraction"}, "recordings is given"),
        ({"manifest_uri": "s3://lists/list.csv"}, "both given"),
        ({"max_missing": "-1"}, "unusable max_missing"),
        ({"allow_empty": "perhaps"}, "unusable allow_empty"),
        ({"s3_bucket": "None"}, "s3_bucket is missing"),
        ({"s3_prefix": ".."}, "unusable s3_prefix"),
        ({"audit_logs": [{"recording_id": "a"}]}, "not an audit log"),
        ({"completeness_suite": "/no/such/suite.json"}, "suite"),
        ({"start": "2026-11-22"}, "start and end go together"),
        ({"start": "2026-11-22", "end": "2026-11-22"}, "window is empty"),
    ],
)
def test_what_makes_no_sense_fails_at_once(world: World, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        reconciled(**{"recordings": [ref("a")], **arguments})


def test_an_s3_that_is_down_is_tried_again(world: World) -> None:
    world.store.fail_next("list_objects", StoreUnavailable("503"))
    with pytest.raises(AirflowException) as caught:
        reconciled([ref("a")])
    assert not isinstance(caught.value, AirflowFailException)


def test_a_killed_task_is_no_result(world: World) -> None:
    operator = ReconcileArchiveOperator(task_id="reconcile", recordings=[ref("a")], s3_bucket="archive", s3_prefix="p")
    operator.cancelled.set()
    with pytest.raises(AirflowException) as caught:
        operator.execute(context_of(outlet_events=OutletEventAccessors()))
    assert not isinstance(caught.value, AirflowFailException)
