"""An S3 bucket in memory, with versioning, multipart rules, Object Lock bookkeeping and faults as data."""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal

import pendulum

from cxone_provider.archive.errors import (
    InvalidSetting,
    LockUnsupported,
    ObjectExists,
    StoreRefused,
    UploadVanished,
)
from cxone_provider.archive.parts import MAX_PARTS, MIN_PART_BYTES
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock, Part, StoredObject, Upload
from tests.fakes.faults import Fault, FaultPlan, When

_PIECE_BYTES = 2**20
_METADATA_LIMIT_BYTES = 2048

_Looks = Literal[
    "check", "read", "stat", "list_keys", "list_objects", "read_range", "lock_of", "stream", "uploads", "parts"
]
_Writes = Literal["put", "create_upload", "put_part", "complete_upload", "abort_upload"]
Operation = _Looks | _Writes


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a test counts it; `key` is empty for `check` and the prefix for a listing and `list_keys`."""

    operation: Operation
    key: str


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object: what a `stat` of it says, its bytes, and how it was written."""

    stored: StoredObject
    body: bytes
    attributes: ObjectAttributes
    lock: ObjectLock | None


@dataclass(slots=True)
class _OpenUpload:
    key: str
    attributes: ObjectAttributes
    initiated_at: pendulum.DateTime
    parts: dict[int, tuple[Part, bytes]] = field(default_factory=dict)


def _a_fixed_time() -> pendulum.DateTime:
    return pendulum.datetime(2026, 1, 2, 3, 4, 5)


class FakeStore:
    """An :class:`~cxone_provider.archive.ports.ObjectStore`; every version of every object stays in `objects`.

    Args:
        bucket: name.
        min_part_bytes: smallest part that is not the last; property tests lower it.
        lock: Object Lock of every write.
        bucket_has_lock: whether the bucket was made with Object Lock.
        now: where `Upload.initiated_at` comes from.
    """

    def __init__(
        self,
        bucket: str = "archive",
        *,
        min_part_bytes: int = MIN_PART_BYTES,
        lock: ObjectLock | None = None,
        bucket_has_lock: bool = False,
        now: Callable[[], pendulum.DateTime] = _a_fixed_time,
    ) -> None:
        self.bucket = bucket
        self.objects: dict[str, list[Version]] = {}
        self.calls: list[Call] = []
        self._min_part_bytes = min_part_bytes
        self._lock_settings = lock
        self._bucket_has_lock = bucket_has_lock
        self._now = now
        self._open: dict[str, _OpenUpload] = {}
        self._faults = FaultPlan()
        self._made = count(1)
        self._mutex = threading.RLock()

    def fail_next(
        self,
        operation: Operation,
        error: BaseException,
        *,
        when: When = "before",
        times: int = 1,
        skip: int = 0,
    ) -> None:
        """Let `skip` calls of `operation` pass, then the next `times` raise `error`.

        ``after`` means that the effect happened and only the answer is lost; a stream breaks at its end.
        """
        self._faults.add(operation, error, when=when, times=times, skip=skip)

    def keys(self) -> list[str]:
        """Return the keys that hold an object, sorted."""
        return sorted(self.objects)

    def body(self, key: str) -> bytes:
        """Return the newest bytes of an object."""
        return self.objects[key][-1].body

    def tamper(self, key: str, body: bytes) -> None:
        """Change an object's bytes behind the store's back: entity tag, size and checksums stay."""
        newest = self.objects[key][-1]
        self.objects[key][-1] = Version(newest.stored, body, newest.attributes, newest.lock)

    def count(self, operation: Operation) -> int:
        """Return how often `operation` was called."""
        return sum(call.operation == operation for call in self.calls)

    def check(self) -> None:
        with self._operation("check", ""):
            if self._lock_settings is not None and not self._bucket_has_lock:
                raise LockUnsupported("the bucket has no Object Lock", found=self.bucket)

    def locked(self, lock: ObjectLock) -> FakeStore:
        """Return the same objects, calls and faults behind another lock."""
        other = copy(self)
        other._lock_settings = lock
        return other

    def ensure_locked(self, stored: StoredObject) -> None:
        if self._lock_settings is not None:
            versions = self.objects[stored.key]
            at = next(n for n, one in enumerate(versions) if one.stored.version_id == stored.version_id)
            versions[at] = replace(versions[at], lock=self._lock_settings)

    def read(self, key: str, *, max_bytes: int) -> tuple[bytes, StoredObject] | None:
        with self._operation("read", key):
            version = self._newest(key)
            if version is None:
                return None
            if version.stored.size_bytes > max_bytes:
                raise StoreRefused("the object is too large", found=version.stored.size_bytes, expected=max_bytes)
            return version.body, version.stored

    def stat(self, key: str) -> StoredObject | None:
        with self._operation("stat", key):
            version = self._newest(key)
            return None if version is None else version.stored

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys under a prefix."""
        with self._operation("list_keys", prefix):
            keys = [key for key in sorted(self.objects) if key.startswith(prefix)]
        yield from keys

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the newest objects under a prefix and behind a key, as a listing tells them."""
        with self._operation("list_objects", prefix):
            found = [self.objects[key][-1].stored for key in sorted(self.objects) if key.startswith(prefix)]
        yield from (
            StoredObject(one.key, one.size_bytes, one.etag, modified_at=one.modified_at)
            for one in found
            if one.key > after
        )

    @contextmanager
    def stream(self, key: str, *, version_id: str | None = None) -> Iterator[Iterator[bytes]]:
        with self._mutex:
            fault = self._begin("stream", key)
            known = [v for v in self.objects.get(key, []) if version_id in (None, v.stored.version_id)]
        if not known:
            raise StoreRefused("there is no such object", found=key)
        yield _pieces(known[-1].body, fault)

    def put(
        self,
        key: str,
        body: bytes | bytearray | memoryview,
        attributes: ObjectAttributes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> StoredObject:
        with self._operation("put", key):
            content = bytes(body)
            digest = hashlib.sha256(content).digest()
            if attributes.sha256 not in (None, digest.hex()):
                raise StoreRefused("BadDigest", found=digest.hex(), expected=attributes.sha256)
            self._check_condition(key, if_absent=if_absent, if_match=if_match)
            return self._store(key, content, attributes, etag=_md5(content).hex(), sha256=_base64(digest))

    def create_upload(self, key: str, attributes: ObjectAttributes) -> str:
        with self._operation("create_upload", key):
            _check_metadata(attributes.metadata)
            upload_id = f"upload-{next(self._made)}"
            self._open[upload_id] = _OpenUpload(key, attributes, self._now())
            return upload_id

    def put_part(self, key: str, upload_id: str, number: int, body: memoryview, sha256: bytes) -> Part:
        with self._operation("put_part", key):
            upload = self._upload(key, upload_id)
            if not 1 <= number <= MAX_PARTS:
                raise StoreRefused("part number out of range", found=number, expected=f"1 to {MAX_PARTS}")
            content = bytes(body)
            if hashlib.sha256(content).digest() != sha256:
                raise StoreRefused("BadDigest", found=sha256.hex())
            part = Part(number, len(content), _md5(content).hex(), _base64(sha256))
            upload.parts[number] = (part, content)
            return part

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> StoredObject:
        with self._operation("complete_upload", key):
            upload = self._upload(key, upload_id)
            stored = [upload.parts[number] for number in sorted(upload.parts)]
            self._check_parts(parts, [part for part, _ in stored])
            self._check_condition(key, if_absent=if_absent, if_match=None)
            del self._open[upload_id]
            content = b"".join(body for _, body in stored)
            etag = _md5(b"".join(bytes.fromhex(part.etag) for part in parts)).hex()
            digests = b"".join(hashlib.sha256(body).digest() for _, body in stored)
            composite = _base64(hashlib.sha256(digests).digest())
            suffix = f"-{len(parts)}"
            return self._store(key, content, upload.attributes, etag=etag + suffix, sha256=composite + suffix)

    def abort_upload(self, key: str, upload_id: str) -> None:
        with self._operation("abort_upload", key):
            self._open.pop(upload_id, None)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        with self._operation("uploads", prefix):
            found = [
                Upload(upload.key, upload_id, upload.initiated_at)
                for upload_id, upload in self._open.items()
                if upload.key.startswith(prefix)
            ]
        yield from sorted(found, key=lambda upload: upload.key)

    def parts(self, key: str, upload_id: str) -> Sequence[Part]:
        with self._operation("parts", key):
            stored = self._upload(key, upload_id).parts
            return [stored[number][0] for number in sorted(stored)]

    def _begin(self, operation: Operation, key: str) -> Fault | None:
        self.calls.append(Call(operation, key))
        return self._faults.begin(operation)

    @contextmanager
    def _operation(self, operation: Operation, key: str) -> Iterator[None]:
        with self._mutex:
            fault = self._begin(operation, key)
            yield
        if fault is not None:
            raise fault.error

    def _newest(self, key: str) -> Version | None:
        return self.objects[key][-1] if key in self.objects else None

    def _upload(self, key: str, upload_id: str) -> _OpenUpload:
        upload = self._open.get(upload_id)
        if upload is None or upload.key != key:
            raise UploadVanished("there is no such upload", found=upload_id)
        return upload

    def _check_condition(self, key: str, *, if_absent: bool, if_match: str | None) -> None:
        there = self._newest(key)
        if if_absent and there is not None:
            raise ObjectExists("there is an object", found=key)
        if if_match is not None and (there is None or there.stored.etag != if_match):
            raise ObjectExists("the object is another one, or gone", found=there, expected=if_match)

    def _check_parts(self, given: Sequence[Part], stored: Sequence[Part]) -> None:
        if not given or [(part.number, part.etag) for part in given] != [(p.number, p.etag) for p in stored]:
            raise StoreRefused("InvalidPart: not all of the parts, in order", found=given, expected=stored)
        if any(part.size_bytes < self._min_part_bytes for part in stored[:-1]):
            raise StoreRefused("EntityTooSmall", found=stored, expected=f"{self._min_part_bytes} bytes or more")

    def _store(self, key: str, content: bytes, attributes: ObjectAttributes, *, etag: str, sha256: str) -> StoredObject:
        _check_metadata(attributes.metadata)
        metadata = {name.lower(): value for name, value in attributes.metadata.items()}
        version_id, checksums = f"version-{next(self._made)}", {"sha256": sha256}
        stored = StoredObject(key, len(content), etag, version_id, metadata, checksums, self._now())
        self.objects.setdefault(key, []).append(Version(stored, content, attributes, self._lock_settings))
        return stored


def _pieces(body: bytes, fault: Fault | None) -> Iterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]
    if fault is not None:
        raise fault.error


def _check_metadata(metadata: Mapping[str, str]) -> None:
    text = "".join(f"{name}{value}" for name, value in metadata.items())
    if not (text.isascii() and text.isprintable() and len(text) <= _METADATA_LIMIT_BYTES):
        raise InvalidSetting("unusable user metadata", found=metadata, expected="printable ASCII, at most 2 KB")


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode("ascii")
