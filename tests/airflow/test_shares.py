"""A task of a long day takes several batches, one after another: what it holds and hands on is a batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, TaskDeferred
from airflow.sdk.execution_time.context import OutletEventAccessors

from cxone_provider.archive.audit import AUDIT_SCHEMA
from cxone_provider.archive.errors import InvalidSetting, SourceUnavailable
from cxone_provider.archive.notification import RECEIPT_SCHEMA
from cxone_provider.archive.plan import PLAN_SCHEMA
from cxone_provider.operators import batches
from cxone_provider.operators.batches import BATCH_SCHEMA, handed_over
from cxone_provider.operators.recordings import (
    CheckArchiveRunOperator,
    NotifyArchiveOperator,
    ReconcileArchiveOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)
from cxone_provider.operators.running import KillableOperator
from tests.airflow.conftest import AUDIO, Site
from tests.airflow.operator_world import World, entered, recording
from tests.airflow.test_dag_runs import outcomes, result_of, states, xcoms
from tests.airflow.versions import parsed_dags, sync_bag_to_db
from tests.docs.snippets import snippet
from tests.fakes.clock import FakeClock
from tests.fakes.source import DESCRIBE, RESOLVE
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
IDS = ("a", "b", "c", "d", "e")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(KillableOperator, "clock", FakeClock())
    world = entered(monkeypatch)
    world.source.recordings = {name: recording() for name in IDS}
    return world


@dataclass
class Run:
    """One mapped task of each kind, and what lies in XCom between them."""

    xcom: dict[tuple[str, int, str], Any] = field(default_factory=dict)

    def context(self, task_id: str, map_index: int = 0, **fields: Any) -> Any:
        ti = FakeTaskInstance(task_id=task_id, map_index=map_index, xcom=self.xcom, **fields)
        return context_of(ti, outlet_events=OutletEventAccessors())

    def listed(self, *parts: Sequence[str]) -> list[Any]:
        """Return one task's share of these batches."""
        ti: Any = self.context("list_recordings", -1)["ti"]
        made = [[{"recording_id": name} for name in part] for part in parts]
        places = []
        for number, batch in enumerate(made):
            ti.xcom_push(f"batch_{number}", batch)
            place = {"schema": BATCH_SCHEMA, "task_id": "list_recordings", "map_index": -1}
            places.append({**place, "key": f"batch_{number}", "count": len(batch)})
        return places

    def read(self, places: Sequence[dict[str, Any]]) -> list[list[Any]]:
        """Return what lies at these places."""
        return [self.xcom[place["task_id"], place["map_index"], place["key"]] for place in places]


@pytest.fixture
def run() -> Run:
    return Run()


def validator(share: Any, **arguments: Any) -> ValidateRecordingOperator:
    settings = {"on_rejected": "report", "cxone_conn_id": "t", **arguments}
    return ValidateRecordingOperator(task_id="batch.validate", recordings=share, **settings)


def streamer(plans: Any) -> StreamRecordingToS3Operator:
    return StreamRecordingToS3Operator(task_id="batch.stream", plans=plans, s3_bucket="archive", cxone_conn_id="t")


def of(documents: Sequence[Sequence[dict[str, Any]]], what: str) -> list[list[Any]]:
    return [[one[what] for one in part] for part in documents]


@pytest.mark.parametrize(
    ("count", "max_tasks", "mapped"), [(33, 32, 1024), (100, 7, 1024), (9, "4", 1024), (50, 32, 3)]
)
def test_batches_are_dealt_out_evenly_and_each_once(
    run: Run, monkeypatch: pytest.MonkeyPatch, count: int, max_tasks: int | str, mapped: int
) -> None:
    monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", str(mapped))
    made = handed_over([[{"recording_id": str(n)}] for n in range(count)], run.context("l", -1), max_tasks=max_tasks)
    sizes = [len(share) for share in made]
    assert len(made) == min(int(max_tasks), mapped)
    assert max(sizes) - min(sizes) <= 1
    refs = [batch for share in made for batch in run.read(share)]
    assert sorted(int(ref["recording_id"]) for [ref] in refs) == list(range(count))


def test_short_batches_are_joined_until_there_are_not_too_many(run: Run) -> None:
    made = handed_over([[{"recording_id": str(n)}] for n in range(9)], run.context("l", -1), max_tasks=4)
    assert [[ref["recording_id"] for ref in batch] for batch in made] == [
        ["0", "4", "8"], ["1", "5"], ["2", "6"], ["3", "7"],
    ]  # fmt: skip
    assert run.xcom == {}


@pytest.mark.parametrize("max_tasks", [0, 1025, "many"])
def test_a_number_of_tasks_that_cannot_be_is_refused(run: Run, max_tasks: object) -> None:
    with pytest.raises(InvalidSetting, match=r"unusable max_tasks.*from 1 to 1024"):
        handed_over([], run.context("l", -1), max_tasks=max_tasks)  # type: ignore[arg-type]  # what is refused


def test_every_batch_of_a_share_goes_all_the_way_in_xcoms_of_its_own(world: World, run: Run) -> None:
    share = run.listed("ab", "cd", "e")
    plans = validator(share).execute(run.context("batch.validate"))
    logs = streamer(plans).execute(run.context("batch.stream"))
    notify = NotifyArchiveOperator(task_id="batch.notify", audit_logs=logs)
    receipts = notify.execute(run.context("batch.notify"))

    for told, task_id in ((plans, "batch.validate"), (logs, "batch.stream"), (receipts, "batch.notify")):
        place = {"schema": BATCH_SCHEMA, "task_id": task_id, "map_index": 0}
        assert told == [{**place, "key": f"batch_{n}", "count": count} for n, count in enumerate((2, 2, 1))]
        assert of(run.read(told), "recording_id") == [["a", "b"], ["c", "d"], ["e"]]
    assert {one for part in of(run.read(plans), "schema") for one in part} == {PLAN_SCHEMA}
    assert {one for part in of(run.read(logs), "schema") for one in part} == {AUDIT_SCHEMA}
    assert {one for part in of(run.read(receipts), "schema") for one in part} == {RECEIPT_SCHEMA}
    assert len(world.notifier.posted) == 5


def test_the_check_and_the_reconciliation_read_every_batch_of_every_task(world: World, run: Run) -> None:
    share = run.listed("ab", "cd", "e")
    logs = [
        streamer(validator(part).execute(run.context("batch.validate", index))).execute(
            run.context("batch.stream", index)
        )
        for index, part in enumerate((share[::2], share[1::2]))
    ]
    assert [len(told) for told in logs] == [2, 2], "two places, and the logs of a single batch as they are"

    check = CheckArchiveRunOperator(task_id="check", audit_logs=logs, recordings=[share], s3_bucket="archive")
    reconcile = ReconcileArchiveOperator(task_id="r", audit_logs=logs, recordings=[share], s3_bucket="archive")

    report = check.execute(run.context("check", -1))
    assert (report["recordings"], report["outcomes"]) == (5, {"ARCHIVED": 5})
    assert reconcile.execute(run.context("r", -1))["archived"] == 5


def test_a_single_batch_of_a_long_listing_is_handed_on_as_it_is(world: World, run: Run) -> None:
    [place] = run.listed("ab")
    plans = validator(place).execute(run.context("batch.validate"))
    logs = streamer(plans).execute(run.context("batch.stream"))
    assert [plan["recording_id"] for plan in plans] == [log["recording_id"] for log in logs] == ["a", "b"]


def test_a_batch_is_read_when_its_turn_comes(world: World, run: Run) -> None:
    share = run.listed("ab", "cd")
    del run.xcom["list_recordings", -1, "batch_1"]
    with pytest.raises(AirflowFailException, match=r"batch batch_1 in the XCom of list_recordings.*found nothing"):
        validator(share).execute(run.context("batch.validate"))
    assert {call.recording_id for call in world.source.calls} == {"a", "b"}


def test_a_failure_in_one_batch_does_not_hold_up_the_next_and_a_retry_fetches_nothing_twice(
    world: World, run: Run
) -> None:
    plans = validator(run.listed("ab", "cd", "e")).execute(run.context("batch.validate"))
    world.source.script("b", RESOLVE, [SourceUnavailable("the tenant answers", found=503)])
    with pytest.raises(AirflowException, match=r"1 of 5 recordings can be tried again: b") as caught:
        streamer(plans).execute(run.context("batch.stream", max_tries=1))
    assert not isinstance(caught.value, AirflowFailException)
    told = run.xcom["batch.stream", 0, "return_value"]
    assert of(run.read(told), "outcome") == [["ARCHIVED", "FAILED"], ["ARCHIVED"] * 2, ["ARCHIVED"]]

    world.source.calls.clear()
    again = streamer(plans).execute(run.context("batch.stream", try_number=2, max_tries=1))
    assert of(run.read(again), "outcome") == [
        ["ALREADY_ARCHIVED", "ARCHIVED"],
        ["ALREADY_ARCHIVED"] * 2,
        ["ALREADY_ARCHIVED"],
    ]
    assert {call.recording_id for call in world.source.calls} == {"b"}


def test_a_share_of_which_nothing_is_archived_fails_and_tells_all_of_it(world: World, run: Run) -> None:
    plans = validator(run.listed("ab", "c")).execute(run.context("batch.validate"))
    for name in "abc":
        world.source.script(name, RESOLVE, [SourceUnavailable("the tenant answers", found=503)])
    with pytest.raises(AirflowFailException, match="All 3 recordings failed: the tenant answers"):
        streamer(plans).execute(run.context("batch.stream"))
    assert of(run.read(run.xcom["batch.stream", 0, "return_value"]), "outcome") == [["FAILED"] * 2, ["FAILED"]]


def test_webhooks_of_every_batch_are_tried_before_the_task_fails(world: World, run: Run) -> None:
    plans = validator(run.listed("ab", "cd")).execute(run.context("batch.validate"))
    logs = streamer(plans).execute(run.context("batch.stream"))
    world.notifier = type(world.notifier)(400)
    with pytest.raises(AirflowFailException, match="1 of 4 recordings were not announced"):
        NotifyArchiveOperator(task_id="batch.notify", audit_logs=logs).execute(run.context("batch.notify"))
    told = run.xcom["batch.notify", 0, "return_value"]
    assert sorted(len(part) for part in run.read(told)) == [1, 2]


def test_what_cannot_be_archived_is_told_of_all_batches_at_once(world: World, run: Run) -> None:
    share = run.listed(["a", "nope"], ["gone", "c"])
    with pytest.raises(AirflowFailException, match=r"2 of 4 recordings cannot be archived: nope is .* gone is"):
        validator(share, on_rejected="fail").execute(run.context("batch.validate"))


def test_recordings_that_could_not_be_asked_for_are_tried_again(world: World, run: Run) -> None:
    world.source.script("d", DESCRIBE, [SourceUnavailable("the tenant answers", found=503)])
    with pytest.raises(AirflowException, match=r"1 of 5 recordings could not be asked for: d"):
        validator(run.listed("ab", "cd", "e")).execute(run.context("batch.validate", max_tries=1))


def deferral(operator: ValidateRecordingOperator, context: Any) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute(context)
    deferred: TaskDeferred = caught.value
    return deferred


def waited(*ids: str) -> dict[str, Any]:
    event = {"schema": "cxone.storage-wait/1", "deadline_at": "2026-11-22T08:00:00Z", "final": [], "waiting": []}
    return {**event, "streamable": list(ids)}


def test_only_batches_that_waited_are_asked_for_again(world: World, run: Run) -> None:
    world.source.recordings |= {name: recording(storage_state="archived") for name in "be"}
    operator = validator(run.listed("ab", "cd", "e"), wait_for_storage="PT2H", deferrable=True)
    deferred = deferral(operator, run.context("batch.validate"))
    assert deferred.trigger.serialize()[1]["recording_ids"] == ["b", "e"], "all batches wait at the same time"
    kept = json.loads(json.dumps(deferred.kwargs))
    world.source.recordings |= {name: recording() for name in "be"}
    world.source.calls.clear()

    resumed = validator(operator.recordings)
    plans = resumed.execute_complete(run.context("batch.validate"), waited("b", "e"), **kept)

    assert of(run.read(plans), "outcome") == [["READY", "READY"], ["READY", "READY"], ["READY"]]
    assert sorted(call.recording_id for call in world.source.calls) == ["a", "b", "e"]


def test_without_what_was_kept_all_batches_are_asked_for_again(world: World, run: Run) -> None:
    plans = validator(run.listed("ab", "c")).execute_complete(run.context("batch.validate"), waited("b"))
    assert of(run.read(plans), "recording_id") == [["a", "b"], ["c"]]


def test_a_refusal_after_the_wait_counts_what_did_not_wait(world: World, run: Run) -> None:
    world.source.recordings |= {"e": recording(storage_state="archived")}
    operator = validator(run.listed("ab", "cd", "e"), wait_for_storage="PT2H", deferrable=True, on_rejected="fail")
    kept = json.loads(json.dumps(deferral(operator, run.context("batch.validate")).kwargs))
    resumed = validator(operator.recordings, on_rejected="fail")
    with pytest.raises(AirflowFailException, match=r"1 of 5 recordings cannot be archived: e is IN_COLD_STORAGE"):
        resumed.execute_complete(run.context("batch.validate"), {**waited(), "waiting": ["e"]}, **kept)


def test_a_refusal_in_another_batch_fails_now_instead_of_after_the_wait(world: World, run: Run) -> None:
    world.source.recordings |= {"e": recording(storage_state="archived")}
    share = run.listed(["a", "nope"], ["e"])
    with pytest.raises(AirflowFailException, match=r"2 of 3 recordings cannot be archived: nope is .* e is"):
        validator(share, wait_for_storage="PT2H", deferrable=True, on_rejected="fail").execute(
            run.context("batch.validate")
        )


@pytest.mark.server
@pytest.mark.timeout(300)
def test_airflow_hands_a_task_several_batches_and_their_results_on(
    site: Site, run_dag: Callable[..., DagRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
    monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "2")
    site.tenant.add_recording("z-last", AUDIO / "one-second.mp3")
    names = [*(f"nowhere-{n:03}" for n in range(250)), "z-last"]

    run = run_dag("cxone_daily_archive", recordings=names)

    assert set(states(run).values()) == {"success"}
    handed = result_of(run, "list_recordings")
    assert [[one["key"] for one in share] for share in map(_as_list, handed)] == [["batch_0", "batch_2"], ["batch_1"]]
    first = result_of(run, "batch.stream", 0)
    assert [(one["key"], one["count"], one["map_index"]) for one in first] == [("batch_0", 100, 0), ("batch_1", 51, 0)]
    assert len(result_of(run, "batch.stream", 1)) == 100
    assert outcomes(xcoms(run)["batch.stream[0].batch_1"])["z-last"] == "ARCHIVED"
    assert len(xcoms(run)["batch.notify[0].batch_1"]) == 51
    assert result_of(run, "check_run")["recordings"] == 251
    assert result_of(run, "reconcile")["expected"] == 251


@pytest.mark.server
@pytest.mark.timeout(300)
@pytest.mark.parametrize("inline", [True, False])
def test_a_task_of_one_s_own_reads_the_results_of_a_short_day_and_of_a_long_one(
    site: Site, airflow_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, inline: bool
) -> None:
    if not inline:
        monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
        monkeypatch.setenv("AIRFLOW__CORE__MAX_MAP_LENGTH", "1")
    site.tenant.add_recording("small", AUDIO / "one-second.mp3")
    site.tenant.add_recording("large", AUDIO / "call-cbr32k-8k-id3v23.mp3")
    path = tmp_path / "largest_calls.py"
    path.write_text(snippet("docs/operators.md", "each-of"))
    bag = parsed_dags(path)
    bundles: Any = DagBundlesManager  # Airflow leaves its constructor untyped
    bundles().sync_bundles_to_db()
    sync_bag_to_db(bag, "dags-folder", bundle_version=None)
    names = ["small", *(f"nowhere-{n:03}" for n in range(100)), "large"]

    run: DagRun = bag.dags["largest_calls"].test(logical_date=None, run_conf={"recordings": names})

    assert set(states(run).values()) == {"success"}
    assert result_of(run, "largest") == "large"


def _as_list(share: Any) -> list[Any]:
    return share if isinstance(share, list) else [share]
