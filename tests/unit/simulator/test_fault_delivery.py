"""Faults of framing and of the connection, seen byte by byte."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from tests.unit.simulator.client import DOWNLOAD, RawReply, TenantClient

Script = Callable[..., None]
RANGE = "bytes=0-999"


def unchunked(body: bytes) -> tuple[bytes, bool]:
    """Return the data of a chunked body, and whether its terminator was there."""
    data = b""
    while body:
        line, _, rest = body.partition(b"\r\n")
        size = int(line, 16)
        if size == 0:
            return data, True
        data, body = data + rest[:size], rest[size + 2 :]
    return data, False


def test_an_honest_answer_leaves_the_connection_usable(client: TenantClient, audio: bytes) -> None:
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.header("Content-Length"), reply.ending) == (audio[:1000], "1000", "next")


def test_the_connection_ends_cleanly_in_a_declared_body(client: TenantClient, script: Script, audio: bytes) -> None:
    script("close", after_bytes=300)
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.header("Content-Length"), reply.ending) == (audio[:300], "1000", "fin")


def test_the_connection_ends_after_a_whole_answer_unannounced(
    client: TenantClient, script: Script, audio: bytes
) -> None:
    script("close")
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.header("Connection"), reply.ending) == (audio[:1000], None, "fin")


@pytest.mark.parametrize(("after_bytes", "length"), [(300, 300), (0, 0), (None, 1000)])
def test_the_connection_ends_cleanly_in_a_chunked_body(
    client: TenantClient, script: Script, audio: bytes, after_bytes: int | None, length: int
) -> None:
    script("close", after_bytes=after_bytes, framing="chunked")
    reply = client.raw_media("call", RANGE)
    assert unchunked(reply.body) == (audio[:length], False)
    assert (reply.header("Transfer-Encoding"), reply.header("Content-Length")) == ("chunked", None)
    assert reply.ending == "fin"


@pytest.mark.parametrize(("after_bytes", "length"), [(300, 300), (None, 1000)])
def test_the_connection_ends_cleanly_in_a_body_without_length(
    client: TenantClient, script: Script, audio: bytes, after_bytes: int | None, length: int
) -> None:
    script("close", after_bytes=after_bytes, framing="none")
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.ending) == (audio[:length], "fin")
    assert (reply.header("Content-Length"), reply.header("Transfer-Encoding")) == (None, None)


@pytest.mark.parametrize("after_bytes", [0, 300])
def test_the_connection_is_reset(client: TenantClient, script: Script, audio: bytes, after_bytes: int) -> None:
    script("reset", after_bytes=after_bytes)
    reply = client.raw_media("call", RANGE)
    assert reply.ending == "rst"
    assert audio[:after_bytes].startswith(reply.body)


@pytest.mark.parametrize("ending", ["fin", "rst"])
def test_there_is_no_answer_at_all(client: TenantClient, script: Script, ending: str) -> None:
    script("no_answer", ending=ending)
    assert client.raw_media("call", RANGE) == RawReply(b"", ending)


def test_the_answer_is_not_http(client: TenantClient, script: Script) -> None:
    script("not_http", text="hello\r\n")
    assert client.raw_media("call", RANGE) == RawReply(b"hello\r\n", "fin")


def test_other_framings_are_whole(client: TenantClient, script: Script, audio: bytes) -> None:
    script("framing", framing="chunked")
    chunked = client.raw_media("call", RANGE)
    assert (unchunked(chunked.body), chunked.ending) == ((audio[:1000], True), "next")
    script("framing", framing="none")
    unframed = client.raw_media("call", RANGE)
    assert (unframed.body, unframed.ending, unframed.header("Connection")) == (audio[:1000], "fin", "close")


def test_a_chunked_body_is_terminated_early(client: TenantClient, script: Script, audio: bytes) -> None:
    script("early_terminator", after_bytes=300)
    reply = client.raw_media("call", RANGE)
    assert (unchunked(reply.body), reply.ending) == ((audio[:300], True), "next")


def test_the_declared_length_is_too_long(client: TenantClient, script: Script, audio: bytes) -> None:
    script("declared_longer", by_bytes=5)
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.header("Content-Length"), reply.ending) == (audio[:1000], "1005", "fin")


def test_extra_bytes_are_declared(client: TenantClient, script: Script, audio: bytes) -> None:
    script("extra_bytes", count=70_000)
    reply = client.raw_media("call", RANGE)
    assert (len(reply.body), reply.header("Content-Length"), reply.ending) == (71_000, "71000", "next")
    assert reply.body.startswith(audio[:1000])


def test_extra_bytes_follow_the_answer(client: TenantClient, script: Script, audio: bytes) -> None:
    script("extra_bytes", count=3, declared=False)
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.header("Content-Length")) == (audio[:1000] + b"\0\1\2", "1000")


@pytest.mark.parametrize(
    ("framing", "header", "value"),
    [
        ("chunked", "Transfer-Encoding", "chunked"),
        ("none", "Connection", "close"),
        ("length", "Content-Length", str(2**40)),
    ],
)
def test_the_body_has_no_end(client: TenantClient, script: Script, framing: str, header: str, value: str) -> None:
    script("endless", framing=framing)
    reply = client.raw_media("call", RANGE, limit_bytes=3_000_000)
    assert (reply.ending, reply.header(header)) == ("limit", value)


def test_the_body_is_gzip(client: TenantClient, script: Script, audio: bytes) -> None:
    script("gzip")
    reply = client.media("call", RANGE)
    assert (reply.header("Content-Encoding"), gzip.decompress(reply.body)) == ("gzip", audio[:1000])
    script("gzip", only_header=True)
    reply = client.media("call", RANGE)
    assert (reply.header("Content-Encoding"), reply.body) == ("gzip", audio[:1000])


def test_a_small_gzip_body_expands_to_a_large_one(client: TenantClient, script: Script) -> None:
    script("gzip_bomb", expands_to_bytes=2**24)
    reply = client.media("call", RANGE)
    assert len(reply.body) < 2**15
    assert zlib.crc32(gzip.decompress(reply.body)) == zlib.crc32(bytes(2**24))


def test_faults_add_up_in_their_order(client: TenantClient, audio: bytes) -> None:
    client.simulator.script(
        "call", [{"fault": "weak_etag"}, {"fault": "short_206", "size_bytes": 10}, {"fault": "close", "after_bytes": 4}]
    )
    reply = client.raw_media("call", RANGE)
    assert (reply.body, reply.header("Content-Range"), reply.ending) == (audio[:4], "bytes 0-9/20000", "fin")
    assert (reply.header("ETag") or "").startswith("W/")
    assert client.simulator.requests[-1].faults == ("weak_etag", "short_206", "close")


def test_a_fault_leaves_head_requests_without_a_body(client: TenantClient, script: Script) -> None:
    script("html_page")
    reply = client.get(DOWNLOAD + "call", method="HEAD")
    assert (reply.status, reply.body) == (200, b"")
