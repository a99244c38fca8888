"""What lies in a bucket, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.recording import iso, parse_time


@dataclass(frozen=True, slots=True)
class ObjectLock:
    """Object Lock of everything that is written for a recording.

    Attributes:
        mode: ``GOVERNANCE`` or ``COMPLIANCE``, or None for a legal hold alone.
        retain_until: end of the retention; set exactly when `mode` is.
        legal_hold: hold without an end.
    """

    mode: str | None = None
    retain_until: pendulum.DateTime | None = None
    legal_hold: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return the lock as manifests and audit logs tell it."""
        return {
            "object_lock_mode": self.mode,
            "retain_until": iso(self.retain_until),
            "legal_hold": self.legal_hold,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> ObjectLock | None:
        """Read the lock that a manifest's `storage` or an audit log tells of; None where it tells of none.

        Raises:
            InvalidDocument: the end of the retention is no time.
        """
        mode, held = document.get("object_lock_mode"), document.get("legal_hold") is True
        until = parse_time(document.get("retain_until"), "retain_until")
        retained = isinstance(mode, str) and until is not None
        return cls(mode if retained else None, until if retained else None, held) if retained or held else None


@dataclass(frozen=True, slots=True)
class ObjectAttributes:
    """How an object is stored.

    Attributes:
        content_type: media type.
        metadata: user metadata; printable ASCII only, at most 2 KB in all.
        sha256: digest the store verifies where it can, hex; None when not known before the write.
    """

    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object as the store reports it.

    Attributes:
        key: the key.
        size_bytes: its size.
        etag: entity tag without quotes.
        version_id: version, or None where the bucket keeps none.
        metadata: user metadata.
        checksums: what the store computed itself, e.g. ``{"sha256": "<base64>"}``; composite ones end in ``-N``.
        modified_at: when it was stored, by the store's clock; None where the answer does not tell.
    """

    key: str
    size_bytes: int
    etag: str
    version_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    checksums: Mapping[str, str] = field(default_factory=dict)
    modified_at: pendulum.DateTime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Part:
    """One stored part of a multipart upload; `sha256` is base64 as S3 writes it, or None where the store keeps none."""

    number: int
    size_bytes: int
    etag: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """One unfinished multipart upload."""

    key: str
    upload_id: str
    initiated_at: pendulum.DateTime
