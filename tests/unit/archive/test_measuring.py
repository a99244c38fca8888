"""Statistics of a day: right, kept while nothing changes, and never of bytes that are not the archive's."""

from __future__ import annotations

import json
import threading
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.errors import InvalidInput, StoreUnavailable, TransferCancelled
from cxone_provider.archive.measuring import STATISTICS_SCHEMA, DayMeter
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import Outcome
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeRecording, FakeSource
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import AUDIO, LAYOUT

DAY = "2026-11-22"
RECORDED_AT = pendulum.datetime(2026, 11, 22, 9)
KEY = f"cxone/statistics/date={DAY}/calls.jsonl"
CALLS = {
    "a:1": "call-pcm16-8k-stereo.wav",
    "b": "call-alaw-8k-stereo.wav",
    "c": "one-second.mp3",
    "d": "call-gsm610-mono.wav",
}


def _format(file: str) -> str:
    return file.rpartition(".")[2]


def archive(store: FakeStore, calls: dict[str, str], **settings: Any) -> None:
    contents = {name: (AUDIO / file).read_bytes() for name, file in calls.items()}
    plans = [
        SegmentPlan(name, Outcome.READY, format=_format(calls[name]), recorded_at=RECORDED_AT,
                    size_bytes=len(content), segment_size_bytes=2**20)
        for name, content in contents.items()
    ]  # fmt: skip
    logs = archive_recordings(
        plans,
        source=FakeSource({name: FakeRecording(body, format=_format(calls[name])) for name, body in contents.items()}),
        store=store,
        clock=FakeClock(),
        settings=ArchiveSettings(prefix="cxone", part_size_bytes=8 * 2**20, **settings),
    )
    assert {str(log.outcome) for log in logs} == {"ARCHIVED"}


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore()
    archive(store, CALLS)
    return store


def lines_of(store: FakeStore) -> dict[str, dict[str, Any]]:
    documents = [json.loads(line) for line in store.body(KEY).splitlines()]
    assert len({one["recording_id"] for one in documents}) == len(documents)
    return {one["recording_id"]: one for one in documents}


def streams(store: FakeStore) -> int:
    return sum(call.operation == "stream" for call in store.calls)


def test_every_archived_call_of_the_day_is_a_line(store: FakeStore) -> None:
    found = DayMeter(store, LAYOUT).measure_day(DAY)
    assert (found.measured, found.unmeasured, found.kept, found.problems) == (2, 2, 0, {})
    lines = lines_of(store)
    assert sorted(lines) == sorted(CALLS)
    assert {line["schema"] for line in lines.values()} == {STATISTICS_SCHEMA}
    call = lines["a:1"]
    assert call["s3_uri"] == f"s3://archive/cxone/recordings/date={DAY}/a%3A1.wav"
    assert [channel["talk_share"] for channel in call["channels"]] == pytest.approx([0.456, 0.248], abs=0.01)
    assert call["overlap_share"] == 0
    compressed = lines["c"]
    assert compressed["duration_s"] == pytest.approx(1.15, abs=0.01)
    assert compressed["channels"] is None
    assert compressed["note"] == "compressed sound is not decoded: mp3"
    assert "gsm610" in lines["d"]["note"]


def test_a_second_time_reads_no_media_and_writes_nothing(store: FakeStore) -> None:
    meter = DayMeter(store, LAYOUT)
    meter.measure_day(DAY)
    versions, read = len(store.objects[KEY]), streams(store)
    again = meter.measure_day(DAY)
    assert (again.kept, again.measured, again.unmeasured) == (4, 0, 0)
    assert (len(store.objects[KEY]), streams(store)) == (versions, read)


def test_a_late_arrival_costs_only_itself(store: FakeStore) -> None:
    DayMeter(store, LAYOUT).measure_day(DAY)
    read = streams(store)
    archive(store, {"late": "call-ulaw-8k-mono.wav"})
    found = DayMeter(store, LAYOUT).measure_day(DAY)
    assert (found.measured, found.kept, streams(store) - read) == (1, 4, 1)
    assert "late" in lines_of(store)


def test_another_threshold_and_other_media_are_measured_anew(store: FakeStore) -> None:
    DayMeter(store, LAYOUT).measure_day(DAY)
    found = DayMeter(store, LAYOUT, silence_dbfs=-30.0).measure_day(DAY)
    assert found.measured == 2
    assert lines_of(store)["b"]["silence_dbfs"] == -30.0
    archive(store, {"b": "call-rf64-10s.wav"}, replace=True)
    assert DayMeter(store, LAYOUT, silence_dbfs=-30.0).measure_day(DAY).measured == 1
    assert lines_of(store)["b"]["duration_s"] == 10.0


def test_what_has_no_manifest_or_another_object_is_no_call(store: FakeStore) -> None:
    wave = ObjectAttributes("audio/wav")
    store.put(f"cxone/recordings/date={DAY}/uncommitted.wav", b"RIFF", wave)
    store.put(f"cxone/recordings/date={DAY}/b.mp3", b"leftover of another format", wave)
    DayMeter(store, LAYOUT).measure_day(DAY)
    assert sorted(lines_of(store)) == sorted(CALLS)


def test_changed_media_is_a_problem_and_the_others_are_measured(store: FakeStore) -> None:
    key = f"cxone/recordings/date={DAY}/b.wav"
    store.tamper(key, store.body(key)[:-1] + b"\0")
    found = DayMeter(store, LAYOUT).measure_day(DAY)
    assert list(found.problems) == ["b"]
    assert found.problems["b"].startswith("DigestMismatch")
    assert not found.retryable
    assert sorted(lines_of(store)) == ["a:1", "c", "d"]


def test_a_store_that_fails_for_a_moment_is_worth_another_try(store: FakeStore) -> None:
    store.fail_next("stream", StoreUnavailable("broken"))
    found = DayMeter(store, LAYOUT).measure_day(DAY)
    assert (len(found.problems), found.retryable) == (1, True)
    again = DayMeter(store, LAYOUT).measure_day(DAY)
    assert (again.problems, again.measured, again.kept) == ({}, 1, 3)


def test_statistics_that_cannot_be_read_are_made_anew(store: FakeStore) -> None:
    DayMeter(store, LAYOUT).measure_day(DAY)
    right = store.body(KEY)
    foreign = json.dumps({"schema": STATISTICS_SCHEMA, "recording_id": "a:1"}).encode()
    store.tamper(KEY, b'{"cut\n[]\n' + foreign + b"\n")
    DayMeter(store, LAYOUT).measure_day(DAY)
    assert store.body(KEY) == right


def test_a_kill_stores_nothing(store: FakeStore) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(TransferCancelled):
        DayMeter(store, LAYOUT, cancelled=cancelled).measure_day(DAY)
    assert KEY not in store.objects


def test_an_empty_day_leaves_no_object(store: FakeStore) -> None:
    assert DayMeter(store, LAYOUT).measure_day("2026-01-01").to_document() == {
        "uri": "s3://archive/cxone/statistics/date=2026-01-01/calls.jsonl",
        "measured": 0, "kept": 0, "unmeasured": 0, "problems": 0,
    }  # fmt: skip
    assert not [key for key in store.objects if "date=2026-01-01" in key]


@pytest.mark.parametrize("day", ["2026-13-01", "20261122", "..", "", "2026-11-22/../../x", "today"])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(InvalidInput):
        LAYOUT.statistics_key(day)
    with pytest.raises(InvalidInput):
        LAYOUT.day_prefix(day)


def test_recordings_without_a_start_have_a_day_as_well() -> None:
    assert LAYOUT.day_prefix("unknown") == "cxone/recordings/date=unknown/"
