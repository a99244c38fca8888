"""Metadata and addresses of ``recording-v2``: every status of the contract, and ids that cannot lead elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    InvalidRecordingId,
    RateLimited,
    RecordingNotFound,
    SourceUnavailable,
    UnexpectedAnswer,
)
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import Outcome, RecordingDescription, RecordingRef
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import METADATA, Reply, ScriptedTenant, json_answer, ranged
from tests.fakes.http_server import Answer, answer, endless

pytestmark = pytest.mark.server

REF = RecordingRef("call-1")
OK = json_answer(METADATA)


def test_describes_by_one_get(tenant: ScriptedTenant) -> None:
    tenant.metadata(OK)
    assert tenant.source().describe(REF) == RecordingDescription(
        recording_id="call-1",
        format="mp3",
        size_bytes=1000,
        duration_s=12.5,
        status="completed",
        storage_state="stored",
    )
    [request] = tenant.to("/api")
    assert request.line == "GET /api/v2/recording/call-1 HTTP/1.1"
    assert request.headers["authorization"] == "Bearer canary-token-1"
    assert request.headers["accept"] == "application/json"


def test_a_base_url_with_a_path_is_kept(tenant: ScriptedTenant) -> None:
    source = tenant.source(base_url=f"{tenant.server.url}/gateway")
    with pytest.raises(ArchiveError):
        source.describe(REF)
    assert tenant.server.requests[0].line == "POST /gateway/oauth/token HTTP/1.1"


def test_checking_fetches_a_token_and_nothing_else(tenant: ScriptedTenant) -> None:
    told: list[str] = []
    RecordingV2Source(tenant.settings(), FakeClock(), on_token=told.append).check()
    assert told == ["canary-token-1"]
    assert [request.target for request in tenant.server.requests] == ["/oauth/token"]


def test_closing_twice_is_no_error(tenant: ScriptedTenant) -> None:
    source = tenant.source()
    source.close()
    source.close()


def test_resolving_costs_no_request(tenant: ScriptedTenant) -> None:
    plan = SegmentPlan("call-1", Outcome.READY, size_bytes=10, etag='"v1"', requested_format="wav")
    assert tenant.source().resolve(plan) == (Media("call-1", "wav", 10, '"v1"'),)
    assert tenant.server.requests == []


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (403, AccessDenied, "recording:download and recording:read"),
        (404, RecordingNotFound, "metadata of call-1"),
        (410, RecordingNotFound, "metadata of call-1"),
        (201, UnexpectedAnswer, "201"),
        (204, UnexpectedAnswer, "204"),
        (206, UnexpectedAnswer, "206"),
        (301, UnexpectedAnswer, "Redirects are not followed"),
        (302, UnexpectedAnswer, "Redirects are not followed"),
        (307, UnexpectedAnswer, "Redirects are not followed"),
        (400, UnexpectedAnswer, "400"),
        (402, UnexpectedAnswer, "402"),
        (405, UnexpectedAnswer, "405"),
        (409, UnexpectedAnswer, "409"),
        (418, UnexpectedAnswer, "418"),
        (451, UnexpectedAnswer, "451"),
        (600, UnexpectedAnswer, "600"),
        (999, UnexpectedAnswer, "999"),
    ],
)
def test_a_final_status_ends_the_call_at_once(
    tenant: ScriptedTenant, status: int, kind: type[ArchiveError], says: str
) -> None:
    body = b"" if status == 204 else b'{"message": "because"}\x1b[31m\n' + b"x" * 10_000
    tenant.metadata(answer(status, body, {"Location": "http://127.0.0.2:1/"}))
    clock = FakeClock()
    with pytest.raises(kind, match=says) as raised:
        tenant.source(clock).describe(REF)
    assert not raised.value.retryable
    assert (status == 204) or (str(status) in str(raised.value) and "because" in str(raised.value))
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 600
    assert clock.sleeps == []
    assert len(tenant.to("/api")) == 1


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
def test_5xx_is_repeated_with_backoff(tenant: ScriptedTenant, status: int) -> None:
    tenant.metadata(answer(status), answer(status), OK)
    clock = FakeClock()
    assert tenant.source(clock).describe(REF).recording_id == "call-1"
    assert clock.sleeps == [0.25, 0.5]


@pytest.mark.parametrize(
    "reply",
    [
        Answer([], close=True),
        Answer([], reset=True),
        Answer([b"HTTP/1.1 200 OK\r\nContent-"], reset=True),
        answer(200, b'{"id"', declared=100),
        Answer([b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"id"'], close=True),
        Answer([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"], close=True),
    ],
)
def test_broken_connections_are_repeated_with_backoff(tenant: ScriptedTenant, reply: Answer) -> None:
    tenant.metadata(reply, reply, OK)
    clock = FakeClock()
    assert tenant.source(clock).describe(REF).recording_id == "call-1"
    assert clock.sleeps == [0.25, 0.5]


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, 5.0),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "Sun, 22 Nov 2026 06:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sunday, 22-Nov-26 06:00:30 GMT"}, 30.0),
        ({"Retry-After": "Sun Nov 22 06:00:30 2026"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2020 06:00:30 GMT"}, 0.0),
        ({"Retry-After": "9999999999"}, 300.0),
        ({"Retry-After": "-1"}, 5.0),
        ({"Retry-After": "abc"}, 5.0),
        ({"Retry-After": "NaN"}, 5.0),
        ({"Retry-After": "x" * 10_240}, 5.0),
    ],
)
def test_429_waits_as_told(tenant: ScriptedTenant, headers: dict[str, str | int], wait_s: float) -> None:
    tenant.metadata(answer(429, b"slow down", headers), OK)
    clock = FakeClock()
    assert tenant.source(clock).describe(REF).recording_id == "call-1"
    assert clock.sleeps == [wait_s]


def test_503_waits_as_told_too(tenant: ScriptedTenant) -> None:
    tenant.metadata(answer(503, b"", {"Retry-After": "11"}), OK)
    clock = FakeClock()
    tenant.source(clock).describe(REF)
    assert clock.sleeps == [11.0]


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (500, SourceUnavailable), (503, SourceUnavailable)])
def test_a_failure_that_stays_is_raised_and_another_run_may_mend_it(
    tenant: ScriptedTenant, status: int, kind: type[ArchiveError]
) -> None:
    tenant.metadata(answer(status, b"busy"))
    with pytest.raises(kind, match="busy") as raised:
        tenant.source().describe(REF)
    assert raised.value.retryable
    assert len(tenant.to("/api")) == 4


def test_401_costs_the_token_and_gets_one_more_try(tenant: ScriptedTenant) -> None:
    tenant.metadata(answer(401), OK)
    clock = FakeClock()
    assert tenant.source(clock).describe(REF).recording_id == "call-1"
    assert [request.headers["authorization"] for request in tenant.to("/api")] == [
        "Bearer canary-token-1",
        "Bearer canary-token-2",
    ]
    assert clock.sleeps == []


def test_401_with_a_new_token_is_final(tenant: ScriptedTenant) -> None:
    tenant.metadata(answer(401, b'{"error": "invalid_token", "sent": "canary-token-2"}'))
    with pytest.raises(AuthenticationFailed, match="invalid_token") as raised:
        tenant.source().describe(REF)
    assert "canary" not in str(raised.value)
    assert len(tenant.to("/api")) == 2
    assert len(tenant.tokens) == 2


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"<html>login</html>", {"Content-Type": "text/html"}),
        answer(200, b""),
        answer(200, b'{"id": "call-1"'),
        answer(200, b" " * (2**20 + 1)),
        endless(200, {"Transfer-Encoding": "chunked"}, b"10000\r\n" + b" " * 65536 + b"\r\n"),
        endless(200, {}, b" " * 65536),
        endless(302, {"Location": "/elsewhere"}, b" " * 65536),
        endless(400, {"Transfer-Encoding": "chunked"}, b"10000\r\n" + b" " * 65536 + b"\r\n"),
        json_answer({**METADATA, "id": "call-2"}),
        json_answer({**METADATA, "size": -1}),
        json_answer(METADATA, 200, {"Content-Encoding": "gzip"}),
    ],
)
def test_a_document_outside_the_contract_is_no_description(tenant: ScriptedTenant, reply: Reply) -> None:
    tenant.metadata(reply)
    with pytest.raises(UnexpectedAnswer):
        tenant.source().describe(REF)
    assert len(tenant.to("/api")) == 1


def test_a_bearer_token_goes_nowhere_else(tenant: ScriptedTenant) -> None:
    with ScriptedTenant().server as other:
        tenant.metadata(answer(302, b"", {"Location": f"{other.url}/steal"}))
        tenant.media(answer(307, b"", {"Location": f"{other.url}/steal"}))
        source = tenant.source()
        with pytest.raises(UnexpectedAnswer):
            source.describe(REF)
        with pytest.raises(UnexpectedAnswer):
            source.read_segment(Media("call-1"), Segment(0, 0, 1), memoryview(bytearray(1)))
    assert other.requests == []


@pytest.mark.parametrize(
    ("recording_id", "path"),
    [
        ("4711", "4711"),
        ("a.b", "a.b"),
        ("...", "..."),
        ("a~b_c-d", "a~b_c-d"),
        ("urn:x:1", "urn%3Ax%3A1"),
        ("A" * 128, "A" * 128),
        ("4711.2", "4711.2"),
    ],
)
def test_an_id_is_one_segment_of_the_path(tenant: ScriptedTenant, recording_id: str, path: str) -> None:
    source = tenant.source()
    with pytest.raises(RecordingNotFound):
        source.describe(RecordingRef(recording_id))
    with pytest.raises(RecordingNotFound):
        source.read_segment(Media(recording_id, "wav"), Segment(0, 0, 1), memoryview(bytearray(1)))
    assert [request.line for request in tenant.to("/api")] == [
        f"GET /api/v2/recording/{path} HTTP/1.1",
        f"GET /api/v2/recording/download/{path}?format=wav HTTP/1.1",
    ]


HOSTILE_IDS = [
    "../x", "..", ".", "a/b", "%2e%2e", "%2F", "?x=", "a?b", "#", "a#b", "\0", "a\r\nHost: evil", "x" * 10_240,
    "\u202eabc",
    "", " ", "a b", "ä", "\u0661", "a\\b", "{{7*7}}", "<img onerror>", "a;b", "a@b", "a&b=c", "*",
]  # fmt: skip


@pytest.fixture(scope="module")
def lasting_tenant() -> Iterator[ScriptedTenant]:
    scripted = ScriptedTenant()
    with scripted.server:
        yield scripted


@given(
    recording_id=st.text() | st.sampled_from(HOSTILE_IDS) | st.from_regex(r"[A-Za-z0-9._~:%/-]{0,140}", fullmatch=True)
)
def test_any_id_is_its_exact_path_or_refused_before_a_request(
    lasting_tenant: ScriptedTenant, recording_id: str
) -> None:
    lasting_tenant.server.requests.clear()
    source = lasting_tenant.source()
    try:
        with pytest.raises(RecordingNotFound):
            source.describe(RecordingRef(recording_id))
        with pytest.raises(RecordingNotFound):
            source.read_segment(Media(recording_id), Segment(0, 0, 1), memoryview(bytearray(1)))
    except InvalidRecordingId:
        assert lasting_tenant.server.requests == []
        return
    finally:
        source.close()
    wire_id = recording_id.replace(":", "%3A")
    assert [request.line for request in lasting_tenant.to("/api")] == [
        f"GET /api/v2/recording/{wire_id} HTTP/1.1",
        f"GET /api/v2/recording/download/{wire_id} HTTP/1.1",
    ]


@pytest.mark.parametrize("recording_id", HOSTILE_IDS)
def test_no_door_lets_a_hostile_id_through(tenant: ScriptedTenant, recording_id: str) -> None:
    source = tenant.source()
    with pytest.raises(InvalidRecordingId):
        source.describe(RecordingRef(recording_id))
    with pytest.raises(InvalidRecordingId):
        source.resolve(SegmentPlan(recording_id, Outcome.READY))
    with pytest.raises(InvalidRecordingId):
        source.read_segment(Media(recording_id), Segment(0, 0, 1), memoryview(bytearray(1)))
    with pytest.raises(InvalidRecordingId), source.open_whole(Media(recording_id)):
        pass
    assert tenant.server.requests == []


def test_one_connection_serves_a_whole_recording(tenant: ScriptedTenant) -> None:
    content = bytes(1000)
    tenant.metadata(OK)
    tenant.media(ranged(content))
    source = tenant.source()
    source.describe(REF)
    buffer = memoryview(bytearray(100))
    for segment in SegmentPlan("call-1", Outcome.READY, 100, size_bytes=1000).segments():
        source.read_segment(Media("call-1", None, 1000, '"v1"'), segment, buffer)
    assert len(tenant.to("/download")) == 10
    assert tenant.server.connections == 1
