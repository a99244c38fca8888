"""Metadata files beside the media: JSON and CSV, strictly, and what is no such file by name."""

from __future__ import annotations

import json

import pendulum
import pytest

from cxone_provider.adapters.external_access.sidecar import Sidecar, parse_sidecar, sidecar_key
from cxone_provider.archive.errors import InvalidDocument


def parsed(body: bytes, key: str = "1.json") -> Sidecar:
    return parse_sidecar(body, key, recorded_at="at", duration_s="s")


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("{stem}.json", "a/b.c/4711.mp4", "a/b.c/4711.json"),
        ("{stem}.json", "a.b/4711", "a.b/4711.json"),
        ("{key}.csv", "a/4711.mp4", "a/4711.mp4.csv"),
        ("{stem}_meta.json", "4711.mp4", "4711_meta.json"),
    ],
)
def test_the_name_is_made_of_the_key(name: str, key: str, expected: str) -> None:
    assert sidecar_key(name, key) == expected


def test_start_and_length_are_told_by_the_fields_that_are_named() -> None:
    body = json.dumps({"at": "2026-11-21T10:00:00+02:00", "s": "61.5", "agent": {"id": 7}}).encode()
    sidecar = parsed(body)
    assert (sidecar.recorded_at, sidecar.duration_s) == (pendulum.datetime(2026, 11, 21, 8), 61.5)
    assert sidecar.metadata["agent"] == '{"id": 7}'


def test_what_is_not_told_is_none() -> None:
    empty = parsed(b'{"at": "", "s": ""}')
    assert (empty.recorded_at, empty.duration_s) == (None, None)
    assert parsed(b"{}") == Sidecar()
    assert parsed(b"at,s\n,\n", "1.csv").recorded_at is None


def test_metadata_is_bounded() -> None:
    sidecar = parsed(json.dumps({f"field {number}": "x" * 100 for number in range(500)}).encode())
    assert 0 < len(sidecar.metadata) < 20


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "1.json"), (b"{", "1.json"), (b"[]", "1.json"), (b'{"a": 1, "a": 2}', "1.json"), (b"\xff\xfe", "1.json"),
        (b'{"at": "yesterday"}', "1.json"), (b'{"s": -1}', "1.json"), (b'{"s": "long"}', "1.json"),
        (b'{"s": NaN}', "1.json"), (b"", "1.csv"), (b"at,s\n", "1.csv"), (b"at,s\n1\n", "1.csv"),
        (b"at,s\n1,2\n3,4\n", "1.csv"),
        (b"at,at\n1,2\n", "1.csv"), (b'at,s\n"a\n', "1.csv"), (b"at,s\n,inf\n", "1.csv"),
    ],
)  # fmt: skip
def test_what_is_no_such_file_is_a_typed_error(body: bytes, key: str) -> None:
    with pytest.raises(InvalidDocument):
        parsed(body, key)
