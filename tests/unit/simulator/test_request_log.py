from __future__ import annotations

import http.client
import json
from pathlib import Path

import pytest

from cxone_provider.simulator import ManualClock, Simulator
from tests.unit.simulator.client import TIMEOUT_S, TenantClient


def test_every_request_is_recorded_in_order(client: TenantClient, clock: ManualClock, audio: bytes) -> None:
    client.simulator.script("call", [{"fault": "status", "status": 503, "at": 2}])
    client.media("call?format=mp3", "bytes=0-99")
    client.media("call", "bytes=0-99")
    client.get("/nowhere")
    token, media, failed, lost = client.simulator.requests
    assert (token.endpoint, token.method, token.path, token.status) == ("token", "POST", "/oauth/token", 200)
    assert (media.path, media.query) == ("/api/v2/recording/download/call", "format=mp3")
    assert (media.endpoint, media.recording_id, media.status, media.bytes_sent) == ("media", "call", 206, 100)
    assert media.header("range") == "bytes=0-99"
    assert media.at == clock.now()
    assert (failed.status, failed.faults, media.faults) == (503, ("status",), ())
    assert (lost.endpoint, lost.recording_id, lost.status) == (None, None, 404)
    assert [record.number for record in client.simulator.requests] == [1, 2, 3, 4]


def test_credentials_are_hashed_and_still_comparable(client: TenantClient) -> None:
    for _ in range(2):
        client.media("call")
    client.get("/nowhere", Cookie="session=1", Proxy_Authorization="Basic eDp5")
    shown = json.dumps([record.as_json() for record in client.simulator.requests])
    for secret in (client.token(), client.simulator.client_secret, "session=1", "eDp5"):
        assert secret not in shown
    hashed = {record.header("authorization") for record in client.simulator.requests[1:]}
    assert len(hashed) == 1
    assert str(hashed.pop()).startswith("Bearer sha256:")


def test_requests_on_one_connection_share_its_number(client: TenantClient) -> None:
    headers = {"Authorization": f"Bearer {client.token()}"}
    connection = http.client.HTTPConnection(*client.address, timeout=TIMEOUT_S)
    for _ in range(3):
        connection.request("GET", "/api/v2/recording/call", headers=headers)
        connection.getresponse().read()
    connection.close()
    client.metadata("call")
    numbers = [record.connection for record in client.simulator.requests]
    assert numbers[1] == numbers[2] == numbers[3]
    assert len(set(numbers)) == 3


def test_bytes_sent_are_those_before_the_fault(client: TenantClient) -> None:
    client.simulator.script("call", [{"fault": "close", "after_bytes": 77}])
    client.raw_media("call", "bytes=0-999")
    assert client.simulator.requests[1].bytes_sent == 77


def test_admin_requests_are_not_recorded(client: TenantClient) -> None:
    client.call("GET", "/_simulator/health")
    assert client.simulator.requests == []


def test_each_request_is_a_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    with Simulator(request_log=path) as simulator:
        simulator.add_recording("call", b"sound", format="mp3")
        TenantClient(simulator).media("call")
        shown = [record.as_json() for record in simulator.requests]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == json.loads(json.dumps(shown))
    assert [(line["endpoint"], line["bytes_sent"]) for line in lines[1:]] == [("media", 5)]


def test_the_log_is_readable_after_the_end_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxone_provider.simulator.request_log._KEPT_RECORDS", 3)
    with Simulator() as simulator:
        client = TenantClient(simulator)
        for number in range(5):
            client.get(f"/nowhere/{number}")
    assert [record.path for record in simulator.requests] == ["/nowhere/2", "/nowhere/3", "/nowhere/4"]
