"""Removing what killed tasks left: unfinished uploads of this archive that nobody goes on with any more.

An upload is ours when its key is one that this archive gives a recording. It is stale when it was begun longer ago
than any task runs. Everything else under the prefix, and everything beside it, is left alone. A lifecycle rule
(AbortIncompleteMultipartUpload) on the bucket does the same when no sweep runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidSetting, StoreError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import Clock, ObjectStore, Upload
from cxone_provider.archive.recording import iso

MIN_AGE = pendulum.duration(hours=1)
DEFAULT_AGE = pendulum.duration(days=2)
_MAX_AGE = pendulum.duration(years=10)
_SHORT_AGE = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_MEDIA_NAME = re.compile(r"date=(\d{4}-\d{2}-\d{2}|unknown)/[A-Za-z0-9%._~-]+\.[a-z0-9]{2,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Swept:
    """One stale upload; `problem` says why it could not be removed."""

    upload: Upload
    problem: str | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the upload as a JSON object."""
        return {
            "key": self.upload.key,
            "upload_id": self.upload.upload_id,
            "initiated_at": iso(self.upload.initiated_at),
            "problem": self.problem,
        }

    def __str__(self) -> str:
        """Return a line for a log or a terminal."""
        told = f"{iso(self.upload.initiated_at)}  {self.upload.key}"
        return told if self.problem is None else f"{told}  cannot be removed: {self.problem}"


def parse_age(value: object) -> pendulum.Duration:
    """Return the age from which an upload is stale: ``2d``, ``36h``, ISO 8601 such as ``P2D``, or a timedelta.

    Raises:
        InvalidSetting: none of these, or so short that a living task's upload could be removed.
    """
    try:
        age = _age(value)
    except (ValueError, OverflowError):
        age = None  # the one error below names what was found
    if age is None or not MIN_AGE <= age <= _MAX_AGE:
        raise InvalidSetting(
            "unusable age of stale uploads", found=str(value),
            expected=f"e.g. 2d, 36h or P2D; at least {MIN_AGE.in_words()}, longer than any task runs",
        )  # fmt: skip
    return age


def _age(value: object) -> pendulum.Duration | None:
    if isinstance(value, timedelta):
        return pendulum.duration(seconds=value.total_seconds())
    if not isinstance(value, str):
        return None
    short = _SHORT_AGE.fullmatch(value.strip())
    if short is not None:
        return pendulum.duration(**{_UNITS[short[2]]: int(short[1])})
    parsed = pendulum.parse(value.strip())
    return parsed if isinstance(parsed, pendulum.Duration) else None


def sweep_uploads(
    store: ObjectStore,
    layout: ArchiveLayout,
    clock: Clock,
    *,
    older_than: pendulum.Duration = DEFAULT_AGE,
    dry_run: bool = False,
) -> Iterator[Swept]:
    """Remove the archive's own stale uploads and yield each; one that cannot be removed does not stop the others.

    Args:
        store: the bucket.
        layout: the archive in it.
        clock: time.
        older_than: age from which an upload is stale; longer than any task may run, see :func:`parse_age`.
        dry_run: remove nothing, yield what would be removed.

    Raises:
        InvalidSetting: `older_than` is so short that a living task's upload could be removed.
        StoreError: the uploads cannot be listed.
    """
    parse_age(older_than)
    for upload in stale_uploads(store, layout, clock.now().subtract(seconds=older_than.total_seconds())):
        try:
            if not dry_run:
                store.abort_upload(upload.key, upload.upload_id)
        except StoreError as error:
            yield Swept(upload, str(error))
        else:
            yield Swept(upload)


def stale_uploads(store: ObjectStore, layout: ArchiveLayout, begun_before: pendulum.DateTime) -> list[Upload]:
    """Return the archive's own unfinished uploads that were begun before a time."""
    prefix = layout.media_prefix()
    return [
        upload
        for upload in store.uploads(prefix)
        if _MEDIA_NAME.fullmatch(upload.key[len(prefix) :]) and upload.initiated_at < begun_before
    ]
