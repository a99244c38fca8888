"""Where Secure External Access puts recordings, and how they are named there: the connection's JSON object, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.adapters.external_access.key_mapping import DEFAULT_KEY_TEMPLATE, KeyMapping
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import InvalidSetting

VENDOR_KEEPS_DAYS = 30
_WARN_BEFORE_DAYS = 5
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]", re.ASCII)
_SIDECAR = re.compile(r"\{(?:stem|key)\}[A-Za-z0-9._-]{0,64}\.(?:json|csv)", re.ASCII)
_MAX_PREFIX = 512
_UNMATCHED = ("report", "ignore")
_FIELDS = (
    "bucket", "prefix", "aws_conn_id", "key_template", "unmatched", "expires_after_days", "warn_before_days",
    "denied_means_empty", "sidecar", "sidecar_recorded_at", "sidecar_duration_s",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExternalAccessSettings:
    """A bucket that the vendor copies recordings into.

    Attributes:
        bucket: its name.
        mapping: which recording an object is.
        aws_conn_id: connection of the Amazon provider that reaches it; None for boto3's own way to credentials.
        report_unmatched: whether an object whose key fits no recording is listed as unusable, or passed over.
        expires_after: how long the vendor keeps an object.
        warn_before: how long before its deletion a recording is warned of.
        denied_means_empty: whether a refused listing is an empty folder, as the vendor answers while there is nothing.
        sidecar: name of the metadata beside an object, of ``{key}`` or ``{stem}`` (the key without its extension) and
            an ending in ``.json`` or ``.csv``; None where there is none.
        sidecar_recorded_at: the sidecar's field with the recording's start, or None.
        sidecar_duration_s: the sidecar's field with the seconds, or None.
        retries: bounds of the repetitions of one request.
    """

    bucket: str
    mapping: KeyMapping = field(default_factory=KeyMapping)
    aws_conn_id: str | None = "aws_default"
    report_unmatched: bool = True
    expires_after: pendulum.Duration = field(default_factory=lambda: pendulum.duration(days=VENDOR_KEEPS_DAYS))
    warn_before: pendulum.Duration = field(default_factory=lambda: pendulum.duration(days=_WARN_BEFORE_DAYS))
    denied_means_empty: bool = False
    sidecar: str | None = None
    sidecar_recorded_at: str | None = None
    sidecar_duration_s: str | None = None
    retries: RetryPolicy = field(default_factory=RetryPolicy)


def external_access_settings(document: Mapping[str, Any], retries: RetryPolicy | None = None) -> ExternalAccessSettings:
    """Make settings of the connection's ``secure_external_access``; what is None or empty counts as absent.

    Raises:
        InvalidSetting: a field is unknown, missing, or makes no sense.
    """
    given = {name: value for name, value in document.items() if value not in (None, "") or name == "aws_conn_id"}
    unknown = sorted(str(name) for name in given.keys() - set(_FIELDS))
    if unknown:
        raise _invalid("unknown field", found=unknown, expected=", ".join(_FIELDS))
    prefix = _text(given, "prefix", "")
    if len(prefix.encode()) > _MAX_PREFIX or prefix.startswith("/"):
        raise _invalid("prefix", found=prefix, expected="the start of the keys, without a slash before it")
    return ExternalAccessSettings(
        bucket=_bucket(given.get("bucket")),
        mapping=KeyMapping(prefix, _text(given, "key_template", DEFAULT_KEY_TEMPLATE)),
        aws_conn_id=_connection(given),
        report_unmatched=_choice(given, "unmatched", _UNMATCHED) == "report",
        expires_after=pendulum.duration(days=_days(given, "expires_after_days", VENDOR_KEEPS_DAYS)),
        warn_before=pendulum.duration(days=_days(given, "warn_before_days", _WARN_BEFORE_DAYS)),
        denied_means_empty=_flag(given, "denied_means_empty"),
        sidecar=_sidecar(given),
        sidecar_recorded_at=_text(given, "sidecar_recorded_at", "") or None,
        sidecar_duration_s=_text(given, "sidecar_duration_s", "") or None,
        retries=retries or RetryPolicy(),
    )


def _bucket(value: object) -> str:
    if isinstance(value, str) and _BUCKET.fullmatch(value):
        return value
    raise _invalid("bucket", found=value, expected="the name of the bucket alone")


def _connection(given: Mapping[str, Any]) -> str | None:
    value = given.get("aws_conn_id", "aws_default")
    return None if value is None or value == "" else _text(given, "aws_conn_id", "aws_default")


def _sidecar(given: Mapping[str, Any]) -> str | None:
    name = _text(given, "sidecar", "")
    if name and not _SIDECAR.fullmatch(name):
        raise _invalid("sidecar", found=name, expected="e.g. {stem}.json, {key}.json or {stem}_meta.csv")
    return name or None


def _text(given: Mapping[str, Any], name: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not value.isprintable():
        raise _invalid(name, found=value, expected="text")
    return value


def _choice(given: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = given.get(name, choices[0])
    if value not in choices:
        raise _invalid(name, found=value, expected=" or ".join(choices))
    return str(value)


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if not isinstance(value, bool):
        raise _invalid(name, found=value, expected="true or false")
    return value


def _days(given: Mapping[str, Any], name: str, default: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 3660:
        raise _invalid(name, found=value, expected="days, a whole number from 0 to 3660")
    return value


def _invalid(name: str, *, found: object, expected: str) -> InvalidSetting:
    return InvalidSetting(
        f"secure_external_access: {name}", found="nothing" if found is None else found, expected=expected
    )
