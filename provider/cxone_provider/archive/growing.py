"""An object whose bytes come little by little, and that is written without ever being held whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from cxone_provider.archive.errors import StoreError
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore, Part
from cxone_provider.archive.stored import StoredObject

PART_BYTES = 8 * 2**20
_CONTENT_TYPE = "application/x-ndjson"


class GrowingObject:
    """JSON Lines that are visible once all of them are there: by one request while they are few, else as parts.

    Up to a part is held. Leaving the ``with`` block without :meth:`finish` leaves no object behind, and no upload where
    the store still answers; one that a killed try of the same task left is removed by the next that comes so far.

    Args:
        place: where it goes, asked when the first bytes do: the store, and the key.
        part_bytes: size of a part; at least 5 MiB, which S3 asks for.
    """

    def __init__(self, place: Callable[[], tuple[ObjectStore, str]], part_bytes: int = PART_BYTES) -> None:
        self._place = place
        self._part_bytes = part_bytes
        self._held = bytearray()
        self._upload: tuple[ObjectStore, str, str] | None = None
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._upload is not None:
            store, key, upload_id = self._upload
            with suppress(StoreError):  # what ended the block is what is to be told
                store.abort_upload(key, upload_id)

    def write(self, line: bytes) -> None:
        """Append bytes.

        Raises:
            StoreError: a part cannot be stored.
        """
        self._held += line
        if len(self._held) >= self._part_bytes:
            self._store_part()

    def finish(self) -> StoredObject:
        """Make all that was written visible.

        Raises:
            StoreError: it cannot be stored.
        """
        if self._upload is None:
            store, key = self._place()
            return store.put(key, self._held, ObjectAttributes(_CONTENT_TYPE))
        if self._held:
            self._store_part()
        store, key, upload_id = self._upload
        stored = store.complete_upload(key, upload_id, self._parts)
        self._upload = None
        return stored

    def _store_part(self) -> None:
        store, key, upload_id = self._upload = self._upload or self._opened()
        digest = hashlib.sha256(self._held).digest()
        self._parts.append(store.put_part(key, upload_id, len(self._parts) + 1, memoryview(self._held), digest))
        self._held = bytearray()

    def _opened(self) -> tuple[ObjectStore, str, str]:
        store, key = self._place()
        for left in store.uploads(key):
            if left.key == key:
                store.abort_upload(key, left.upload_id)
        return store, key, store.create_upload(key, ObjectAttributes(_CONTENT_TYPE))
