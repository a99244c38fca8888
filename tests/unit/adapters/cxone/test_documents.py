"""Metadata documents: what fits the contract is read, everything else is an UnexpectedAnswer that names the field."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.documents import MAX_DOCUMENT_BYTES, parse_description, parse_object
from cxone_provider.archive.errors import UnexpectedAnswer
from cxone_provider.archive.recording import RecordingDescription, RecordingRef

REF = RecordingRef("4711", pendulum.datetime(2026, 11, 21, tz="UTC"), metadata={"agent": "7"})
GOOD = {
    "id": "4711",
    "format": "mp3",
    "size": 1000,
    "duration": 12.5,
    "status": "completed",
    "storageState": "available",
}
MISSING = object()


def described(**changes: Any) -> RecordingDescription:
    document = {name: value for name, value in {**GOOD, **changes}.items() if value is not MISSING}
    return parse_description(document, REF)


def test_reads_the_contracts_document_and_keeps_what_the_listing_knew() -> None:
    assert described() == RecordingDescription(
        recording_id="4711",
        format="mp3",
        size_bytes=1000,
        duration_s=12.5,
        status="completed",
        storage_state="available",
        recorded_at=REF.recorded_at,
        metadata={"agent": "7"},
    )


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"id": 4711}, "recording_id", "4711"),
        ({"format": "MP3"}, "format", "mp3"),
        ({"format": None}, "format", None),
        ({"format": MISSING}, "format", None),
        ({"size": 0}, "size_bytes", 0),
        ({"size": None}, "size_bytes", None),
        ({"size": MISSING}, "size_bytes", None),
        ({"size": 5 * 2**40}, "size_bytes", 5 * 2**40),
        ({"duration": 0}, "duration_s", 0),
        ({"duration": None}, "duration_s", None),
        ({"duration": MISSING}, "duration_s", None),
        ({"status": MISSING}, "status", None),
        ({"storageState": "COLD"}, "storage_state", "cold"),
    ],
)
def test_reads_what_a_tenant_may_say(changes: dict[str, Any], field: str, value: object) -> None:
    assert getattr(described(**changes), field) == value


NO_NUMBERS: list[Any] = [-1, -0.5, True, False, "123", "", [], {}, 2**63, 2**80, 1e30, "NaN", [1], {"a": 1}]
NO_TEXTS: list[Any] = ["", 1, 1.5, True, [], {}, "a\nb", "a\0b", "\x1b[31m", "x" * 65, "x" * 10_240, "\u202eabc"]
BAD_FIELDS = [
    *(("size", value) for value in (*NO_NUMBERS, 1.5, 1000.0, 5 * 2**40 + 1)),
    *(("duration", value) for value in (*NO_NUMBERS, 366 * 24 * 3600 + 1)),
    *(("format", value) for value in NO_TEXTS),
    *(("status", value) for value in NO_TEXTS),
    *(("storageState", value) for value in (*NO_TEXTS, None, MISSING)),
    *(
        ("id", value)
        for value in (None, MISSING, "", "4712", 4712, 4711.0, True, [], {}, "4711 ", "../4711", "x" * 10_240)
    ),
]


@pytest.mark.parametrize(("field", "value"), BAD_FIELDS)
def test_a_field_outside_the_contract_is_named_and_shown(field: str, value: object) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"metadata field {field}") as raised:
        described(**{field: value})
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000])
def test_numbers_that_json_or_floats_do_not_have_are_refused(text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="metadata is not usable JSON"):
        parse_object(b'{"id": "4711", "duration": ' + text.encode() + b"}", "metadata")


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"[]", b'"text"', b"7", b"true", b"{", b"}", b"{}x", b"{'id': 1}", b'{"id": 1,}',
        b"<html>login</html>",
        b'{"id": "4711", "id": "4712"}', b'{"a": {"b": 1, "b": 1}}', b"\xff\xfe{}", b"{\x00}",
        '{"id": 1}'.encode("utf-16"),
        b'{"a": "\x01"}', b'{"a": "\\ud800"', b"\x1f\x8b\x08\x00", b'{"a": "' + b"\\" * 1001 + b'"}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="metadata is not") as raised:
        parse_object(body, "metadata")
    assert str(raised.value).isprintable()


def test_a_byte_order_mark_is_no_fault() -> None:
    assert parse_object(b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "metadata") == GOOD


def test_a_secret_document_is_never_shown() -> None:
    with pytest.raises(UnexpectedAnswer) as raised:
        parse_object(b'{"access_token": "canary', "token answer", secret=True)
    assert "canary" not in str(raised.value)
    assert raised.value.__context__ is None, "the decoder's error holds the whole document"


HURTFUL = [
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"[" * 65 + b"]" * 65,
    b'"' + b'\\"' * (MAX_DOCUMENT_BYTES // 2 - 1),
    b'"' * MAX_DOCUMENT_BYTES,
    b"[]," * (MAX_DOCUMENT_BYTES // 3),
    b'{"a": 1' + b" " * (MAX_DOCUMENT_BYTES - 8),
]


@pytest.mark.parametrize("body", HURTFUL)
def test_a_document_made_to_hurt_is_refused_quickly(body: bytes) -> None:
    began_s = time.thread_time()
    with pytest.raises(UnexpectedAnswer):
        parse_object(body, "metadata")
    assert time.thread_time() - began_s < 1


@pytest.mark.parametrize("body", HURTFUL)
def test_a_document_made_to_hurt_takes_little_memory(body: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(UnexpectedAnswer):
        parse_object(body, "metadata")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 20 * 2**20


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=8), json_values, max_size=5))
def test_every_object_survives(document: dict[str, Any]) -> None:
    assert parse_object(json.dumps(document).encode(), "metadata") == document


@given(st.binary(max_size=200) | st.from_regex(rb'[{}\[\]":,\\0-9a-z ]{0,60}', fullmatch=True))
def test_any_body_is_an_object_or_a_typed_error(body: bytes) -> None:
    try:
        document = parse_object(body, "metadata")
    except UnexpectedAnswer:
        return
    assert isinstance(document, dict)


@given(st.dictionaries(st.sampled_from([*GOOD, "other"]), json_values))
def test_any_metadata_is_a_description_or_a_typed_error(document: dict[str, Any]) -> None:
    try:
        description = parse_description(document, REF)
    except UnexpectedAnswer as error:
        assert str(error).isprintable()  # noqa: PT017  # the property is about every error there can be
        return
    assert description.recording_id == "4711"
