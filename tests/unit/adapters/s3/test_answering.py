"""Answers are read as HTTP/1.1 says, and what is none is an error that another try can mend."""

from __future__ import annotations

from http.client import HTTPException
from io import BufferedReader, BytesIO
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.s3.answering import Answer, read_answer

MOST = 1000


def read(raw: bytes, most_bytes: int = MOST) -> tuple[Answer, bytes]:
    """Return the answer, and what is left on the connection behind it."""
    file = BufferedReader(cast("BufferedReader", BytesIO(raw)))
    return read_answer(file, most_bytes), file.read()


def test_an_answer_ends_where_it_says_and_the_connection_is_kept() -> None:
    answer, left = read(b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n')
    assert (answer.status, answer.body, answer.size_bytes, answer.keeps) == (200, b"hello", 5, True)
    assert answer.headers == {"etag": '"e"', "content-length": "5"}
    assert left.startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "chunks", [b"5\r\nhello\r\n0\r\n\r\n", b"2;a=b\r\nhe\r\n3 \r\nllo\r\n000\r\nx-trailer: 1\r\n\r\n"]
)
def test_chunks_are_put_together(chunks: bytes) -> None:
    answer, left = read(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"rest")
    assert (answer.body, answer.keeps, left) == (b"hello", True, b"rest")


def test_interim_answers_are_passed_over() -> None:
    answer, _ = read(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    )
    assert (answer.status, answer.body, answer.keeps) == (204, b"", True)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_connection_that_ends_is_not_kept(head: bytes) -> None:
    answer, _ = read(head + b"ok")
    assert (answer.body, answer.keeps) == (b"ok", False)


def test_of_a_larger_body_only_the_size_is_told() -> None:
    answer, left = read(b"HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001)
    assert (answer.body, answer.size_bytes, answer.keeps, len(left)) == (b"", 1001, False, 1001)


def test_fields_that_come_twice_are_joined() -> None:
    answer, _ = read(b"HTTP/1.1 200 OK\r\nvary: a\r\nVary: b\r\nContent-Length: 0\r\n\r\n")
    assert answer.headers["vary"] == "a, b"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na field: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello world\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_whole_answer_is_an_error(raw: bytes) -> None:
    with pytest.raises((HTTPException, ConnectionError)):
        read(raw)


@given(
    st.binary(max_size=200),
    st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]),
)
def test_any_bytes_are_an_answer_or_an_error(tail: bytes, start: bytes) -> None:
    try:
        answer, _ = read(start + tail)
    except (HTTPException, ConnectionError):
        return
    assert len(answer.body) <= MOST + 1
