"""What a server may say of the vendor's bucket, byte for byte, and which typed error or repetition comes of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from cxone_provider.adapters.external_access.objects import SourceObjects
from cxone_provider.adapters.external_access.settings import external_access_settings
from cxone_provider.adapters.external_access.source import ExternalAccessSource
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.adapters.s3 import tuned_client_config
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    EncodedBody,
    RateLimited,
    RecordingChanged,
    RecordingNotFound,
    ShortBody,
    SourceUnavailable,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
)
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Media
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer, head
from tests.fakes.s3_answers import ETAG, XML, Script, Step, described, document, nothing, refusal
from tools.servers.seaweedfs import S3Server

CONTENT = bytes(range(250)) * 4
MEDIA = Media("1", size_bytes=len(CONTENT), etag=f'"{ETAG}"', locator='["1.mp3", null]')
MODIFIED = {"Last-Modified": "Sun, 22 Nov 2026 06:00:00 GMT"}
Scripted = Callable[..., tuple[SourceObjects, ExternalAccessSource, ScriptedServer]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def scripted(clock: FakeClock) -> Iterator[Scripted]:
    """A function that starts a server with the given steps and returns the bucket, the source, and the server."""
    with ExitStack() as stack:

        def start(*steps: Step) -> tuple[SourceObjects, ExternalAccessSource, ScriptedServer]:
            server = stack.enter_context(ScriptedServer(Script(*steps)))
            client = S3Server(server.url, "AKIDEXAMPLE", "made-up").client(tuned_client_config())
            stack.callback(client.close)
            retries = RetryPolicy(attempts=3, random=lambda: 0.5)
            settings = external_access_settings({"bucket": "vendor"}, retries)
            source = ExternalAccessSource(client, settings, clock)
            return SourceObjects(client, "vendor", retries, clock), source, server

        yield start


def ranged(start: int, stop: int, changed: Mapping[str, str] | None = None, *, upto: int | None = None) -> Answer:
    """A 206 for a range; it breaks off at `upto`."""
    headers: dict[str, str | int] = {
        "Content-Length": stop - start, "Content-Range": f"bytes {start}-{stop - 1}/{len(CONTENT)}",
        "ETag": f'"{ETAG}"', "Content-Type": "binary/octet-stream", **(changed or {}),
    }  # fmt: skip
    return Answer([head(206, headers), CONTENT[start : stop if upto is None else upto]], close=upto is not None)


def read(source: ExternalAccessSource, start: int = 0, stop: int = 500) -> bytes:
    buffer = memoryview(bytearray(stop - start))
    source.read_segment(MEDIA, Segment(0, start, stop), buffer)
    return bytes(buffer)


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({}, "available"),
        ({"x-amz-storage-class": "STANDARD_IA"}, "available"),
        ({"x-amz-storage-class": "GLACIER_IR"}, "available"),
        ({"x-amz-storage-class": "GLACIER"}, "archived"),
        ({"x-amz-storage-class": "DEEP_ARCHIVE", "x-amz-restore": 'ongoing-request="true"'}, "restoring"),
        ({"x-amz-storage-class": "GLACIER", "x-amz-restore": 'ongoing-request="false", expiry-date="x"'}, "available"),
        ({"x-amz-storage-class": "INTELLIGENT_TIERING", "x-amz-archive-status": "ARCHIVE_ACCESS"}, "archived"),
    ],
)
def test_the_storage_state_is_the_class_and_the_restore(
    scripted: Scripted, headers: dict[str, str], state: str
) -> None:
    objects, _, _ = scripted(described(7, {**MODIFIED, **headers}))
    assert objects.head("1.mp3").storage_state == state


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ({}, False),
        ({"x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"x").digest()).decode()}, True),
        ({"x-amz-checksum-sha256": f"{base64.b64encode(hashlib.sha256(b'x').digest()).decode()}-2"}, False),
        ({"x-amz-checksum-sha256": "AAAA"}, False),
        ({"x-amz-checksum-sha256": "no base64!"}, False),
    ],
)
def test_a_digest_of_the_whole_is_kept_and_nothing_else(
    scripted: Scripted, headers: dict[str, str], kept: bool
) -> None:
    objects, _, _ = scripted(described(7, {**MODIFIED, **headers}))
    assert objects.head("1.mp3").sha256 == (hashlib.sha256(b"x").hexdigest() if kept else None)


@pytest.mark.parametrize(
    ("refused", "kind", "requests"),
    [
        (refusal(403, "AccessDenied"), AccessDenied, 1),
        (refusal(403, "InvalidObjectState"), AccessDenied, 1),
        (refusal(403, "InvalidAccessKeyId"), AuthenticationFailed, 1),
        (refusal(400, "ExpiredToken"), AuthenticationFailed, 1),
        (refusal(404, "NoSuchKey"), RecordingNotFound, 1),
        (refusal(404, "NoSuchVersion"), RecordingNotFound, 1),
        (refusal(404, "NoSuchBucket"), UnexpectedAnswer, 1),
        (refusal(412, "PreconditionFailed"), RecordingChanged, 1),
        (refusal(405, "MethodNotAllowed"), UnexpectedAnswer, 1),
        (refusal(503, "SlowDown"), RateLimited, 3),
        (refusal(503, "ServiceUnavailable"), SourceUnavailable, 3),
        (refusal(500, "InternalError"), SourceUnavailable, 3),
        (answer(200, CONTENT[:500], {"Content-Type": "text/html"}), WrongContentType, 1),
        (ranged(0, 500, {"Content-Encoding": "gzip"}), EncodedBody, 1),
        (ranged(1, 501), WrongRange, 1),
        (ranged(0, 500, {"ETag": '"00000000000000000000000000000000"'}), RecordingChanged, 1),
    ],
)
def test_what_is_answered_in_place_of_the_segment_is_a_typed_error(
    scripted: Scripted, refused: Answer, kind: type[ArchiveError], requests: int
) -> None:
    _, source, server = scripted(refused)
    with pytest.raises(kind) as raised:
        read(source)
    assert len(server.requests) == requests
    assert "made-up" not in str(raised.value)


def test_a_segment_that_broke_off_is_gone_on_with_by_the_same_entity(scripted: Scripted) -> None:
    _, source, server = scripted(ranged(0, 500, upto=200), ranged(200, 500))
    assert read(source) == CONTENT[:500]
    assert [request.headers["if-match"] for request in server.requests] == [f'"{ETAG}"'] * len(server.requests)
    assert [request.headers["range"] for request in server.requests] == ["bytes=0-499", "bytes=200-499"]


def test_a_segment_that_always_breaks_off_is_short_or_unavailable(scripted: Scripted) -> None:
    def one_byte_more(request: WireRequest) -> Answer:
        start = int(request.headers["range"].removeprefix("bytes=").partition("-")[0])
        return ranged(start, 500, upto=start + 1)

    _, source, _ = scripted(one_byte_more)
    with pytest.raises((ShortBody, SourceUnavailable)) as raised:
        read(source)
    assert raised.value.retryable


def test_a_pinned_version_is_asked_for(scripted: Scripted) -> None:
    _, source, server = scripted(ranged(0, 500))
    pinned = Media("1", size_bytes=len(CONTENT), etag=f'"{ETAG}"', locator='["1.mp3", "v-7"]')
    source.read_segment(pinned, Segment(0, 0, 500), memoryview(bytearray(500)))
    assert "versionId=v-7" in server.requests[0].target


def page(*keys: str, **elements: str) -> Answer:
    contents = "".join(
        f"<Contents><Key>{key}</Key><LastModified>2026-11-22T06:00:00.000Z</LastModified><Size>1</Size></Contents>"
        for key in keys
    )
    return answer(200, document("ListBucketResult", {"IsTruncated": "true", **elements}, contents), XML)


@pytest.mark.parametrize("following", [{"NextContinuationToken": "same"}, {}])
def test_a_listing_that_does_not_end_is_an_error(scripted: Scripted, following: dict[str, Any]) -> None:
    objects, _, server = scripted(page("1.mp3", **following))
    with pytest.raises(UnexpectedAnswer, match="come to an end"):
        list(objects.list(""))
    assert len(server.requests) <= 2


def test_a_page_that_fails_in_passing_is_asked_for_again(scripted: Scripted, clock: FakeClock) -> None:
    objects, _, server = scripted(
        page("1.mp3", NextContinuationToken="n"), refusal(503, "SlowDown"), page("2.mp3", IsTruncated="false")
    )
    assert [one.key for one in objects.list("")] == ["1.mp3", "2.mp3"]
    assert (len(server.requests), len(clock.sleeps)) == (3, 1)


def test_a_small_object_is_read_to_its_bound(scripted: Scripted) -> None:
    objects, _, _ = scripted(answer(200, b"x" * 11, {"ETag": f'"{ETAG}"'}))
    assert objects.read("1.json", 11) == b"x" * 11
    with pytest.raises(UnexpectedAnswer, match="too large"):
        objects.read("1.json", 10)


def test_what_is_missing_is_missing_without_a_body_too(scripted: Scripted) -> None:
    objects, _, _ = scripted(nothing(404))
    with pytest.raises(RecordingNotFound):
        objects.head("1.mp3")
