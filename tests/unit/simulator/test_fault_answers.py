"""Faults that answer something else, or change what the tenant is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from cxone_provider.simulator import ManualClock
from tests.unit.simulator.client import TenantClient

Script = Callable[..., None]


def test_any_status_takes_the_place_of_the_answer(client: TenantClient, script: Script, audio: bytes) -> None:
    script("status", status=503, headers={"X-Why": "maintenance"}, times=2)
    statuses = [client.media("call") for _ in range(3)]
    assert [reply.status for reply in statuses] == [503, 503, 200]
    assert statuses[0].header("X-Why") == "maintenance"
    assert statuses[0].document["error"] == "scripted"
    assert statuses[2].body == audio


def test_a_scripted_status_keeps_the_request_from_the_tenant(client: TenantClient, script: Script) -> None:
    client.simulator.set_state("call", [{"state": "archived", "for_requests": 1}, {"state": "available"}])
    script("status", status=500)
    assert [client.media("call").status for _ in range(3)] == [500, 409, 200]


@pytest.mark.parametrize(
    ("fields", "retry_after"),
    [
        ({}, None),
        ({"retry_after": "7"}, "7"),
        ({"retry_after": "-1e999"}, "-1e999"),
        ({"retry_after_in_s": 90}, "Thu, 01 Jan 2026 00:02:30 GMT"),
        ({"retry_after_in_s": -60}, "Thu, 01 Jan 2026 00:00:00 GMT"),
    ],
)
def test_retry_after_is_seconds_a_date_absent_or_hostile(
    client: TenantClient, script: Script, fields: dict[str, Any], retry_after: str | None
) -> None:
    script("status", status=429, **fields)
    reply = client.media("call")
    assert (reply.status, reply.header("Retry-After")) == (429, retry_after)


def test_a_status_has_any_body_and_type(client: TenantClient, script: Script) -> None:
    script("status", status=599, body="<p>no", headers={"Content-Type": "text/html"})
    reply = client.media("call")
    assert (reply.status, reply.body, reply.values("Content-Type")) == (599, b"<p>no", ["text/html"])


def test_a_redirect_leads_anywhere(client: TenantClient, script: Script) -> None:
    script("redirect", location="http://169.254.169.254/latest", status=307)
    reply = client.media("call")
    assert (reply.status, reply.header("Location")) == (307, "http://169.254.169.254/latest")


def test_a_token_is_revoked_in_mid_stream(client: TenantClient, script: Script) -> None:
    script("revoke_token", at=2)
    other = str(client.ask_token().document["access_token"])
    assert [client.media("call", "bytes=0-9").status for _ in range(3)] == [206, 401, 401]
    headers = {"Authorization": f"Bearer {other}"}
    assert client.call("GET", "/api/v2/recording/call", headers=headers).status == 200


def test_all_tokens_are_revoked_at_once(client: TenantClient, script: Script) -> None:
    other = str(client.ask_token().document["access_token"])
    script("revoke_token", every_token=True)
    assert client.media("call").status == 401
    assert client.call("GET", "/api/v2/recording/call", headers={"Authorization": f"Bearer {other}"}).status == 401


@pytest.mark.parametrize("value", [None, -1, True, "5", 2**63, 1e30, [], {}])
def test_metadata_fields_become_anything(client: TenantClient, script: Script, value: object) -> None:
    script("override_fields", fields={"size": value, "more": 1}, remove=["status"])
    document = client.metadata("call").document
    assert (document["size"], document["more"], "status" in document) == (value, 1, False)
    assert client.metadata("call").document["status"] == "completed"


def test_metadata_may_hold_numbers_that_json_does_not_have(client: TenantClient, script: Script) -> None:
    script("override_fields", fields={"duration": math.nan})
    assert b'"duration": NaN' in client.metadata("call").body


def test_a_token_answer_is_overridden_too(client: TenantClient) -> None:
    client.simulator.script_tenant([{"fault": "override_fields", "on": "token", "fields": {"expires_in": 0}}])
    assert [client.ask_token().document["expires_in"] for _ in range(2)] == [0, 3600]


def test_metadata_is_huge(client: TenantClient, script: Script) -> None:
    script("huge_metadata", size_bytes=3_000_000)
    document = client.metadata("call").document
    assert (len(document["padding"]), document["id"]) == (3_000_000, "call")


@pytest.mark.parametrize("body", ["", "{", '{"id": 1, "id": 2}', "[" * 100_000, "null", "\x00"])
def test_metadata_is_any_text(client: TenantClient, script: Script, body: str) -> None:
    script("raw_body", body=body)
    reply = client.metadata("call")
    assert (reply.status, reply.body, reply.header("Content-Type")) == (200, body.encode(), "application/json")


def test_a_raw_body_may_say_another_type(client: TenantClient, script: Script) -> None:
    script("raw_body", body="x", content_type="text/plain")
    assert client.metadata("call").header("Content-Type") == "text/plain"


@pytest.mark.parametrize(
    ("fault", "content_type"), [("html_page", "text/html; charset=utf-8"), ("json_page", "application/json")]
)
def test_a_page_comes_in_place_of_media(client: TenantClient, script: Script, fault: str, content_type: str) -> None:
    script(fault)
    reply = client.media("call", "bytes=0-999")
    assert (reply.status, reply.header("Content-Type")) == (200, content_type)
    assert reply.header("Content-Range") is None


@pytest.mark.parametrize("fault", ["html_page", "json_page"])
@pytest.mark.parametrize("length", [1, 5000])
def test_a_page_claims_to_be_the_range(client: TenantClient, script: Script, fault: str, length: int) -> None:
    script(fault, status=206, content_type="audio/mpeg")
    reply = client.media("call", f"bytes=10-{9 + length}")
    assert (reply.status, len(reply.body), reply.header("Content-Type")) == (206, length, "audio/mpeg")
    assert reply.header("Content-Range") == f"bytes 10-{9 + length}/20000"
    assert reply.body[:1] in {b"<", b"{"}


def test_a_json_page_holds_any_document(client: TenantClient, script: Script) -> None:
    script("json_page", document={"internalCode": "x"})
    assert json.loads(client.media("call").body) == {"internalCode": "x"}


def test_a_fault_of_any_endpoint_strikes_the_first_that_comes(client: TenantClient, script: Script) -> None:
    script("status", status=502, on="any", times=2)
    assert [client.metadata("call").status, client.media("call").status, client.media("call").status] == [502, 502, 200]


def test_a_delay_passes_before_the_answer(client: TenantClient, script: Script, clock: ManualClock) -> None:
    script("delay", seconds=30)
    before = clock.now()
    assert client.media("call").status == 200
    assert (clock.now() - before).total_seconds() == 30


@pytest.mark.parametrize(("fault", "waits"), [("drip", 99), ("slow_headers", 17)])
def test_body_or_head_come_in_pieces(
    client: TenantClient, script: Script, clock: ManualClock, audio: bytes, fault: str, waits: int
) -> None:
    script(fault, block_bytes=20, interval_s=0.5)
    client.token()
    before = clock.now()
    assert client.media("call", "bytes=0-1999").body == audio[:2000]
    assert (clock.now() - before).total_seconds() == waits * 0.5


def test_a_token_request_fails_too(client: TenantClient) -> None:
    client.simulator.script_tenant([{"fault": "status", "on": "token", "status": 500, "times": 2}])
    assert [client.ask_token().status for _ in range(3)] == [500, 500, 200]
    assert client.simulator.tokens_issued == 1


def test_text_that_is_no_unicode_goes_out_all_the_same(client: TenantClient, script: Script) -> None:
    script("status", status=500, body="\ud800", headers={"X-Odd": "\ud800"})
    assert client.raw_media("call").received.count(b"\xed\xa0\x80") == 2
    script("not_http", text="\ud800")
    assert client.raw_media("call").received == b"\xed\xa0\x80"
