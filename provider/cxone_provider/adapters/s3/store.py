"""The archive's :class:`~cxone_provider.archive.ports.ObjectStore` over boto3."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pendulum

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.redacting import redact_library_logs
from cxone_provider.adapters.retrying import RetryPolicy, TryAgain
from cxone_provider.adapters.s3.bucket import Bucket
from cxone_provider.adapters.s3.conditions import Conditions
from cxone_provider.adapters.s3.direct import DirectRequests
from cxone_provider.adapters.s3.errors import ABSENT
from cxone_provider.adapters.s3.locking import ensure_locked, lock_of, require_lock
from cxone_provider.adapters.s3.multipart import Uploads, stored_parts
from cxone_provider.adapters.s3.reading import ObjectReader, checksum_mode, read_range, read_small, stored_object
from cxone_provider.adapters.s3.settings import StoreSettings
from cxone_provider.adapters.s3.writing import (
    SSE_HEADERS,
    base64_of,
    completion_parameters,
    composite_sha256,
    digest_parameters,
    object_parameters,
)
from cxone_provider.archive.errors import DigestMismatch, StoreRefused, StoreUnavailable
from cxone_provider.archive.ports import Clock, ObjectAttributes, ObjectLock, Part, StoredObject, Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_NO_UPLOAD = frozenset({"404", "NoSuchKey", "NoSuchUpload"})
RETRY = RetryPolicy(attempts=5, base_delay_s=0.5, max_delay_s=8.0, deadline_s=300.0)


class S3Store:
    """One bucket of any S3 server.

    Repeated within `retry` are 5xx, throttling, broken connections and time-outs, conflicts of conditional writes
    (409), bodies that did not arrive as their digest says, broken bodies of answers, and aborts that leave parts
    behind. The waits end at once when the work is cancelled.

    A write whose answer was lost may be repeated and then find itself: :class:`ObjectExists` from a conditional write,
    and :class:`UploadVanished` from :meth:`complete_upload`, can mean that this very write succeeded.

    Requests: one a call, except ``check`` (1 more with Object Lock and 1 with a probe), ``complete_upload`` (2; with
    Object Lock 1 more for the retention and 1 for the legal hold), ``abort_upload`` (2), listings (1 a page of 1,000),
    the first ``create_upload`` (2, or 6 where the store lists no digests), and 1 more for each conditional write that
    is emulated.

    Args:
        client: boto3 S3 client, best made with :func:`~cxone_provider.adapters.s3.client.tuned_client_config`.
        bucket: name.
        settings: how objects are written.
        clock: waits between repetitions.
        retry: bounds of the repetitions.
        direct: send plain requests without botocore, see :mod:`cxone_provider.adapters.s3.direct`.
        verify: the `verify` that the client was made with.
    """

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        settings: StoreSettings | None = None,
        *,
        clock: Clock | None = None,
        retry: RetryPolicy | None = None,
        direct: bool = True,
        verify: bool | str | None = None,
    ) -> None:
        redact_library_logs()
        self.bucket = bucket
        self._settings = settings or StoreSettings()
        straight = DirectRequests(client, bucket, verify=verify) if direct else None
        self._s3 = Bucket(client, bucket, self._settings, retry or RETRY, clock or SystemClock(), straight)
        self._conditions = Conditions(self._s3)
        self._uploads = Uploads(self._settings.checksum)

    def check(self) -> None:
        """Show before the first byte that writes can work as asked: bucket, Object Lock, conditional writes.

        The last one only with a `probe_key`; a store that does not honour conditions has them emulated from then on.
        """
        if self._s3.find("HeadBucket", "", ABSENT | {"NoSuchBucket"}) is None:
            raise StoreRefused(
                "there is no such bucket", found=self.bucket,
                hint="Make the bucket, or correct its name or the connection's endpoint.",
            )  # fmt: skip
        if self._settings.lock is not None:
            require_lock(self._s3)
        if self._settings.probe_key is not None and self._conditions.native:
            self._conditions.probe(self._settings.probe_key)

    def locked(self, lock: ObjectLock) -> S3Store:
        """Return this bucket with another lock; client and what was found out about the store are shared."""
        settings = replace(self._settings, lock=lock)
        other = copy(self)
        other._settings, other._s3 = settings, self._s3.with_settings(settings)  # noqa: SLF001  # its own class
        return other

    def read(self, key: str, *, max_bytes: int) -> tuple[bytes, StoredObject] | None:
        """Return a small object, or None if there is none."""
        return self._s3.repeat(lambda: read_small(self._s3, key, max_bytes))

    def stat(self, key: str) -> StoredObject | None:
        """Return what the store says of an object, or None if there is none."""
        answer = self._s3.find("HeadObject", key, ABSENT, **checksum_mode(self._s3))
        if answer is None:
            return None
        return stored_object(key, int(answer["ContentLength"]), answer.get("Metadata", {}), answer)

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the newest objects that start with `prefix`, in their order."""
        for page in self._s3.pages("ListObjectsV2", "", {"ContinuationToken": "NextContinuationToken"}, Prefix=prefix):
            yield from (found["Key"] for found in page.get("Contents", []))

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the newest objects that start with `prefix` and come behind `after`, as a listing tells them."""
        markers = {"ContinuationToken": "NextContinuationToken"}
        begin = {"StartAfter": after} if after else {}
        for page in self._s3.pages("ListObjectsV2", "", markers, Prefix=prefix, **begin):
            yield from (stored_object(found["Key"], found["Size"], {}, found) for found in page.get("Contents", []))

    def read_range(self, key: str, start: int, stop: int, *, version_id: str | None = None) -> bytes:
        """Return the bytes ``[start, stop)`` of an object, fewer where it ends before."""
        return self._s3.repeat(lambda: read_range(self._s3, key, range(start, stop), version_id))

    def lock_of(self, key: str, *, version_id: str | None = None) -> ObjectLock | None:
        """Return an object's Object Lock, or None where it has none."""
        return lock_of(self._s3, key, version_id)

    @contextmanager
    def stream(self, key: str, *, version_id: str | None = None) -> Iterator[Iterator[bytes]]:
        """Yield an object's bytes in pieces of at most 1 MiB; a broken connection is taken up where it broke."""
        with closing(ObjectReader(self._s3, key, version_id)) as reader:
            reader.open()
            yield reader.pieces()

    def put(
        self,
        key: str,
        body: bytes | bytearray | memoryview,
        attributes: ObjectAttributes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> StoredObject:
        """Write an object in one request; visible only when complete."""
        content = memoryview(body).cast("B")
        sha256 = bytes.fromhex(attributes.sha256) if attributes.sha256 else hashlib.sha256(content).digest()
        parameters = object_parameters(self._settings, attributes)
        answer = self._s3.call(
            "PutObject", key, Body=content, **parameters, **digest_parameters(self._settings, content, sha256),
            **self._conditions.parameters(key, if_absent=if_absent, if_match=if_match),
        )  # fmt: skip
        self._check_encrypted(answer)
        _check_digest(answer.get("ChecksumSHA256"), base64_of(sha256), key)
        return stored_object(key, len(content), parameters["Metadata"], answer)

    def create_upload(self, key: str, attributes: ObjectAttributes) -> str:
        """Open a multipart upload and return its id."""
        return str(self._uploads.open(self._s3, key, object_parameters(self._settings, attributes))["UploadId"])

    def put_part(self, key: str, upload_id: str, number: int, body: memoryview, sha256: bytes) -> Part:
        """Store part `number`; the body is sent without a copy where it is a view of a whole bytearray."""
        content = memoryview(body).cast("B")
        answer = self._s3.call(
            "UploadPart", key, UploadId=upload_id, PartNumber=number, Body=content,
            **digest_parameters(self._settings, content, sha256),
        )  # fmt: skip
        stored = answer.get("ChecksumSHA256")
        _check_digest(stored, base64_of(sha256), key)
        return Part(number, len(content), str(answer["ETag"]).strip('"'), stored)

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> StoredObject:
        """Make the object visible, then ask the store what it holds, and see to its lock.

        Raises:
            DigestMismatch: the store's checksum over all parts is not theirs.
        """
        if not parts:
            raise StoreRefused("an upload without parts cannot be completed", found=key)
        answer = self._s3.call(
            "CompleteMultipartUpload", key, UploadId=upload_id, **completion_parameters(self._settings, parts),
            **self._conditions.parameters(key, if_absent=if_absent),
        )  # fmt: skip
        stored = self._seen(stored_object(key, sum(part.size_bytes for part in parts), {}, answer))
        _check_composite(stored, parts)
        self.ensure_locked(stored)
        return stored

    def _seen(self, completed: StoredObject) -> StoredObject:
        """Return what the store holds now, or what it said at the end, if another write has replaced that already."""
        head = self._s3.find("HeadObject", completed.key, ABSENT, **checksum_mode(self._s3)) or {}
        seen = stored_object(completed.key, int(head.get("ContentLength", 0)), head.get("Metadata", {}), head)
        if (seen.etag, seen.version_id) != (completed.etag, completed.version_id):
            return completed
        self._check_encrypted(head)
        return seen

    def ensure_locked(self, stored: StoredObject) -> None:
        """Check that an object is locked as the settings ask, and lock it where the store dropped that.

        Raises:
            StoreRefused: it is not, and locking it does not hold.
        """
        ensure_locked(self._s3, stored.key, stored.version_id)

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Remove an unfinished upload, again and again until the store lists no parts of it."""
        self._s3.repeat(lambda: self._abort(key, upload_id))

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the unfinished uploads whose keys start with `prefix`."""
        markers = {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"}
        for page in self._s3.pages("ListMultipartUploads", "", markers, Prefix=prefix):
            for found in page.get("Uploads", []):
                if found["Key"].startswith(prefix):
                    initiated_at = pendulum.instance(found["Initiated"]).in_timezone("UTC")
                    yield Upload(found["Key"], found["UploadId"], initiated_at)

    def parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """Return the stored parts in order."""
        pages = self._s3.pages("ListParts", key, {"PartNumberMarker": "NextPartNumberMarker"}, UploadId=upload_id)
        return stored_parts([part for page in pages for part in page.get("Parts", [])])

    def _check_encrypted(self, answer: Mapping[str, Any]) -> None:
        wanted = SSE_HEADERS.get(self._settings.encryption or "")
        if wanted is not None and answer.get("ServerSideEncryption") != wanted:
            raise StoreRefused(
                "the store does not encrypt as asked", found=answer.get("ServerSideEncryption", "no encryption"),
                expected=wanted, hint="Leave encryption out, or set it as the bucket's default.",
            )  # fmt: skip

    def _abort(self, key: str, upload_id: str) -> None:
        self._s3.find("AbortMultipartUpload", key, _NO_UPLOAD, UploadId=upload_id)
        left = self._s3.find("ListParts", key, _NO_UPLOAD, UploadId=upload_id) or {}
        if left.get("Parts"):
            # A part that was on its way during the abort is stored after it.
            raise TryAgain(StoreUnavailable("parts of an aborted upload remain", found=key, expected="none"))


def _check_digest(stored: str | None, sent: str, key: str) -> None:
    if stored is not None and stored != sent:
        raise DigestMismatch(
            f"the store's checksum of {key} is not that of the bytes sent", found=stored, expected=sent
        )


def _check_composite(stored: StoredObject, parts: Sequence[Part]) -> None:
    found, expected = stored.checksums.get("sha256"), composite_sha256(parts)
    # Without a suffix it is a checksum of another kind, which the parts' digests cannot give.
    if found is not None and expected is not None and "-" in found:
        _check_digest(found, expected, stored.key)
