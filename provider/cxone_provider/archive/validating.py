"""The use case before the transfer: recordings in, segment plans out, every broken rule named."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pendulum

from cxone_provider.archive.errors import (
    ArchiveError,
    AuthenticationFailed,
    InvalidDocument,
    InvalidInput,
    TransferCancelled,
)
from cxone_provider.archive.listing import read_ref
from cxone_provider.archive.plan import DEFAULT_SEGMENT_SIZE_BYTES, PLAN_SCHEMA, Reason, SegmentPlan
from cxone_provider.archive.planning import described, plan_of, plan_of_error, plan_without_request
from cxone_provider.archive.policy import ArchivePolicy, recording_row
from cxone_provider.archive.pooling import pool_of
from cxone_provider.archive.ports import Clock, RecordingSource
from cxone_provider.archive.recording import Outcome, RecordingDescription, RecordingRef

log = logging.getLogger(__name__)
DEFAULT_READERS = 8


class BrokenRule(Protocol):
    """One rule that does not hold; its text names value and limit."""

    @property
    def severity(self) -> str:
        """``critical``, ``warning`` or ``info``."""

    @property
    def recording_id(self) -> str | None:
        """Whose value breaks it; None for a rule of the whole batch, which no recording can answer for."""


class Findings(Protocol):
    """What a suite of data rules found in a batch."""

    @property
    def reasons(self) -> Mapping[str, Sequence[Reason]]:
        """The broken critical rules by recording id."""

    @property
    def failed_rules(self) -> Sequence[BrokenRule]:
        """Every rule that does not hold."""


@dataclass(frozen=True, slots=True)
class Checks:
    """The data rules of a batch; each is asked at most once, and not at all about an empty batch.

    Attributes:
        recordings: judges rows of :func:`~cxone_provider.archive.policy.recording_row`.
        plans: judges READY plans.
    """

    recordings: Callable[[Sequence[Mapping[str, Any]], ArchivePolicy, pendulum.DateTime], Findings]
    plans: Callable[[Sequence[SegmentPlan]], Findings]


@dataclass(frozen=True, slots=True)
class ValidationSettings:
    """How a batch is validated.

    Attributes:
        policy: what may be archived.
        audio_format: format to archive; None for the native one.
        segment_size_bytes: size of every segment but the last.
        readers: descriptions asked for at the same time.
    """

    policy: ArchivePolicy = field(default_factory=ArchivePolicy)
    audio_format: str | None = None
    segment_size_bytes: int = DEFAULT_SEGMENT_SIZE_BYTES
    readers: int = DEFAULT_READERS


@dataclass(frozen=True, slots=True)
class Validation:
    """The end of a validation.

    Attributes:
        plans: one per recording, in the order they were named.
        findings: what the suites found.
        passing: ids of FAILED plans that another try can mend.
        duplicates: how many were named more than once.
    """

    plans: Sequence[SegmentPlan]
    findings: Sequence[Findings]
    passing: Sequence[str]
    duplicates: int


@dataclass(frozen=True, slots=True)
class _Described:
    ref: RecordingRef
    description: RecordingDescription


def validate_recordings(
    values: Iterable[object],
    *,
    source: RecordingSource,
    clock: Clock,
    settings: ValidationSettings,
    checks: Checks,
    archived: Callable[[str], bool] | None = None,
    cancelled: threading.Event | None = None,
) -> Validation:
    """Plan every recording of a batch; one recording's failure is its own and ends in its plan.

    Args:
        values: ids, refs or ref documents, malformed ones included; plans that ended before are carried on.
        source: the tenant; asked once per recording.
        clock: time.
        settings: how to validate.
        checks: the data rules.
        archived: tells of a recording whether it is archived; those cost no request to the source.
        cancelled: set by a kill.

    Raises:
        AuthenticationFailed: no recording can be asked for; the others are not tried, so that no account is locked.
        TransferCancelled: `cancelled` was set.
        InvalidSetting: a suite cannot be used.
    """
    named, duplicates = _distinct(values)
    desk = _Desk(source, settings, archived, cancelled or threading.Event())
    found = desk.look_all_up(named)
    now = clock.now()
    asked = [item for item in found if isinstance(item, _Described)]
    rows = [recording_row(described(one.ref, one.description), settings.audio_format, now) for one in asked]
    by_recording = checks.recordings(rows, settings.policy, now) if rows else None
    reasons = {} if by_recording is None else by_recording.reasons
    plans = [_planned(item, reasons, settings, now) for item in found]
    ready = [plan for plan in plans if plan.outcome is Outcome.READY]
    by_plan = checks.plans(ready) if ready else None
    if by_plan is not None:
        plans = [_judged(plan, by_plan.reasons.get(plan.recording_id, ())) for plan in plans]
    findings = [report for report in (by_recording, by_plan) if report is not None]
    return Validation(plans, findings, desk.passing, duplicates)


class _Desk:
    """Looks recordings up, from several threads at once."""

    def __init__(
        self,
        source: RecordingSource,
        settings: ValidationSettings,
        archived: Callable[[str], bool] | None,
        cancelled: threading.Event,
    ) -> None:
        self._source = source
        self._segment_size_bytes = settings.segment_size_bytes
        self._readers = settings.readers
        self._archived = archived
        self._cancelled = cancelled
        self._refusal: AuthenticationFailed | None = None
        self.passing: list[str] = []

    def look_all_up(self, named: Sequence[RecordingRef | SegmentPlan]) -> list[_Described | SegmentPlan]:
        """Return what is known of every recording, in order."""
        readers = max(1, min(self._readers, len(named)))
        with pool_of(readers, "cxone-validation", self._cancelled) as pool:
            return list(pool.map(self._look_up, named))

    def _look_up(self, named: RecordingRef | SegmentPlan) -> _Described | SegmentPlan:
        if self._refusal is not None:
            raise self._refusal
        if self._cancelled.is_set():
            raise TransferCancelled("the validation was stopped")
        if isinstance(named, SegmentPlan):
            return named
        try:
            return self._ended(named) or _Described(named, self._source.describe(named))
        except TransferCancelled:
            raise
        except AuthenticationFailed as error:
            self._refusal = error
            raise
        except ArchiveError as error:
            if error.retryable:
                self.passing.append(named.recording_id)
            size = self._segment_size_bytes
            return plan_of_error(named.recording_id, error, ref=named, segment_size_bytes=size)

    def _ended(self, ref: RecordingRef) -> SegmentPlan | None:
        if self._archived is None or not self._archived(ref.recording_id):
            return plan_without_request(ref, segment_size_bytes=self._segment_size_bytes)
        return SegmentPlan(
            ref.recording_id,
            Outcome.ALREADY_ARCHIVED,
            self._segment_size_bytes,
            duration_s=ref.duration_s,
            recorded_at=ref.recorded_at,
            metadata=ref.metadata,
        )


def _distinct(values: Iterable[object]) -> tuple[list[RecordingRef | SegmentPlan], int]:
    """Return each recording once, the first mention winning, and how many mentions were too many."""
    mentions = [_named(value) for value in values]
    named: dict[str, RecordingRef | SegmentPlan] = {}
    for one in mentions:
        named.setdefault(one.recording_id, one)
    return list(named.values()), len(mentions) - len(named)


def _named(value: object) -> RecordingRef | SegmentPlan:
    try:
        if isinstance(value, Mapping) and value.get("schema") == PLAN_SCHEMA:
            return _ended_before(SegmentPlan.from_document(value))
        return read_ref(value)
    except InvalidInput as error:
        return plan_of_error(value.get("recording_id", "") if isinstance(value, Mapping) else value, error)


def _ended_before(plan: SegmentPlan) -> SegmentPlan:
    """Return a plan that ended before validation, as a task before this one left it.

    Raises:
        InvalidDocument: it has not ended; only validation makes recordings READY.
    """
    if plan.outcome is Outcome.READY:
        raise InvalidDocument(
            "a plan that was not validated", found=plan.outcome, expected="one that has ended, or a ref"
        )
    return plan


def _planned(
    item: _Described | SegmentPlan,
    reasons: Mapping[str, Sequence[Reason]],
    settings: ValidationSettings,
    now: pendulum.DateTime,
) -> SegmentPlan:
    if isinstance(item, SegmentPlan):
        return item
    return plan_of(
        item.ref,
        item.description,
        audio_format=settings.audio_format,
        segment_size_bytes=settings.segment_size_bytes,
        policy=settings.policy,
        now=now,
        further_reasons=reasons.get(item.ref.recording_id, ()),
    )


def _judged(plan: SegmentPlan, reasons: Sequence[Reason]) -> SegmentPlan:
    return plan.ended(Outcome.REJECTED, *reasons) if reasons else plan
