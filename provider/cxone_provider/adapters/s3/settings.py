"""How objects are written: encryption, tags, Object Lock, checksums. Pure values, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlencode

import pendulum

from cxone_provider.archive.errors import InvalidInput, InvalidSetting
from cxone_provider.archive.ports import ObjectLock
from cxone_provider.archive.recording import iso, parse_time

Checksum = Literal["sha256", "none"]
ConditionalWrites = Literal["native", "emulated"]
Encryption = Literal["SSE-S3", "SSE-KMS"]

MAX_TAGS = 10
MAX_METADATA_BYTES = 2048
_LOCK_MODES = frozenset({"GOVERNANCE", "COMPLIANCE"})
# what S3 allows in a tag besides letters and digits of any script
_TAG_TEXT = re.compile(r"[\w +\-=.:/@]*")
_METADATA_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HEADER_TEXT = re.compile(r"[!-~](?:[ -~]*[!-~])?", re.ASCII)
_KMS_KEY = re.compile(r"[!-~]{1,2048}", re.ASCII)
_STORAGE_CLASS = re.compile(r"[A-Z][A-Z0-9_]{0,31}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
# Manifests, audit logs and receipts are read minutes after they are written; these classes take hours to restore.
_OFFLINE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Settings of every write to a bucket; :func:`store_settings` makes checked ones.

    Attributes:
        encryption: server-side encryption, or None for the bucket's own.
        kms_key_id: key of ``SSE-KMS``; None for the account's default key.
        bucket_key: ask for an S3 bucket key with ``SSE-KMS``: fewer requests to KMS.
        tags: object tags.
        lock: Object Lock, or None for the bucket's own default.
        checksum: ``sha256`` sends a SHA-256 that the store verifies; ``none`` for stores that refuse the header.
        conditional_writes: ``native`` sends ``If-None-Match`` and ``If-Match``; ``emulated`` looks first and then
            writes, for stores that refuse or ignore those headers: two writers at the same moment both succeed.
        probe_key: key by which ``check`` finds out whether conditional writes hold; None to take them on trust. Nothing
            is written there where they hold.
        storage_class: storage class, or None for the bucket's own.
        expected_bucket_owner: account id that must own the bucket, or None.
    """

    encryption: Encryption | None = None
    kms_key_id: str | None = None
    bucket_key: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    lock: ObjectLock | None = None
    checksum: Checksum = "sha256"
    conditional_writes: ConditionalWrites = "native"
    probe_key: str | None = None
    storage_class: str | None = None
    expected_bucket_owner: str | None = None

    @property
    def tagging(self) -> str | None:
        """The tags as the ``x-amz-tagging`` header wants them, or None."""
        return urlencode(self.tags, quote_via=quote, safe="") or None


def store_settings(  # noqa: PLR0913  # flat, as a person writes them in a DAG
    *,
    encryption: str | Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
    object_lock_mode: str | None = None,
    retain_until: object = None,
    legal_hold: bool = False,
    checksum: str = "sha256",
    conditional_writes: str = "native",
    probe_key: str | None = None,
    storage_class: str | None = None,
    expected_bucket_owner: str | None = None,
) -> StoreSettings:
    """Make settings from what a person wrote.

    Args:
        encryption: ``SSE-S3``, ``SSE-KMS``, or ``{"type": "SSE-KMS", "key_id": …, "bucket_key": true}``.
        tags: at most 10; names of 1 to 128 and values of up to 256 characters.
        object_lock_mode: ``GOVERNANCE`` or ``COMPLIANCE``; goes with `retain_until`.
        retain_until: end of the retention, ISO 8601 or a time; whether it lies ahead is the caller's to check.
        legal_hold: hold without an end.
        checksum: ``sha256`` or ``none``.
        conditional_writes: ``native`` or ``emulated``.
        probe_key: a key under the archive's prefix, see :class:`StoreSettings`.
        storage_class: one that can be read at once.
        expected_bucket_owner: twelve digits.

    Raises:
        InvalidSetting: something S3 refuses, or that would make the archive unreadable.
    """
    kind, key_id, bucket_key = _encryption(encryption)
    return StoreSettings(
        encryption=kind,
        kms_key_id=key_id,
        bucket_key=bucket_key,
        tags=_tags(tags),
        lock=_lock(object_lock_mode, retain_until, legal_hold=legal_hold),
        checksum=_checksum(checksum),
        conditional_writes=_conditional_writes(conditional_writes),
        probe_key=probe_key,
        storage_class=_storage_class(storage_class),
        expected_bucket_owner=_matching(expected_bucket_owner, _ACCOUNT, "expected_bucket_owner", "twelve digits"),
    )


def checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return user metadata as it can travel in headers: names in lower case, values unchanged.

    Raises:
        InvalidSetting: not printable ASCII, a space at an end of a value, or more than 2 KB in all.
    """
    for name, value in metadata.items():
        if not _METADATA_NAME.fullmatch(name):
            raise InvalidSetting("name of user metadata", found=name, expected="letters, digits and - of ASCII")
        if value and not _HEADER_TEXT.fullmatch(value):
            raise InvalidSetting(f"user metadata {name}", found=value, expected="printable ASCII without outer spaces")
    size_bytes = sum(len(name) + len(value) for name, value in metadata.items())
    if size_bytes > MAX_METADATA_BYTES:
        raise InvalidSetting("user metadata is too large", found=size_bytes, expected=f"{MAX_METADATA_BYTES} bytes")
    return {name.lower(): value for name, value in metadata.items()}


def _encryption(value: str | Mapping[str, object] | None) -> tuple[Encryption | None, str | None, bool]:
    if value is None or value == "":
        return None, None, False
    options = value if isinstance(value, Mapping) else {"type": value}
    kind, key_id, bucket_key = options.get("type"), options.get("key_id"), options.get("bucket_key", False)
    unknown = sorted(options.keys() - {"type", "key_id", "bucket_key"})
    if kind not in {"SSE-S3", "SSE-KMS"} or unknown:
        raise InvalidSetting("encryption", found=value, expected="SSE-S3, SSE-KMS or an object with type and key_id")
    if kind == "SSE-S3":
        if key_id or bucket_key:
            raise InvalidSetting("a KMS key goes with SSE-KMS", found=value)
        return "SSE-S3", None, False
    if not isinstance(bucket_key, bool):
        raise InvalidSetting("bucket_key of encryption", found=bucket_key, expected="true or false")
    return "SSE-KMS", _matching(key_id, _KMS_KEY, "key_id of encryption", "a KMS key's id or ARN"), bucket_key


def _tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    checked = dict(tags or {})
    if len(checked) > MAX_TAGS:
        raise InvalidSetting("too many tags", found=len(checked), expected=f"at most {MAX_TAGS}")
    for name, value in checked.items():
        if not _is_tag_text(name, 1, 128) or name.lower().startswith("aws:"):
            raise InvalidSetting(
                "name of a tag", found=name, expected="1 to 128 letters, digits, spaces or + - = . _ : / @"
            )
        if not _is_tag_text(value, 0, 256):
            raise InvalidSetting(f"value of tag {name}", found=value, expected="up to 256 of the same characters")
    return checked


def _is_tag_text(value: object, least: int, most: int) -> bool:
    return isinstance(value, str) and least <= len(value) <= most and _TAG_TEXT.fullmatch(value) is not None


def _lock(mode: str | None, retain_until: object, *, legal_hold: bool) -> ObjectLock | None:
    until = _retain_until(retain_until)
    if mode not in {None, "", *_LOCK_MODES}:
        raise InvalidSetting("object_lock_mode", found=mode, expected="GOVERNANCE or COMPLIANCE")
    if bool(mode) != (until is not None):
        raise InvalidSetting(
            "object_lock_mode and retain_until go together",
            found={"object_lock_mode": mode, "retain_until": iso(until)},
        )
    return ObjectLock(mode or None, until, legal_hold) if mode or legal_hold else None


def _retain_until(value: object) -> pendulum.DateTime | None:
    try:
        return parse_time(value, "retain_until")
    except InvalidInput as error:
        raise InvalidSetting(error.what, found=error.found, expected=error.expected) from error


def _storage_class(value: str | None) -> str | None:
    checked = _matching(value, _STORAGE_CLASS, "storage_class", "a storage class such as STANDARD_IA")
    if checked in _OFFLINE_CLASSES:
        raise InvalidSetting(
            "storage_class cannot be read back at once", found=checked, expected="e.g. GLACIER_IR or STANDARD_IA",
            hint="Move recordings to colder classes by a lifecycle rule on the recordings/ prefix.",
        )  # fmt: skip
    return checked


def _checksum(value: str) -> Checksum:
    if value == "sha256":
        return "sha256"
    if value == "none":
        return "none"
    raise InvalidSetting("checksum", found=value, expected="sha256 or none")


def _conditional_writes(value: str) -> ConditionalWrites:
    if value == "native":
        return "native"
    if value == "emulated":
        return "emulated"
    raise InvalidSetting("conditional_writes", found=value, expected="native or emulated")


def _matching(value: object, pattern: re.Pattern[str], name: str, expected: str) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise InvalidSetting(name, found=value, expected=expected)
