"""Announcing how a recording ended: one signed webhook per event, and the receipt that keeps it from being sent again.

The scheme is Standard Webhooks 1.0.0: ``webhook-id`` names the event and stays the same on every repeat, so a receiver
drops doubles by it; the signature is HMAC-SHA256 over ``{id}.{timestamp}.{body}``. Delivery is at least once: where a
try dies between the receiver's answer and the receipt, the next one announces again under the same id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.ports import Notifier, ObjectAttributes, ObjectStore
from cxone_provider.archive.recording import iso, parse_time

NOTIFICATION_SCHEMA = "cxone.archive-notification/1"
RECEIPT_SCHEMA = "cxone.receipt/1"
MAX_BODY_BYTES = 256 * 1024
MAX_RECEIPT_BYTES = 16 * 1024
_SECRET_PREFIX = "whsec_"  # noqa: S105  # the scheme's mark of a base64 secret, not a secret
_ID_HEX_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event as it is sent.

    Attributes:
        recording_id: the recording.
        webhook_id: name of the event; equal for equal events, whichever try or process announces them.
        body: the JSON document, canonical: the very bytes that are signed and sent.
    """

    recording_id: str
    webhook_id: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receiver's answer.

    Attributes:
        recording_id: the recording.
        webhook_id: the event that was delivered.
        status_code: the 2xx status.
        attempts: requests it took.
        delivered_at: when the answer came.
    """

    recording_id: str
    webhook_id: str
    status_code: int
    attempts: int
    delivered_at: pendulum.DateTime

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of the contract."""
        return {
            "schema": RECEIPT_SCHEMA,
            "recording_id": self.recording_id,
            "webhook_id": self.webhook_id,
            "status_code": self.status_code,
            "attempts": self.attempts,
            "delivered_at": iso(self.delivered_at),
        }

    @classmethod
    def from_document(cls, document: object) -> Receipt:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != RECEIPT_SCHEMA:
            raise InvalidDocument("not a receipt", found=document, expected=f"an object with schema {RECEIPT_SCHEMA}")
        delivered_at = parse_time(document.get("delivered_at"), "delivered_at")
        if delivered_at is None:
            raise InvalidDocument("receipt without delivered_at", found=document)
        return cls(
            recording_id=_text(document, "recording_id"),
            webhook_id=_text(document, "webhook_id"),
            status_code=_whole(document, "status_code", 200, 299),
            attempts=_whole(document, "attempts", 1, None),
            delivered_at=delivered_at,
        )


def announcement_of(audit_log: Mapping[str, Any]) -> Announcement:
    """Return the event that an audit log tells of.

    The body holds nothing but the audit log's own fields: no metadata, no error text, so neither phone numbers nor
    names leave the archive this way. Entries that would make it larger than 256 KiB are left out and counted.

    Raises:
        InvalidDocument: `audit_log` is not one, or is too large without its entries.
    """
    return _announcement(AuditLog.from_document(audit_log))


def _announcement(log: AuditLog) -> Announcement:
    body = _canonical(_body_document(log, with_entries=True))
    if len(body) > MAX_BODY_BYTES:
        body = _canonical(_body_document(log, with_entries=False))
    if len(body) > MAX_BODY_BYTES:
        raise InvalidDocument(
            "audit log too large to announce", found=f"{len(body)} bytes without entries", expected=MAX_BODY_BYTES
        )
    return Announcement(log.recording_id, _webhook_id(log), body)


def _body_document(log: AuditLog, *, with_entries: bool) -> dict[str, Any]:
    omitted = log.entries_omitted + (0 if with_entries else len(log.entries))
    document: dict[str, Any] = {
        "schema": NOTIFICATION_SCHEMA,
        "recording_id": log.recording_id,
        "outcome": str(log.outcome),
        "success": log.success,
        "timestamp": iso(log.finished_at),
        "total_bytes": log.total_bytes,
        "chunks_processed": log.chunks_processed,
        "latency_ms": log.latency_ms,
        "s3_uri": log.s3_uri,
        "manifest_uri": log.manifest_uri,
        "sha256": log.sha256,
        "audit_uri": log.audit_uri,
        # the anchor outside the archive: with it, a receiver can tell that a trail's tail was cut
        "audit_head": log.audit_head,
        "audit_entries": [entry.to_document() for entry in log.entries] if with_entries else [],
    }
    if omitted:
        document["audit_entries_omitted"] = omitted
    return document


def _webhook_id(log: AuditLog) -> str:
    # ARCHIVED, and ALREADY_ARCHIVED by a later try, are one event: the same bytes lie at the same place.
    if log.success:
        event = ["archived", log.recording_id, log.sha256, log.s3_uri, log.manifest_uri]
    else:
        event = ["ended", log.recording_id, str(log.outcome), None if log.error is None else log.error.type]
    # Hex, because the scheme joins id, timestamp and body with dots: an id must not hold one.
    return f"msg_{hashlib.sha256(_canonical(event)).hexdigest()[:_ID_HEX_DIGITS]}"


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def signing_keys(secret: str) -> tuple[bytes, ...]:
    """Return the keys that a signing secret holds: several, separated by spaces, while they are being rotated.

    A secret is ``whsec_`` and base64, as receivers hand it out, or plain text whose bytes are the key.

    Raises:
        InvalidSetting: a key is empty or not base64; the message never shows it.
    """
    return tuple(_signing_key(word) for word in secret.split())


def _signing_key(word: str) -> bytes:
    if not word.startswith(_SECRET_PREFIX):
        return word.encode()
    encoded = word.removeprefix(_SECRET_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if key:
        return key
    raise InvalidSetting(
        "unusable webhook signing secret", found=f"{_SECRET_PREFIX} and {len(encoded)} characters", expected="base64"
    )


def sign(secret: str, webhook_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of ``webhook-signature``: ``v1,<base64>``, one per key of `secret`, separated by spaces.

    Args:
        secret: see :func:`signing_keys`.
        webhook_id: the event's name.
        timestamp_s: value of ``webhook-timestamp``, seconds of the epoch; each try has its own.
        body: the bytes that are sent.
    """
    signed = b".".join((webhook_id.encode(), str(timestamp_s).encode(), body))
    digests = (hmac.new(key, signed, hashlib.sha256).digest() for key in signing_keys(secret))
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def announce(audit_log: Mapping[str, Any], *, notifier: Notifier, store: ObjectStore | None) -> Receipt:
    """Deliver an audit log's event, unless the archive already holds the receiver's answer to it.

    Args:
        audit_log: document of the contract, of any outcome.
        notifier: the webhook.
        store: bucket of the archive, where receipts of archived recordings lie, locked as the recording is; None to
            keep none.

    Raises:
        InvalidDocument: `audit_log` is not one, or tells of another bucket.
        NotificationError: the webhook was not delivered.
        StoreError: the receipt was not read or, after the delivery, not stored: announcing again heals that.
    """
    log = AuditLog.from_document(audit_log)
    announcement = _announcement(log)
    if store is None or not log.success or log.manifest_uri is None:
        return _deliver(announcement, notifier)
    key = _receipt_key(log.manifest_uri, store.bucket)
    receipt = _stored_receipt(store, key)
    if receipt is None or receipt.webhook_id != announcement.webhook_id:
        receipt = _deliver(announcement, notifier)
        keeping = store if log.lock is None else store.locked(log.lock)
        keeping.put(key, _canonical(receipt.to_document()), ObjectAttributes("application/json"))
    return receipt


def _deliver(announcement: Announcement, notifier: Notifier) -> Receipt:
    delivery = notifier.deliver(announcement.webhook_id, announcement.body)
    return Receipt(
        recording_id=announcement.recording_id,
        webhook_id=announcement.webhook_id,
        status_code=delivery.status_code,
        attempts=delivery.attempts,
        delivered_at=delivery.delivered_at,
    )


def _receipt_key(manifest_uri: str, bucket: str) -> str:
    """Return where the receipt lies: beside the manifest, under the same name."""
    manifest_bucket, manifest_key = split_uri(manifest_uri)
    folders, _, name = manifest_key.rpartition("/")
    prefix, _, folder = folders.rpartition("/")
    if manifest_bucket != bucket or folder != "manifests" or not name:
        raise InvalidDocument(
            "manifest_uri of an audit log", found=manifest_uri, expected=f"s3://{bucket}/{{prefix}}/manifests/{{name}}"
        )
    return f"{prefix}/receipts/{name}" if prefix else f"receipts/{name}"


def _stored_receipt(store: ObjectStore, key: str) -> Receipt | None:
    answer = store.read(key, max_bytes=MAX_RECEIPT_BYTES)
    if answer is None:
        return None
    try:
        return Receipt.from_document(json.loads(answer[0]))
    except (InvalidDocument, ValueError, RecursionError):
        # A damaged receipt proves no delivery, and a double is harmless: the receiver knows it by its id.
        return None


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidDocument(f"{name} of a receipt", found=value, expected="text")
    return value


def _whole(document: Mapping[str, Any], name: str, least: int, most: int | None) -> int:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least or (most is not None and value > most):
        limits = f"from {least}" if most is None else f"from {least} to {most}"
        raise InvalidDocument(f"{name} of a receipt", found=value, expected=f"a whole number {limits}")
    return value
