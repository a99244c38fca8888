"""Media Download: many entities in one request, their outcomes, and where the files are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Refusal, Simulator
from cxone_provider.simulator.bulk import Downloads
from cxone_provider.simulator.contacts import ContactBook
from tests.unit.simulator.client import Reply
from tests.unit.simulator.playback import PlaybackClient

BASE = "/media-download/v1/"


class Bulk(PlaybackClient):
    def request(self, *entity_ids: object, kind: str = "contacts") -> Reply:
        headers = {"Authorization": f"Bearer {self.token()}"}
        return self.call("POST", BASE + kind, body=json.dumps({"entityIds": entity_ids}), headers=headers)

    def status(self, request_id: str) -> Any:
        return self.get(f"{BASE}status/{request_id}").document

    def done(self, *entity_ids: str, kind: str = "contacts") -> Any:
        return self.status(self.request(*entity_ids, kind=kind).document["requestId"])


def started(clock: ManualClock, audio: bytes, **changes: Any) -> Simulator:
    simulator = Simulator(clock=clock, apis=ApiSettings(**changes))
    simulator.add_contact("1", [Interaction(audio, format="mp4"), Interaction(4096, storage_state="archived")])
    simulator.add_contact("2", [Interaction(4096)], refusal=Refusal(403, "Locked", "no"))
    simulator.add_contact("3")
    return simulator


@pytest.fixture
def bulk(clock: ManualClock, audio: bytes) -> Iterator[Bulk]:
    with started(clock, audio) as simulator:
        yield Bulk(simulator)


def outcomes(document: Any) -> list[tuple[str, str, str | None]]:
    return [(one["entityId"], one["status"], one["failureReason"]) for one in document["entities"]]


def test_every_entity_has_an_outcome(bulk: Bulk) -> None:
    document = bulk.done("1", "2", "3", "nobody")
    assert document["status"] == "COMPLETED"
    assert outcomes(document) == [
        ("1", "COMPLETED", None),
        ("2", "FAILED", "Locked"),
        ("3", "FAILED", "NOT_FOUND"),
        ("nobody", "FAILED", "NOT_FOUND"),
    ]


def test_a_listing_leads_to_the_files(bulk: Bulk, audio: bytes) -> None:
    location = bulk.done("1")["downloadLocation"]
    files = bulk.follow(location).document["files"]
    assert [(file["entityId"], file["fileName"]) for file in files] == [("1", "1.1.mp4"), ("1", "1.2.wav")]
    assert bulk.follow(files[0]["url"]).body == audio
    assert bulk.follow(files[0]["url"], Range="bytes=0-9").status == 206
    assert bulk.follow(files[0]["url"], Authorization="Bearer x").status == 400
    bulk.simulator.expire_links()
    assert [bulk.follow(url).status for url in (location, files[0]["url"])] == [403, 403]


def test_an_s3_uri_names_the_folder_of_the_files(clock: ManualClock, audio: bytes) -> None:
    with started(clock, audio, download_location="s3") as simulator:
        bulk = Bulk(simulator)
        request_id = bulk.request("1").document["requestId"]
        assert simulator.downloaded(request_id) == {
            f"download/{request_id}/1/1.1.mp4": audio,
            f"download/{request_id}/1/1.2.wav": simulator.media_bytes("1.2"),
        }
        assert bulk.status(request_id)["downloadLocation"] == f"s3://cxone-media/download/{request_id}/"
        assert simulator.downloaded("other") == {}


def test_a_download_takes_its_time(clock: ManualClock, audio: bytes) -> None:
    with started(clock, audio, download_job_s=60) as simulator:
        bulk = Bulk(simulator)
        request_id = bulk.request("1", "3").document["requestId"]
        seen = []
        for step_s in (0, 30, 30):
            clock.advance(step_s)
            document = bulk.status(request_id)
            seen.append((document["status"], document["entities"][1]["status"], bool(document["downloadLocation"])))
    assert seen == [("PENDING", "PENDING", False), ("IN_PROGRESS", "IN_PROGRESS", False), ("COMPLETED", "FAILED", True)]


def test_a_download_restores_archived_media(bulk: Bulk) -> None:
    assert "fileToPlayUrl" not in bulk.contact("1").document["interactions"][1]["data"]
    bulk.done("1")
    assert "fileToPlayUrl" in bulk.contact("1").document["interactions"][1]["data"]


def test_where_nothing_is_restored_archived_media_fails(clock: ManualClock, audio: bytes) -> None:
    with started(clock, audio, download_restores=False) as simulator:
        document = Bulk(simulator).done("1")
    assert (document["status"], document["downloadLocation"]) == ("FAILED", None)
    assert outcomes(document) == [("1", "FAILED", "ARCHIVED")]


def test_segments_are_downloaded_alone(bulk: Bulk) -> None:
    files = bulk.follow(bulk.done("1-1", kind="segments")["downloadLocation"]).document["files"]
    assert [file["fileName"] for file in files] == ["1.1.mp4"]
    assert bulk.done("1", kind="segments")["status"] == "FAILED"


def test_contacts_go_by_the_id_that_playback_gives_them_too(bulk: Bulk) -> None:
    inner = bulk.contact("1").document["contactId"]
    assert outcomes(bulk.done(inner, inner)) == [(inner, "COMPLETED", None)]


@pytest.mark.parametrize("ids", [[], ["x"] * 101, [5], [""], [["1"]]])
def test_up_to_a_hundred_ids_are_taken(bulk: Bulk, ids: list[object]) -> None:
    assert bulk.request(*ids).status == 400
    assert bulk.request(*["x"] * 100).status == 200


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"entityIds": "1"}', "[" * 100_000])
def test_what_is_no_list_of_ids_is_refused(bulk: Bulk, body: str) -> None:
    headers = {"Authorization": f"Bearer {bulk.token()}"}
    assert bulk.call("POST", BASE + "contacts", body=body, headers=headers).status == 400


def test_fifteen_requests_are_taken_in_five_minutes(bulk: Bulk, clock: ManualClock) -> None:
    replies = [bulk.request("1") for _ in range(16)]
    assert [reply.status for reply in replies] == [200] * 15 + [429]
    assert replies[-1].document == {"message": "Too many requests", "route": "/media-download/v1/contacts"}
    assert [bulk.status(replies[0].document["requestId"])["status"] for _ in range(20)] == ["COMPLETED"] * 20
    clock.advance(300)
    assert bulk.request("1").status == 200
    quota = bulk.simulator.download_quota
    assert (quota.used, quota.refused, quota.most_in_window) == (16, 1, 15)
    assert bulk.simulator.quota.used == 0
    assert bulk.call("GET", "/_simulator/health").document["download_quota"]["refused"] == 1


def test_looking_may_count_as_a_request(clock: ManualClock, audio: bytes) -> None:
    with started(clock, audio, download_status_counts=True, download_requests=2) as simulator:
        bulk = Bulk(simulator)
        request_id = bulk.request("1").document["requestId"]
        statuses = [bulk.get(f"{BASE}status/{request_id}").status for _ in range(2)]
    assert statuses == [200, 429]


def test_what_does_not_exist_is_told(bulk: Bulk) -> None:
    assert bulk.get(f"{BASE}status/other").status == 404
    assert bulk.get(f"{BASE}other").status == 404
    assert bulk.get(f"{BASE}contacts").status == 405
    assert bulk.call("POST", f"{BASE}contacts").status == 401
    request_id = bulk.request("1").document["requestId"]
    bulk.simulator.reset()
    assert Bulk(bulk.simulator).get(f"{BASE}status/{request_id}").status == 404


def test_the_latest_thousand_requests_are_kept(clock: ManualClock) -> None:
    downloads = Downloads(ApiSettings(), ContactBook(clock), clock)
    ids = [downloads.request(["1"], are_segments=False).request_id for _ in range(1001)]
    assert [downloads.find(one) is None for one in (ids[0], ids[1], ids[1000])] == [True, False, False]


def test_faults_strike_requests_and_files(bulk: Bulk) -> None:
    files = bulk.follow(bulk.done("1")["downloadLocation"]).document["files"]
    bulk.simulator.script_tenant(
        [{"fault": "status", "status": 503, "on": "bulk"}, {"fault": "status", "status": 500, "on": "media"}]
    )
    assert [bulk.request("1").status for _ in range(2)] == [503, 200]
    assert [bulk.follow(files[0]["url"]).status for _ in range(2)] == [500, 200]
    assert urlsplit(files[0]["url"]).path.startswith("/media-store/cxone-media/download%2F")
