"""What a recording is before its bytes move: ids, refs, descriptions and outcomes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidDocument, InvalidRecordingId, shown

RECORDING_ID_PATTERN = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~:-]{1,128}", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_PLAIN_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
MAX_SIZE_BYTES = 5 * 2**40  # the largest object S3 stores
MAX_DURATION_S = 366 * 24 * 3600


class Outcome(StrEnum):
    """How one recording ended. ``READY`` is a plan's only: not ended yet."""

    READY = "READY"
    ARCHIVED = "ARCHIVED"
    ALREADY_ARCHIVED = "ALREADY_ARCHIVED"
    NO_RECORDING = "NO_RECORDING"
    NOT_FOUND = "NOT_FOUND"
    DELETED = "DELETED"
    LOCKED = "LOCKED"
    IN_COLD_STORAGE = "IN_COLD_STORAGE"
    REJECTED = "REJECTED"
    FAILED = "FAILED"


ARCHIVED_OUTCOMES = frozenset({Outcome.ARCHIVED, Outcome.ALREADY_ARCHIVED})


def checked_recording_id(value: object) -> str:
    """Return `value` if it is a usable recording id.

    Raises:
        InvalidRecordingId: it is empty, too long, or holds a character that could change a path or a key.
    """
    if isinstance(value, str) and RECORDING_ID_PATTERN.fullmatch(value):
        return value
    raise InvalidRecordingId(
        "unusable recording id",
        found=shown(value, limit=64) if value != "" else "an empty id",
        expected="1 to 128 of A-Z a-z 0-9 . _ ~ : - (not '.' or '..')",
    )


@dataclass(frozen=True, slots=True)
class RecordingRef:
    """One recording as a listing or a person names it.

    Attributes:
        recording_id: the id as given; checked by :func:`checked_recording_id` when made by :func:`parse_ref`.
        recorded_at: start of the recording, timezone-aware, or None when the listing does not tell.
        duration_s: seconds, or None.
        has_media: False where the listing says there is no media; None where it does not tell.
        metadata: what the listing knows besides; carried to the manifest.
    """

    recording_id: str
    recorded_at: pendulum.DateTime | None = None
    duration_s: float | None = None
    has_media: bool | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """Return the ref as the JSON object of the contract."""
        return {
            "recording_id": self.recording_id,
            "recorded_at": iso(self.recorded_at),
            "duration_s": self.duration_s,
            "has_media": self.has_media,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class RecordingDescription:
    """What the source says of a recording before its bytes move.

    Attributes:
        recording_id: the id the source answered for; equal to the one asked for.
        format: native format, lower case (``mp3``, ``wav``, ``mp4``), or None.
        size_bytes: size of the native media, or None where the source does not tell.
        duration_s: seconds, or None.
        status: the source's own word, e.g. ``completed``.
        storage_state: the source's own word, lower case, e.g. ``available``.
        recorded_at: start of the recording, or None.
        metadata: what else is worth keeping in the manifest; never a link, token or secret.
        settled_by_media: True where the source says that only the media tells the rest: a contact whose files, sizes
            and formats are known once the stream task resolves them, and which validates them then.
    """

    recording_id: str
    format: str | None
    size_bytes: int | None
    duration_s: float | None
    status: str | None
    storage_state: str | None
    recorded_at: pendulum.DateTime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    settled_by_media: bool = False


def parse_ref(value: object) -> RecordingRef:
    """Make a ref of an id or of a ref's JSON object.

    Raises:
        InvalidRecordingId: the id cannot be used.
        InvalidDocument: a field has the wrong type or value.
    """
    if isinstance(value, RecordingRef):
        return value
    if isinstance(value, bool) or not isinstance(value, (str, int, Mapping)):
        raise InvalidDocument("unusable recording ref", found=value, expected="an id or an object with recording_id")
    if isinstance(value, Mapping):
        return _ref_of_document(value)
    return RecordingRef(checked_recording_id(str(value).strip()))


def _ref_of_document(document: Mapping[str, Any]) -> RecordingRef:
    has_media = document.get("has_media")
    metadata = document.get("metadata") or {}
    if has_media not in (None, True, False):
        raise InvalidDocument("has_media of a ref", found=has_media, expected="true, false or null")
    if not isinstance(metadata, Mapping):
        raise InvalidDocument("metadata of a ref", found=metadata, expected="an object")
    recording_id = document.get("recording_id")
    if isinstance(recording_id, int) and not isinstance(recording_id, bool):
        recording_id = str(recording_id)
    return RecordingRef(
        recording_id=checked_recording_id(recording_id),
        recorded_at=parse_time(document.get("recorded_at"), "recorded_at"),
        duration_s=parse_duration_s(document.get("duration_s"), "duration_s"),
        has_media=has_media,
        metadata=dict(metadata),
    )


def as_list(value: object) -> list[Any]:
    """Return the batch a template, an XCom or a person gave: one id or one object is a batch of one."""
    if value is None:
        return []
    if isinstance(value, (str, int, Mapping, RecordingRef)):
        return [value]
    if isinstance(value, Iterable):
        return list(value)
    raise InvalidDocument("unusable batch", found=value, expected="an id, an object, or a list of them")


def parse_time(value: object, name: str, *, zone: str = "UTC") -> pendulum.DateTime | None:
    """Return an aware time from ISO 8601 text or a datetime, in UTC; a time without zone is taken as of `zone`.

    Raises:
        InvalidDocument: `value` is neither, or is out of range.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and _PLAIN_TIME.fullmatch(value):
            return _plain_time(value)
        # Without a year, the parser takes the day on which it is asked.
        if isinstance(value, str) and _YEAR.match(value):
            parsed = pendulum.parse(value, strict=True, tz=zone)
            if isinstance(parsed, pendulum.DateTime):
                return parsed.in_timezone("UTC")
        elif isinstance(value, datetime):
            return pendulum.instance(value, tz=zone).in_timezone("UTC")
    except (ValueError, OverflowError, TypeError):
        pass  # the one error below names what was found
    raise InvalidDocument(f"{name} is not a time", found=value, expected="ISO 8601, e.g. 2026-11-23T10:00:00Z")


def _plain_time(text: str) -> pendulum.DateTime:
    """Return the time of the form that refs and tenants mostly have, in a seventh of the time that the parser takes."""
    told = datetime.fromisoformat(text)
    return pendulum.DateTime(
        told.year, told.month, told.day, told.hour, told.minute, told.second, tzinfo=pendulum.UTC
    )  # fmt: skip


def parse_duration_s(value: object, name: str) -> float | None:
    """Return seconds.

    Raises:
        InvalidDocument: not a finite number from 0 to a year.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidDocument(f"{name} is not a number of seconds", found=value, expected="a finite number")
    if not 0 <= value <= MAX_DURATION_S:
        raise InvalidDocument(f"{name} is out of range", found=value, expected=f"0 to {MAX_DURATION_S} s")
    return value


def parse_size_bytes(value: object, name: str) -> int | None:
    """Return a count of bytes.

    Raises:
        InvalidDocument: not a whole number from 0 to what S3 stores.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidDocument(f"{name} is not a number of bytes", found=value, expected="a whole number")
    if not 0 <= value <= MAX_SIZE_BYTES:
        raise InvalidDocument(f"{name} is out of range", found=value, expected=f"0 to {MAX_SIZE_BYTES} bytes")
    return value


def iso(moment: pendulum.DateTime | None) -> str | None:
    """Return ISO 8601 in UTC with a trailing Z, or None."""
    return None if moment is None else moment.in_timezone("UTC").to_iso8601_string()
