"""Parameters of the requests that write. No I/O."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cxone_provider.adapters.s3.settings import StoreSettings, checked_metadata
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock, Part

SSE_HEADERS = {"SSE-S3": "AES256", "SSE-KMS": "aws:kms"}


def as_body(body: bytes | bytearray | memoryview) -> bytearray:
    """Return the body in the one form that botocore sends as it is.

    A view of a whole bytearray costs nothing, everything else one copy. botocore wraps bytes and files in readers,
    sends those in pieces of 16 KiB, and asks the server for leave first (``Expect``): one more round trip.
    """
    if isinstance(body, bytearray):
        return body
    if isinstance(body, memoryview) and body.contiguous and isinstance(body.obj, bytearray):
        return body.obj if body.nbytes == len(body.obj) else bytearray(body)
    return bytearray(body)


def base64_of(digest: bytes) -> str:
    """Return a digest as S3 headers write it."""
    return b64encode(digest).decode("ascii")


def composite_sha256(parts: Sequence[Part]) -> str | None:
    """Return the checksum S3 gives an object made of `parts`, or None where the digest of a part is not known."""
    digests = [part.sha256 for part in parts]
    if None in digests:
        return None
    joined = b"".join(b64decode(digest) for digest in digests if digest is not None)
    return f"{base64_of(hashlib.sha256(joined).digest())}-{len(parts)}"


def object_parameters(settings: StoreSettings, attributes: ObjectAttributes) -> dict[str, Any]:
    """Return what PutObject and CreateMultipartUpload have in common.

    Raises:
        InvalidSetting: the user metadata cannot travel in headers.
    """
    return {
        "ContentType": attributes.content_type,
        "Metadata": checked_metadata(attributes.metadata),
        **_encryption_parameters(settings),
        **_lock_parameters(settings.lock),
        **({"Tagging": settings.tagging} if settings.tagging else {}),
        **({"StorageClass": settings.storage_class} if settings.storage_class else {}),
    }


def digest_parameters(settings: StoreSettings, body: bytearray | memoryview, sha256: bytes) -> dict[str, str]:
    """Return the headers by which the store checks a body; S3 refuses locked writes without any."""
    locked = settings.lock is not None
    if settings.checksum == "sha256":
        named = {"ChecksumAlgorithm": "SHA256"} if locked else {}
        return {"ChecksumSHA256": base64_of(sha256), **named}
    if locked:
        return {"ContentMD5": base64_of(hashlib.md5(body, usedforsecurity=False).digest())}
    return {}


def completion_parameters(settings: StoreSettings, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the parts as CompleteMultipartUpload wants them: with their digests if all are known, else with none."""
    named: list[dict[str, Any]] = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
    if all(part.sha256 for part in parts):
        for name, part in zip(named, parts, strict=True):
            name["ChecksumSHA256"] = part.sha256
    parameters: dict[str, Any] = {"MultipartUpload": {"Parts": named}}
    if settings.checksum == "sha256":
        parameters["MpuObjectSize"] = sum(part.size_bytes for part in parts)
    return parameters


def retention_end(lock: ObjectLock) -> datetime | None:
    """Return the end of the retention in whole seconds, rounded up: not every store keeps fractions."""
    until = lock.retain_until
    if until is None or not until.microsecond:
        return until
    return until.replace(microsecond=0).add(seconds=1)


def _encryption_parameters(settings: StoreSettings) -> dict[str, Any]:
    if settings.encryption is None:
        return {}
    parameters: dict[str, Any] = {"ServerSideEncryption": SSE_HEADERS[settings.encryption]}
    if settings.kms_key_id is not None:
        parameters["SSEKMSKeyId"] = settings.kms_key_id
    if settings.bucket_key:
        parameters["BucketKeyEnabled"] = True
    return parameters


def _lock_parameters(lock: ObjectLock | None) -> dict[str, Any]:
    if lock is None:
        return {}
    parameters: dict[str, Any] = {}
    if lock.mode is not None:
        parameters |= {"ObjectLockMode": lock.mode, "ObjectLockRetainUntilDate": retention_end(lock)}
    if lock.legal_hold:
        parameters["ObjectLockLegalHoldStatus"] = "ON"
    return parameters
