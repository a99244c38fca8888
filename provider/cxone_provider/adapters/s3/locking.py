"""Object Lock: is it there before the first byte, and does it hold after the last."""

from __future__ import annotations

from typing import Any

import pendulum

from cxone_provider.adapters.s3.bucket import Bucket
from cxone_provider.adapters.s3.errors import NO_LOCK
from cxone_provider.adapters.s3.writing import retention_end
from cxone_provider.archive.errors import LockUnsupported, StoreRefused
from cxone_provider.archive.ports import ObjectLock

# S3's answers for a bucket without the feature, and those of servers without it
_UNSUPPORTED = NO_LOCK | {"InvalidRequest", "MethodNotAllowed", "NotImplemented"}


def require_lock(bucket: Bucket) -> None:
    """Check that the bucket has Object Lock.

    Raises:
        LockUnsupported: it does not, or the server does not know the feature.
    """
    answer = bucket.find("GetObjectLockConfiguration", "", _UNSUPPORTED) or {}
    state = answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled")
    if state != "Enabled":
        raise LockUnsupported(
            "the bucket has no Object Lock", found=bucket.name, expected="ObjectLockEnabled: Enabled",
            hint="Enable it on the bucket, which also needs versioning, or leave the lock arguments out.",
        )  # fmt: skip


def ensure_locked(bucket: Bucket, key: str, version_id: str | None) -> None:
    """Make sure that an object is locked as the settings ask, and lock it where the store dropped that.

    Some stores take the lock of a multipart upload at its start and forget it at its end.

    Raises:
        StoreRefused: it is not locked, and locking it does not hold.
    """
    lock = bucket.settings.lock
    if lock is None:
        return
    version = {} if version_id is None else {"VersionId": version_id}
    if lock.mode is not None and not _is_retained(bucket, key, version, lock):
        retention = {"Mode": lock.mode, "RetainUntilDate": retention_end(lock)}
        bucket.call("PutObjectRetention", key, Retention=retention, **version)
        _insist(_is_retained(bucket, key, version, lock), "retention", key)
    if lock.legal_hold and not _is_held(bucket, key, version):
        bucket.call("PutObjectLegalHold", key, LegalHold={"Status": "ON"}, **version)
        _insist(_is_held(bucket, key, version), "legal hold", key)


def lock_of(bucket: Bucket, key: str, version_id: str | None) -> ObjectLock | None:
    """Return an object's lock as the store tells it, or None; a store without the feature has none to tell."""
    version = {} if version_id is None else {"VersionId": version_id}
    retention = (bucket.find("GetObjectRetention", key, _UNSUPPORTED, **version) or {}).get("Retention", {})
    held = (bucket.find("GetObjectLegalHold", key, _UNSUPPORTED, **version) or {}).get("LegalHold", {})
    until = retention.get("RetainUntilDate")
    retained = None if until is None else pendulum.instance(until).in_timezone("UTC")
    hold = held.get("Status") == "ON"
    return ObjectLock(retention.get("Mode"), retained, hold) if retained is not None or hold else None


def _is_retained(bucket: Bucket, key: str, version: dict[str, Any], lock: ObjectLock) -> bool:
    answer = bucket.find("GetObjectRetention", key, NO_LOCK, **version) or {}
    retention = answer.get("Retention", {})
    until, wanted = retention.get("RetainUntilDate"), retention_end(lock)
    strict_enough = retention.get("Mode") in {lock.mode, "COMPLIANCE"}
    return strict_enough and until is not None and wanted is not None and pendulum.instance(until) >= wanted


def _is_held(bucket: Bucket, key: str, version: dict[str, Any]) -> bool:
    answer = bucket.find("GetObjectLegalHold", key, NO_LOCK, **version) or {}
    return bool(answer.get("LegalHold", {}).get("Status") == "ON")


def _insist(holds: object, what: str, key: str) -> None:
    if not holds:
        raise StoreRefused(f"the store does not keep the {what}", found=key)
