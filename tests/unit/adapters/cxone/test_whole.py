"""The whole media in one request: read in order, counted, and never more than was agreed."""

from __future__ import annotations

import base64
import hashlib
import tracemalloc

import pytest

from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import Timeouts
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
    SizeDisagrees,
    SourceUnavailable,
    TransferStalled,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
)
from cxone_provider.archive.ports import Media
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import Reply, ScriptedTenant
from tests.fakes.http_server import Answer, answer, endless, head

pytestmark = pytest.mark.server

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
MEDIA = Media("call-1", None, SIZE, '"v1"')
UNSIZED = Media("call-1")
TAGGED: dict[str, str | int] = {"ETag": '"v1"', "Content-Type": "audio/mpeg"}
GOOD = answer(200, CONTENT, TAGGED)


def read_all(source: RecordingV2Source, media: Media = MEDIA, step: int = 1000) -> bytes:
    received = bytearray()
    buffer = memoryview(bytearray(step))
    with source.open_whole(media) as body:
        while count := body.readinto(buffer):
            received += buffer[:count]
    return bytes(received)


@pytest.mark.parametrize("step", [1, 999, SIZE - 1, SIZE, SIZE + 1, 2 * SIZE])
def test_reads_the_media_in_order(tenant: ScriptedTenant, step: int) -> None:
    tenant.media(GOOD)
    assert read_all(tenant.source(), step=step) == CONTENT
    [request] = tenant.to("/download")
    assert "range" not in request.headers
    assert request.headers["if-match"] == '"v1"'


def test_tells_size_and_tag_before_the_first_byte(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    with tenant.source().open_whole(UNSIZED) as body:
        assert (body.total_bytes, body.etag) == (SIZE, '"v1"')


def test_fills_the_buffer_as_far_as_the_body_goes(tenant: ScriptedTenant) -> None:
    pieces = [
        f"{len(CONTENT[i : i + 100]):x}\r\n".encode() + CONTENT[i : i + 100] + b"\r\n" for i in range(0, SIZE, 100)
    ]
    tenant.media(Answer([head(200, {**TAGGED, "Transfer-Encoding": "chunked"}), *pieces, b"0\r\n\r\n"]))
    buffer = memoryview(bytearray(SIZE))
    with tenant.source().open_whole(UNSIZED) as body:
        assert body.total_bytes is None
        assert body.readinto(buffer[:777]) == 777
        assert body.readinto(buffer[777:]) == SIZE - 777
        assert body.readinto(buffer) == 0
    assert bytes(buffer) == CONTENT


def test_a_connection_is_kept_after_the_last_byte_and_dropped_before(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    source = tenant.source()
    for _ in range(3):
        assert read_all(source) == CONTENT
    assert tenant.server.connections == 1
    with source.open_whole(MEDIA) as body:
        body.readinto(memoryview(bytearray(10)))
    assert read_all(source) == CONTENT
    assert tenant.server.connections == 2


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(403), AccessDenied),
        (answer(404), RecordingNotFound),
        (answer(401), AuthenticationFailed),
        (answer(412), RecordingChanged),
        (answer(302, b"", {"Location": "/x"}), UnexpectedAnswer),
        (answer(206, CONTENT[:10], {"Content-Range": f"bytes 0-9/{SIZE}"}), UnexpectedAnswer),
        (answer(204), UnexpectedAnswer),
        (answer(200, CONTENT, {**TAGGED, "ETag": '"v2"'}), RecordingChanged),
        (answer(200, CONTENT), RecordingChanged),
        (answer(200, CONTENT[:-1], TAGGED), SizeDisagrees),
        (answer(200, CONTENT, {**TAGGED, "Content-Encoding": "gzip"}), EncodedBody),
        (answer(200, b"<html>", {**TAGGED, "Content-Type": "text/html"}), WrongContentType),
        (answer(200, CONTENT, {**TAGGED, "Repr-Digest": "sha-256=:AAAA:"}), UnexpectedAnswer),
    ],
)
def test_an_answer_that_is_not_the_media_is_refused_before_a_byte_is_used(
    tenant: ScriptedTenant, reply: Reply, kind: type[ArchiveError]
) -> None:
    tenant.media(reply)
    clock = FakeClock()
    with pytest.raises(kind), tenant.source(clock).open_whole(MEDIA):
        pytest.fail("opened")
    assert clock.sleeps == []


def rest_of(source: RecordingV2Source, start: int, media: Media = MEDIA) -> bytes:
    buffer = memoryview(bytearray(SIZE + 10))
    with source.open_whole(media, start) as body:
        return bytes(buffer[: body.readinto(buffer)])


def ranged_rest(body: bytes, content_range: str, **fields: str | int) -> Answer:
    return answer(206, body, {**TAGGED, "Content-Range": content_range, **fields})


def test_the_rest_is_asked_for_by_an_open_range_of_one_entity(tenant: ScriptedTenant) -> None:
    tenant.media(ranged_rest(CONTENT[4000:], f"bytes 4000-{SIZE - 1}/{SIZE}"))
    assert rest_of(tenant.source(), 4000) == CONTENT[4000:]
    [request] = tenant.to("/download")
    assert (request.headers["range"], request.headers["if-match"]) == ("bytes=4000-", '"v1"')


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (GOOD, RangeIgnored),
        (answer(412), RecordingChanged),
        (answer(416, b"", {"Content-Range": f"bytes */{SIZE}"}), RangeNotSatisfiable),
        (ranged_rest(CONTENT[4000:], f"bytes 4000-{SIZE - 1}/{SIZE}", ETag='"v2"'), RecordingChanged),
        (ranged_rest(CONTENT[4000:], f"bytes 4000-{SIZE - 1}/{SIZE}", ETag='W/"v1"'), RecordingChanged),
        (ranged_rest(CONTENT[3999:], f"bytes 3999-{SIZE - 1}/{SIZE}"), WrongRange),
        (answer(206, CONTENT[4000:], TAGGED), WrongRange),
        (ranged_rest(CONTENT[4000:], f"bytes 4000-{SIZE - 1}/{SIZE + 1}"), SizeDisagrees),
        (ranged_rest(CONTENT[4001:], f"bytes 4000-{SIZE - 1}/{SIZE}"), ShortBody),
        (ranged_rest(CONTENT[3999:], f"bytes 4000-{SIZE - 1}/{SIZE}"), ExcessBody),
        (ranged_rest(CONTENT[4000:], f"bytes 4000-{SIZE - 1}/{SIZE}", **{"Content-Encoding": "gzip"}), EncodedBody),
        (ranged_rest(b"<html>", f"bytes 4000-4005/{SIZE}", **{"Content-Type": "text/html"}), WrongContentType),
    ],
)
def test_an_answer_that_is_not_the_rest_is_refused_before_a_byte_is_used(
    tenant: ScriptedTenant, reply: Reply, kind: type[ArchiveError]
) -> None:
    tenant.media(reply)
    with pytest.raises(kind), tenant.source().open_whole(MEDIA, 4000):
        pytest.fail("opened")


def test_a_rest_that_stops_before_the_media_is_short_and_tells_how_far_it_came(tenant: ScriptedTenant) -> None:
    tenant.media(ranged_rest(CONTENT[4000:5000], f"bytes 4000-4999/{SIZE}"))
    buffer = memoryview(bytearray(SIZE))
    with tenant.source().open_whole(MEDIA, 4000) as body:
        with pytest.raises(ShortBody):
            body.readinto(buffer)
        assert body.position == 5000
    assert bytes(buffer[:1000]) == CONTENT[4000:5000]


def test_a_rest_without_a_length_that_goes_on_is_an_error(tenant: ScriptedTenant) -> None:
    fields = {**TAGGED, "Content-Range": f"bytes 4000-{SIZE - 1}/{SIZE}"}
    tenant.media(Answer([head(206, fields), CONTENT[4000:] + b"more"], close=True))
    with pytest.raises(ExcessBody):
        rest_of(tenant.source(), 4000)


def test_a_digest_of_the_rest_is_compared_and_such_a_body_is_not_continued(tenant: ScriptedTenant) -> None:
    digest = base64.b64encode(hashlib.sha256(CONTENT[4000:]).digest()).decode()
    content_range, field = f"bytes 4000-{SIZE - 1}/{SIZE}", {"Content-Digest": f"sha-256=:{digest}:"}
    tenant.media(ranged_rest(CONTENT[4000:], content_range, **field))
    tenant.media(ranged_rest(CONTENT[4000:-1] + b"x", content_range, **field))
    source = tenant.source()
    with source.open_whole(MEDIA, 4000) as body:
        assert not body.continuable
        assert body.readinto(memoryview(bytearray(SIZE))) == SIZE - 4000
    with pytest.raises(DigestMismatch, match="Content-Digest"):
        rest_of(source, 4000)


@pytest.mark.parametrize(
    ("fields", "continuable"), [(TAGGED, True), ({**TAGGED, "ETag": 'W/"v1"'}, False), ({"ETag": ""}, False)]
)
def test_only_a_body_of_a_known_entity_is_continuable(
    tenant: ScriptedTenant, fields: dict[str, str | int], *, continuable: bool
) -> None:
    tenant.media(answer(200, CONTENT, fields))
    with tenant.source().open_whole(UNSIZED) as body:
        assert body.continuable is continuable


def test_opening_waits_and_repeats_reading_does_not(tenant: ScriptedTenant) -> None:
    tenant.media(answer(429, b"", {"Retry-After": "3"}), answer(503), answer(401), GOOD)
    clock = FakeClock()
    assert read_all(tenant.source(clock)) == CONTENT
    assert clock.sleeps == [3.0, 0.5]


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (500, SourceUnavailable)])
def test_opening_gives_up_within_its_bounds(tenant: ScriptedTenant, status: int, kind: type[ArchiveError]) -> None:
    tenant.media(answer(status))
    with pytest.raises(kind), tenant.source().open_whole(MEDIA):
        pytest.fail("opened")
    assert len(tenant.to("/download")) == 4


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(200, CONTENT[:5000], TAGGED, declared=SIZE), ShortBody),
        (Answer([head(200, TAGGED), CONTENT[:5000]], close=True), ShortBody),
        (Answer([head(200, {**TAGGED, "Transfer-Encoding": "chunked"}), b"5\r\nabcde\r\n0\r\n\r\n"]), ShortBody),
        (Answer([head(200, {**TAGGED, "Transfer-Encoding": "chunked"}), b"5\r\nabcde\r\n"], close=True), ShortBody),
        (Answer([head(200, {**TAGGED, "Content-Length": SIZE}), CONTENT[:5000]], reset=True), SourceUnavailable),
    ],
)
def test_a_body_that_ends_early_is_an_error_that_another_run_may_mend(
    tenant: ScriptedTenant, reply: Reply, kind: type[ArchiveError]
) -> None:
    tenant.media(reply)
    with pytest.raises(kind) as raised:
        read_all(tenant.source())
    assert raised.value.retryable
    assert len(tenant.to("/download")) == 1


def test_a_body_cut_short_of_its_declared_length_is_noticed_without_an_agreed_size(tenant: ScriptedTenant) -> None:
    tenant.media(answer(200, CONTENT[:5000], declared=SIZE))
    with pytest.raises(ShortBody):
        read_all(tenant.source(), UNSIZED)


@pytest.mark.parametrize(
    "reply",
    [
        endless(200, {**TAGGED, "Transfer-Encoding": "chunked"}, b"10000\r\n" + bytes(65536) + b"\r\n"),
        endless(200, TAGGED, bytes(65536)),
    ],
)
def test_one_byte_shows_a_body_that_goes_on_and_no_more_is_read(tenant: ScriptedTenant, reply: Answer) -> None:
    tenant.media(reply)
    source = tenant.source()
    tracemalloc.start()
    assert len(read_all(source)) == SIZE + 1
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 4 * 2**20


def test_a_digest_of_the_whole_is_compared_at_the_end(tenant: ScriptedTenant) -> None:
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    good = answer(200, CONTENT, {**TAGGED, "Repr-Digest": f"sha-256=:{digest}:"})
    bad = answer(200, CONTENT[:-1] + b"x", {**TAGGED, "Repr-Digest": f"sha-256=:{digest}:"})
    tenant.media(good, bad)
    source = tenant.source()
    assert read_all(source) == CONTENT
    with pytest.raises(DigestMismatch, match="Repr-Digest"):
        read_all(source)


def test_a_body_that_drips_ends_within_the_limit(tenant: ScriptedTenant) -> None:
    tenant.media(endless(200, TAGGED, b"x", every_s=0.02))
    with pytest.raises(TransferStalled):
        read_all(tenant.source(timeouts=Timeouts(media_s=0.3, min_bytes_per_s=10_000)))


def test_an_error_of_the_reader_closes_the_body_and_passes(tenant: ScriptedTenant) -> None:
    tenant.media(GOOD)
    source = tenant.source()
    with pytest.raises(ZeroDivisionError), source.open_whole(MEDIA):
        _ = 1 / 0
    assert read_all(source) == CONTENT
