"""Faults of ranges, validators, signatures and digests."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.simulator.client import Reply, TenantClient
from tests.unit.simulator.conftest import STREAM_SECRET

Script = Callable[..., None]
SIGNATURE = "X-Chunk-HMAC-SHA256"


def signature(start: int, chunk: bytes) -> str:
    return hmac.new(STREAM_SECRET.encode(), start.to_bytes(8, "big") + chunk, "sha256").hexdigest()


def test_the_range_is_ignored(client: TenantClient, script: Script, audio: bytes) -> None:
    script("ignore_range")
    reply = client.media("call", "bytes=10-19")
    assert (reply.status, reply.body, reply.header("Content-Range")) == (200, audio, None)
    assert client.media("call", "bytes=10-19").status == 206


def test_a_shorter_range_is_consistent(client: TenantClient, script: Script, audio: bytes) -> None:
    script("short_206", size_bytes=4, times="always")
    reply = client.media("call", "bytes=10-19")
    assert (reply.status, reply.body, reply.header("Content-Range")) == (206, audio[10:14], "bytes 10-13/20000")
    assert reply.header(SIGNATURE) == signature(10, audio[10:14])
    assert client.media("call", "bytes=10-11").body == audio[10:12]
    assert client.media("call", "bytes=10-").body == audio[10:14]
    assert client.media("call").body == audio


@pytest.mark.parametrize(("by_bytes", "start"), [(5, 105), (-5, 95), (-500, 0)])
def test_another_range_is_labelled_as_it_is(
    client: TenantClient, script: Script, audio: bytes, by_bytes: int, start: int
) -> None:
    script("shift_range", by_bytes=by_bytes)
    reply = client.media("call", "bytes=100-109")
    assert reply.body == audio[start : start + 10]
    assert reply.header("Content-Range") == f"bytes {start}-{start + 9}/20000"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"start_shift": 1}, "bytes 11-19/20000"),
        ({"start_shift": -10}, "bytes 0-19/20000"),
        ({"end_shift": 3}, "bytes 10-22/20000"),
        ({"total_shift": -5}, "bytes 10-19/19995"),
        ({"value": "bytes 10-19"}, "bytes 10-19"),
        ({"value": "bytes 10-19/*"}, "bytes 10-19/*"),
        ({"missing": True}, None),
    ],
)
def test_content_range_is_wrong(
    client: TenantClient, script: Script, audio: bytes, fields: dict[str, Any], expected: str | None
) -> None:
    script("wrong_content_range", **fields)
    reply = client.media("call", "bytes=10-19")
    assert (reply.status, reply.body, reply.header("Content-Range")) == (206, audio[10:20], expected)


@pytest.mark.parametrize(("total_shift", "total"), [(0, 20_000), (-1, 19_999), (1, 20_001), (-99_999, 0)])
def test_416_names_any_size(client: TenantClient, script: Script, total_shift: int, total: int) -> None:
    script("range_not_satisfiable", total_shift=total_shift)
    reply = client.media("call", "bytes=10-19")
    assert (reply.status, reply.header("Content-Range")) == (416, f"bytes */{total}")


@pytest.mark.parametrize("parts", [1, 3])
def test_one_range_comes_as_multipart(client: TenantClient, script: Script, audio: bytes, parts: int) -> None:
    script("multipart_byteranges", parts=parts)
    reply = client.media("call", "bytes=10-99")
    assert (reply.status, reply.header("Content-Range")) == (206, None)
    received = parsed_multipart(reply)
    assert len(received) == parts
    assert b"".join(part.get_payload(decode=True) for part in received) == audio[10:100]  # type: ignore[misc]  # bytes
    places = [str(part["Content-Range"]).removeprefix("bytes ").partition("/")[0].split("-") for part in received]
    assert (places[0][0], places[-1][1]) == ("10", "99")
    assert all(int(left[1]) + 1 == int(right[0]) for left, right in pairwise(places))


def test_the_recording_becomes_another_version_midway(client: TenantClient, script: Script, audio: bytes) -> None:
    first = client.media("call", "bytes=0-9999")
    script("change_entity")
    second = client.media("call", "bytes=10000-19999")
    changed = client.simulator.media_bytes("call")
    assert (first.body, second.body) == (audio[:10_000], changed[10_000:])
    assert first.body + second.body not in {audio, changed}
    assert sum(a != b for a, b in zip(audio, changed, strict=True)) == 5
    assert first.header("ETag") != second.header("ETag")
    assert first.header("Last-Modified") != second.header("Last-Modified")
    assert second.header(SIGNATURE) == signature(10_000, changed[10_000:])


def test_a_changed_recording_refuses_the_old_tag(client: TenantClient, script: Script, audio: bytes) -> None:
    etag = client.media("call").header("ETag") or ""
    script("change_entity")
    assert client.media("call", "bytes=0-9", If_Match=etag).status == 412
    assert client.media("call", "bytes=0-9", If_Range=etag).status == 200
    client.simulator.reset()
    assert client.simulator.media_bytes("call") == audio


@pytest.mark.parametrize(("change", "size"), [(1000, 21_000), (-1000, 19_000), (-99_999, 0)])
def test_a_changed_recording_may_have_another_size(
    client: TenantClient, script: Script, change: int, size: int
) -> None:
    script("change_entity", size_change_bytes=change)
    assert len(client.media("call").body) == size
    assert client.metadata("call").document["size"] == size
    assert len(client.simulator.media_bytes("call")) == size


@pytest.mark.parametrize("byte_range", ["bytes=0-99", "bytes=42-42", "bytes=40-", None])
def test_one_bit_is_flipped_and_the_headers_are_right(
    client: TenantClient, script: Script, audio: bytes, byte_range: str | None
) -> None:
    script("flip_bit", offset=42, bit=7)
    assert client.media("call", "bytes=0-41").body == audio[:42]
    right = bytearray(audio)
    right[42] ^= 0x80
    reply = client.media("call", byte_range)
    start = int((byte_range or "=0-").partition("=")[2].partition("-")[0])
    assert reply.body == bytes(right)[start : start + len(reply.body)]
    if byte_range:
        assert reply.header(SIGNATURE) == signature(start, audio[start : start + len(reply.body)])
    assert client.media("call", byte_range).body == audio[start : start + len(reply.body)]


def test_the_entity_tag_is_weak(client: TenantClient, script: Script) -> None:
    etag = client.media("call").header("ETag")
    script("weak_etag")
    assert client.media("call").header("ETag") == f"W/{etag}"


def test_the_entity_tag_is_missing_later(client: TenantClient, script: Script) -> None:
    script("no_etag", at=2, times="always")
    replies = [client.media("call", "bytes=0-9") for _ in range(3)]
    assert [reply.header("ETag") is None for reply in replies] == [False, True, True]
    assert all(reply.header("Last-Modified") for reply in replies)
    script("no_etag", last_modified=False)
    assert client.media("call").header("Last-Modified") is None


def test_headers_are_stale(client: TenantClient, script: Script, audio: bytes) -> None:
    fresh = client.media("call")
    script("stale_headers", age_s=60)
    stale = client.media("call")
    assert stale.body == audio
    assert (stale.header("Age"), stale.values("Date")) == ("60", ["Thu, 01 Jan 2026 00:00:00 GMT"])
    assert stale.header("ETag") not in {None, fresh.header("ETag")}
    assert stale.header("Last-Modified") == "Wed, 31 Dec 2025 23:59:00 GMT"


def test_headers_are_set_and_removed(client: TenantClient, script: Script) -> None:
    script("headers", set={"Content-Type": "video/mp4", "X-More": "1"}, remove=["accept-ranges"])
    reply = client.media("call")
    assert (reply.values("Content-Type"), reply.header("X-More")) == (["video/mp4"], "1")
    assert reply.header("Accept-Ranges") is None


@pytest.mark.parametrize("value", ["-5", "abc", "1e3", "99999999999999999999"])
def test_content_length_is_anything(client: TenantClient, script: Script, value: str) -> None:
    script("headers", set={"Content-Length": value})
    assert client.raw_media("call").header("Content-Length") == value


def test_headers_come_twice(client: TenantClient, script: Script) -> None:
    script("duplicate_headers", names=["ETag", "Content-Length"])
    reply = client.media("call", "bytes=0-9")
    assert len(reply.values("ETag")) == 2
    assert reply.values("Content-Length") == ["10", "10"]
    script("duplicate_headers", names=["Content-Range"], value="bytes 5-9/10")
    assert client.media("call", "bytes=0-9").values("Content-Range") == ["bytes 0-9/20000", "bytes 5-9/10"]


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("header", ["Repr-Digest", "Content-Digest"])
def test_digests_are_right_or_wrong(
    client: TenantClient, script: Script, audio: bytes, header: str, right: bool, algorithm: str
) -> None:
    script("digest", header=header, right=right, algorithm=algorithm)
    digested = audio if header == "Repr-Digest" else audio[100:200]
    digest = hashlib.new(algorithm.replace("-", ""), digested).digest()
    expected = f"{algorithm}=:{base64.b64encode(digest).decode()}:"
    assert (client.media("call", "bytes=100-199").header(header) == expected) is right


def test_signatures_are_wrong_or_missing(client: TenantClient, script: Script, audio: bytes) -> None:
    right = signature(0, audio[:10])
    script("bad_signature", times=2)
    wrong = client.media("call", "bytes=0-9").header(SIGNATURE) or ""
    assert wrong[1:] == right[1:]
    assert wrong[0] != right[0]
    script("bad_signature", value="not hex")
    assert client.media("call", "bytes=0-9").header(SIGNATURE) == "not hex"
    script("no_signature")
    assert client.media("call", "bytes=0-9").header(SIGNATURE) is None
    assert client.media("call", "bytes=0-9").header(SIGNATURE) == right


def parsed_multipart(reply: Reply) -> list[EmailMessage]:
    head = f"Content-Type: {reply.header('Content-Type')}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + reply.body)
    assert isinstance(message, EmailMessage)
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]
