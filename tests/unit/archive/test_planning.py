from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    InvalidDocument,
    InvalidRecordingId,
    RecordingNotFound,
    SourceUnavailable,
)
from cxone_provider.archive.plan import Reason, SegmentPlan
from cxone_provider.archive.planning import described, plan_of, plan_of_error, plan_without_request
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome, RecordingDescription, RecordingRef, checked_recording_id

NOW = pendulum.datetime(2026, 11, 23, 10)
REF = RecordingRef("call-1", recorded_at=NOW.subtract(days=1), metadata={"skill": "sales", "agent": "a-7"})
DESCRIPTION = RecordingDescription(
    recording_id="call-1",
    format="wav",
    size_bytes=1000,
    duration_s=20.0,
    status="completed",
    storage_state="available",
    recorded_at=NOW.subtract(days=2),
    metadata={"agent": "a-8"},
)


def plan(ref: RecordingRef = REF, description: RecordingDescription = DESCRIPTION, **changes: Any) -> SegmentPlan:
    settings: dict[str, Any] = {
        "audio_format": None,
        "segment_size_bytes": 256,
        "policy": ArchivePolicy(),
        "now": NOW,
        **changes,
    }
    return plan_of(ref, description, **settings)


def test_a_good_recording_is_ready_with_its_size_in_segments() -> None:
    made = plan()
    assert (made.outcome, made.reasons, made.size_bytes, made.segment_count) == (Outcome.READY, (), 1000, 4)
    assert (made.format, made.requested_format, made.storage_state) == ("wav", None, "available")


def test_the_listings_start_and_the_sources_metadata_win() -> None:
    made = plan()
    assert made.recorded_at == REF.recorded_at
    assert made.metadata == {"status": "completed", "skill": "sales", "agent": "a-8"}


def test_what_only_one_side_knows_is_kept() -> None:
    ref = RecordingRef("call-1", duration_s=33.0)
    known = described(ref, replace(DESCRIPTION, duration_s=None))
    assert (known.duration_s, known.recorded_at) == (33.0, DESCRIPTION.recorded_at)


@pytest.mark.parametrize(
    ("native", "audio_format", "expected"),
    [
        ("wav", None, ("wav", None, 1000)),
        ("wav", "wav", ("wav", None, 1000)),
        ("WAV", "wave", ("wav", None, 1000)),
        ("wav", "mp3", ("mp3", "mp3", None)),
        (None, "mp3", ("mp3", "mp3", None)),
        (None, None, (None, None, 1000)),
    ],
)
def test_a_size_counts_only_for_the_native_media(
    native: str | None, audio_format: str | None, expected: tuple[str | None, str | None, int | None]
) -> None:
    made = plan(description=replace(DESCRIPTION, format=native), audio_format=audio_format)
    assert (made.format, made.requested_format, made.size_bytes) == expected
    assert made.outcome is Outcome.READY


def test_all_broken_rules_end_the_plan() -> None:
    made = plan(description=replace(DESCRIPTION, duration_s=0, size_bytes=0, status="active"))
    assert made.outcome is Outcome.REJECTED
    assert [reason.rule for reason in made.reasons] == ["status", "min_size_bytes", "min_duration_s"]


def test_a_duration_of_the_listing_is_checked_too() -> None:
    made = plan(RecordingRef("call-1", duration_s=4000), replace(DESCRIPTION, duration_s=None))
    assert made.reasons == (Reason("max_duration_s", 4000, 3600),)


def test_another_recordings_answer_is_rejected() -> None:
    made = plan(description=replace(DESCRIPTION, recording_id="call-2"))
    assert (made.recording_id, made.outcome) == ("call-1", Outcome.REJECTED)
    assert made.reasons == (Reason("recording_id", "call-2", "call-1"),)


def test_more_segments_than_allowed_are_rejected_without_making_them() -> None:
    made = plan(
        description=replace(DESCRIPTION, size_bytes=2**40),
        segment_size_bytes=1,
        policy=ArchivePolicy(max_size_bytes=2**40),
    )
    assert made.reasons == (Reason("max_segment_count", 2**40, 1_000_000),)


def test_further_reasons_are_added_to_the_policys_own_once() -> None:
    late = replace(DESCRIPTION, duration_s=4000)
    own = Reason("max_duration_s", 4000, 3600)
    extra = Reason("agent", "a-8", "a-1")
    assert plan(description=late, further_reasons=[own, extra]).reasons == (own, extra)
    assert plan(further_reasons=[extra]).outcome is Outcome.REJECTED


@pytest.mark.parametrize("state", ["archived", "deleted", "locked"])
def test_a_state_that_cannot_be_streamed_is_an_outcome_with_its_reason(state: str) -> None:
    made = plan(description=replace(DESCRIPTION, storage_state=state))
    assert made.outcome in {Outcome.IN_COLD_STORAGE, Outcome.DELETED, Outcome.LOCKED}
    assert made.reasons == (Reason("storage_state", state, "available, stored"),)


def test_no_media_needs_no_request() -> None:
    made = plan_without_request(replace(REF, has_media=False), segment_size_bytes=512)
    assert made is not None
    assert (made.outcome, made.recorded_at, made.segment_size_bytes) == (Outcome.NO_RECORDING, REF.recorded_at, 512)
    assert [plan_without_request(replace(REF, has_media=value)) for value in (True, None)] == [None, None]


@pytest.mark.parametrize(
    ("error", "outcome", "rule"),
    [
        (RecordingNotFound("no such recording", found=404), Outcome.NOT_FOUND, "recording_id"),
        (InvalidRecordingId("unusable recording id", found="../x"), Outcome.REJECTED, "recording_id"),
        (InvalidDocument("has_media of a ref", found=7), Outcome.REJECTED, "document"),
        (AccessDenied("403"), Outcome.FAILED, "AccessDenied"),
        (SourceUnavailable("gone " + "x" * 10_000), Outcome.FAILED, "SourceUnavailable"),
    ],
)
def test_an_error_becomes_an_outcome_with_one_reason(error: ArchiveError, outcome: Outcome, rule: str) -> None:
    made = plan_of_error("call-1", error, ref=REF, segment_size_bytes=256)
    assert (made.outcome, [reason.rule for reason in made.reasons]) == (outcome, [rule])
    assert len(str(made.reasons[0].value)) < 400
    assert (made.recorded_at, made.metadata) == (REF.recorded_at, REF.metadata)


@pytest.mark.parametrize("recording_id", ["", "../../etc", "x" * 10_000, "a\nb\x00", None, {"a": 1}, -3])
def test_a_plan_of_a_hostile_id_is_small_and_readable(recording_id: object) -> None:
    with pytest.raises(InvalidRecordingId) as caught:
        checked_recording_id(recording_id)
    document = plan_of_error(recording_id, caught.value).to_document()
    assert len(json.dumps(document)) < 2048
    assert SegmentPlan.from_document(document).outcome is Outcome.REJECTED
    assert "\n" not in document["recording_id"]
