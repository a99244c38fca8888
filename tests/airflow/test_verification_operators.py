from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.errors import StoreRefused, StoreUnavailable
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import Outcome
from cxone_provider.operators.recordings import SweepUploadsOperator, VerifyArchiveOperator
from tests.airflow.operator_world import MP3, World, entered, recording
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeSource
from tests.fakes.store import FakeStore
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
IDS = [f"r{number}" for number in range(12)]
REPORT_KEY = "p/runs/date=2026-11-23/run.verify.jsonl"
OURS = "p/recordings/date=unknown/r0.mp3"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A bucket with a dozen archived recordings."""
    world = entered(monkeypatch)
    plans = [SegmentPlan(name, Outcome.READY, format="mp3", size_bytes=len(MP3)) for name in IDS]
    archive_recordings(
        plans,
        source=FakeSource({name: recording() for name in IDS}),
        store=world.store,
        clock=FakeClock(),
        settings=ArchiveSettings(prefix="p"),
    )
    return world


def verify(ti: FakeTaskInstance | None = None, **arguments: Any) -> dict[str, Any]:
    operator = VerifyArchiveOperator(task_id="verify", **{"s3_bucket": "archive", "s3_prefix": "p", **arguments})
    return operator.execute(context_of(ti or FakeTaskInstance(task_id="verify")))


def sweep(**arguments: Any) -> dict[str, Any]:
    operator = SweepUploadsOperator(task_id="sweep", **{"s3_bucket": "archive", "s3_prefix": "p", **arguments})
    return operator.execute(context_of())


def lines(world: World, key: str = REPORT_KEY) -> dict[str, bool]:
    found = [json.loads(line) for line in world.store.objects[key][-1].body.splitlines()]
    assert {line["schema"] for line in found} == {"cxone.verification/1"}
    return {line["recording_id"]: line["intact"] for line in found}


def media_key(recording_id: str) -> str:
    return f"p/recordings/date=unknown/{recording_id}.mp3"


def test_an_archive_that_is_whole_passes_and_leaves_a_line_for_each(world: World, task_log: Callable[[], str]) -> None:
    summary = verify()
    assert (summary["recordings"], summary["intact"], summary["size_bytes"]) == (12, 12, 12 * len(MP3))
    assert summary["report_uri"] == f"s3://archive/{REPORT_KEY}"
    assert "since receipt" in summary["proves"]
    assert lines(world) == dict.fromkeys(sorted(IDS), True)
    assert re.search(rf"12 +12 +0 +0 +{12 * len(MP3):,}", task_log())


def test_damage_fails_by_name_after_it_was_written_down(world: World, task_log: Callable[[], str]) -> None:
    world.store.tamper(media_key("r3"), MP3[:-1] + b"\x00")
    del world.store.objects["p/audit/r7.jsonl"]
    with pytest.raises(
        AirflowFailException, match=r"2 of 12 recordings are not what .* 0 may be: r3, r7\. .*runs/date="
    ):
        verify()
    assert [name for name, intact in lines(world).items() if not intact] == ["r3", "r7"]
    assert "r3  DigestMismatch  the media at s3://archive/p/recordings/date=unknown/r3.mp3 changed" in task_log()
    assert verify(max_problems="2")["problems"] == 2


def test_so_many_weeks_read_everything_once(world: World) -> None:
    read: list[str] = []
    for week in range(3):
        context = context_of(FakeTaskInstance(task_id="verify"))
        context["dag_run"].run_after = pendulum.datetime(2026, 12, 21).add(weeks=week)
        operator = VerifyArchiveOperator(task_id="verify", s3_bucket="archive", s3_prefix="p", slice_count="3")
        read += (
            []
            if not operator.execute(context)["recordings"]
            else lines(world, f"p/runs/date={context['dag_run'].run_after.date()}/run.verify.jsonl")
        )
    assert sorted(read) == sorted(IDS)


def test_slices_can_be_mapped_over(world: World) -> None:
    for index in range(4):
        ti = FakeTaskInstance(task_id="verify", map_index=index)
        assert verify(ti, slice_index=str(index), slice_count="4")["slice"] == {"index": index, "count": 4}
    reports = [key for key in world.stored_keys() if "/runs/" in key]
    assert reports == [f"p/runs/date=2026-11-23/run.verify.{index}.jsonl" for index in range(4)]
    assert sorted(name for key in reports for name in lines(world, key)) == sorted(IDS)


@pytest.mark.parametrize("recordings", ["r5", ["r5", "r5"], '["r5"]', [{"recording_id": "r5"}], [["r5"], []]], ids=str)
def test_recordings_can_be_named(world: World, recordings: Any) -> None:
    assert verify(recordings=recordings)["slice"] is None
    assert lines(world) == {"r5": True}


def test_a_named_recording_that_is_not_archived_is_a_problem(world: World) -> None:
    with pytest.raises(AirflowFailException, match=r"1 of 2 recordings .*: nowhere"):
        verify(recordings=["r1", "nowhere"])


@pytest.mark.parametrize("arguments", [{"s3_prefix": "empty"}, {"recordings": []}, {"recordings": "[]"}])
def test_nothing_to_verify_is_skipped_not_passed(world: World, arguments: dict[str, Any]) -> None:
    with pytest.raises(AirflowSkipException, match="none passed"):
        verify(**arguments)
    assert not [key for key in world.stored_keys() if "/runs/" in key]


def test_an_empty_slice_is_skipped(world: World) -> None:
    empty = 0
    for index in range(100):
        try:
            verify(slice_index=index, slice_count=100)
        except AirflowSkipException:
            empty += 1
    assert 88 <= empty < 100


def test_what_could_not_be_read_is_tried_again_and_never_passes(world: World) -> None:
    world.store.fail_next("stream", StoreUnavailable("503"))
    with pytest.raises(AirflowException, match="1 of 12 recordings could not be read: r0") as raised:
        verify(FakeTaskInstance(task_id="verify", max_tries=1), concurrency=1)
    assert not isinstance(raised.value, AirflowFailException)
    world.store.fail_next("stream", StoreUnavailable("503"))
    with pytest.raises(AirflowFailException, match="could not be read"):
        verify(concurrency=1)


def test_a_killed_task_reads_no_further_and_is_no_result(world: World) -> None:
    operator = VerifyArchiveOperator(task_id="verify", s3_bucket="archive", s3_prefix="p")
    operator.cancelled.set()
    with pytest.raises(AirflowException) as raised:
        operator.execute(context_of())
    assert not isinstance(raised.value, AirflowFailException)
    assert world.store.count("stream") == 0


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"s3_bucket": "None"}, "s3_bucket is missing"),
        ({"s3_prefix": ".."}, "unusable s3_prefix"),
        ({"slice_count": "0"}, "unusable slice_count"),
        ({"slice_index": "4", "slice_count": "4"}, "unusable slice_index"),
        ({"slice_index": "-1"}, "unusable slice_index"),
        ({"concurrency": "65"}, "unusable concurrency"),
        ({"max_problems": "some"}, "unusable max_problems"),
        ({"recordings": ["../x"]}, "unusable recording id"),
    ],
)
def test_what_makes_no_sense_fails_at_once(world: World, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        verify(**arguments)


def with_uploads(world: World) -> None:
    world.store = FakeStore(now=lambda: pendulum.now("UTC").subtract(days=3))
    for key in (OURS, "p/recordings/readme", "elsewhere/recordings/date=unknown/a.mp3"):
        world.store.create_upload(key, ObjectAttributes("audio/mpeg"))


def uploads(world: World) -> list[str]:
    return [upload.key for upload in world.store.uploads("")]


@pytest.mark.parametrize("older_than", ["2d", "P2D", "PT71H", timedelta(days=2)])
def test_the_sweep_removes_what_is_ours_and_stale(world: World, older_than: Any) -> None:
    with_uploads(world)
    summary = sweep(older_than=older_than)
    assert (summary["uploads"], summary["first"][0]["key"]) == (1, OURS)
    assert uploads(world) == ["elsewhere/recordings/date=unknown/a.mp3", "p/recordings/readme"]
    assert sweep(older_than=older_than)["uploads"] == 0


@pytest.mark.parametrize("arguments", [{"report_only": "True"}, {"older_than": "4d"}])
def test_the_sweep_leaves_what_it_should_not_touch(world: World, arguments: dict[str, Any]) -> None:
    with_uploads(world)
    sweep(**arguments)
    assert OURS in uploads(world)


def test_an_upload_that_cannot_be_removed_fails_the_task(world: World) -> None:
    with_uploads(world)
    world.store.fail_next("abort_upload", StoreRefused("no s3:AbortMultipartUpload"))
    with pytest.raises(AirflowException, match=f"1 of 1 stale uploads are left: {OURS}"):
        sweep()


@pytest.mark.parametrize("older_than", ["", "10m", "yesterday"])
def test_an_age_that_makes_no_sense_fails_at_once(world: World, older_than: str) -> None:
    with_uploads(world)
    with pytest.raises(AirflowFailException, match="unusable age"):
        sweep(older_than=older_than)
    assert OURS in uploads(world)
