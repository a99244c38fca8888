"""The segment plan: which byte ranges make up a recording, in a form that stays small however long the call was.

The mission's segment offset matrix is computed from size and segment size, never stored. Ranges are half-open here;
inclusive ends exist only in :attr:`Segment.range_header` and in the audit log's ``range``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting, shown
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.limits import Limits
from cxone_provider.archive.recording import (
    RECORDING_ID_PATTERN,
    Outcome,
    iso,
    parse_duration_s,
    parse_size_bytes,
    parse_time,
)

PLAN_SCHEMA = "cxone.segment-plan/1"
DEFAULT_SEGMENT_SIZE_BYTES = 8 * 2**20
MAX_SEGMENT_SIZE_BYTES = 512 * 2**20  # a segment is held in memory whole
MAX_PLAN_BYTES = 2048
_REASONS_BUDGET_BYTES = 800
_REASON_CHARACTERS = 40
_ID_CHARACTERS = 128  # no usable id is longer
_COUNTERS_BYTES = 64  # room for what says that something was left out


@dataclass(frozen=True, slots=True)
class Segment:
    """One contiguous byte range ``[start, stop)`` of a recording, fetched by one request."""

    index: int
    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """Bytes in the range."""
        return self.stop - self.start

    @property
    def range_header(self) -> str:
        """Value of the ``Range`` header, RFC 9110 §14.2: the end is inclusive."""
        return f"bytes={self.start}-{self.stop - 1}"

    @property
    def inclusive(self) -> str:
        """The range as audit logs show it, e.g. ``0-262143``."""
        return f"{self.start}-{self.stop - 1}"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a recording was not taken: the rule, the value that was met, the limit it broke."""

    rule: str
    value: Any
    limit: Any

    def __str__(self) -> str:
        return f"{self.rule}: found {shown(self.value)}, limit {shown(self.limit)}"

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object; long texts are escaped and clipped."""
        return {"rule": self.rule, "value": _bounded(self.value), "limit": _bounded(self.limit)}


def checked_segment_size(value: object) -> int:
    """Return `value` if it can be a segment size.

    Raises:
        InvalidSetting: not a whole number from 1 byte to 512 MiB.
    """
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)  # a rendered template is text
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_SEGMENT_SIZE_BYTES:
        raise InvalidSetting(
            "unusable segment_size_bytes", found=value, expected=f"a whole number from 1 to {MAX_SEGMENT_SIZE_BYTES}"
        )
    return value


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """What will be fetched of one recording, or why nothing will be.

    Attributes:
        recording_id: the recording.
        outcome: ``READY``, or how the recording ended before a byte moved.
        reasons: why it ended, every reason.
        requested_format: format to ask the source for; None for the native one.
        format: expected audio format; None until the media itself tells.
        size_bytes: size of the media; None until the media itself tells.
        segment_size_bytes: size of every segment but the last.
        duration_s: seconds by the metadata, or None.
        storage_state: the source's word.
        etag: strong entity tag of the media if already known.
        recorded_at: start of the recording, or None.
        metadata: kept for the manifest.
        limits: of a recording or contact that only its media settles: what the stream task holds each file to. None
            where validation has judged everything.
    """

    recording_id: str
    outcome: Outcome
    segment_size_bytes: int = DEFAULT_SEGMENT_SIZE_BYTES
    reasons: Sequence[Reason] = ()
    format: str | None = None
    size_bytes: int | None = None
    duration_s: float | None = None
    storage_state: str | None = None
    etag: str | None = None
    recorded_at: pendulum.DateTime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    requested_format: str | None = None
    limits: Limits | None = None

    @property
    def segment_count(self) -> int | None:
        """Number of segments, or None while the size is unknown."""
        if self.size_bytes is None:
            return None
        return -(-self.size_bytes // self.segment_size_bytes)

    def segments(self) -> Iterator[Segment]:
        """Yield every segment in order: no gap, no overlap, the last one ends at the size.

        Raises:
            InvalidDocument: the size is not known yet.
        """
        if self.size_bytes is None:
            raise InvalidDocument("the size of the media is not known yet", expected="a resolved plan")
        for index, start in enumerate(range(0, self.size_bytes, self.segment_size_bytes)):
            yield Segment(index, start, min(start + self.segment_size_bytes, self.size_bytes))

    def ended(self, outcome: Outcome, *reasons: Reason) -> SegmentPlan:
        """Return the plan with the way it ended."""
        return replace(self, outcome=outcome, reasons=(*self.reasons, *reasons))

    def resolved(self, size_bytes: int) -> SegmentPlan:
        """Return the plan with the size that the media told."""
        return replace(self, size_bytes=size_bytes)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object for XCom, under 2 KiB; what had to be left out is counted in it."""
        document: dict[str, Any] = {
            "schema": PLAN_SCHEMA,
            "recording_id": _shown_id(self.recording_id),
            "outcome": str(self.outcome),
            "reasons": [],
            "format": self.format,
            "size_bytes": self.size_bytes,
            "segment_size_bytes": self.segment_size_bytes,
            "segment_count": self.segment_count,
            "duration_s": self.duration_s,
            "storage_state": None if self.storage_state is None else shown(self.storage_state, limit=32),
            "etag": self.etag,
            "recorded_at": iso(self.recorded_at),
            "metadata": {},
        }
        if self.requested_format is not None:
            document["requested_format"] = self.requested_format
        if self.limits is not None:
            document["limits"] = self.limits.to_document()
        _fill_reasons(document, self.reasons)
        _fill_metadata(document, self.metadata)
        return document

    @classmethod
    def from_document(cls, document: object) -> SegmentPlan:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != PLAN_SCHEMA:
            raise InvalidDocument("not a segment plan", found=document, expected=f"an object with schema {PLAN_SCHEMA}")
        plan = cls(
            recording_id=escaped(_text(document, "recording_id"), limit=_ID_CHARACTERS),
            outcome=_outcome(document.get("outcome")),
            segment_size_bytes=_segment_size(document.get("segment_size_bytes")),
            reasons=_reasons(document.get("reasons")),
            format=_optional_text(document, "format"),
            size_bytes=parse_size_bytes(document.get("size_bytes"), "size_bytes"),
            duration_s=parse_duration_s(document.get("duration_s"), "duration_s"),
            storage_state=_optional_text(document, "storage_state"),
            etag=_optional_text(document, "etag"),
            recorded_at=parse_time(document.get("recorded_at"), "recorded_at"),
            metadata=_metadata(document.get("metadata")),
            requested_format=_optional_text(document, "requested_format"),
            limits=Limits.from_document(document.get("limits")),
        )
        if document.get("segment_count") != plan.segment_count:
            raise InvalidDocument(
                "segment_count of a plan", found=document.get("segment_count"), expected=plan.segment_count
            )
        return plan


def _bounded(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return shown(value, limit=_REASON_CHARACTERS)


def _shown_id(recording_id: str) -> str:
    usable = RECORDING_ID_PATTERN.fullmatch(recording_id) is not None
    return recording_id if usable else escaped(recording_id, limit=_REASON_CHARACTERS)


def _fill_reasons(document: dict[str, Any], reasons: Sequence[Reason]) -> None:
    kept: list[dict[str, Any]] = document["reasons"]
    for reason in reasons:
        if len(json.dumps([*kept, reason.to_document()])) <= _REASONS_BUDGET_BYTES:
            kept.append(reason.to_document())
    if omitted := len(reasons) - len(kept):
        document["reasons_omitted"] = omitted


def _fill_metadata(document: dict[str, Any], metadata: Mapping[str, Any]) -> None:
    budget = MAX_PLAN_BYTES - _COUNTERS_BYTES - len(json.dumps(document))
    kept: dict[str, Any] = document["metadata"]
    for key, value in metadata.items():
        cost = len(json.dumps({key: value}, default=str))
        if cost <= budget:
            kept[key] = value
            budget -= cost
    if omitted := len(metadata) - len(kept):
        document["metadata_omitted"] = omitted


def _outcome(value: object) -> Outcome:
    if not isinstance(value, str) or value not in Outcome.__members__:
        raise InvalidDocument("outcome of a plan", found=value, expected=", ".join(Outcome.__members__))
    return Outcome(value)


def _segment_size(value: object) -> int:
    try:
        return checked_segment_size(value)
    except InvalidSetting as error:
        raise InvalidDocument("segment_size_bytes of a plan", found=value, expected=error.expected) from error


def _reasons(value: object) -> tuple[Reason, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, Mapping) for item in value):
        raise InvalidDocument("reasons of a plan", found=value, expected="a list of objects")
    return tuple(Reason(str(item.get("rule")), item.get("value"), item.get("limit")) for item in value)


def _metadata(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidDocument("metadata of a plan", found=value, expected="an object")
    return dict(value)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidDocument(f"{name} of a plan", found=value, expected="text")
    return value


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)
