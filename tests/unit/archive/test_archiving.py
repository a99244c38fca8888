"""The use case in memory: the right bytes with their evidence, or a named error and nothing published."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import pytest

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog, audit_documents
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    DigestMismatch,
    LockUnsupported,
    RecordingNotFound,
    SourceUnavailable,
    StoreUnavailable,
    TransferCancelled,
)
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.plan import Reason, SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.trail import verify_trail
from tests.fakes.clock import FakeClock
from tests.fakes.source import WHOLE, Altered, FakeRecording, FakeSource
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import CALL, LAYOUT, MEDIA_KEY, OTHER_CALL, Case

SHA256 = hashlib.sha256(CALL).hexdigest()


def manifest_of(case: Case) -> Manifest:
    manifest = read_manifest(case.store, LAYOUT, "rec")
    assert manifest is not None
    return manifest


@pytest.mark.parametrize(("part_size_bytes", "concurrency"), [(2**20, 1), (60_000, 1), (60_000, 3), (20_000, 8)])
def test_a_recording_is_archived_byte_for_byte_with_its_evidence(part_size_bytes: int, concurrency: int) -> None:
    case = Case(part_size_bytes=part_size_bytes, concurrency=concurrency, duration_s=70.2, signed=True)
    log = case.run()
    assert log.error is None
    assert (log.outcome, log.success, log.sha256) == (Outcome.ARCHIVED, True, SHA256)
    assert case.store.body(MEDIA_KEY) == CALL
    assert log.total_bytes == len(CALL) == sum(entry.bytes_read for entry in log.entries)
    assert [entry.chunk_index for entry in log.entries] == list(range(15))
    assert {entry.signature for entry in log.entries} == {"verified"}
    assert log.entries[0].range == "0-19999"
    assert log.entries[3].sha256 == hashlib.sha256(CALL[60_000:80_000]).hexdigest()
    manifest = manifest_of(case)
    assert (manifest.size_bytes, manifest.sha256, manifest.s3_uri) == (len(CALL), SHA256, log.s3_uri)
    assert manifest.metadata == {"skill": "billing"}
    trail = verify_trail("rec", case.store.body(LAYOUT.audit_key("rec")))
    assert (trail.head, trail.sha256) == (manifest.audit["head"], manifest.audit["sha256"])
    assert sum(event["event"] == "segment" for event in trail.events) == 15
    assert case.no_upload_left()


def test_the_manifest_is_written_last_and_the_evidence_before_the_object_shows() -> None:
    case = Case()
    case.run()
    writes = [call.operation + " " + call.key.split("/")[1] for call in case.store.calls if call.operation in
              {"put", "complete_upload"}]  # fmt: skip
    assert writes[-3:] == ["put audit", "complete_upload recordings", "put manifests"]


def test_an_archived_recording_costs_one_request_to_the_store_and_none_to_the_tenant() -> None:
    case = Case()
    case.run()
    case.store.calls.clear()
    case.source.calls.clear()
    log = case.run()
    assert (log.outcome, log.sha256, log.total_bytes) == (Outcome.ALREADY_ARCHIVED, SHA256, len(CALL))
    assert case.source.calls == []
    assert [call.operation for call in case.store.calls if call.operation != "check"] == ["read"]


def test_replace_archives_again_and_keeps_the_older_version() -> None:
    case = Case()
    case.run()
    case.recording.content = OTHER_CALL
    log = case.run(replace=True)
    assert log.outcome is Outcome.ARCHIVED
    assert case.store.body(MEDIA_KEY) == OTHER_CALL
    assert case.versions()[MEDIA_KEY] == 2
    assert manifest_of(case).sha256 == hashlib.sha256(OTHER_CALL).hexdigest()


@pytest.mark.parametrize(
    ("fault", "error_type"),
    [
        (Altered({"total_bytes": len(CALL) + 1}), "SizeDisagrees"),
        (Altered({"etag": '"v2"'}), "RecordingChanged"),
        (Altered({"etag": None}), "RecordingChanged"),
        (Altered({"bytes_read": 5}), "ShortBody"),
        (Altered({"signature": "0" * 64}), "SignatureMismatch"),
        (Altered({"signature": None}), "SignatureMissing"),
        (Altered({"signature": "zz"}), "SignatureMismatch"),
        (Altered(flip_byte=7), "SignatureMismatch"),
        (AccessDenied("no access"), "AccessDenied"),
        (SourceUnavailable("down"), "SourceUnavailable"),
    ],
)
@pytest.mark.parametrize("index", [1, 5, 14])
def test_a_fault_that_stays_ends_named_with_nothing_published(
    index: int, fault: Altered | ArchiveError, error_type: str
) -> None:
    case = Case(signed=True)
    case.source.script("rec", index, [fault] * 20)
    log = case.run()
    assert log.outcome is Outcome.FAILED
    assert log.error is not None
    assert log.error.type == error_type
    assert case.nothing_published()
    assert case.no_upload_left()
    trail = verify_trail("rec", case.store.body(LAYOUT.audit_key("rec")))
    last = trail.last("failed")
    assert last is not None
    assert last["error"]["type"] == error_type
    assert log.audit_head == trail.head


@pytest.mark.parametrize(
    "fault", [Altered({"signature": "0" * 64}), Altered({"signature": None}), Altered(flip_byte=3)]
)
def test_one_bad_signature_is_healed_by_one_clean_read(fault: Altered) -> None:
    case = Case(signed=True)
    case.source.script("rec", 4, [fault])
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED
    assert log.entries[4].attempts == 2
    assert case.store.body(MEDIA_KEY) == CALL


def test_a_changed_recording_is_started_over_as_the_new_one() -> None:
    case = Case()
    case.source.script("rec", 7, [Altered({"etag": '"v2"'})])
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED
    assert case.fetched().count(0) == 2
    assert case.store.body(MEDIA_KEY) == CALL
    assert case.no_upload_left()


@pytest.mark.parametrize("described", [len(CALL) + 100_000, len(CALL) + 1, len(CALL) - 1, 100, 150_000])
def test_size_and_storage_that_disagree_are_planned_again(described: int) -> None:
    case = Case(size_bytes=described, concurrency=1)
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.store.body(MEDIA_KEY) == CALL
    assert len(case.source.calls_of("describe")) == 1
    assert case.fetched().count(0) <= 2


@pytest.mark.parametrize("described", [len(CALL) + 100_000, len(CALL) - 1])
def test_metadata_that_stays_wrong_is_an_error_that_names_both_sizes(described: int) -> None:
    case = Case(size_bytes=described, described_size_bytes=described)
    log = case.run()
    assert log.outcome is Outcome.FAILED
    assert log.error is not None
    assert log.error.type in {"SizeDisagrees", "RangeNotSatisfiable"}
    assert str(len(CALL)) in log.error.message
    assert case.nothing_published()


@pytest.mark.parametrize("trait", [{"ranges": False}, {"etag": None}])
@pytest.mark.parametrize("part_size_bytes", [2**20, 60_000])
def test_ranges_that_cannot_be_combined_become_one_request(trait: dict[str, Any], part_size_bytes: int) -> None:
    case = Case(part_size_bytes=part_size_bytes, **trait)
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.store.body(MEDIA_KEY) == CALL
    assert len(case.source.calls_of("whole")) == 1
    assert len(log.entries) == 15


def test_one_request_that_breaks_is_started_over() -> None:
    case = Case(ranges=False)
    case.source.cut_whole("rec", [100_000, 5])
    assert case.run().outcome is Outcome.ARCHIVED
    assert case.store.body(MEDIA_KEY) == CALL


def test_one_request_whose_bytes_do_not_fit_their_digest_is_started_over() -> None:
    case = Case(ranges=False)
    case.source.script("rec", WHOLE, [DigestMismatch("the body is damaged")])
    assert case.run().outcome is Outcome.ARCHIVED
    assert len(case.source.calls_of("whole")) == 2


def test_one_request_that_always_breaks_is_an_error() -> None:
    case = Case(ranges=False)
    case.source.cut_whole("rec", [100_000] * 9)
    log = case.run()
    assert log.error is not None
    assert (log.outcome, log.error.type) == (Outcome.FAILED, "ShortBody")
    assert case.nothing_published()
    assert case.no_upload_left()


def test_a_whole_answer_carries_no_chunk_signature() -> None:
    log = Case(ranges=False, signed=True).run()
    assert log.error is not None
    assert log.error.type == "SignatureMissing"


@pytest.mark.parametrize("part_size_bytes", [2**20, 60_000])
def test_the_media_tells_size_and_format_where_the_metadata_does_not(part_size_bytes: int) -> None:
    case = Case(size_bytes=None, audio_format=None, part_size_bytes=part_size_bytes)
    log = case.run()
    assert (log.outcome, log.format) == (Outcome.ARCHIVED, "mp3")
    assert case.store.body(MEDIA_KEY) == CALL
    assert case.fetched() == sorted(set(case.fetched())) or case.settings["concurrency"] > 1
    assert manifest_of(case).plan["size_bytes"] == len(CALL)


def test_a_size_that_nobody_tells_is_an_error() -> None:
    log = Case(size_bytes=None, total_told=False).run()
    assert log.error is not None
    assert log.error.type == "UnexpectedAnswer"


def test_a_recording_over_the_maximum_is_rejected_once_the_media_tells_its_size() -> None:
    case = Case(size_bytes=None)
    log = case.run(policy=ArchivePolicy(max_size_bytes=1000))
    assert log.outcome is Outcome.REJECTED
    assert log.error is not None
    assert "1000" in log.error.message
    assert case.nothing_published()


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"<html>login</html>", CALL[: len(CALL) // 2] + b"\x00" * 5000 + CALL[-9000:]]
)
def test_what_is_no_whole_audio_is_never_published(content: bytes) -> None:
    case = Case(content, segment_size_bytes=4096, part_size_bytes=8192)
    log = case.run()
    assert log.outcome is Outcome.FAILED
    assert log.error is not None
    assert log.error.type in {"TruncatedAudio", "UnknownAudio", "CorruptAudio"}
    assert case.nothing_published()
    assert case.no_upload_left()


def test_audio_of_another_duration_than_the_metadata_tells_is_never_published() -> None:
    case = Case()
    case.plan = SegmentPlan("rec", Outcome.READY, 20_000, format="mp3", size_bytes=len(CALL), duration_s=1800.0)
    log = case.run()
    assert log.error is not None
    assert log.error.type == "DurationDisagrees"
    assert case.nothing_published()


def test_audio_of_another_format_names_both() -> None:
    log = Case(audio_format="wav").run()
    assert log.error is not None
    assert log.error.type == "WrongFormat"
    assert "mp3" in log.error.message
    assert "wav" in log.error.message


def test_a_foreign_object_at_the_final_key_is_never_overwritten() -> None:
    case = Case()
    case.store.put(MEDIA_KEY, b"something else", ObjectAttributes("audio/mpeg"))
    log = case.run()
    assert log.error is not None
    assert log.error.type == "ObjectConflict"
    assert case.store.body(MEDIA_KEY) == b"something else"
    assert case.no_upload_left()


def test_another_recordings_manifest_stops_the_recording() -> None:
    case = Case()
    case.run()
    manifest = case.store.body(LAYOUT.manifest_key("rec"))
    case.store.tamper(LAYOUT.manifest_key("rec"), manifest.replace(b'"rec"', b'"other"'))
    log = case.run()
    assert log.error is not None
    assert log.error.type == "InvalidDocument"
    assert case.versions()[MEDIA_KEY] == 1


def test_a_batch_does_not_fail_because_of_one_recording() -> None:
    contents = {f"rec-{n}": FakeRecording(CALL) for n in range(6)}
    source = FakeSource(contents)
    source.script("rec-2", 0, [SourceUnavailable("down")])
    source.script("rec-4", "resolve", [RecordingNotFound("gone")])
    plans = [SegmentPlan(name, Outcome.READY, format="mp3", size_bytes=len(CALL)) for name in contents]
    plans.append(SegmentPlan("rec-6", Outcome.REJECTED, reasons=(Reason("duration", 4000, 3600),)))
    plans.append(SegmentPlan("rec-7", Outcome.DELETED))
    logs = archive_recordings(
        plans, source=source, store=FakeStore(), clock=FakeClock(), settings=ArchiveSettings(concurrency=3)
    )
    assert [log.recording_id for log in logs] == [plan.recording_id for plan in plans]
    assert [str(log.outcome) for log in logs] == [
        "ARCHIVED", "ARCHIVED", "FAILED", "ARCHIVED", "NOT_FOUND", "ARCHIVED", "REJECTED", "DELETED",
    ]  # fmt: skip
    assert logs[6].error is not None
    assert "4000" in logs[6].error.message


def test_an_empty_batch_asks_nobody() -> None:
    source, store = FakeSource(), FakeStore()
    assert archive_recordings([], source=source, store=store, clock=FakeClock(), settings=ArchiveSettings()) == []
    assert (source.calls, store.calls) == ([], [])


def test_a_bucket_without_lock_is_refused_before_the_first_byte() -> None:
    case = Case()
    case.store = FakeStore(lock=ObjectLock(legal_hold=True), bucket_has_lock=False)
    with pytest.raises(LockUnsupported):
        case.run()
    assert case.source.calls == []


def test_a_cancelled_run_is_never_a_result_and_leaves_no_upload() -> None:
    case, cancelled = Case(concurrency=1), threading.Event()
    case.source.before_segment = lambda index: cancelled.set() if index == 8 else None
    with pytest.raises(TransferCancelled):
        case.run(cancelled=cancelled, keep_unfinished=True)
    assert case.nothing_published()
    assert case.no_upload_left()


def test_a_store_that_stays_down_is_a_failure_that_another_try_can_mend() -> None:
    case = Case()
    case.store.fail_next("put_part", StoreUnavailable("slow down"), times=1, skip=1)
    log = case.run()
    assert log.error is not None
    assert (log.outcome, log.error.retryable) == (Outcome.FAILED, True)
    assert case.no_upload_left()


def test_audit_logs_ride_whole_only_while_they_fit() -> None:
    log = Case(segment_size_bytes=5000).run()
    [small] = audit_documents([log])
    assert len(small["audit_entries"]) == 57
    assert AuditLog.from_document(json.loads(json.dumps(small))) == log
    [large] = audit_documents([log], budget_bytes=4096)
    assert (large["audit_entries"], large["audit_entries_omitted"]) == ([], 57)
    assert len(json.dumps(large)) < 4096
