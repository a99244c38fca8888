"""From which data to which data recordings went: one pair of data sets for each day, a recording is a row of both.

A data set for each recording would fill a lineage graph with ten thousand nodes a night that nothing else ever reads.
A day's folder is one node, and stays the same one however many tasks, tries and runs put recordings into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.recording import Outcome

MAX_ROWS = 100
"""Recordings that are told one by one for each day; the digest covers all of them."""


@dataclass(frozen=True, slots=True)
class DayLineage:
    """What one task knows of a day's folder.

    Attributes:
        bucket: where the recordings lie.
        folder: their folder's key without a slash at the end, e.g. ``cxone/recordings/date=2026-11-22``.
        logs: their audit logs, by id; each has an address in that folder.
    """

    bucket: str
    folder: str
    logs: Sequence[AuditLog]

    @property
    def source_name(self) -> str:
        """The tenant's side of the day, e.g. ``recordings/date=2026-11-22``; without the archive's prefix."""
        return f"recordings/{self.folder.rpartition('/')[2]}"

    @property
    def uri(self) -> str:
        """The folder's address."""
        return f"s3://{self.bucket}/{self.folder}"

    @property
    def moved(self) -> list[AuditLog]:
        """What this try moved; the rest was there already."""
        return [log for log in self.logs if log.outcome is Outcome.ARCHIVED]

    @property
    def digest(self) -> str:
        """SHA-256 over a line ``{sha256}  {s3_uri}`` for each recording, by id: the day as this task knows it."""
        lines = "".join(f"{log.sha256}  {log.s3_uri}\n" for log in self.logs)
        return hashlib.sha256(lines.encode()).hexdigest()

    def rows(self) -> list[dict[str, Any]]:
        """Return the first recordings: id, object, version-independent proof and outcome; no link and no metadata."""
        return [
            {
                "recording_id": log.recording_id,
                "s3_uri": log.s3_uri,
                "sha256": log.sha256,
                "size_bytes": log.total_bytes,
                "outcome": str(log.outcome),
            }
            for log in self.logs[:MAX_ROWS]
        ]


def lineage_of(logs: Iterable[AuditLog]) -> list[DayLineage]:
    """Return the days of all archived recordings, in order; what is not archived came from nowhere and went nowhere."""
    days: dict[tuple[str, str], list[AuditLog]] = {}
    for log in sorted(logs, key=lambda one: one.recording_id):
        if log.success and log.s3_uri:
            bucket, key = split_uri(log.s3_uri)
            days.setdefault((bucket, key.rpartition("/")[0]), []).append(log)
    return [DayLineage(*place, found) for place, found in sorted(days.items())]


def source_namespace(base_url: str) -> str:
    """Return the namespace of a tenant's data: ``cxone://`` and the host of its base URL; path and user stay out."""
    parts = urlsplit(base_url)
    return f"cxone://{parts.hostname or ''}" + (f":{parts.port}" if parts.port else "")
