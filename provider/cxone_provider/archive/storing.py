"""From verified chunks to the parts of one S3 object: an upload that a crash can leave and a later try picks up."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.errors import (
    DigestMismatch,
    ObjectConflict,
    ShortBody,
    UploadVanished,
)
from cxone_provider.archive.integrity import Proof
from cxone_provider.archive.parts import PartLayout
from cxone_provider.archive.ports import ObjectStore, Part, StoredObject


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """What must be known to go on with an unfinished upload: which object, cut how, of which entity.

    Attributes:
        key, upload_id: the upload.
        size_bytes, etag: size and strong entity tag of the media its parts came from.
        segment_size_bytes, part_size_bytes: how it is cut.
        format: audio format found in its first part.
        identity: the interaction of a contact that it is of; None outside of contacts.
    """

    key: str
    upload_id: str
    size_bytes: int
    etag: str | None
    segment_size_bytes: int
    part_size_bytes: int
    format: str
    identity: str | None = None

    def to_state(self) -> dict[str, Any]:
        """Return the JSON object that a journal keeps."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> OpenUpload | None:
        """Read :meth:`to_state`; None where it is not usable, e.g. written by another version."""
        try:
            upload = cls(**{name: {"identity": None, **state}[name] for name in cls.__slots__})
        except KeyError:
            return None
        counts = (upload.size_bytes, upload.segment_size_bytes, upload.part_size_bytes)
        texts = (upload.key, upload.upload_id, upload.format, upload.etag)
        named = upload.identity is None or isinstance(upload.identity, str)
        usable = named and all(type(n) is int and n > 0 for n in counts) and all(type(t) is str and t for t in texts)
        return upload if usable else None


class MultipartSink:
    """Parts of one object on their way into the store; called from several threads.

    Attributes:
        upload: the upload, once it is open.
    """

    def __init__(self, store: ObjectStore, layout: PartLayout) -> None:
        self._store = store
        self._layout = layout
        self._parts: dict[int, Part] = {}
        self._lock = threading.Lock()
        self.upload: OpenUpload | None = None

    def open(self, upload: OpenUpload) -> None:
        """Take up an open upload."""
        self.upload = upload

    def adopt_parts(self) -> None:
        """Take over what an earlier try stored: the parts whose size is the planned one.

        Raises:
            UploadVanished: it is gone, or was completed.
        """
        upload = self._opened()
        for part in self._store.parts(upload.key, upload.upload_id):
            if part.number <= self._layout.count(upload.size_bytes):
                planned = self._layout.size_of(part.number, upload.size_bytes)
                if part.size_bytes == planned:
                    self._parts[part.number] = part

    def holds(self, number: int) -> bool:
        """Tell whether part `number` is stored."""
        return number in self._parts

    @property
    def part_count(self) -> int:
        """Number of stored parts."""
        return len(self._parts)

    def put(self, number: int, body: memoryview, sha256: bytes) -> None:
        """Store part `number`."""
        upload = self._opened()
        part = self._store.put_part(upload.key, upload.upload_id, number, body, sha256)
        with self._lock:
            self._parts[number] = part

    def complete(self, size_bytes: int, *, if_absent: bool) -> StoredObject:
        """Count what is stored, compare, and make the object visible.

        Raises:
            ShortBody: the parts are not the whole; nothing is completed.
            ObjectExists: `if_absent`, and there is an object.
            UploadVanished: there is no such upload any more.
        """
        upload = self._opened()
        parts = [self._parts[number] for number in sorted(self._parts)]
        stored_bytes = sum(part.size_bytes for part in parts)
        if stored_bytes != size_bytes or len(parts) != self._layout.count(size_bytes):
            raise ShortBody("the stored parts are not the whole recording", found=stored_bytes, expected=size_bytes)
        return self._store.complete_upload(upload.key, upload.upload_id, parts, if_absent=if_absent)

    def abort(self) -> None:
        """Remove the upload if one is open."""
        if self.upload is not None:
            self._store.abort_upload(self.upload.key, self.upload.upload_id)
            self.upload = None
        self._parts.clear()

    def _opened(self) -> OpenUpload:
        if self.upload is None:
            raise UploadVanished("no multipart upload is open")
        return self.upload


def same_object(store: ObjectStore, key: str, size_bytes: int) -> StoredObject:
    """Return the object at `key`, written by somebody else or by a request whose answer was lost.

    Raises:
        ObjectConflict: it has another size.
        UploadVanished: there is none.
    """
    stored = store.stat(key)
    if stored is None:
        raise UploadVanished("the upload is gone, and no object is there", found=key)
    if stored.size_bytes != size_bytes:
        raise _conflict(key, f"{stored.size_bytes} bytes", f"{size_bytes} bytes")
    return stored


def check_same(stored: StoredObject, found: Proof, sha256: str) -> None:
    """Check that an object read back has the digest of the recording.

    Raises:
        ObjectConflict: it has another.
    """
    if found.sha256 != sha256:
        raise _conflict(stored.key, f"SHA-256 {found.sha256}", f"SHA-256 {sha256}")


def check_stored_size(stored: StoredObject, size_bytes: int) -> None:
    """Check the store's own word on what it wrote.

    Raises:
        DigestMismatch: it stored another number of bytes.
    """
    if stored.size_bytes != size_bytes:
        raise DigestMismatch("the store wrote another number of bytes", found=stored.size_bytes, expected=size_bytes)


def _conflict(key: str, found: str, expected: str) -> ObjectConflict:
    return ObjectConflict(
        f"another object without a manifest lies at {key}", found=found, expected=expected,
        hint="Move it away, or archive with replace=True, which keeps it as an older version.",
    )  # fmt: skip
