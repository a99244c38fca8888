"""Ranged reads on the wire: whatever an answer claims, the buffer holds the segment's bytes or an error tells why."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.media import SLICE_BYTES
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import Timeouts
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    DigestMismatch,
    EncodedBody,
    ExcessBody,
    RangeIgnored,
    RangeNotSatisfiable,
    RateLimited,
    RecordingChanged,
    RecordingNotFound,
    ShortBody,
    SignatureMismatch,
    SizeDisagrees,
    SourceUnavailable,
    TransferStalled,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
)
from cxone_provider.archive.integrity import verify_chunk
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media, SegmentRead
from cxone_provider.archive.recording import Outcome
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import Reply, ScriptedTenant, range_of, ranged
from tests.fakes.http_server import Answer, WireRequest, answer, endless, head

pytestmark = pytest.mark.server

CONTENT = bytes(range(256)) * 8
SIZE = len(CONTENT)
SEGMENT = Segment(2, 512, 768)
WANTED = CONTENT[512:768]
MEDIA = Media("call-1", None, SIZE, '"v1"')
FRESH = Media("call-1", None, SIZE, None)
KEY = b"0123456789abcdef"
GOOD = ranged(CONTENT)
RANGE_512: dict[str, str | int] = {"Content-Range": f"bytes 512-767/{SIZE}", "ETag": '"v1"'}


def read(
    source: RecordingV2Source, media: Media = MEDIA, segment: Segment = SEGMENT, *, room: int = 0
) -> tuple[SegmentRead, bytes]:
    buffer = bytearray(segment.size_bytes + room)
    result = source.read_segment(media, segment, memoryview(buffer))
    assert bytes(buffer[segment.size_bytes :]) == bytes(room), "bytes were written behind the segment"
    return result, bytes(buffer[: result.bytes_read])


def ranges(tenant: ScriptedTenant) -> list[str]:
    return [request.headers["range"] for request in tenant.to("/download")]


def part(chunk: bytes, **headers: str | int) -> Answer:
    """Return a 206 for bytes 512-767 with these bytes as body, and headers changed."""
    return answer(206, chunk, {**RANGE_512, **{name.replace("_", "-"): value for name, value in headers.items()}})


def test_reads_a_segment_by_one_request(tenant: ScriptedTenant) -> None:
    tenant.media(ranged(CONTENT, headers={"X-Chunk-HMAC-SHA256": "abc"}))
    result, chunk = read(tenant.source(), room=16)
    assert chunk == WANTED
    assert result == SegmentRead(256, SIZE, '"v1"', 1, "abc")
    [request] = tenant.to("/api")
    assert request.line == "GET /api/v2/recording/download/call-1 HTTP/1.1"
    assert request.headers["range"] == "bytes=512-767"
    assert request.headers["if-match"] == '"v1"'
    assert request.headers["authorization"] == "Bearer canary-token-1"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("audio_format", ["mp3", "wav", "mp4"])
def test_a_format_is_asked_for_by_the_query(tenant: ScriptedTenant, audio_format: str) -> None:
    tenant.media(GOOD)
    read(tenant.source(), Media("call-1", audio_format, SIZE))
    assert tenant.to("/api")[0].target == f"/api/v2/recording/download/call-1?format={audio_format}"


def test_a_format_cannot_add_to_the_query(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    read(tenant.source(), Media("call-1", "mp3&x=/../#?", SIZE))
    assert tenant.to("/api")[0].target.endswith("?format=mp3%26x%3D%2F..%2F%23%3F")


def test_the_first_request_of_a_media_has_nothing_to_match(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    result, _ = read(tenant.source(), FRESH)
    assert result.etag == '"v1"'
    assert "if-match" not in tenant.to("/api")[0].headers


@pytest.mark.parametrize("etag", ['W/"v1"', None, "v1", '""'])
def test_a_tag_that_is_not_strong_is_none(tenant: ScriptedTenant, etag: str | None) -> None:
    tenant.media(ranged(CONTENT, etag=etag))
    result, chunk = read(tenant.source(), FRESH)
    assert (chunk, result.etag) == (WANTED, None)


def test_another_signature_header_can_be_set(tenant: ScriptedTenant) -> None:
    tenant.media(ranged(CONTENT, headers={"X-Sig": "abc"}))
    assert read(tenant.source(stream_signature_header="X-Sig"))[0].signature == "abc"


# --- statuses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (403, AccessDenied), (404, RecordingNotFound), (410, RecordingNotFound), (412, RecordingChanged),
        (200, RangeIgnored),
        (204, UnexpectedAnswer), (302, UnexpectedAnswer), (304, UnexpectedAnswer), (400, UnexpectedAnswer),
        (418, UnexpectedAnswer),
        (416, RangeNotSatisfiable),
    ],
)  # fmt: skip
def test_a_final_status_ends_the_read_at_once(tenant: ScriptedTenant, status: int, kind: type[ArchiveError]) -> None:
    tenant.media(answer(status))
    clock = FakeClock()
    with pytest.raises(kind):
        read(tenant.source(clock))
    assert clock.sleeps == []
    assert len(tenant.to("/api")) == 1


@pytest.mark.parametrize(
    ("value", "size_bytes"), [(f"bytes */{SIZE // 2}", SIZE // 2), ("bytes */0", 0), (None, None), ("bytes */x", None)]
)
def test_416_tells_the_size_that_is_there(tenant: ScriptedTenant, value: str | None, size_bytes: int | None) -> None:
    tenant.media(answer(416, b"", {} if value is None else {"Content-Range": value}))
    with pytest.raises(RangeNotSatisfiable) as raised:
        read(tenant.source())
    assert raised.value.actual_size_bytes == size_bytes


def test_401_in_mid_stream_gets_a_new_token_and_the_same_chunk(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD, answer(401), GOOD)
    source = tenant.source()
    read(source)
    result, chunk = read(source)
    assert chunk == WANTED
    assert result.attempts == 2
    assert [request.headers["authorization"][-1] for request in tenant.to("/download")] == ["1", "1", "2"]
    assert ranges(tenant) == ["bytes=512-767"] * 3


def test_401_twice_is_final(tenant: ScriptedTenant) -> None:
    tenant.media(answer(401))
    with pytest.raises(AuthenticationFailed):
        read(tenant.source())
    assert len(tenant.to("/download")) == 2


def test_an_expired_token_is_renewed_before_it_is_refused(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    clock = FakeClock()
    source = tenant.source(clock)
    read(source)
    clock.pass_s(3571)
    read(source)
    assert [request.headers["authorization"][-1] for request in tenant.to("/download")] == ["1", "2"]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, 5.0),
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "Sun, 22 Nov 2026 06:00:09 GMT"}, 9.0),
        ({"Retry-After": "x"}, 5.0),
    ],
)
def test_429_waits_and_repeats_the_same_chunk(
    tenant: ScriptedTenant, headers: dict[str, str | int], wait_s: float
) -> None:
    tenant.media(answer(429, b"", headers), GOOD)
    clock = FakeClock()
    result, chunk = read(tenant.source(clock))
    assert (chunk, result.attempts) == (WANTED, 2)
    assert clock.sleeps == [wait_s]
    assert ranges(tenant) == ["bytes=512-767"] * 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_5xx_repeats_the_same_chunk(tenant: ScriptedTenant, status: int) -> None:
    tenant.media(answer(status, b"<html>oops</html>", {"Content-Type": "text/html"}), answer(status), GOOD)
    clock = FakeClock()
    result, chunk = read(tenant.source(clock))
    assert (chunk, result.attempts) == (WANTED, 3)
    assert clock.sleeps == [0.25, 0.5]
    assert ranges(tenant) == ["bytes=512-767"] * 3


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(429), RateLimited),
        (answer(503), SourceUnavailable),
        (Answer([], reset=True), SourceUnavailable),
        (Answer([head(206, RANGE_512)], close=True), ShortBody),
    ],
)
def test_a_failure_that_stays_ends_with_its_error(
    tenant: ScriptedTenant, reply: Reply, kind: type[ArchiveError]
) -> None:
    tenant.media(reply)
    with pytest.raises(kind) as raised:
        read(tenant.source())
    assert raised.value.retryable
    assert len(tenant.to("/download")) == 4


# --- bodies that end early ------------------------------------------------------------------------------------------


def cut_after(count: int, framing: str) -> Reply:
    """Return a reply to any range of CONTENT whose body breaks off after `count` bytes, in one of many ways."""

    def reply(request: WireRequest) -> Answer:
        start, stop = range_of(request)
        chunk = CONTENT[start : min(stop - 1, start + count)]
        fields: dict[str, str | int] = {"Content-Range": f"bytes {start}-{stop - 1}/{SIZE}", "ETag": '"v1"'}
        # Said aloud, so that a body which ends in good order leaves no dying connection in the client's pool.
        fields["Connection"] = "close"
        if framing in ("declared", "reset"):
            fields["Content-Length"] = stop - start
        if not framing.startswith("chunked"):
            return Answer([head(206, fields), chunk], close=True, reset=framing == "reset")
        end = b"0\r\n\r\n" if framing == "chunked, early end" else b""
        sized = f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n"
        return Answer([head(206, {**fields, "Transfer-Encoding": "chunked"}), sized + end], close=True)

    return reply


FRAMINGS = ["declared", "reset", "until close", "chunked, cut", "chunked, early end"]


@pytest.mark.parametrize("framing", FRAMINGS)
def test_only_the_missing_rest_of_an_unchanged_entity_is_asked_for_again(tenant: ScriptedTenant, framing: str) -> None:
    tenant.media(cut_after(100, framing), cut_after(100, framing), GOOD)
    clock = FakeClock()
    result, chunk = read(tenant.source(clock))
    assert (chunk, result.attempts, result.total_bytes) == (WANTED, 3, SIZE)
    assert len(clock.sleeps) == 2
    # Only what ends in good order keeps the bytes of its last slice; a broken frame or connection takes them along.
    kept = framing in ("declared", "until close", "chunked, early end")
    assert ranges(tenant) == ["bytes=512-767", "bytes=612-767", "bytes=712-767"] if kept else ["bytes=512-767"] * 3
    assert all(request.headers["if-match"] == '"v1"' for request in tenant.to("/download"))


@pytest.mark.parametrize("framing", FRAMINGS)
def test_without_a_strong_tag_the_whole_chunk_is_repeated(tenant: ScriptedTenant, framing: str) -> None:
    broken = cut_after(100, framing)
    assert callable(broken)

    def untagged(request: WireRequest) -> Answer:
        reply = broken(request)
        return Answer([piece.replace(b'ETag: "v1"\r\n', b"") for piece in reply.pieces], close=True, reset=reply.reset)

    tenant.media(untagged, ranged(CONTENT, etag=None))
    result, chunk = read(tenant.source(), FRESH)
    assert (chunk, result.attempts, result.etag) == (WANTED, 2, None)
    assert ranges(tenant) == ["bytes=512-767"] * 2


def test_a_signed_chunk_is_repeated_whole_since_its_signature_covers_it_whole(tenant: ScriptedTenant) -> None:
    tenant.media(cut_after(100, "declared"), ranged(CONTENT, headers={"X-Chunk-HMAC-SHA256": "abc"}))
    result, chunk = read(tenant.source(stream_secret=KEY))
    assert (chunk, result.signature) == (WANTED, "abc")
    assert ranges(tenant) == ["bytes=512-767"] * 2


def test_a_chunk_with_a_digest_is_repeated_whole_too(tenant: ScriptedTenant) -> None:
    digest = base64.b64encode(hashlib.sha256(WANTED).digest()).decode()
    headers = {**RANGE_512, "Content-Digest": f"sha-256=:{digest}:"}
    tenant.media(answer(206, WANTED[:9], headers, declared=256), answer(206, WANTED, headers))
    assert read(tenant.source())[1] == WANTED
    assert ranges(tenant) == ["bytes=512-767"] * 2


def test_a_recording_that_changes_between_two_tries_is_noticed(tenant: ScriptedTenant) -> None:
    tenant.media(cut_after(100, "declared"), ranged(CONTENT, etag='"v2"'))
    with pytest.raises(RecordingChanged, match="v2"):
        read(tenant.source(), FRESH)
    assert tenant.to("/download")[1].headers["if-match"] == '"v1"'


def test_a_size_that_changes_between_two_tries_is_noticed_without_tags_too(tenant: ScriptedTenant) -> None:
    short = answer(206, WANTED[:9], {"Content-Range": f"bytes 512-767/{SIZE}"}, declared=256)
    tenant.media(short, ranged(CONTENT + b"more", etag=None))
    with pytest.raises(SizeDisagrees):
        read(tenant.source(), UNSIZED)


@pytest.mark.parametrize("etag", ['"v2"', 'W/"v1"', None, "v1"])
def test_an_entity_that_is_not_the_agreed_one_is_refused(tenant: ScriptedTenant, etag: str | None) -> None:
    tenant.media(ranged(CONTENT, etag=etag))
    with pytest.raises(RecordingChanged):
        read(tenant.source())


# --- legal partial answers ------------------------------------------------------------------------------------------


def test_a_legally_shorter_answer_is_continued_without_waiting(tenant: ScriptedTenant) -> None:
    tenant.media(ranged(CONTENT, at_most=100))
    clock = FakeClock()
    result, chunk = read(tenant.source(clock), FRESH)
    assert (chunk, result.attempts) == (WANTED, 3)
    assert ranges(tenant) == ["bytes=512-767", "bytes=612-767", "bytes=712-767"]
    assert [request.headers.get("if-match") for request in tenant.to("/download")] == [None, '"v1"', '"v1"']
    assert clock.sleeps == []


def test_without_a_strong_tag_partial_answers_are_not_joined(tenant: ScriptedTenant) -> None:
    tenant.media(ranged(CONTENT, etag=None, at_most=100))
    with pytest.raises(RangeIgnored, match="strong ETag"):
        read(tenant.source(), FRESH)
    assert len(tenant.to("/download")) == 1


def test_a_server_that_gives_almost_nothing_is_not_followed_for_ever(tenant: ScriptedTenant) -> None:
    tenant.media(ranged(CONTENT, at_most=1))
    with pytest.raises(ShortBody, match="too many partial answers"):
        read(tenant.source(), MEDIA, Segment(0, 0, 1000))
    assert len(tenant.to("/download")) == 256


def signed(*, at_most: int, etag: str | None = '"v1"', bad_from: int = SIZE) -> Reply:
    def reply(request: WireRequest) -> Answer:
        start, stop = range_of(request)
        stop = min(stop, start + at_most)
        body = start.to_bytes(8, "big") + CONTENT[start:stop]
        signature = hmac.new(KEY if start < bad_from else b"other", body, hashlib.sha256).hexdigest()
        cut = ranged(CONTENT, etag=etag, at_most=at_most, headers={"X-Chunk-HMAC-SHA256": signature})
        assert callable(cut)
        return cut(request)

    return reply


@pytest.mark.parametrize("etag", ['"v1"', None])
def test_signed_partial_answers_add_up_to_a_signed_chunk(tenant: ScriptedTenant, etag: str | None) -> None:
    tenant.media(signed(at_most=100, etag=etag))
    result, chunk = read(tenant.source(stream_secret=KEY), FRESH)
    assert chunk == WANTED
    verify_chunk(KEY, SEGMENT, memoryview(chunk), result.signature)


def test_one_bad_signature_among_partial_answers_spoils_the_chunk(tenant: ScriptedTenant) -> None:
    tenant.media(signed(at_most=100, bad_from=600))
    result, chunk = read(tenant.source(stream_secret=KEY), FRESH)
    with pytest.raises(SignatureMismatch):
        verify_chunk(KEY, SEGMENT, memoryview(chunk), result.signature)


def test_partial_answers_have_no_signature_where_no_secret_is_set(tenant: ScriptedTenant) -> None:
    tenant.media(signed(at_most=100))
    assert read(tenant.source(), FRESH)[0].signature is None


@pytest.fixture(scope="module")
def lasting_tenant() -> Iterator[ScriptedTenant]:
    scripted = ScriptedTenant()
    with scripted.server:
        yield scripted


@given(start=st.integers(0, SIZE - 1), size=st.integers(1, SIZE), at_most=st.integers(16, SIZE), data=st.data())
def test_any_segment_in_any_pieces_is_its_bytes(
    lasting_tenant: ScriptedTenant, start: int, size: int, at_most: int, data: st.DataObject
) -> None:
    scripts: list[Reply] = [
        cut_after(data.draw(st.integers(0, SIZE)), data.draw(st.sampled_from([f for f in FRAMINGS if f != "reset"])))
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    recording_id = f"call-{len(lasting_tenant.server.requests)}"
    lasting_tenant.media(*scripts, ranged(CONTENT, at_most=at_most), recording_id=recording_id)
    segment = Segment(0, start, min(SIZE, start + size))
    source = lasting_tenant.source()
    result, chunk = read(source, Media(recording_id, None, SIZE, '"v1"'), segment, room=8)
    source.close()
    assert chunk == CONTENT[segment.start : segment.stop]
    assert result.total_bytes == SIZE


# --- a media of unknown size ----------------------------------------------------------------------------------------

UNSIZED = Media("call-1")


def of_unknown_total(request: WireRequest) -> Answer:
    start, stop = range_of(request)
    chunk = CONTENT[start:stop]
    if not chunk:
        return answer(416, b"", {"Content-Range": f"bytes */{SIZE}"})
    return answer(206, chunk, {"Content-Range": f"bytes {start}-{start + len(chunk) - 1}/*", "ETag": '"v1"'})


def test_a_media_of_unknown_size_may_end_inside_a_segment(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    result, chunk = read(tenant.source(), UNSIZED, Segment(0, 1000, 9000))
    assert (chunk, result.bytes_read, result.total_bytes) == (CONTENT[1000:], SIZE - 1000, SIZE)
    assert len(tenant.to("/download")) == 1


def test_the_end_of_a_media_that_never_tells_its_size_is_found_by_asking(tenant: ScriptedTenant) -> None:
    tenant.media(of_unknown_total)
    result, chunk = read(tenant.source(), UNSIZED, Segment(0, 1000, 9000))
    assert (chunk, result.total_bytes, result.attempts) == (CONTENT[1000:], SIZE, 2)


def test_a_full_segment_of_unknown_total_says_so(tenant: ScriptedTenant) -> None:
    tenant.media(of_unknown_total)
    result, chunk = read(tenant.source(), UNSIZED)
    assert (chunk, result.total_bytes) == (WANTED, None)


def test_behind_the_end_there_is_only_416(tenant: ScriptedTenant) -> None:
    tenant.media(of_unknown_total)
    with pytest.raises(RangeNotSatisfiable) as raised:
        read(tenant.source(), UNSIZED, Segment(0, SIZE, SIZE + 1))
    assert raised.value.actual_size_bytes == SIZE


@pytest.mark.parametrize("size", [611, 613])
def test_a_416_that_contradicts_the_answer_before_is_no_end(tenant: ScriptedTenant, size: int) -> None:
    first = answer(206, CONTENT[512:612], {"Content-Range": "bytes 512-611/*", "ETag": '"v1"'})
    tenant.media(first, answer(416, b"", {"Content-Range": f"bytes */{size}"}))
    with pytest.raises(RangeNotSatisfiable):
        read(tenant.source(), UNSIZED)


def test_a_416_after_a_body_that_broke_off_is_no_end(tenant: ScriptedTenant) -> None:
    first = answer(206, CONTENT[512:612], {"Content-Range": "bytes 512-767/*", "ETag": '"v1"'}, declared=256)
    tenant.media(first, answer(416, b"", {"Content-Range": "bytes */612"}))
    with pytest.raises(RangeNotSatisfiable):
        read(tenant.source(), UNSIZED)


def test_a_total_that_changes_between_partial_answers_is_refused(tenant: ScriptedTenant) -> None:
    first = answer(206, CONTENT[512:612], {"Content-Range": f"bytes 512-611/{SIZE}", "ETag": '"v1"'})
    second = answer(206, CONTENT[612:768], {"Content-Range": f"bytes 612-767/{SIZE + 1}", "ETag": '"v1"'})
    tenant.media(first, second)
    with pytest.raises(SizeDisagrees):
        read(tenant.source(), UNSIZED)


# --- answers that lie -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (part(WANTED, Content_Encoding="gzip"), EncodedBody),
        (part(WANTED, Content_Type="text/html; charset=utf-8"), WrongContentType),
        (part(WANTED, Content_Type="application/json"), WrongContentType),
        (part(WANTED, Content_Type="multipart/byteranges; boundary=x"), WrongContentType),
        (part(WANTED, Content_Range="bytes 0-255/2048"), WrongRange),
        (part(WANTED, Content_Range="bytes 511-766/2048"), WrongRange),
        (part(WANTED, Content_Range="bytes 512-768/2048"), WrongRange),
        (part(WANTED, Content_Range="bytes 512-767"), WrongRange),
        (part(WANTED, Content_Range=""), WrongRange),
        (part(WANTED, Content_Range="bytes 512-767/2047"), SizeDisagrees),
        (part(WANTED, Content_Range="bytes 512-767/600"), WrongRange),
        (part(WANTED, Content_Digest="sha-256=:AAAA:"), UnexpectedAnswer),
        (answer(206, WANTED, {"ETag": '"v1"'}), WrongRange),
        (Answer([head(206, [*RANGE_512.items(), *RANGE_512.items()]), WANTED], close=True), WrongRange),
        (answer(200, CONTENT, {"ETag": '"v1"'}), RangeIgnored),
        (answer(200, b"<html>login</html>", {"Content-Type": "text/html"}), WrongContentType),
        (answer(200, CONTENT, {"Content-Encoding": "gzip"}), EncodedBody),
        (Answer([head(206, RANGE_512), WANTED, b"x"], close=True), ExcessBody),
        (Answer([head(206, {**RANGE_512, "Transfer-Encoding": "chunked"}),
        b"101\r\n", WANTED, b"x\r\n0\r\n\r\n"]), ExcessBody),
        (Answer([head(206, {**RANGE_512, "Content-Length": "x"}), WANTED], close=True), UnexpectedAnswer),
    ],
)  # fmt: skip
def test_an_answer_that_lies_is_refused_at_once(tenant: ScriptedTenant, reply: Reply, kind: type[ArchiveError]) -> None:
    tenant.media(reply)
    clock = FakeClock()
    with pytest.raises(kind):
        read(tenant.source(clock), room=64)
    assert clock.sleeps == []
    assert len(tenant.to("/download")) == 1


@pytest.mark.parametrize("body", [WANTED[:100], WANTED + b"x"])
def test_a_declared_length_that_is_not_the_ranges_is_a_broken_answer(tenant: ScriptedTenant, body: bytes) -> None:
    tenant.media(answer(206, body, RANGE_512), GOOD)
    assert read(tenant.source())[1] == WANTED
    assert ranges(tenant) == ["bytes=512-767"] * 2


@pytest.mark.parametrize(("body", "kind"), [(WANTED[:100], ShortBody), (WANTED + b"x", ExcessBody)])
def test_a_declared_length_that_stays_wrong_says_in_which_way(
    tenant: ScriptedTenant, body: bytes, kind: type[ArchiveError]
) -> None:
    tenant.media(answer(206, body, RANGE_512))
    with pytest.raises(kind, match="declared length"):
        read(tenant.source())


OTHER_DIGEST = part(WANTED, Content_Digest=f"sha-256=:{'A' * 43}=:")


def test_bytes_that_a_digest_shows_to_be_damaged_are_asked_for_again(tenant: ScriptedTenant) -> None:
    tenant.media(OTHER_DIGEST, GOOD)
    result, chunk = read(tenant.source())
    assert (chunk, result.attempts) == (WANTED, 2)
    assert ranges(tenant) == ["bytes=512-767"] * 2


def test_a_digest_that_never_fits_is_an_error(tenant: ScriptedTenant) -> None:
    tenant.media(OTHER_DIGEST)
    with pytest.raises(DigestMismatch, match="Content-Digest"):
        read(tenant.source())


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
def test_a_digest_that_fits_is_believed(tenant: ScriptedTenant, algorithm: str) -> None:
    digest = base64.b64encode(hashlib.new(algorithm.replace("-", ""), WANTED).digest()).decode()
    tenant.media(part(WANTED, Content_Digest=f"{algorithm}=:{digest}:"))
    assert read(tenant.source())[1] == WANTED


def test_chunked_answers_are_as_good_as_any(tenant: ScriptedTenant) -> None:
    pieces = [b"80\r\n", WANTED[:128], b"\r\n80\r\n", WANTED[128:], b"\r\n0\r\n\r\n"]
    tenant.media(Answer([head(206, {**RANGE_512, "Transfer-Encoding": "chunked"}), *pieces]))
    source = tenant.source()
    assert read(source)[1] == WANTED
    assert read(source)[1] == WANTED
    assert tenant.server.connections == 1


# --- answers made to hurt -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        endless(206, {**RANGE_512, "Transfer-Encoding": "chunked"}, b"10000\r\n" + bytes(65536) + b"\r\n"),
        endless(206, RANGE_512, bytes(65536)),
        endless(200, {}, bytes(65536)),
        endless(416, {}, bytes(65536)),
        endless(302, {"Location": "/"}, bytes(65536)),
        answer(206, zlib.compress(bytes(2**26)), {**RANGE_512, "Content-Encoding": "gzip"}),
        answer(403, zlib.compress(bytes(2**26)), {"Content-Encoding": "deflate"}),
    ],
    ids=["chunked", "until close", "200", "416", "302", "gzip bomb", "deflate bomb in an error"],
)
def test_endless_bodies_and_bombs_take_no_memory(tenant: ScriptedTenant, reply: Answer) -> None:
    tenant.media(reply)
    source = tenant.source()
    tracemalloc.start()
    with pytest.raises(ArchiveError):
        read(source)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 * 2**20


@pytest.mark.parametrize(
    "reply",
    [
        endless(206, {**RANGE_512, "Content-Length": 256}, b"x", every_s=0.02),
        endless(206, RANGE_512, b"x", every_s=0.02),
        endless(206, {**RANGE_512, "Transfer-Encoding": "chunked"}, b"1\r\nx\r\n", every_s=0.02),
        Answer([head(206, {**RANGE_512, "Content-Length": 256}), b"x"], every_s=3600),
    ],
    ids=["declared", "until close", "chunked", "silent"],
)
def test_a_drip_ends_within_the_limit(tenant: ScriptedTenant, reply: Answer) -> None:
    tenant.media(reply)
    timeouts = Timeouts(media_s=0.4, min_bytes_per_s=10_000)
    source = tenant.source(timeouts=timeouts, retries=RetryPolicy(attempts=1))
    began_s = time.monotonic()
    with pytest.raises(TransferStalled):
        read(source)
    assert 0.3 < time.monotonic() - began_s < 3


def test_a_stalled_chunk_is_repeated_from_its_last_full_slice(tenant: ScriptedTenant) -> None:
    content = bytes(range(256)) * (SLICE_BYTES // 128)
    size = len(content)
    fields: dict[str, str | int] = {
        "Content-Range": f"bytes 0-{size - 1}/{size}",
        "ETag": '"v1"',
        "Content-Length": size,
    }
    start = head(206, fields)
    tenant.media(Answer([start + content[: SLICE_BYTES + 100], b"late"], every_s=3600), ranged(content))
    source = tenant.source(timeouts=Timeouts(media_s=0.5))
    result, chunk = read(source, Media("call-1", None, size, '"v1"'), Segment(0, 0, size))
    assert (chunk, result.attempts) == (content, 2)
    assert ranges(tenant) == [f"bytes=0-{size - 1}", f"bytes={SLICE_BYTES}-{size - 1}"]


def test_every_segment_of_a_plan_gives_the_media(tenant: ScriptedTenant) -> None:
    tenant.media(ranged(CONTENT, at_most=70))
    source = tenant.source()
    plan = SegmentPlan("call-1", Outcome.READY, 100, size_bytes=SIZE)
    assert b"".join(read(source, MEDIA, segment)[1] for segment in plan.segments()) == CONTENT
