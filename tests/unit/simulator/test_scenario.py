from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cxone_provider.simulator import ScenarioError, Simulator
from tests.unit.simulator.client import TenantClient

WAV = Path(__file__).parents[2] / "audio" / "call-rf64-10s.wav"
MP3 = Path(__file__).parents[2] / "audio" / "one-second.mp3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "one.wav").write_bytes(WAV.read_bytes())
    (recordings / "two.mp3").write_bytes(MP3.read_bytes())
    (recordings / "notes.txt").write_text("no audio")
    return recordings


def index(folder: Path, *entries: dict[str, Any], **more: object) -> None:
    (folder / "recordings.json").write_text(json.dumps({"recordings": entries, **more}))


def listed(folder: Path, scenario: Path | None = None) -> dict[str, dict[str, Any]]:
    with Simulator(recordings_dir=folder, scenario=scenario) as simulator:
        recordings = TenantClient(simulator).call("GET", "/_simulator/recordings").document["recordings"]
    return {recording["id"]: recording for recording in recordings}


def test_every_audio_file_is_a_recording(folder: Path) -> None:
    recordings = listed(folder)
    assert {key: (value["format"], value["size"]) for key, value in recordings.items()} == {
        "one": ("wav", WAV.stat().st_size),
        "two": ("mp3", MP3.stat().st_size),
    }
    assert recordings["one"]["duration"] == 10.0


def test_an_index_says_more(folder: Path) -> None:
    index(
        folder,
        {"id": "one", "duration": 3.5, "recordedAt": "2026-11-22T10:00:00", "status": "partial", "size": 5},
        {"id": "100.2", "file": "two.mp3", "storageState": "archived", "faults": [{"fault": "reset"}]},
        {"id": "big", "generated_bytes": 4096, "format": "wav", "sample_rate_hz": 16000, "channels": 1},
    )
    recordings = listed(folder)
    assert set(recordings) == {"one", "100.2", "big"}
    one = recordings["one"]
    assert (one["duration"], one["recordedAt"], one["status"], one["size"]) == (
        3.5,
        "2026-11-22T10:00:00+00:00",
        "partial",
        5,
    )
    assert (recordings["100.2"]["storageState"], recordings["100.2"]["faults"]) == ("archived", ["reset"])
    assert (recordings["big"]["size"], recordings["big"]["duration"]) == (4096, (4096 - 44) / 32_000)


def test_renditions_are_no_recordings_of_their_own(folder: Path) -> None:
    index(folder, {"id": "one", "file": "one.wav", "renditions": {"mp3": "two.mp3"}})
    assert {key: value["formats"] for key, value in listed(folder).items()} == {"one": ["wav", "mp3"]}


def test_a_scenario_adds_to_the_index(folder: Path, tmp_path: Path) -> None:
    index(folder, {"id": "one", "file": "one.wav", "duration": 3.5})
    scenario = tmp_path / "scenario.json"
    faults = [{"fault": "status", "on": "token", "status": 500}]
    recordings = [{"id": "one", "storageState": "cold"}, {"id": "three", "generated_bytes": 44}]
    scenario.write_text(json.dumps({"recordings": recordings, "faults": faults}))
    found = listed(folder, scenario)
    assert set(found) == {"one", "two", "three"}
    assert (found["one"]["duration"], found["one"]["storageState"]) == (3.5, "cold")
    with Simulator(recordings_dir=folder, scenario=scenario) as simulator:
        client = TenantClient(simulator)
        assert [client.ask_token().status for _ in range(2)] == [500, 200]
        simulator.reset()
        assert client.ask_token().status == 500


@pytest.mark.parametrize("name", ["../outside.wav", "/etc/hostname", "sub/../../outside.wav", "missing.wav", "."])
def test_no_file_outside_the_folder_is_read(folder: Path, name: str) -> None:
    (folder.parent / "outside.wav").write_bytes(b"secret")
    for entry in ({"id": "x", "file": name, "format": "wav"}, {"id": "one", "renditions": {"mp3": name}}):
        index(folder, entry)
        with pytest.raises(ScenarioError, match=r"leads out of|no file"):
            Simulator(recordings_dir=folder)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"file": "one.wav"}, "id is text"),
        ({"id": "x"}, "needs either file or generated_bytes"),
        ({"id": "x", "file": "one.wav", "generated_bytes": 44}, "needs either file or generated_bytes"),
        ({"id": "x", "file": "notes.txt"}, "needs a format"),
        ({"id": "one", "bitrate": 1}, "unknown field of a recording 'bitrate'; there are: channels, duration"),
        ({"id": "one", "duration": "long"}, "a number of seconds"),
        ({"id": "one", "duration": True}, "a number of seconds"),
        ({"id": "one", "size": "5"}, "size is '5'; a whole number"),
        ({"id": "one", "status": 5}, "status is 5; text"),
        ({"id": "one", "recordedAt": "yesterday"}, "ISO 8601"),
        ({"id": "one", "renditions": ["two.mp3"]}, "file names by format"),
        ({"id": "one", "faults": [{"fault": "x"}]}, "unknown fault"),
        ({"id": "one", "storageState": None}, "storageState"),
        ({"id": "x", "generated_bytes": 44, "format": "mp3"}, "is wav, not 'mp3'"),
        ({"id": "x", "generated_bytes": 45}, "a multiple of 4"),
        ({"id": "two", "file": "one.wav"}, "two.mp3: there is a recording 'two' already"),
    ],
)
def test_an_index_that_makes_no_sense_says_what_would(folder: Path, entry: dict[str, Any], message: str) -> None:
    index(folder, entry)
    with pytest.raises(ScenarioError, match=message):
        Simulator(recordings_dir=folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"recording": []}', '{"recordings": {}}', '{"recordings": [1]}', "\xff"])
def test_a_document_of_another_form_is_told(folder: Path, text: str) -> None:
    (folder / "recordings.json").write_text(text, encoding="latin-1")
    with pytest.raises(ScenarioError):
        Simulator(recordings_dir=folder)


def test_doubles_are_told(folder: Path) -> None:
    index(folder, {"id": "one"}, {"id": "one"})
    with pytest.raises(ScenarioError, match="'one' appears twice"):
        Simulator(recordings_dir=folder)
    (folder / "recordings.json").unlink()
    (folder / "one.mp3").write_bytes(b"")
    with pytest.raises(ScenarioError, match="which is which"):
        Simulator(recordings_dir=folder)


def test_what_is_not_there_is_told(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ScenarioError, match="no folder"):
        Simulator(recordings_dir=tmp_path / "nope")
    with pytest.raises(ScenarioError, match="cannot read"):
        Simulator(recordings_dir=folder, scenario=tmp_path / "nope.json")
    with pytest.raises(ScenarioError, match="needs the folder"):
        Simulator(scenario=tmp_path / "nope.json")
