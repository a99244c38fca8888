"""How recordings are archived: the settings of a run, and what its recordings share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.parts import DEFAULT_PART_SIZE_BYTES
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import Clock, ObjectLock, ObjectStore, RecordingSource
from cxone_provider.archive.retention import LockPolicy
from cxone_provider.archive.slots import Slots

MAX_CONCURRENCY = 64
_RECORDINGS_PER_REQUEST = 4
"""A small recording costs one media request and, one after the other, four of the store's."""


def recordings_at_once(concurrency: int) -> int:
    """Return how many recordings, and thus requests of the store, are on their way at the same time."""
    return min(concurrency * _RECORDINGS_PER_REQUEST, MAX_CONCURRENCY)


@dataclass(frozen=True, slots=True)
class ArchiveSettings:
    """How recordings are archived.

    Attributes:
        prefix: where everything lies in the bucket.
        concurrency: media requests open at the same time over all recordings; memory is this x part size.
        part_size_bytes: size of an S3 part and of a reader's buffer.
        stream_secret: key of the chunk signatures; None where the tenant does not sign.
        replace: archive again what has a manifest; older versions stay in a versioned bucket.
        policy: what may be archived.
        keep_unfinished: leave the multipart upload of a failure that another try can mend.
        context: who archives, for the manifest, e.g. DAG and run.
        storage: encryption and more as asked for, for the manifest.
        lock: Object Lock of everything that is written for a recording; None for the store's own.
    """

    prefix: str = ""
    concurrency: int = 4
    part_size_bytes: int = DEFAULT_PART_SIZE_BYTES
    stream_secret: bytes | None = field(default=None, repr=False)
    replace: bool = False
    policy: ArchivePolicy = field(default_factory=ArchivePolicy)
    keep_unfinished: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)
    storage: Mapping[str, Any] = field(default_factory=dict)
    lock: LockPolicy | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise InvalidSetting("unusable concurrency", found=self.concurrency, expected=f"1 to {MAX_CONCURRENCY}")
        if self.part_size_bytes < 1:
            raise InvalidSetting("unusable part_size_bytes", found=self.part_size_bytes, expected="at least 1")

    @property
    def recordings_at_once(self) -> int:
        """Recordings on their way at the same time: while some wait for the store, others' bytes come in."""
        return recordings_at_once(self.concurrency)


@dataclass(frozen=True, slots=True)
class Workbench:
    """What every recording of a run shares; `lock` is what `store` puts on one recording's objects."""

    source: RecordingSource
    store: ObjectStore
    clock: Clock
    layout: ArchiveLayout
    settings: ArchiveSettings
    slots: Slots
    cancelled: threading.Event
    lock: ObjectLock | None = None
