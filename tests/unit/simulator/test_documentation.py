"""What docs/simulator.md says is what the simulator does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cxone_provider.simulator import FAULTS, Simulator, fault_table
from cxone_provider.simulator.__main__ import main
from cxone_provider.simulator.contacts.entries import CONTACT_FIELDS, INTERACTION_FIELDS
from cxone_provider.simulator.entries import ENTRY_FIELDS
from cxone_provider.simulator.settings import settings_table
from tests.unit.simulator.client import TenantClient
from tests.unit.simulator.playback import PlaybackClient

DOCUMENT = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def test_the_table_of_faults_is_the_code_s() -> None:
    assert DOCUMENT.endswith(fault_table() + "\n")
    assert f"and {len(FAULTS)}\nfaults" in DOCUMENT


@pytest.mark.parametrize("example", blocks("python"))
def test_the_python_examples_run(example: str) -> None:
    exec(compile(example, "docs/simulator.md", "exec"), {})


def test_the_table_of_settings_is_the_code_s() -> None:
    assert settings_table() + "\n\n" in DOCUMENT


def test_the_index_example_is_an_index(audio_dir: Path, tmp_path: Path) -> None:
    (example, _) = blocks("json")
    scenario = tmp_path / "scenario.json"
    scenario.write_text(example)
    with Simulator(recordings_dir=audio_dir, scenario=scenario) as simulator:
        listed = TenantClient(simulator).call("GET", "/_simulator/recordings").document["recordings"]
    by_id = {recording["id"]: recording for recording in listed}
    assert by_id["call-pcm16-8k-stereo"]["formats"] == ["wav", "mp3"]
    assert {recording["id"] for recording in json.loads(example)["recordings"]} <= set(by_id)


def described(first_row: str) -> set[str]:
    """Return what the first column of a table names."""
    rows = (first_row + DOCUMENT.partition(first_row)[2].partition("\n\n")[0]).splitlines()
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_field_is_described() -> None:
    assert described("| `id` | text without a slash |") == ENTRY_FIELDS
    assert described("| `id` | the master contact id") == CONTACT_FIELDS
    assert described("| `file`, `generated_bytes` | one of them") == INTERACTION_FIELDS


def test_the_contacts_example_is_an_index(audio_dir: Path, tmp_path: Path) -> None:
    (_, example) = blocks("json")
    scenario = tmp_path / "scenario.json"
    scenario.write_text(example)
    with Simulator(recordings_dir=audio_dir, scenario=scenario) as simulator:
        client = PlaybackClient(simulator)
        played = [client.contact(contact["id"]) for contact in json.loads(example)["contacts"]]
    assert [reply.status for reply in played] == [200, 403, 404]
    assert len(played[0].document["interactions"]) == 2


def test_every_option_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert set(re.findall(r"`(--[a-z-]+)", DOCUMENT)) == options


def test_every_admin_endpoint_is_described() -> None:
    with Simulator() as simulator:
        known = TenantClient(simulator).call("GET", "/_simulator/").document["endpoints"]
    assert [endpoint for endpoint in known if f"`{endpoint}`" not in DOCUMENT] == []
