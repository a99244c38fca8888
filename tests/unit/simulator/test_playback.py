"""Media Playback: contacts and segments in every documented shape, and what is answered instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from cxone_provider.simulator import (
    ApiSettings,
    Interaction,
    ManualClock,
    Participant,
    Refusal,
    ScenarioError,
    Segment,
    Simulator,
    Stage,
)
from tests.unit.simulator.playback import CONTACTS, SEGMENTS, PlaybackClient


def test_a_contact_has_all_its_interactions(playback: PlaybackClient) -> None:
    document = playback.contact("4711").document
    first, second = document["interactions"]
    assert document["contactId"] != "4711"
    assert {key: first[key] for key in ("mediaType", "startTime", "endTime")} == {
        "mediaType": "voice-only",
        "startTime": "2026-01-01T08:30:00.000Z",
        "endTime": "2026-01-01T08:31:10.000Z",
    }
    assert second["endTime"] == "2026-01-01T08:30:00.126Z"
    assert {urlsplit(item["data"]["fileToPlayUrl"]).path for item in (first, second)} == {
        "/media-store/cxone-media/4711.1",
        "/media-store/cxone-media/4711.2",
    }


def test_participants_have_channels_and_voice_stages(playback: PlaybackClient) -> None:
    agent, customer = playback.contact("4711").document["interactions"][0]["data"]["participantDataList"]
    assert (agent["participantType"], agent["participantId"], agent["channel"]) == ("AGENT", "77", 0)
    assert (customer["participantType"], customer["channel"], customer["voiceStages"]) == ("CUSTOMER", 1, [])
    assert agent["voiceStages"] == [
        {"stageType": "HOLD", "startTime": "2026-01-01T08:30:10.000Z", "endTime": "2026-01-01T08:30:20.000Z"},
        {"stageType": "MASK", "startTime": "2026-01-01T08:30:30.500Z", "endTime": "2026-01-01T08:31:10.000Z"},
    ]


def test_segments_take_from_the_contact_what_they_do_not_say(playback: PlaybackClient) -> None:
    segments = [Segment("s-1", 0, 5, agent_id="7", skill="Sales"), Segment("s-2", 5)]
    playback.simulator.add_contact("5", [Interaction(4096, segments=segments)], direction="outbound", ani="+1")
    first, second = playback.contact("5").document["interactions"][0]["data"]["segmentsDataList"]
    assert (first["segmentId"], first["agentId"], first["skill"]) == ("s-1", "7", "Sales")
    assert (second["agentId"], second["skill"], second["direction"], second["ani"]) == (
        "1001",
        "Support",
        "outbound",
        "+1",
    )


def test_a_segment_answers_the_interactions_that_hold_it(playback: PlaybackClient) -> None:
    document = playback.get(SEGMENTS + "4711-2?media-type=all").document
    (only,) = document["interactions"]
    assert only["data"]["segmentsDataList"][0]["segmentId"] == "4711-2"
    assert document["contactId"] == playback.contact("4711").document["contactId"]
    assert playback.get(SEGMENTS + "4711-3").status == 404


def unwrapped(document: Any, shape: str) -> Any:
    inner = document["value"] if "value" in shape else document
    items = inner["Interactions" if "capital" in shape else "interactions"]
    return [item["Interaction"] for item in items] if "wrapped" in shape else items


@pytest.mark.parametrize("shape", ["plain", "value", "capital", "wrapped", "value+capital+wrapped"])
def test_every_documented_shape_can_be_chosen(shape: str) -> None:
    with Simulator(apis=ApiSettings(playback_shape=shape)) as simulator:
        simulator.add_contact("1", [Interaction(4096), Interaction(2048)])
        document = PlaybackClient(simulator).contact("1").document
    assert [item["mediaType"] for item in unwrapped(document, shape)] == ["voice-only", "voice-only"]
    assert ("value" in document) == ("value" in shape)


def test_a_download_answers_the_link_alone(playback: PlaybackClient, audio: bytes) -> None:
    document = playback.contact("4711", isDownload="true").document
    assert set(document) == {"redirectUrl"}
    assert playback.follow(document["redirectUrl"]).body == audio


def test_media_types_choose_interactions(playback: PlaybackClient) -> None:
    playback.simulator.add_contact("6", [Interaction(4096), Interaction(2048, media_type="voice-and-screen")])
    (screen,) = playback.contact("6", media_type="voice-and-screen").document["interactions"]
    assert screen["data"]["fileToPlayUrl"].partition("?")[0].endswith("6.2")
    assert playback.contact("6", media_type="smell").status == 400


@pytest.mark.parametrize("query", ["", "?acd-call-id=", "?acd-call-id=4711&acd-call-id=4711", "?" + "a=1&" * 200])
def test_a_request_without_one_id_is_refused(playback: PlaybackClient, query: str) -> None:
    reply = playback.get(CONTACTS + query)
    assert (reply.status, set(reply.document)) == (400, {"internalCode", "message"})


def test_other_methods_and_paths_are_refused(playback: PlaybackClient) -> None:
    assert playback.get(CONTACTS + "?acd-call-id=4711", method="POST").status == 405
    assert playback.get("/media-playback/v1/other").status == 404


def test_what_does_not_exist_is_404(playback: PlaybackClient) -> None:
    for reply in (playback.contact("nobody"), playback.contact("../4711"), playback.contact("é\x00")):
        assert (reply.status, reply.document) == (
            404,
            {"internalCode": "NotFound", "message": "Interaction not found"},
        )


def test_a_contact_may_be_refused_and_another_empty(playback: PlaybackClient) -> None:
    locked = Refusal(403, "PlaybackLocked", "Locked by policy")
    playback.simulator.add_contact("7", [Interaction(4096)], refusal=locked)
    playback.simulator.add_contact("8")
    assert (playback.contact("7").status, playback.contact("7").document) == (
        403,
        {"internalCode": "PlaybackLocked", "message": "Locked by policy"},
    )
    assert playback.contact("8").document["interactions"] == []


def test_a_contact_becomes_available_late(playback: PlaybackClient, clock: ManualClock) -> None:
    playback.simulator.add_contact("9", [Interaction(4096)], available_at=clock.now() + timedelta(hours=12))
    statuses = [playback.contact("9").status]
    clock.advance(12 * 3600)
    playback.simulator.revoke_tokens()
    statuses.append(PlaybackClient(playback.simulator).contact("9").status)
    assert statuses == [404, 200]


@pytest.mark.parametrize(
    ("answer", "status", "data"),
    [("no-link", 200, {}), ("null-link", 200, {"fileToPlayUrl": None}), ("not-found", 404, None)],
)
def test_archived_media_is_answered_as_set(answer: str, status: int, data: dict[str, object] | None) -> None:
    states: list[dict[str, object]] = [{"state": "archived", "for_requests": 1}, {"state": "available"}]
    with Simulator(apis=ApiSettings(archived_answer=answer)) as simulator:
        simulator.add_contact("1", [Interaction(4096, storage_state=states)])
        client = PlaybackClient(simulator)
        reply = client.contact("1")
        assert reply.status == status
        if data is not None:
            given = reply.document["interactions"][0]["data"]
            assert {key: value for key, value in given.items() if key == "fileToPlayUrl"} == data
        assert client.follow(client.links("1")[0]).status == 200


def test_download_of_archived_media_is_404(playback: PlaybackClient) -> None:
    playback.simulator.set_state("4711.1", "archived")
    playback.simulator.set_state("4711.2", "archived")
    assert playback.contact("4711", isDownload="true").status == 404


def test_faults_strike_contacts_and_media(playback: PlaybackClient) -> None:
    simulator = playback.simulator
    simulator.script("4711", [{"fault": "status", "status": 500, "on": "metadata"}, {"fault": "reset", "at": 3}])
    simulator.script("4711.1", [{"fault": "status", "status": 503}])
    assert [playback.contact("4711").status for _ in range(2)] == [500, 200]
    link = playback.links("4711")[0]
    assert [playback.follow(link).status for _ in range(2)] == [503, 200]
    with pytest.raises(ConnectionError):
        playback.follow(link)
    struck = [record.faults for record in simulator.requests if record.endpoint == "media"]
    assert struck == [("status",), (), ("reset",)]
    with pytest.raises(ScenarioError, match="no recording"):
        simulator.script("4711.3", [])


def test_a_token_may_be_revoked_in_the_middle(playback: PlaybackClient) -> None:
    playback.simulator.script_tenant([{"fault": "revoke_token", "on": "metadata", "at": 2}])
    assert [playback.contact("4711").status for _ in range(3)] == [200, 401, 401]
    assert PlaybackClient(playback.simulator).contact("4711").status == 200


def test_a_reset_leads_contacts_back(playback: PlaybackClient) -> None:
    before = playback.simulator.media_bytes("4711.1")
    playback.simulator.script("4711", [{"fault": "change_entity", "on": "metadata"}])
    playback.contact("4711")
    assert playback.simulator.media_bytes("4711.1") != before
    playback.simulator.reset()
    assert playback.simulator.media_bytes("4711.1") == before


def test_durations_are_told_measured_or_a_minute(playback: PlaybackClient, audio_dir: Path) -> None:
    file = Interaction(audio_dir / "one-second.mp3", started_at=datetime(2026, 2, 1))  # noqa: DTZ001  # UTC by default
    playback.simulator.add_contact("10", [file, Interaction(b"?", format="mp4"), Interaction(4096, duration_s=5)])
    items = playback.contact("10").document["interactions"]
    spans = [(item["startTime"], item["endTime"]) for item in items]
    seconds = [(datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() for start, end in spans]
    assert spans[0][0] == datetime(2026, 2, 1, tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert 0.9 < seconds[0] < 1.2
    assert seconds[1:] == [60, 5]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"contact_id": ""}, "text without a slash"),
        ({"contact_id": "a/b"}, "text without a slash"),
        ({"contact_id": "1", "contact_ids": ["a/b"]}, "text without a slash"),
        ({"contact_id": "1", "direction": "up"}, "inbound or outbound"),
        ({"contact_id": "1", "interactions": [Interaction(b"x")]}, "needs a format"),
        ({"contact_id": "1", "interactions": [Interaction(45)]}, "multiple of 4"),
        ({"contact_id": "1", "duration_s": float("inf")}, "duration_s is inf; a number from 0"),
        ({"contact_id": "1", "started_at": datetime(9999, 12, 31, tzinfo=UTC)}, "a year from 1970 to 9000"),
        ({"contact_id": "1", "faults": [{"fault": "x"}]}, "unknown fault"),
    ],
)
def test_contacts_that_make_no_sense_are_told(playback: PlaybackClient, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        playback.simulator.add_contact(**fields)
    assert playback.contact("1").status == 404


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (partial(Segment, "/"), "text without a slash"),
        (partial(Segment, "s", start_s=-1), "start_s is -1; a number from 0"),
        (partial(Stage, "HOLD", end_s=float("nan")), "end_s is nan; a number from 0"),
        (partial(Interaction, 4096, duration_s=2e9), "a number from 0 to 1000000000"),
        (partial(Interaction, 4096, started_at=datetime(1, 1, 1, tzinfo=UTC)), "a year from 1970"),
        (partial(Refusal, 99), "from 100 to 999"),
    ],
)
def test_parts_of_contacts_that_make_no_sense_are_told(part: Callable[[], object], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        part()


def test_a_replaced_contact_leaves_nothing_behind(playback: PlaybackClient) -> None:
    playback.simulator.add_contact("4711", [Interaction(2048, segments=[Segment("new")])])
    assert [len(playback.follow(link).body) for link in playback.links("4711")] == [2048]
    assert playback.get(SEGMENTS + "new").status == 200
    assert playback.get(SEGMENTS + "4711-2").status == 404
    with pytest.raises(ScenarioError, match="no recording '4711"):
        playback.simulator.media_bytes("4711.2")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"playback_shape": "round"}, "there are: capital, plain, value, wrapped"),
        ({"archived_answer": "maybe"}, "there are: no-link, not-found, null-link"),
        ({"quota_requests": -1}, "from 0 to"),
        ({"extraction_ends": "SUCCEEDED,LOST"}, "unknown end of an extraction job 'LOST'"),
        ({"download_location": "ftp"}, "there are: listing, s3"),
        ({"completed_spelling": "new"}, "there are: current, older"),
        ({"link_ttl_s": 0}, "more than 0"),
        ({"quota_period_s": float("nan")}, "more than 0"),
    ],
)
def test_settings_that_make_no_sense_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        ApiSettings(**settings)


def test_participants_may_be_none(playback: PlaybackClient) -> None:
    playback.simulator.add_contact("11", [Interaction(4096, participants=[]), Interaction(4096)])
    none, default = (item["data"] for item in playback.contact("11").document["interactions"])
    assert none["participantDataList"] == []
    assert [known["participantType"] for known in default["participantDataList"]] == ["AGENT", "CUSTOMER"]
    assert Participant("AGENT").channel is None
