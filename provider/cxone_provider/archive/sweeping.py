"""Removing what killed tasks left: unfinished uploads of this archive that nobody goes on with any more.

An upload is ours when its key is one that this archive gives a recording. It is stale when it was begun longer ago
than any task runs. Everything else under the prefix, and everything beside it, is left alone. A lifecycle rule
(AbortIncompleteMultipartUpload) on the bucket does the same when no sweep runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pendulum

from cxone_provider.archive.errors import InvalidSetting, StoreError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import Clock, ObjectStore, Upload

MIN_AGE = pendulum.duration(hours=1)
DEFAULT_AGE = pendulum.duration(days=2)
_MEDIA_NAME = re.compile(r"date=(\d{4}-\d{2}-\d{2}|unknown)/[A-Za-z0-9%._~-]+\.[a-z0-9]{2,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Swept:
    """One stale upload; `problem` says why it could not be removed."""

    upload: Upload
    problem: str | None = None


def sweep_uploads(
    store: ObjectStore, layout: ArchiveLayout, clock: Clock, *, older_than: pendulum.Duration = DEFAULT_AGE
) -> Iterator[Swept]:
    """Remove the archive's own stale uploads and yield each; one that cannot be removed does not stop the others.

    Args:
        store: the bucket.
        layout: the archive in it.
        clock: time.
        older_than: age from which an upload is stale; longer than any task may run.

    Raises:
        InvalidSetting: `older_than` is so short that a living task's upload could be removed.
        StoreError: the uploads cannot be listed.
    """
    if older_than < MIN_AGE:
        raise InvalidSetting(
            "unusable age of stale uploads", found=older_than.in_words(), expected=f"at least {MIN_AGE.in_words()}"
        )
    for upload in stale_uploads(store, layout, clock.now().subtract(seconds=older_than.total_seconds())):
        try:
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
