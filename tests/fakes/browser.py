"""The bucket in memory, looked at piece by piece."""

from __future__ import annotations

from cxone_provider.archive.errors import StoreRefused
from cxone_provider.archive.ports import ObjectLock
from tests.fakes.store import FakeStore, Version


class FakeBrowser(FakeStore):
    """An :class:`~cxone_provider.archive.browsing.ArchiveBrowser`."""

    def read_range(self, key: str, start: int, stop: int, *, version_id: str | None = None) -> bytes:
        with self._operation("read_range", key):
            body = self._version(key, version_id).body
            if not start < len(body):
                raise StoreRefused("InvalidRange", found=start, expected=f"less than {len(body)}")
            return body[start:stop]

    def lock_of(self, key: str, *, version_id: str | None = None) -> ObjectLock | None:
        with self._operation("lock_of", key):
            return self._version(key, version_id).lock

    def _version(self, key: str, version_id: str | None) -> Version:
        known = [one for one in self.objects.get(key, []) if version_id in (None, one.stored.version_id)]
        if not known:
            raise StoreRefused("there is no such object", found=key)
        return known[-1]
