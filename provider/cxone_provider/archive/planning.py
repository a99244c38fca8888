"""From what a source says of a recording to the plan of its transfer, or to the way it ended before one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pendulum

from cxone_provider.archive.errors import (
    ArchiveError,
    InvalidDocument,
    InvalidRecordingId,
    RecordingNotFound,
    shown,
)
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.finishing import limits_of
from cxone_provider.archive.plan import DEFAULT_SEGMENT_SIZE_BYTES, Reason, SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy, format_word, outcome_of, word_of
from cxone_provider.archive.recording import (
    Outcome,
    RecordingDescription,
    RecordingRef,
    parse_duration_s,
    parse_size_bytes,
)

_WORD_CHARACTERS = 60
_MESSAGE_CHARACTERS = 300


def described(ref: RecordingRef, description: RecordingDescription) -> RecordingDescription:
    """Return the description with what only the listing knows.

    The listing's start wins: keys depend on it, and a bare id validated elsewhere must land beside the listed one.
    Of metadata that both have, the source's is the newer one.
    """
    status = {} if description.status is None else {"status": shown(description.status, limit=_WORD_CHARACTERS)}
    return replace(
        description,
        recorded_at=ref.recorded_at or description.recorded_at,
        duration_s=ref.duration_s if description.duration_s is None else description.duration_s,
        metadata={**status, **ref.metadata, **description.metadata},
    )


def plan_of(
    ref: RecordingRef,
    description: RecordingDescription,
    *,
    audio_format: str | None,
    segment_size_bytes: int,
    policy: ArchivePolicy,
    now: pendulum.DateTime,
    further_reasons: Sequence[Reason] = (),
) -> SegmentPlan:
    """Return the plan of one recording: READY, or ended with every broken rule.

    The size stays None when a transcode is asked for: the source's size is that of the native media, and ranges made of
    it would be wrong. The media's own answer then tells. Of a source that says `settled_by_media`, size and format stay
    open as well, and the plan carries the policy's limits for the stream task.

    Args:
        ref: the recording as it was listed or named.
        description: what the source says of it.
        audio_format: format to archive; None for the native one.
        segment_size_bytes: checked by :func:`~cxone_provider.archive.plan.checked_segment_size`.
        policy: what may be archived; always applied.
        now: current time.
        further_reasons: rules that a data-quality suite found broken, added to the policy's own.
    """
    known = described(ref, description)
    native, requested = format_word(known.format), format_word(audio_format)
    # Nobody makes another format of what only the media settles: the requested one is what must arrive.
    transcode = requested is not None and requested != native and not known.settled_by_media
    plan = SegmentPlan(
        recording_id=ref.recording_id,
        outcome=Outcome.READY,
        segment_size_bytes=segment_size_bytes,
        format=requested or native,
        size_bytes=None if transcode else _size_bytes(known.size_bytes),
        duration_s=_duration_s(known.duration_s),
        storage_state=word_of(known.storage_state),
        recorded_at=known.recorded_at,
        metadata=known.metadata,
        requested_format=requested if transcode else None,
        limits=limits_of(policy) if known.settled_by_media else None,
    )
    reasons = [
        *_identity_reasons(ref, known),
        *policy.evaluate(known, audio_format, now),
        *_segment_count_reasons(plan, policy),
    ]
    reasons += [reason for reason in further_reasons if reason not in reasons]
    return plan.ended(outcome_of(known, reasons), *reasons)


def plan_without_request(
    ref: RecordingRef, *, segment_size_bytes: int = DEFAULT_SEGMENT_SIZE_BYTES
) -> SegmentPlan | None:
    """Return the plan that the ref alone decides: NO_RECORDING where the listing says there is no media; else None."""
    if ref.has_media is not False:
        return None
    return SegmentPlan(
        recording_id=ref.recording_id,
        outcome=Outcome.NO_RECORDING,
        segment_size_bytes=segment_size_bytes,
        reasons=(Reason("has_media", False, True),),  # noqa: FBT003  # the rule's value and limit
        duration_s=_duration_s(ref.duration_s),
        recorded_at=ref.recorded_at,
        metadata=ref.metadata,
    )


def plan_of_error(
    recording_id: object,
    error: ArchiveError,
    *,
    ref: RecordingRef | None = None,
    segment_size_bytes: int = DEFAULT_SEGMENT_SIZE_BYTES,
) -> SegmentPlan:
    """Return the plan of a recording whose description could not be had.

    RecordingNotFound is NOT_FOUND. An id or document that cannot be used is REJECTED. Everything else is FAILED, and
    its one reason names the error's class; a caller that wants another try looks at ``error.retryable`` first.

    Args:
        recording_id: as given, also when it is no usable id; shown escaped and bounded.
        error: what happened.
        ref: the ref, where there is one: its start and metadata are kept.
        segment_size_bytes: of the plan.
    """
    outcome, reason = _ending_of(error)
    return SegmentPlan(
        recording_id=escaped(recording_id, limit=64) or "(empty id)",
        outcome=outcome,
        segment_size_bytes=segment_size_bytes,
        reasons=(reason,),
        duration_s=None if ref is None else _duration_s(ref.duration_s),
        recorded_at=None if ref is None else ref.recorded_at,
        metadata={} if ref is None else ref.metadata,
    )


def _ending_of(error: ArchiveError) -> tuple[Outcome, Reason]:
    if isinstance(error, RecordingNotFound):
        return Outcome.NOT_FOUND, Reason("recording_id", shown(error.what), "a recording that the source knows")
    if isinstance(error, InvalidRecordingId):
        return Outcome.REJECTED, Reason("recording_id", _found(error), error.expected)
    if isinstance(error, InvalidDocument):
        return Outcome.REJECTED, Reason("document", shown(f"{error.what}: {_found(error)}"), error.expected)
    return Outcome.FAILED, Reason(type(error).__name__, shown(str(error), limit=_MESSAGE_CHARACTERS), None)


def _found(error: ArchiveError) -> str | None:
    return None if error.found is None else shown(error.found)


def _identity_reasons(ref: RecordingRef, description: RecordingDescription) -> list[Reason]:
    if description.recording_id == ref.recording_id:
        return []
    return [Reason("recording_id", shown(description.recording_id), ref.recording_id)]


def _segment_count_reasons(plan: SegmentPlan, policy: ArchivePolicy) -> list[Reason]:
    count = plan.segment_count
    if count is None or count <= policy.max_segment_count:
        return []
    return [Reason("max_segment_count", count, policy.max_segment_count)]


def _size_bytes(value: object) -> int | None:
    # the policy has its reason for what is no size; a plan must stay readable for the tasks after it
    try:
        return parse_size_bytes(value, "size_bytes")
    except InvalidDocument:
        return None


def _duration_s(value: object) -> float | None:
    try:
        return parse_duration_s(value, "duration_s")
    except InvalidDocument:
        return None
