from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cxone_provider.simulator import Simulator
from tests.unit.simulator.client import TenantClient
from tests.unit.simulator.playback import PlaybackClient

ADMIN = "/_simulator/"


def test_health_tells_that_it_runs(client: TenantClient) -> None:
    client.token()
    reply = client.call("GET", ADMIN + "health")
    quota = {"limit": 150, "period_s": 300, "used": 0, "refused": 0, "most_in_window": 0}
    assert (reply.status, reply.document) == (
        200,
        {
            "status": "ok",
            "recordings": 1,
            "tokens_issued": 1,
            "contacts": 0,
            "quota": quota,
            "download_quota": {**quota, "limit": 15},
            "extraction_jobs": 0,
        },
    )


def test_recordings_are_listed(client: TenantClient) -> None:
    client.simulator.add_recording(
        "two", b"native", format="wav", renditions={"mp3": b"x"}, faults=[{"fault": "reset"}]
    )
    listed = client.call("GET", ADMIN + "recordings").document["recordings"]
    assert [recording["id"] for recording in listed] == ["call", "two"]
    assert listed[1] == {
        "id": "two",
        "format": "wav",
        "size": 6,
        "duration": None,
        "status": "completed",
        "storageState": "available",
        "recordedAt": None,
        "formats": ["wav", "mp3"],
        "faults": ["reset"],
    }


def test_contacts_are_listed(playback: PlaybackClient) -> None:
    later = datetime(2126, 1, 1, tzinfo=UTC)
    playback.simulator.add_contact("5", contact_ids=["5", "6"], listed_at=later, faults=[{"fault": "reset"}])
    first, second = playback.call("GET", ADMIN + "contacts").document["contacts"]
    assert [(known["id"], known["size"]) for known in first["recordings"]] == [("4711.1", 20_000), ("4711.2", 4096)]
    assert second == {
        "id": "5",
        "contactIds": ["5", "6"],
        "startTime": "2026-01-01T00:00:00+00:00",
        "isListed": False,
        "isAvailable": True,
        "faults": ["reset"],
        "recordings": [],
    }


def test_contacts_are_steered_while_it_runs(playback: PlaybackClient) -> None:
    faults = [{"fault": "status", "status": 500, "on": "metadata"}]
    assert playback.send_json("PUT", ADMIN + "recordings/4711/faults", faults).status == 204
    assert [playback.contact("4711").status for _ in range(2)] == [500, 200]
    assert playback.send_json("PUT", ADMIN + "recordings/4711.1/state", {"storageState": "archived"}).status == 204
    assert "fileToPlayUrl" not in playback.contact("4711").document["interactions"][0]["data"]
    assert playback.send_json("PUT", ADMIN + "recordings/4711.3/state", {"storageState": "archived"}).status == 400


def test_looking_does_not_move_a_storage_state(client: TenantClient) -> None:
    client.simulator.set_state("call", [{"state": "archived", "for_requests": 1}, {"state": "available"}])
    for _ in range(3):
        assert client.call("GET", ADMIN + "recordings").document["recordings"][0]["storageState"] == "archived"


def test_requests_are_shown_and_forgotten(client: TenantClient) -> None:
    client.media("call", "bytes=0-9")
    shown = client.call("GET", ADMIN + "requests").document["requests"]
    assert [record["endpoint"] for record in shown] == ["token", "media"]
    assert ["Range", "bytes=0-9"] in shown[1]["headers"]
    assert client.call("DELETE", ADMIN + "requests").status == 204
    assert client.call("GET", ADMIN + "requests").document == {"requests": []}


def test_faults_are_scripted_while_it_runs(client: TenantClient) -> None:
    faults = [{"fault": "status", "status": 500}]
    assert client.send_json("PUT", ADMIN + "recordings/call/faults", faults).status == 204
    assert [client.media("call").status for _ in range(2)] == [500, 200]
    assert client.send_json("PUT", ADMIN + "faults", [{**faults[0], "on": "token"}]).status == 204
    assert [client.ask_token().status for _ in range(2)] == [500, 200]


def test_a_state_is_set_while_it_runs(client: TenantClient) -> None:
    document = {
        "storageState": [{"state": "restoring", "for_requests": 1}, {"state": "stored"}],
        "status": "processing",
    }
    assert client.send_json("PUT", ADMIN + "recordings/call/state", document).status == 204
    first, second = client.metadata("call").document, client.metadata("call").document
    assert (first["storageState"], second["storageState"], first["status"]) == ("restoring", "stored", "processing")


def test_tokens_are_revoked_while_it_runs(client: TenantClient) -> None:
    client.token()
    assert client.call("POST", ADMIN + "tokens/revoke").document == {"revoked": 1}
    assert client.metadata("call").status == 401


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("recordings/nope/faults", "[]", "no recording 'nope'"),
        ("recordings/call/faults", "{", "the body is not JSON"),
        ("recordings/call/faults", "[" * 100_000, "the body is not JSON"),
        ("recordings/call/faults", '[{"fault": "x"}]', "unknown fault 'x'"),
        ("recordings/call/state", "[]", "a state is"),
        ("recordings/call/state", '{"state": "x"}', "unknown field of a state 'state'"),
        ("recordings/call/state", '{"storageState": 5}', "storageState is a state or a list of phases"),
        ("recordings/call/state", '{"status": 5}', "status is 5; text is needed"),
    ],
)
def test_mistakes_are_explained(client: TenantClient, path: str, body: str, message: str) -> None:
    reply = client.call("PUT", ADMIN + path, body=body)
    assert reply.status == 400
    assert message in reply.document["message"]


def test_an_unknown_endpoint_lists_what_exists(client: TenantClient) -> None:
    reply = client.call("PATCH", ADMIN + "recordings/call/faults")
    assert reply.status == 404
    assert "PUT recordings/{id}/faults" in reply.document["endpoints"]


def test_a_reset_leads_back_to_the_beginning(audio: bytes) -> None:
    with Simulator() as simulator:
        archived_once: list[dict[str, object]] = [{"state": "archived", "for_requests": 1}, {"state": "available"}]
        weak = [{"fault": "weak_etag", "times": "always"}]
        simulator.add_recording("call", audio, format="mp3", storage_state=archived_once, faults=weak)
        before = seen_of(simulator)
        simulator.script("call", [{"fault": "change_entity"}])
        simulator.script_tenant([{"fault": "status", "status": 500, "at": 2, "times": "always"}])
        assert seen_of(simulator) != before
        assert TenantClient(simulator).call("POST", ADMIN + "reset").status == 204
        assert (simulator.tokens_issued, simulator.requests, simulator.webhooks) == (0, [], [])
        assert seen_of(simulator) == before
        assert simulator.media_bytes("call") == audio


def seen_of(simulator: Simulator) -> list[tuple[int, str | None]]:
    client = TenantClient(simulator)
    replies = [client.media("call") for _ in range(2)]
    return [(reply.status, reply.header("ETag")) for reply in replies]


def test_deliveries_are_kept_and_shown(client: TenantClient) -> None:
    posted = client.call(
        "POST",
        ADMIN + "webhook/demo",
        body='{"é": 1}'.encode(),
        headers={"webhook-id": "1", "Authorization": "Bearer x"},
    )
    assert (posted.status, posted.body) == (204, b"")
    (delivery,) = client.simulator.webhooks
    assert (delivery.body, delivery.header("Webhook-Id"), delivery.path) == (
        '{"é": 1}',
        "1",
        "/_simulator/webhook/demo",
    )
    (shown,) = client.call("GET", ADMIN + "webhook").document["deliveries"]
    assert (shown["body"], shown["path"]) == (delivery.body, delivery.path)
    assert str(delivery.header("authorization")).startswith("Bearer sha256:")
    assert client.call("DELETE", ADMIN + "webhook").status == 204
    assert client.simulator.webhooks == []


def test_the_receiver_fails_as_scripted_and_its_requests_are_recorded(client: TenantClient) -> None:
    client.simulator.script_tenant(
        [
            {"fault": "status", "on": "webhook", "status": 500},
            {"fault": "redirect", "on": "webhook", "at": 2, "location": "/x"},
        ]
    )
    statuses = [client.call("POST", ADMIN + "webhook", body="{}").status for _ in range(3)]
    assert statuses == [500, 302, 204]
    assert len(client.simulator.webhooks) == 1
    assert [record.endpoint for record in client.simulator.requests] == ["webhook"] * 3


def test_the_receiver_takes_posts_of_a_bounded_size(client: TenantClient) -> None:
    assert client.call("PUT", ADMIN + "webhook", body="{}").status == 405
    refused = client.call("POST", ADMIN + "webhook", body=bytes(5 * 2**20))
    assert (refused.status, refused.document["error"]) == (413, "bad_request")
    assert client.simulator.webhooks == []
