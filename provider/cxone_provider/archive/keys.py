"""Where things lie in the bucket. A key depends on nothing but the recording, so every try computes the same one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote, unquote, urlsplit

import pendulum

from cxone_provider.archive.errors import InvalidInput, InvalidSetting

MAX_KEY_BYTES = 1024  # S3's limit
UNKNOWN_DAY = "unknown"
"""Stands for the day of a recording whose start is not known."""


def object_name(recording_id: str) -> str:
    """Return `recording_id` as one path segment: injective, and never ``.``, ``..`` or anything with a slash."""
    name = quote(recording_id, safe="")
    return f"%2E{name[1:]}" if name.startswith(".") else name


def recording_id_of(name: str) -> str:
    """Return the id that :func:`object_name` encoded."""
    return unquote(name)


def checked_prefix(prefix: str) -> str:
    """Return `prefix` without slashes at its ends.

    Raises:
        InvalidSetting: it holds empty or dot segments, control characters, or leaves too little room for a key.
    """
    trimmed = prefix.strip("/")
    segments = trimmed.split("/") if trimmed else []
    printable = trimmed.isprintable() and "\\" not in trimmed
    if not printable or any(segment in {"", ".", ".."} for segment in segments) or len(trimmed.encode()) > 512:
        raise InvalidSetting(
            "unusable s3_prefix", found=prefix, expected="printable path segments, at most 512 bytes, no '.' or '..'"
        )
    return trimmed


def checked_day(day: str) -> str:
    """Return a day as it stands in keys: ``YYYY-MM-DD``, or ``unknown``.

    Raises:
        InvalidInput: it is neither.
    """
    try:
        is_day = day == UNKNOWN_DAY or date.fromisoformat(day).isoformat() == day
    except ValueError:
        is_day = False
    if not is_day:
        raise InvalidInput("not a day", found=day, expected=f"YYYY-MM-DD or {UNKNOWN_DAY!r}")
    return day


@dataclass(frozen=True, slots=True)
class ArchiveLayout:
    """The keys of one archive: a bucket and a prefix in it.

    Attributes:
        bucket: the bucket's name.
        prefix: path under which everything lies; may be empty.
    """

    bucket: str
    prefix: str = ""

    def __post_init__(self) -> None:
        if not self.bucket or "/" in self.bucket or not self.bucket.isprintable():
            raise InvalidSetting("unusable s3_bucket", found=self.bucket, expected="the bucket's name alone")
        object.__setattr__(self, "prefix", checked_prefix(self.prefix))

    def media_key(self, recording_id: str, recorded_at: pendulum.DateTime | None, extension: str) -> str:
        """Return the key of the media; the date is the recording's own start in UTC."""
        day = UNKNOWN_DAY if recorded_at is None else recorded_at.in_timezone("UTC").to_date_string()
        return self._key("recordings", f"date={day}", f"{object_name(recording_id)}.{extension}")

    def audit_key(self, recording_id: str) -> str:
        """Return the key of the hash-chained audit log."""
        return self._key("audit", f"{object_name(recording_id)}.jsonl")

    def manifest_key(self, recording_id: str) -> str:
        """Return the key of the manifest, whose existence is the commit."""
        return self._key("manifests", f"{object_name(recording_id)}.json")

    def receipt_key(self, recording_id: str) -> str:
        """Return the key of the receiver's answer."""
        return self._key("receipts", f"{object_name(recording_id)}.json")

    def run_key(self, day: pendulum.Date, run_id: str) -> str:
        """Return the key of a run's list of recordings."""
        return self._key("runs", f"date={day.to_date_string()}", f"{object_name(run_id)}.jsonl")

    def completeness_key(self, day: str, run_id: str) -> str:
        """Return the key of what a run found of a day's completeness."""
        return self._key("runs", f"date={day}", f"reconcile-{object_name(run_id)}.json")

    def completeness_prefix(self, day: str) -> str:
        """Return what the keys of a day's completeness reports start with."""
        return self._key("runs", f"date={day}", "reconcile-")

    def runs_prefix(self) -> str:
        """Return what every run's key starts with."""
        return self._key("runs", "")

    def media_prefix(self) -> str:
        """Return what every media key starts with."""
        return self._key("recordings", "")

    def day_prefix(self, day: str) -> str:
        """Return what the media keys of a day start with.

        Raises:
            InvalidInput: `day` is neither ``YYYY-MM-DD`` nor ``unknown``.
        """
        return self._key("recordings", f"date={checked_day(day)}", "")

    def statistics_key(self, day: str) -> str:
        """Return the key of the statistics of a day's calls.

        Raises:
            InvalidInput: as for :meth:`day_prefix`.
        """
        return self._key("statistics", f"date={checked_day(day)}", "calls.jsonl")

    def uri(self, key: str) -> str:
        """Return ``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def _key(self, *segments: str) -> str:
        key = "/".join((self.prefix, *segments) if self.prefix else segments)
        if len(key.encode()) > MAX_KEY_BYTES:
            raise InvalidInput("key too long for S3", found=key, expected=f"at most {MAX_KEY_BYTES} bytes")
        return key


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``.

    Raises:
        InvalidInput: it is not such a URI.
    """
    parts = urlsplit(uri)
    # A key may hold '?' and '#': everything behind the bucket belongs to it.
    key = uri[len(f"s3://{parts.netloc}/") :]
    if parts.scheme != "s3" or not parts.netloc or not key:
        raise InvalidInput("not an S3 URI", found=uri, expected="s3://bucket/key")
    return parts.netloc, key
