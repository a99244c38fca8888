"""Metadata files beside the media: one JSON object, or a CSV with a header and one row. No I/O."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.listing import bounded_metadata, parse_json
from cxone_provider.archive.recording import parse_duration_s, parse_time

MAX_SIDECAR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a metadata file says.

    Attributes:
        recorded_at: start of the recording, or None.
        duration_s: seconds, or None.
        metadata: every field, bounded in size.
    """

    recorded_at: pendulum.DateTime | None = None
    duration_s: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


def sidecar_key(name: str, key: str) -> str:
    """Return the key of an object's sidecar by the setting `name`."""
    folder, slash, last = key.rpartition("/")
    stem, dot, _ = last.rpartition(".")
    return name.replace("{key}", key).replace("{stem}", f"{folder}{slash}{stem if dot else last}")


def parse_sidecar(body: bytes, key: str, *, recorded_at: str | None, duration_s: str | None) -> Sidecar:
    """Return what a sidecar says.

    Args:
        body: the file.
        key: its key; the ending tells JSON from CSV.
        recorded_at: name of the field with the start, or None.
        duration_s: name of the field with the seconds, or None.

    Raises:
        InvalidDocument: it is no such file, or a named field does not fit.
    """
    fields = _csv_row(_text(body)) if key.endswith(".csv") else parse_json(_text(body))
    if not isinstance(fields, Mapping):
        raise InvalidDocument("the sidecar is no object", found=fields, expected="one JSON object")
    return Sidecar(
        recorded_at=None if recorded_at is None else parse_time(fields.get(recorded_at), recorded_at),
        duration_s=None if duration_s is None else parse_duration_s(_number(fields.get(duration_s)), duration_s),
        metadata=bounded_metadata(fields),
    )


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidDocument("the sidecar is not UTF-8", found=body[:64]) from error


def _csv_row(text: str) -> dict[str, str]:
    try:
        rows = [row for row in csv.reader(text.splitlines(), strict=True) if row]
    except csv.Error as error:
        raise InvalidDocument("the sidecar is not CSV", found=text, expected=str(error)) from error
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or len(set(rows[0])) != len(rows[0]):
        raise InvalidDocument("the sidecar's rows", found=len(rows), expected="a header and one row of as many fields")
    return dict(zip(*rows, strict=True))


def _number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) and value.strip() else value or None
    except ValueError:
        return value
