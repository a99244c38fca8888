"""What looking at an archive asks of its store beside what archiving does."""

from __future__ import annotations

from typing import Protocol

from cxone_provider.archive.ports import ObjectLock, ObjectStore


class ArchiveBrowser(ObjectStore, Protocol):
    """An :class:`~cxone_provider.archive.ports.ObjectStore` that can be looked at piece by piece."""

    def read_range(self, key: str, start: int, stop: int, *, version_id: str | None = None) -> bytes:
        """Return the bytes ``[start, stop)`` of an object in one request; fewer only where the object ends before.

        Raises:
            StoreRefused: there is no such object, or nothing of it lies behind `start`.
            ShortBody: fewer bytes came than the store declared.
        """

    def lock_of(self, key: str, *, version_id: str | None = None) -> ObjectLock | None:
        """Return an object's Object Lock, or None where it has none.

        Raises:
            StoreRefused: there is no such object, or its lock may not be read.
        """
