"""Reading through broken connections: exactly the declared bytes of one entity, or an error that says so."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

import pytest

from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.errors import ArchiveError, ShortBody, StoreRefused, StoreUnavailable
from tests.fakes.http_server import Answer, WireRequest, answer, head
from tests.fakes.s3_answers import ETAG, nothing, ok, refusal
from tests.unit.adapters.s3.conftest import Scripted

CONTENT = bytes(range(256)) * 10_240  # 2.5 MiB
TRIES = 5


def content_of(store: S3Store) -> bytes:
    with store.stream("k") as pieces:
        return b"".join(pieces)


def broken_after(count: int) -> Answer:
    """A whole answer's head, and a connection that ends after `count` bytes of its body."""
    fields = {"Content-Length": str(len(CONTENT)), "ETag": f'"{ETAG}"'}
    return Answer([head(200, fields.items()), CONTENT[:count]], close=True)


def rest(request: WireRequest, *, upto: int = len(CONTENT), declared: int = len(CONTENT)) -> Answer:
    """The answer to a range that runs to the end; it breaks off at `upto`."""
    start = int(re.fullmatch(r"bytes=(\d+)-", request.headers["range"]).group(1))  # type: ignore[union-attr]  # asserted
    fields = {
        "Content-Length": str(declared - start),
        "Content-Range": f"bytes {start}-{declared - 1}/{declared}",
        "ETag": f'"{ETAG}"',
    }
    return Answer([head(206, fields.items()), CONTENT[start:upto]], close=upto < declared)


def test_a_broken_stream_goes_on_where_it_broke(scripted: Scripted) -> None:
    store, server = scripted(broken_after(1_500_000), lambda request: rest(request, upto=2_200_000), rest)

    assert content_of(store) == CONTENT

    ranges = [request.headers.get("range") for request in server.requests]
    assert ranges == [None, "bytes=1500000-", "bytes=2200000-"]
    assert all(request.headers["if-match"] == f'"{ETAG}"' for request in server.requests[1:])


def test_a_stream_that_always_ends_early_is_a_short_body(scripted: Scripted) -> None:
    store, server = scripted(broken_after(2**20), lambda request: rest(request, upto=2**20))

    with pytest.raises(ShortBody) as raised:
        content_of(store)

    assert (raised.value.found, raised.value.expected) == (2**20, len(CONTENT))
    assert len(server.requests) == TRIES


@pytest.mark.parametrize(
    ("then", "error"),
    [
        (refusal(412, "PreconditionFailed"), StoreRefused),
        (refusal(404, "NoSuchKey"), StoreRefused),
        (answer(200, CONTENT, {"ETag": f'"{ETAG}"'}), StoreUnavailable),
        (refusal(503, "SlowDown"), StoreUnavailable),
    ],
    ids=["replaced", "removed", "range ignored", "store gone"],
)
def test_a_stream_is_not_stitched_of_two_objects(scripted: Scripted, then: Answer, error: type[ArchiveError]) -> None:
    store, _ = scripted(broken_after(1000), then)

    with pytest.raises(error):
        content_of(store)


def test_a_stream_that_is_left_early_lets_go_of_its_connection(scripted: Scripted) -> None:
    store, server = scripted(answer(200, CONTENT, {"ETag": f'"{ETAG}"'}))

    with store.stream("k") as pieces:
        assert len(next(pieces)) == 2**20

    store.stat("k")
    assert server.connections == 2


def test_a_version_is_asked_for_by_its_id(scripted: Scripted) -> None:
    store, server = scripted(ok(body=b"old"))

    with store.stream("k", version_id="v 1") as pieces:
        assert b"".join(pieces) == b"old"

    assert server.requests[0].target == "/archive/k?versionId=v%201"


def test_a_small_object_is_read_again_when_its_body_breaks(scripted: Scripted) -> None:
    store, server = scripted(answer(200, b"{", {"ETag": f'"{ETAG}"'}, declared=2), ok(body=b"{}"))

    found = store.read("k", max_bytes=10)

    assert found is not None
    assert found[0] == b"{}"
    assert len(server.requests) == 2


def test_a_small_object_that_is_not_what_its_checksum_says_is_not_used(scripted: Scripted) -> None:
    checksum = {"x-amz-checksum-sha256": b64encode(hashlib.sha256(b"{}").digest()).decode()}
    store, server = scripted(ok(checksum, b"{!"))

    with pytest.raises(StoreUnavailable):
        store.read("k", max_bytes=10)

    assert server.requests[0].headers["x-amz-checksum-mode"] == "ENABLED"
    assert len(server.requests) == TRIES


def test_of_a_larger_object_no_byte_is_waited_for(scripted: Scripted) -> None:
    store, server = scripted(broken_after(0))

    with pytest.raises(StoreRefused, match=str(len(CONTENT))):
        store.read("k", max_bytes=100)

    assert len(server.requests) == 1


@pytest.mark.parametrize(("version", "expected"), [({}, None), ({"x-amz-version-id": "null"}, None)])
def test_a_bucket_without_versions_has_none(scripted: Scripted, version: dict[str, str], expected: str | None) -> None:
    store, _ = scripted(ok(version, b"{}"))

    found = store.read("k", max_bytes=10)

    assert found is not None
    assert found[1].version_id is expected


def test_an_object_that_is_not_there_is_none_however_the_store_says_so(scripted: Scripted) -> None:
    store, _ = scripted(refusal(404, "NoSuchKey"), nothing(404))

    assert store.read("k", max_bytes=10) is None
    assert store.stat("k") is None
