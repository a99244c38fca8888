"""What a request is about, told by its method and address alone."""

from __future__ import annotations

import re
from enum import StrEnum


class Kind(StrEnum):
    """A request of the archive, or a call of the resume journal."""

    TOKEN = "token"
    METADATA = "metadata"
    SEGMENT = "segment"
    BUCKET = "bucket check"
    MANIFEST_LOOKUP = "manifest lookup"
    CREATE = "create upload"
    PART = "part"
    PARTS = "list of parts"
    ABORT = "abort upload"
    COMPLETE = "Complete"
    LOOK = "look at the object"
    READ_BACK = "read-back"
    WHOLE = "media in one Put"
    TRAIL_LOOKUP = "audit lookup"
    AUDIT = "audit trail"
    MANIFEST = "manifest"
    RECEIPT_LOOKUP = "receipt lookup"
    WEBHOOK = "webhook"
    RECEIPT = "receipt"
    SAVE = "state saved"
    CLEAR = "state cleared"


# The first that fits; an address is the path and its query.
_REQUESTS: tuple[tuple[str, str, Kind], ...] = (
    ("POST", r"/oauth/token", Kind.TOKEN),
    ("GET", r"/api/v2/recording/download/.+", Kind.SEGMENT),
    ("GET", r"/api/v2/recording/.+", Kind.METADATA),
    ("POST", r"/_simulator/webhook", Kind.WEBHOOK),
    ("HEAD", r"/[^/]+", Kind.BUCKET),
    ("POST", r"/.+/recordings/.+\?uploads", Kind.CREATE),
    ("POST", r"/.+/recordings/.+\?.*uploadId=.+", Kind.COMPLETE),
    ("PUT", r"/.+/recordings/.+\?.*partNumber=.+", Kind.PART),
    ("GET", r"/.+/recordings/.+\?.*uploadId=.+", Kind.PARTS),
    ("DELETE", r"/.+/recordings/.+\?.*uploadId=.+", Kind.ABORT),
    ("HEAD", r"/.+/recordings/.+", Kind.LOOK),
    ("GET", r"/.+/recordings/.+", Kind.READ_BACK),
    ("PUT", r"/.+/recordings/.+", Kind.WHOLE),
    ("GET", r"/.+/audit/.+", Kind.TRAIL_LOOKUP),
    ("PUT", r"/.+/audit/.+", Kind.AUDIT),
    ("GET", r"/.+/manifests/.+", Kind.MANIFEST_LOOKUP),
    ("PUT", r"/.+/manifests/.+", Kind.MANIFEST),
    ("GET", r"/.+/receipts/.+", Kind.RECEIPT_LOOKUP),
    ("PUT", r"/.+/receipts/.+", Kind.RECEIPT),
)


def kind_of(method: str, address: str) -> Kind:
    """Return what a request is about.

    Raises:
        LookupError: it is none that this archive makes.
    """
    for known, pattern, kind in _REQUESTS:
        if method == known and re.fullmatch(pattern, address):
            return kind
    raise LookupError(f"an unknown request: {method} {address}")
