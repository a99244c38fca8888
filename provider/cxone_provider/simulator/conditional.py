"""Ranges and preconditions of RFC 9110 (sections 13 and 14) as pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from cxone_provider.simulator.request import Request

_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
# Bounded, because Python refuses to read integers of thousands of digits.
_BYTE_RANGE = re.compile(r"bytes=\s*(\d{0,100})-(\d{0,100})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Validators:
    """What tells one version of a representation from another.

    Attributes:
        etag: a strong entity tag with its quotes.
        modified_at: whole seconds, timezone-aware.
    """

    etag: str
    modified_at: datetime


class RangeNotSatisfiable(Exception):
    """The range starts past the end, or asks for the last zero bytes."""


def http_date(moment: datetime) -> str:
    """Return an IMF-fixdate."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_http_date(text: str) -> datetime | None:
    """Return the time of any of the three HTTP date forms, or None."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def precondition_status(request: Request, validators: Validators) -> int | None:
    """Return 412 or 304 when a precondition decides the answer (section 13.2.2), else None."""
    if_match = request.header("if-match")
    if if_match is not None:
        if not _matches(if_match, validators.etag, weak=False):
            return 412
    elif _modified_since(request.header("if-unmodified-since"), validators) is True:
        return 412
    if_none_match = request.header("if-none-match")
    if if_none_match is not None:
        return 304 if _matches(if_none_match, validators.etag, weak=True) else None
    return 304 if _modified_since(request.header("if-modified-since"), validators) is False else None


def selected_range(request: Request, size_bytes: int, validators: Validators, now: datetime) -> tuple[int, int] | None:
    """Return first byte and end (exclusive) to send with 206, or None for the whole with 200.

    Units other than bytes, malformed ranges, several ranges at once and a failed If-Range give the whole, as section
    14.2 allows.

    Raises:
        RangeNotSatisfiable: answered with 416.
    """
    match = _BYTE_RANGE.fullmatch(request.header("range") or "")
    if match is None or match[1] == match[2] == "" or not _range_applies(request, validators, now):
        return None
    if match[1] == "":
        return _suffix(int(match[2]), size_bytes)
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    if first >= size_bytes:
        raise RangeNotSatisfiable
    return first, min(int(match[2]) + 1, size_bytes) if match[2] else size_bytes


def _suffix(length: int, size_bytes: int) -> tuple[int, int]:
    if length == 0 or size_bytes == 0:
        raise RangeNotSatisfiable
    return max(size_bytes - length, 0), size_bytes


def _range_applies(request: Request, validators: Validators, now: datetime) -> bool:
    condition = request.header("if-range")
    if condition is None:
        return True
    if _ENTITY_TAG.fullmatch(condition):
        return condition == validators.etag
    # A date is a strong validator only when the content cannot have changed twice within its second (section 8.8.2.2).
    is_strong = now - validators.modified_at >= timedelta(seconds=1)
    return is_strong and parse_http_date(condition) == validators.modified_at


def _matches(condition: str, etag: str, *, weak: bool) -> bool:
    if condition.strip() == "*":
        return True
    tags = _ENTITY_TAG.findall(condition)
    return etag in ([tag.removeprefix("W/") for tag in tags] if weak else tags)


def _modified_since(condition: str | None, validators: Validators) -> bool | None:
    moment = None if condition is None else parse_http_date(condition)
    return None if moment is None else validators.modified_at > moment
