"""The rest of the validation, where the stream task resolves what is to be archived: one finished plan per media."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pendulum

from cxone_provider.archive.errors import InvalidSetting, UnexpectedAnswer
from cxone_provider.archive.limits import Limits, iso_duration, unusable
from cxone_provider.archive.media import Media
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome, RecordingDescription, checked_recording_id


def limits_of(policy: ArchivePolicy) -> Limits:
    """Return what a plan carries of a policy."""
    retention = None if policy.retention is None else iso_duration(policy.retention)
    return Limits(policy.max_duration_s, policy.max_size_bytes, retention)


def policy_of(plan: SegmentPlan, default: ArchivePolicy) -> ArchivePolicy:
    """Return the policy that validation left to the stream task in a plan, or `default` where it left none.

    Raises:
        InvalidDocument: its limits make no sense.
    """
    limits = plan.limits
    if limits is None:
        return default
    try:
        return ArchivePolicy.from_settings(
            max_duration_s=limits.max_duration_s, max_size_bytes=limits.max_size_bytes, retention=limits.retention
        )
    except InvalidSetting as error:
        raise unusable(limits, error) from error


def is_contact(plan: SegmentPlan, medias: Sequence[Media]) -> bool:
    """Tell whether a plan resolved to a contact's recordings, and not to the one recording that it names.

    Raises:
        UnexpectedAnswer: to neither: other ids than the contract's, or an interaction without a name of its own.
        InvalidRecordingId: the contact's id leaves no room for a number.
    """
    if [(media.recording_id, media.identity) for media in medias] == [(plan.recording_id, None)]:
        return False
    names = [media.identity for media in medias]
    numbered = [f"{plan.recording_id}.{number}" for number in range(1, len(medias) + 1)]
    if [media.recording_id for media in medias] != numbered or not all(names) or len(set(names)) != len(names):
        raise UnexpectedAnswer(
            "the source names a contact's recordings otherwise", found=[media.recording_id for media in medias],
            expected=f"{plan.recording_id}.1 and so on, each with an identity of its own",
        )  # fmt: skip
    for recording_id in numbered:
        checked_recording_id(recording_id)
    return True


def finished(plan: SegmentPlan, media: Media, policy: ArchivePolicy, now: pendulum.DateTime) -> SegmentPlan:
    """Return the plan of one of a contact's recordings: READY, or REJECTED with every rule it breaks.

    Size and format may still be open; :class:`~cxone_provider.archive.attempt.Attempt` judges them with the first
    answer. The listing's duration is the contact's, so it is not taken for one recording's.

    Args:
        plan: the contact's.
        media: what the source tells of this recording; of metadata that both have, its is the nearer one.
        policy: see :func:`policy_of`.
        now: current time.
    """
    known = replace(
        plan,
        recording_id=media.recording_id,
        outcome=Outcome.READY,
        size_bytes=media.size_bytes,
        duration_s=media.duration_s,
        recorded_at=media.recorded_at or plan.recorded_at,
        etag=media.etag,
        metadata={**plan.metadata, **media.metadata},
    )
    reasons = policy.evaluate(as_described(known), None, now)
    return known.ended(Outcome.REJECTED, *reasons) if reasons else known


def as_described(
    plan: SegmentPlan, size_bytes: int | None = None, audio_format: str | None = None
) -> RecordingDescription:
    """Return what is known of a finished plan's recording, in the form that the policy judges."""
    return RecordingDescription(
        recording_id=plan.recording_id,
        format=audio_format,
        size_bytes=plan.size_bytes if size_bytes is None else size_bytes,
        duration_s=plan.duration_s,
        status=None,
        storage_state=None,
        recorded_at=plan.recorded_at,
    )
