from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from cxone_provider.archive.errors import AccessDenied, SourceUnavailable
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectLock
from cxone_provider.archive.recording import Outcome
from cxone_provider.links.archive import ArchivedMediaLink, ManifestLink
from cxone_provider.operators.recordings import StreamRecordingToS3Operator
from tests.airflow.conftest import AUDIO
from tests.airflow.operator_world import MP3, World, entered, recording
from tests.fakes.source import RESOLVE, FakeSource
from tests.fakes.store import FakeStore
from tests.fakes.task import FakeStateStore, FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = entered(monkeypatch)
    world.source.recordings = {f"r{number}": recording() for number in range(4)}
    return world


def plan(recording_id: str, outcome: Outcome = Outcome.READY, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"format": "mp3", "size_bytes": len(MP3), "segment_size_bytes": 4096, **fields}
    return SegmentPlan(recording_id, outcome, **known).to_document()


def operator_of(plans: Any, **arguments: Any) -> StreamRecordingToS3Operator:
    return StreamRecordingToS3Operator(task_id="stream", plans=plans, s3_bucket="archive", **arguments)


def stream(plans: Any, ti: FakeTaskInstance | None = None, **arguments: Any) -> list[dict[str, Any]]:
    return operator_of(plans, **arguments).execute(context_of(ti))


def outcomes(logs: list[dict[str, Any]]) -> dict[str, str]:
    return {log["recording_id"]: log["outcome"] for log in logs}


@pytest.mark.parametrize(
    "plans", [plan("r1"), [plan("r1")], [[plan("r1")], []], json.dumps([plan("r1")]), [plan("r1"), plan("r1")]]
)
def test_plans_come_as_one_as_a_list_and_as_lists_of_mapped_tasks(world: World, plans: Any) -> None:
    [log] = stream(plans, s3_prefix="p")
    assert log["s3_uri"] == "s3://archive/p/recordings/date=unknown/r1.mp3"
    assert world.store.objects["p/recordings/date=unknown/r1.mp3"][-1].body == MP3
    assert world.source.closed == 1


def test_the_manifest_says_who_archived_and_how_it_is_stored(world: World) -> None:
    ti = FakeTaskInstance(dag_id="daily", run_id="manual__1", task_id="stream", map_index=3)
    stream(
        [plan("r1")], ti, encryption='{"type": "SSE-KMS", "key_id": "k"}', tags='{"team": "voice"}', legal_hold="false"
    )
    manifest = json.loads(world.store.objects["cxone/manifests/r1.json"][-1].body)
    assert manifest["context"] == {
        "dag_id": "daily",
        "run_id": "manual__1",
        "task_id": "stream",
        "map_index": 3,
        "try_number": 1,
    }
    assert manifest["storage"] == {"encryption": "SSE-KMS", "kms_key_id": "k", "tags": {"team": "voice"}}


def test_templated_settings_are_text(world: World) -> None:
    world.store = FakeStore(bucket_has_lock=True)
    stream(
        [plan("r1")], concurrency="2", part_size_bytes="5242880", replace="False", encryption="None", tags="",
        object_lock_mode="GOVERNANCE", retain_until="2099-01-01", legal_hold="True", aws_conn_id="None",
    )  # fmt: skip
    [asked] = world.asked
    assert (asked["concurrency"], asked["encryption"], asked["tags"], asked["aws_conn_id"]) == (2, None, None, None)
    assert locks(world, "r1") == {ObjectLock("GOVERNANCE", pendulum.datetime(2099, 1, 1), legal_hold=True)}


def locks(world: World, recording_id: str) -> set[ObjectLock | None]:
    """Return the locks of every object of a recording."""
    stored = {key: versions for key, versions in world.store.objects.items() if f"/{recording_id}." in key}
    assert len(stored) == 3, "media, audit trail and manifest"
    return {version.lock for versions in stored.values() for version in versions}


@pytest.mark.parametrize("as_text", [False, True])
def test_retention_follows_a_field_of_the_metadata(world: World, as_text: bool) -> None:
    world.store = FakeStore(bucket_has_lock=True)
    rule = {"field": "class", "values": {"complaint": "P10Y"}, "default": "P7Y"}
    recorded_at = pendulum.datetime(2026, 11, 22, 23)
    plans = [
        plan("r1", recorded_at=recorded_at, metadata={"class": "complaint"}),
        plan("r2", recorded_at=recorded_at),
        plan("r3", recorded_at=recorded_at.subtract(years=8)),
    ]
    logs = stream(plans, object_lock_mode="COMPLIANCE", retain_until=json.dumps(rule) if as_text else rule)
    assert outcomes(logs) == {"r1": "ARCHIVED", "r2": "ARCHIVED", "r3": "REJECTED"}
    assert "the retention is over" in logs[2]["error"]["message"]
    assert locks(world, "r1") == {ObjectLock("COMPLIANCE", recorded_at.add(years=10))}
    assert locks(world, "r2") == {ObjectLock("COMPLIANCE", recorded_at.add(years=7))}


def test_outcomes_before_the_transfer_are_carried_on(world: World) -> None:
    logs = stream([plan("r1"), plan("r2", Outcome.NOT_FOUND), plan("r3", Outcome.REJECTED)])
    assert outcomes(logs) == {"r1": "ARCHIVED", "r2": "NOT_FOUND", "r3": "REJECTED"}
    assert outcomes(stream([plan("r1"), plan("r2", Outcome.DELETED)])) == {"r1": "ALREADY_ARCHIVED", "r2": "DELETED"}


def test_a_failure_that_passes_ends_the_try_after_the_whole_batch(world: World) -> None:
    world.source.script("r0", RESOLVE, [SourceUnavailable("503")])
    plans = [plan("r0"), plan("r1"), plan("r2")]
    ti = FakeTaskInstance(try_number=1, max_tries=1)
    with pytest.raises(AirflowException, match="1 of 3 recordings can be tried again: r0") as caught:
        stream(plans, ti)
    assert not isinstance(caught.value, AirflowFailException)
    assert outcomes(ti.pushed["return_value"]) == {"r0": "FAILED", "r1": "ARCHIVED", "r2": "ARCHIVED"}
    logs = stream(plans, FakeTaskInstance(try_number=2, max_tries=1))
    assert outcomes(logs) == {"r0": "ARCHIVED", "r1": "ALREADY_ARCHIVED", "r2": "ALREADY_ARCHIVED"}


def test_on_the_last_try_a_failure_is_one_recordings_own(world: World) -> None:
    world.source.script("r0", RESOLVE, [SourceUnavailable("503")])
    assert outcomes(stream([plan("r0"), plan("r1")])) == {"r0": "FAILED", "r1": "ARCHIVED"}


def test_a_failure_that_stays_is_not_tried_again(world: World) -> None:
    world.source.script("r0", RESOLVE, [AccessDenied("403")])
    logs = stream([plan("r0"), plan("r1")], FakeTaskInstance(try_number=1, max_tries=3))
    assert outcomes(logs) == {"r0": "FAILED", "r1": "ARCHIVED"}


def test_a_batch_of_failures_fails_for_good_and_leaves_its_audit_logs(world: World) -> None:
    for name in ("r0", "r1"):
        world.source.script(name, RESOLVE, [AccessDenied("scope recording:download is missing")])
    ti = FakeTaskInstance(try_number=1, max_tries=3)
    with pytest.raises(AirflowFailException, match="All 2 recordings failed: scope recording:download is missing"):
        stream([plan("r0"), plan("r1")], ti)
    assert outcomes(ti.pushed["return_value"]) == {"r0": "FAILED", "r1": "FAILED"}


def test_a_retry_takes_up_the_upload_that_the_state_store_remembers(world: World) -> None:
    content = (AUDIO / "call-cbr64k-44k1-stereo-30s.mp3").read_bytes() * 60
    part = 5 * 2**20
    world.source.recordings["long"] = recording(content=content, duration_s=None)
    long = plan("long", size_bytes=len(content), segment_size_bytes=part)
    world.source.script("long", 2, [SourceUnavailable("broken")])
    arguments = {"part_size_bytes": part, "concurrency": 1}
    state = FakeStateStore()
    with pytest.raises(AirflowException, match="can be tried again"):
        operator_of([long], **arguments).execute(
            context_of(FakeTaskInstance(try_number=1, max_tries=1), task_state_store=state)
        )
    assert set(state.values) == {"cxone.long"}
    assert len(list(world.store.uploads(""))) == 1

    fetched = len(world.source.calls)
    [log] = operator_of([long], **arguments).execute(
        context_of(FakeTaskInstance(try_number=2, max_tries=1), task_state_store=state)
    )
    assert log["outcome"] == "ARCHIVED"
    assert state.values == {}
    segments = [call.segment.index for call in world.source.calls[fetched:] if call.segment is not None]
    assert min(segments) == 2, "the first two parts are stored already"
    assert world.store.objects["cxone/recordings/date=unknown/long.mp3"][-1].body == content


class KillingSource(FakeSource):
    """A tenant in whose middle of a transfer the task is killed."""

    def __init__(self, operator: StreamRecordingToS3Operator) -> None:
        super().__init__({"r0": recording(), "r1": recording()})
        self._operator = operator

    def resolve(self, plan: SegmentPlan) -> Any:
        self._operator.on_kill()
        assert self._operator.cancelled.wait(10)
        return super().resolve(plan)


def test_a_kill_in_the_middle_never_ends_in_success_and_leaves_no_upload(world: World) -> None:
    operator = operator_of([plan("r0"), plan("r1")], concurrency=1)
    world.source = KillingSource(operator)
    with pytest.raises(AirflowException, match="stopped"):
        operator.execute(context_of(FakeTaskInstance(try_number=1, max_tries=1)))
    assert not [key for key in world.stored_keys() if "/recordings/" in key]
    assert list(world.store.uploads("")) == []


class SlowSource(FakeSource):
    """A tenant so slow that Airflow's execution time-out strikes."""

    def resolve(self, plan: SegmentPlan) -> Any:
        raise AirflowTaskTimeout


def test_a_time_out_of_the_task_does_not_wait_for_the_rest_of_the_batch(world: World) -> None:
    world.source = SlowSource(world.source.recordings)
    operator = operator_of([plan(f"r{number}") for number in range(4)], concurrency=1)
    with pytest.raises(AirflowTaskTimeout):
        operator.execute(context_of())
    assert world.stored_keys() == []
    assert operator.cancelled.is_set()


def test_on_kill_does_not_wait_for_a_lock_that_the_interrupted_thread_holds(world: World) -> None:
    operator = operator_of([])
    held: Any = operator.cancelled
    with held._cond:
        operator.on_kill()
    assert operator.cancelled.wait(10)


def test_a_signal_at_the_very_end_is_no_success(world: World) -> None:
    operator = operator_of([])
    held: Any = operator.cancelled
    with held._cond:  # the event cannot be set as long as this lasts
        with pytest.raises(AirflowException, match="told to stop"), operator.work():
            operator.on_kill()
        assert not held._flag


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"plans": None}, "plans is empty"),
        ({"plans": ""}, "plans is empty"),
        ({"plans": "{"}, "not JSON"),
        ({"plans": [{"recording_id": "r1"}]}, "not a segment plan"),
        ({"s3_bucket": ""}, "s3_bucket is missing"),
        ({"s3_bucket": "None"}, "s3_bucket is missing"),
        ({"s3_prefix": "../other"}, "unusable s3_prefix"),
        ({"concurrency": "0"}, "unusable concurrency"),
        ({"concurrency": "65"}, "unusable concurrency"),
        ({"part_size_bytes": "1"}, "unusable part_size_bytes"),
        ({"encryption": "ROT13"}, "encryption"),
        ({"encryption": "{"}, "unusable encryption"),
        ({"tags": "[]"}, "unusable tags"),
        ({"object_lock_mode": "COMPLIANCE"}, "go together"),
        ({"object_lock_mode": "COMPLIANCE", "retain_until": "2020-01-01"}, "retain_until is over already"),
        ({"object_lock_mode": "COMPLIANCE", "retain_until": "{"}, "unusable retain_until"),
        ({"object_lock_mode": "COMPLIANCE", "retain_until": {"values": {"a": "P1Y"}}}, "unusable retain_until"),
        ({"object_lock_mode": "WORM", "retain_until": "P7Y"}, "GOVERNANCE or COMPLIANCE"),
        ({"legal_hold": "perhaps"}, "unusable legal_hold"),
        ({"replace": "perhaps"}, "unusable replace"),
    ],
)
def test_what_makes_no_sense_fails_before_a_byte_moves(world: World, arguments: dict[str, Any], cause: str) -> None:
    given = {"plans": [plan("r1")], "s3_bucket": "archive", **arguments}
    with pytest.raises(AirflowFailException, match=cause):
        StreamRecordingToS3Operator(task_id="stream", **given).execute(context_of())
    assert not any(call.operation == "segment" for call in world.source.calls)
    assert world.store.objects == {}


def test_an_empty_batch_is_skipped_not_passed(world: World) -> None:
    with pytest.raises(AirflowSkipException, match="empty batch"):
        stream([])


def test_links_lead_to_the_object_or_to_the_folder_of_a_batch(world: World) -> None:
    key: Any = None
    one = operator_of([plan("r1")])
    assert ArchivedMediaLink().get_link(one, ti_key=key) == ""
    one.execute(context_of())
    assert ArchivedMediaLink().get_link(one, ti_key=key) == (
        "http://s3.example:9000/archive/cxone/recordings/date%3Dunknown/r1.mp3"
    )
    assert ManifestLink().get_link(one, ti_key=key) == "http://s3.example:9000/archive/cxone/manifests/r1.json"
    batch = operator_of([plan("r1"), plan("r2"), plan("r3", Outcome.NOT_FOUND)])
    batch.execute(context_of())
    assert ArchivedMediaLink().get_link(batch, ti_key=key) == (
        "http://s3.example:9000/archive/?prefix=cxone%2Frecordings%2Fdate%3Dunknown%2F"
    )
