"""RFC 9110: sections 13 (conditional requests) and 14 (range requests)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.simulator import ManualClock, Simulator
from cxone_provider.simulator.conditional import (
    RangeNotSatisfiable,
    Validators,
    http_date,
    parse_http_date,
    precondition_status,
    selected_range,
)
from cxone_provider.simulator.request import Request
from tests.unit.simulator.client import TenantClient

MODIFIED_AT = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
NOW = MODIFIED_AT + timedelta(hours=1)
TAG = '"abc"'
VALIDATORS = Validators(TAG, MODIFIED_AT)
SIZE = 100
LATER, SAME, EARLIER = (http_date(MODIFIED_AT + timedelta(seconds=shift)) for shift in (60, 0, -60))


def request(**headers: str) -> Request:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Request("GET", "/", "HTTP/1.1", named, b"", 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-9", (0, 10)),
        ("BYTES=0-9", (0, 10)),
        ("bytes=0-0", (0, 1)),
        ("bytes=90-", (90, 100)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-1000", (0, 100)),
        ("bytes= 5-6 ", (5, 7)),
        ("bytes=9-0", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=0-1,5-6", None),
        ("bytes=0-9;x", None),
        ("bytes 0-9", None),
        ("items=0-9", None),
        ("bytes=0-" + "9" * 50, (0, 100)),
        ("bytes=0-" + "9" * 5000, None),
        ("bytes=١-٢", None),  # noqa: RUF001  # digits, but not those of HTTP
        ("", None),
    ],
)
def test_one_byte_range_is_understood_and_anything_else_ignored(value: str, expected: tuple[int, int] | None) -> None:
    assert selected_range(request(Range=value), SIZE, VALIDATORS, NOW) == expected


@pytest.mark.parametrize(
    ("value", "size"),
    [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)],
)
def test_a_range_outside_is_not_satisfiable(value: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        selected_range(request(Range=value), size, VALIDATORS, NOW)


@given(st.integers(1, 200), st.integers(0, 250), st.integers(0, 250))
def test_a_satisfiable_range_lies_inside(size: int, first: int, last: int) -> None:
    try:
        chosen = selected_range(request(Range=f"bytes={first}-{last}"), size, VALIDATORS, NOW)
    except RangeNotSatisfiable:
        assert first >= size
        return
    assert chosen == (None if last < first else (first, min(last + 1, size)))


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        (TAG, True),
        ('"other"', False),
        (f"W/{TAG}", False),
        ("nonsense", False),
        (SAME, True),
        (LATER, False),
        (EARLIER, False),
    ],
)
def test_if_range_takes_a_strong_validator_only(condition: str, applies: bool) -> None:
    chosen = selected_range(request(Range="bytes=0-9", If_Range=condition), SIZE, VALIDATORS, NOW)
    assert chosen == ((0, 10) if applies else None)


def test_a_date_is_weak_within_its_own_second() -> None:
    fresh = request(Range="bytes=0-9", If_Range=SAME)
    assert selected_range(fresh, SIZE, VALIDATORS, MODIFIED_AT + timedelta(milliseconds=900)) is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"If_Match": TAG}, None),
        ({"If_Match": "*"}, None),
        ({"If_Match": f'"other", {TAG}'}, None),
        ({"If_Match": '"other"'}, 412),
        ({"If_Match": f"W/{TAG}"}, 412),
        ({"If_Unmodified_Since": SAME}, None),
        ({"If_Unmodified_Since": EARLIER}, 412),
        ({"If_Unmodified_Since": "yesterday"}, None),
        ({"If_Match": TAG, "If_Unmodified_Since": EARLIER}, None),
        ({"If_None_Match": TAG}, 304),
        ({"If_None_Match": f"W/{TAG}"}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"other"'}, None),
        ({"If_None_Match": '"other"', "If_Modified_Since": LATER}, None),
        ({"If_Modified_Since": SAME}, 304),
        ({"If_Modified_Since": EARLIER}, None),
        ({"If_Match": '"other"', "If_None_Match": TAG}, 412),
    ],
)
def test_preconditions_act_in_their_order(headers: dict[str, str], status: int | None) -> None:
    assert precondition_status(request(**headers), VALIDATORS) == status


@pytest.mark.parametrize(
    "text", ["Thu, 01 Jan 2026 12:00:00 GMT", "Thursday, 01-Jan-26 12:00:00 GMT", "Thu Jan  1 12:00:00 2026"]
)
def test_all_three_date_forms_are_read(text: str) -> None:
    assert parse_http_date(text) == MODIFIED_AT


def test_a_range_comes_with_its_place(client: TenantClient, audio: bytes) -> None:
    reply = client.media("call", "bytes=100-199")
    assert (reply.status, reply.body) == (206, audio[100:200])
    assert reply.header("Content-Range") == f"bytes 100-199/{len(audio)}"
    assert reply.header("Content-Length") == "100"


def test_a_range_past_the_end_is_416_with_the_size(client: TenantClient, audio: bytes) -> None:
    reply = client.media("call", f"bytes={len(audio)}-")
    assert (reply.status, reply.header("Content-Range")) == (416, f"bytes */{len(audio)}")
    client.simulator.add_recording("empty", b"", format="mp3")
    assert client.media("empty", "bytes=0-").header("Content-Range") == "bytes */0"
    assert client.media("empty").body == b""


def test_validators_decide_over_the_wire(client: TenantClient, audio: bytes) -> None:
    etag, modified = (client.media("call").header(name) or "" for name in ("ETag", "Last-Modified"))
    assert client.media("call", "bytes=0-9", If_Range=etag).status == 206
    assert client.media("call", "bytes=0-9", If_Range=modified).status == 206
    assert client.media("call", "bytes=0-9", If_Range='"older"').body == audio
    assert client.media("call", "bytes=0-9", If_Match='"older"').status == 412
    unchanged = client.media("call", If_None_Match=etag)
    assert (unchanged.status, unchanged.body, unchanged.header("ETag")) == (304, b"", etag)


def test_head_says_what_get_would(client: TenantClient, audio: bytes) -> None:
    reply = client.get("/api/v2/recording/download/call", method="HEAD", Range="bytes=0-9")
    assert (reply.status, reply.header("Content-Length"), reply.body) == (206, "10", b"")
    assert reply.header("Content-Range") == f"bytes 0-9/{len(audio)}"


def test_a_file_just_written_has_no_strong_date(audio: bytes, clock: ManualClock) -> None:
    with Simulator(clock=clock) as simulator:
        simulator.add_recording("fresh", audio, format="mp3")
        client = TenantClient(simulator)
        modified = client.media("fresh").header("Last-Modified") or ""
        assert client.media("fresh", "bytes=0-9", If_Range=modified).status == 200
