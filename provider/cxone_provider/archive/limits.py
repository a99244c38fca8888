"""What a plan carries of the policy where only the media tells the rest: the limits that its files are held to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.recording import parse_duration_s, parse_size_bytes


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a recording whose files, sizes and formats are not known until the stream task resolves them.

    Attributes:
        max_duration_s: longest recording, in seconds.
        max_size_bytes: largest media.
        retention: how old a recording may be, ISO 8601; None for no limit.
    """

    max_duration_s: float
    max_size_bytes: int
    retention: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of a plan's ``limits``."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_document(cls, document: object) -> Limits | None:
        """Read the JSON object of :meth:`to_document`; None stands for none.

        Raises:
            InvalidDocument: a field does not fit.
        """
        if document is None:
            return None
        if not isinstance(document, Mapping):
            raise InvalidDocument("limits of a plan", found=document, expected="an object")
        duration_s = parse_duration_s(document.get("max_duration_s"), "max_duration_s")
        size_bytes = parse_size_bytes(document.get("max_size_bytes"), "max_size_bytes")
        retention = document.get("retention")
        if duration_s is None or size_bytes is None or not isinstance(retention, str | None):
            raise InvalidDocument("limits of a plan", found=document, expected="both maxima; retention as ISO 8601")
        return cls(duration_s, size_bytes, retention)


def iso_duration(duration: pendulum.Duration) -> str:
    """Return a duration in calendar terms as ISO 8601 text that parses to the same one."""
    days = duration.weeks * 7 + duration.remaining_days
    seconds = duration.hours * 3600 + duration.minutes * 60 + duration.remaining_seconds
    fraction = f".{duration.microseconds:06d}" if duration.microseconds else ""
    return f"P{duration.years}Y{duration.months}M{days}DT{seconds}{fraction}S"


def unusable(limits: Limits, error: InvalidSetting) -> InvalidDocument:
    """Return the error for limits that were read and make no policy."""
    return InvalidDocument("limits of a plan", found=limits.to_document(), expected=error.expected)
