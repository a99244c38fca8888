from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.list_file import MAX_LINE_BYTES, read_list

HEADER = b"recording_id,recorded_at,duration_s,has_media,agent\n"


def in_pieces(content: bytes, size: int = 7) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def ids(content: bytes) -> list[str]:
    return [document["recording_id"] for document in read_list(in_pieces(content))]


def causes(content: bytes) -> list[str | None]:
    return [document.get("malformed") for document in read_list(in_pieces(content))]


def test_csv_columns_become_a_ref() -> None:
    content = HEADER + b'a,2026-11-22T10:00:00+02:00,61.5,true,"Ann, B."\r\nb,,,,\n'
    assert list(read_list([content])) == [
        {
            "recording_id": "a",
            "recorded_at": "2026-11-22T08:00:00Z",
            "duration_s": 61.5,
            "has_media": True,
            "metadata": {"agent": "Ann, B."},
        },
        {"recording_id": "b", "recorded_at": None, "duration_s": None, "has_media": None, "metadata": {}},
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"recording_id\na\nb\n",
        b"recording_id\na\nb",
        b"\xef\xbb\xbfrecording_id\r\na\r\nb\r\n",
        b"\n\n Recording_ID \n\na\n\n  \nb\n",
        b'agent;"RECORDING_ID"\nx;a\ny;"b"\n',
        b"recording_id\tagent\na\tx\nb\ty\n",
        b'{"recording_id": "a"}\n\n{"recording_id": "b"}',
        b'\xef\xbb\xbf{"recording_id": "a"}\r\n"b"\r\n',
    ],
)
def test_every_usual_way_to_write_a_list_is_read(content: bytes) -> None:
    assert ids(content) == ["a", "b"]


def test_json_lines_keep_other_fields_as_metadata() -> None:
    content = b'{"recording_id": 7, "agent": "x", "metadata": {"skill": "y"}, "has_media": false}'
    [document] = read_list([content])
    assert document["recording_id"] == "7"
    assert document["has_media"] is False
    assert document["metadata"] == {"agent": "x", "skill": "y"}


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (b"../a,,,,", "unusable recording id"),
        (b",,,,", "unusable recording id"),
        (b"a", "fields in the line"),
        (b"a,,,,,", "fields in the line"),
        (b"a,yesterday,,,", "recorded_at is not a time"),
        (b"a,,long,,", "duration_s is not a number"),
        (b"a,,nan,,", "duration_s is not a number of seconds"),
        (b"a,,-1,,", "duration_s is out of range"),
        (b"a,,,perhaps,", "has_media"),
        (b'a,,,,"open', "the line is not CSV"),
        (b'a,,,,"x"y', "the line is not CSV"),
        (b"a\xff,,,,", "the line is not UTF-8"),
        (b"a\x00,,,,", "unusable recording id"),
        (b"a,,,," + b"x" * MAX_LINE_BYTES, "the line is too long"),
    ],
)
def test_a_damaged_csv_line_is_carried_and_hides_no_other(line: bytes, cause: str) -> None:
    content = HEADER + b"first,,,,\n" + line + b"\nlast,,,,\n"
    assert causes(content) == [None, cause, None]
    assert ids(content)[::2] == ["first", "last"]


@pytest.mark.parametrize(
    "line",
    [
        b"{", b"[]", b"7.5", b"null", b'{"recording_id": "a"', b'{"recording_id": "a", "recording_id": "b"}',
        b'{"recording_id": "a", "x": NaN}', b'{"recording_id": "a", "x": 1e999}', b'{"recording_id": true}',
        b'{"agent": "x"}', b'{"recording_id": "a", "metadata": "x"}',
        b'{"recording_id": "a", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    ],
)  # fmt: skip
def test_a_damaged_json_line_is_carried_and_hides_no_other(line: bytes) -> None:
    content = b'{"recording_id": "first"}\n' + line + b'\n{"recording_id": "last"}\n'
    first, damaged, last = read_list(in_pieces(content, 4096))
    assert (first["recording_id"], last["recording_id"]) == ("first", "last")
    assert damaged["malformed"]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"contact,agent\n1,2\n", "header"),
        (b"recording_id,agent,agent\n", "header"),
        (b'[{"recording_id": "a"}]', "header"),
        (b"\x1f\x8b\x08\x00rest", "not UTF-8"),
        ("recording_id\na".encode("utf-16"), "not UTF-8"),
        (b"x" * 2 * MAX_LINE_BYTES, "too long"),
    ],
)
def test_what_is_no_list_says_so(content: bytes, cause: str) -> None:
    with pytest.raises(InvalidDocument, match=cause):
        list(read_list(in_pieces(content, 5000)))


def test_a_list_is_bounded_and_read_piece_by_piece() -> None:
    pulled = 0

    def endless() -> Iterator[bytes]:
        nonlocal pulled
        yield b"recording_id\n"
        while True:
            pulled += 1
            yield b"a\n" * 500

    with pytest.raises(InvalidDocument, match="too large"):
        list(read_list(endless(), max_bytes=10_000))
    assert pulled == 10


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line and line.strip()), max_size=8))
def test_every_line_becomes_exactly_one_document(lines: list[bytes]) -> None:
    content = b"recording_id,agent\n" + b"\n".join(lines)
    documents = list(read_list(in_pieces(content)))
    assert len(documents) == len(lines)
    json.dumps(documents, allow_nan=False)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_a_named_error(content: bytes) -> None:
    try:
        documents = list(read_list(in_pieces(content)))
    except InvalidDocument:
        return
    assert all(isinstance(document["recording_id"], str) for document in documents)
