"""The sums of an estimate, made while recordings pass: all that is held of each is a number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.id_numbers import IdNumbers
from cxone_provider.archive.recording import MAX_SIZE_BYTES, parse_duration_s
from cxone_provider.archive.terms import SECURE_EXTERNAL_ACCESS, Terms

WITH_MEDIA, WITHOUT_MEDIA = "with_media", "without_media"
MEDIA_UNKNOWN, UNUSABLE = "media_unknown", "unusable"
_BITS = 8
_NOTHING = 0  # the number of what would not be archived


class Sums:
    """What archiving would take: of all that was added, without what is archived already.

    Args:
        terms: the tenant's dialect.
        segment_size_bytes: size of a ranged request for media.
        bitrate_bps: bits per second of audio, where a duration and no size is known.

    Attributes:
        kinds: how many there are with media, without, and so on.
        already_archived: how many of them are archived.
        to_archive: how many are to be archived.
        requests: requests to CXone that this takes.
        unlisted: how many of these have no size in the listing.
        bytes_listed, bytes_estimated, bytes_unknown: as :class:`~cxone_provider.archive.estimating.Estimate` has them.
    """

    def __init__(self, terms: Terms, segment_size_bytes: int, bitrate_bps: int) -> None:
        self._terms = terms
        self._segment_size_bytes = segment_size_bytes
        self._bitrate_bps = bitrate_bps
        self._numbers = IdNumbers()
        self.kinds: Counter[str] = Counter()
        self.already_archived = self.to_archive = self.requests = self.unlisted = 0
        self.bytes_listed = self.bytes_estimated = self.bytes_unknown = 0

    @property
    def listed(self) -> int:
        """How many were added, each once."""
        return len(self._numbers)

    def add(self, name: str, document: Mapping[str, Any]) -> bool:
        """Take a ref document unless one of its name was taken before; return whether it was."""
        kind = _kind(document)
        size = _Size.of(document, self._bitrate_bps) if kind in {WITH_MEDIA, MEDIA_UNKNOWN} else None
        if not self._numbers.put(name, _NOTHING if size is None else size.to_number()):
            return False
        self.kinds[kind] += 1
        if size is not None:
            self._count(size, 1)
        return True

    def leave_out(self, name: str) -> None:
        """Take back what is archived already, once; a name that was never added changes nothing."""
        number = self._numbers.get(name)
        if number is None:
            return
        self.already_archived += 1
        if number != _NOTHING:
            self._count(_Size.of_number(number), -1)

    def _count(self, size: _Size, sign: int) -> None:
        size_bytes = size.size_bytes or 0
        self.to_archive += sign
        self.requests += sign * self._requests(size_bytes)
        self.unlisted += sign * (not size.listed)
        self.bytes_listed += sign * size_bytes * size.listed
        self.bytes_estimated += sign * size_bytes * (not size.listed)
        self.bytes_unknown += sign * (size.size_bytes is None)

    def _requests(self, size_bytes: int) -> int:
        if self._terms.api == SECURE_EXTERNAL_ACCESS:
            return 0
        if not self._terms.every_request_counts:
            return 1
        return 1 + max(1, math.ceil(size_bytes / self._segment_size_bytes))


@dataclass(frozen=True, slots=True)
class _Size:
    size_bytes: int | None
    listed: bool

    @classmethod
    def of(cls, document: Mapping[str, Any], bitrate_bps: int) -> _Size:
        listed = _whole((document.get("metadata") or {}).get("size_bytes"))
        if listed is not None:
            return cls(listed, listed=True)
        duration_s = parse_duration_s(document.get("duration_s"), "duration_s")
        return cls(None if duration_s is None else math.ceil(duration_s * bitrate_bps / _BITS), listed=False)

    def to_number(self) -> int:
        """Return it as a number above 0: 51 bits at most, of a year at the highest bitrate."""
        return (0 if self.size_bytes is None else self.size_bytes + 1) << 2 | self.listed << 1 | 1

    @classmethod
    def of_number(cls, number: int) -> _Size:
        size = number >> 2
        return cls(size - 1 if size else None, listed=bool(number & 2))


def _kind(document: Mapping[str, Any]) -> str:
    if document.get("malformed"):
        return UNUSABLE
    has_media = document.get("has_media")
    return MEDIA_UNKNOWN if has_media is None else WITH_MEDIA if has_media else WITHOUT_MEDIA


def _whole(value: object) -> int | None:
    """Return a size; a CSV's column is text. What is no size is as good as none: the media itself will tell."""
    digits = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20
    number = int(value) if digits and isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int):
        return None
    return number if 0 < number <= MAX_SIZE_BYTES else None
