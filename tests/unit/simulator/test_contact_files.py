"""Contacts of an index or scenario file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cxone_provider.simulator import ScenarioError, Simulator
from cxone_provider.simulator.contacts.entries import CONTACT_FIELDS, INTERACTION_FIELDS
from tests.unit.simulator.playback import PlaybackClient

FULL: dict[str, Any] = {
    "id": "4711",
    "contact_ids": ["4711", "4712"],
    "started_at": "2026-11-22T10:00:00Z",
    "duration_s": 95,
    "agent_id": "77",
    "agent_name": "Ada Agent",
    "skill": "Sales",
    "direction": "outbound",
    "disposition": "Sold",
    "ani": "+1555",
    "dnis": "+1666",
    "is_logged": True,
    "listed_at": "2026-11-22T12:00:00+01:00",
    "available_at": "2000-01-01T00:00:00",
    "interactions": [
        {
            "file": "one.wav",
            "format": "mp4",
            "media_type": "voice-only",
            "started_at": "2026-11-22T10:00:05Z",
            "duration_s": 60.5,
            "participants": [
                {
                    "participant_type": "AGENT",
                    "participant_id": "77",
                    "channel": 1,
                    "stages": [{"stage_type": "MASK", "start_s": 3, "end_s": 4.5}],
                }
            ],
            "segments": [{"segment_id": "s", "start_s": 1, "end_s": 2, "agent_id": "8", "recording_status": "Deleted"}],
            "storage_state": [{"state": "available", "for_requests": 9}, {"state": "archived"}],
            "changes_with_link": True,
            "faults": [{"fault": "status", "status": 503}],
        },
        {"generated_bytes": 4096, "link": "https://example.com/"},
    ],
    "faults": [{"fault": "status", "status": 500, "on": "metadata"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.wav").write_bytes(b"one")
    return tmp_path


def started(folder: Path, *contacts: dict[str, Any], name: str = "recordings.json") -> Simulator:
    (folder / name).write_text(json.dumps({"contacts": list(contacts)}))
    return Simulator(recordings_dir=folder)


def test_a_file_says_everything_of_a_contact(folder: Path) -> None:
    with started(folder, FULL) as simulator:
        client = PlaybackClient(simulator)
        assert client.contact("4711").status == 500
        first, second = client.contact("4711").document["interactions"]
        assert [client.follow(first["data"]["fileToPlayUrl"]).status for _ in range(2)] == [503, 200]
    assert (first["startTime"], first["endTime"]) == ("2026-11-22T10:00:05.000Z", "2026-11-22T10:01:05.500Z")
    (agent,) = first["data"]["participantDataList"]
    assert (agent["channel"], agent["voiceStages"][0]["endTime"]) == (1, "2026-11-22T10:00:09.500Z")
    assert (first["data"]["segmentsDataList"][0]["agentId"], second["data"]["fileToPlayUrl"]) == (
        "8",
        "https://example.com/",
    )


def test_every_field_is_tried_here() -> None:
    assert set(FULL) | {"refusal"} == CONTACT_FIELDS
    assert {name for interaction in FULL["interactions"] for name in interaction} == INTERACTION_FIELDS


def test_a_scenario_adds_to_the_index_and_a_reset_leads_back(folder: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.json"
    refusal = {"status": 403, "internal_code": "Locked", "message": "no"}
    scenario.write_text(json.dumps({"contacts": [{"id": "1", "refusal": refusal}, {"id": "2"}]}))
    (folder / "recordings.json").write_text(json.dumps({"contacts": [{"id": "1"}]}))
    with Simulator(recordings_dir=folder, scenario=scenario) as simulator:
        client = PlaybackClient(simulator)
        assert (client.contact("1").status, client.contact("2").status) == (403, 200)
        simulator.script("2", [{"fault": "status", "status": 500, "on": "any", "times": "always"}])
        simulator.reset()
        assert PlaybackClient(simulator).contact("2").status == 200


@pytest.mark.parametrize(
    ("contact", "message"),
    [
        ({}, "id is text without a slash"),
        ({"id": "1", "color": "red"}, "unknown field of a contact 'color'; there are: agent_id"),
        ({"id": "1", "is_logged": 1}, "is_logged of a contact is 1; true or false is needed"),
        ({"id": "1", "duration_s": True}, "a number from 0"),
        ({"id": "1", "duration_s": -1}, "a number from 0"),
        ({"id": "1", "started_at": "yesterday"}, "ISO 8601 is needed"),
        ({"id": "1", "ani": 5}, "ani of a contact is 5; text is needed"),
        ({"id": "1", "contact_ids": "1"}, "contact_ids are a list"),
        ({"id": "1", "direction": "up"}, "inbound or outbound"),
        ({"id": "1", "refusal": {"status": 99}}, "a status from 100 to 999"),
        ({"id": "1", "refusal": []}, "a refusal is an object"),
        ({"id": "1", "interactions": {}}, "interactions are a list"),
        ({"id": "1", "interactions": [5]}, "an interaction is an object"),
        ({"id": "1", "interactions": [{}]}, "needs either file or generated_bytes"),
        ({"id": "1", "interactions": [{"file": "../x"}]}, "leads out of"),
        ({"id": "1", "interactions": [{"file": "two.wav"}]}, "no file"),
        ({"id": "1", "interactions": [{"generated_bytes": "5"}]}, "a whole number is needed"),
        ({"id": "1", "interactions": [{"generated_bytes": 44, "segments": [{}]}]}, "a segment lacks a field"),
        ({"id": "1", "interactions": [{"generated_bytes": 44, "storage_state": 5}]}, "storageState is a state"),
        ({"id": "1", "faults": [{"fault": "x"}]}, "unknown fault"),
    ],
)
def test_a_contact_that_makes_no_sense_says_what_would(folder: Path, contact: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        started(folder, contact)


def test_doubles_are_told(folder: Path) -> None:
    with pytest.raises(ScenarioError, match="the contact '1' appears twice"):
        started(folder, {"id": "1"}, {"id": "1"})
