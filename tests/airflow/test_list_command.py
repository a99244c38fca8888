"""``python -m cxone_provider list``: what a simulated tenant lists, as a manifest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from cxone_provider.__main__ import main
from cxone_provider.archive.list_file import read_list
from cxone_provider.simulator import ApiSettings, Interaction, Simulator

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
START = datetime(2026, 11, 22, 8, tzinfo=UTC)
DAY = ("--start", "2026-11-22", "--end", "2026-11-23")
SECRET = "canary-access-key-secret===="


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with Simulator(apis=ApiSettings(access_key_secret=SECRET)) as tenant:
        for day, contact_id in ((21, "early"), (22, "4711"), (22, "4712")):
            tenant.add_contact(contact_id, [Interaction(4096)], started_at=START.replace(day=day), duration_s=60)
        extra = {
            "api": "media-playback", "access_key_id": tenant.apis.access_key_id, "access_key_secret": SECRET,
            "media_hosts": ["127.0.0.1"],
        }  # fmt: skip
        connection = {
            "conn_type": "cxone", "host": tenant.base_url, "login": tenant.client_id,
            "password": tenant.client_secret, "extra": extra,
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(connection))
        yield tenant


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["list", *DAY, *arguments])
    output = capsys.readouterr()
    return status, output.out, output.err


@pytest.mark.parametrize("source", ["completed-contacts", "data-extraction"])
def test_what_is_listed_is_a_manifest(tenant: Simulator, capsys: pytest.CaptureFixture[str], source: str) -> None:
    status, written, said = told(capsys, "--source", source)
    assert status == 0
    assert "2 recordings in [2026-11-22T00:00:00Z, 2026-11-23T00:00:00Z), 0 of them cannot be used" in said
    refs: list[dict[str, Any]] = list(read_list([written.encode()]))
    assert [ref["recording_id"] for ref in refs] == ["4711", "4712"]
    assert refs == [json.loads(line) for line in written.splitlines()]
    assert SECRET not in written + said


def test_the_window_the_version_and_the_page_can_be_given(
    tenant: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    options = json.dumps({"contacts_version": "31.0", "page_size": 2})
    status, written, _ = told(
        capsys,
        "--source",
        "completed-contacts",
        "--lookback",
        "1",
        "--listing",
        options,
        "--updated-since",
        "2026-11-20",
    )
    assert (status, len(written.splitlines())) == (0, 3)
    asked = [record for record in tenant.requests if "/v31.0/contacts/completed" in record.path]
    assert len(asked) == 2


def test_rows_that_cannot_be_used_are_told_and_carried(tenant: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    tenant.add_contact("47 11", [Interaction(4096)], started_at=START)
    status, written, said = told(capsys, "--source", "completed-contacts")
    assert status == 1
    assert "1 of them cannot be used" in said
    assert "unusable recording id" in written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "completed-contacts", "--connection", "nobody"], "Airflow has no such connection: found nobody"),
        (["--source", "completed-contacts", "--listing", '{"page_size": 0}'], "listing: page_size"),
        (["--source", "data-extraction", "--listing", '{"entity_name": "other"}'], "entityName"),
    ],
)
def test_what_cannot_be_answered_says_why(
    tenant: Simulator, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    status, written, told_why = told(capsys, *arguments)
    assert (status, written) == (2, "")
    assert said in told_why


@pytest.mark.parametrize(
    "arguments",
    [
        ["--source", "manifest"],
        ["--source", "completed-contacts", "--updated-since", "now"],
        ["--source", "data-extraction", "--max-wait", "P8D"],
        ["--source", "data-extraction", "--listing", "[1]"],
        ["--source", "data-extraction", "--lookback", "-1"],
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    tenant: Simulator, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        told(capsys, *arguments)
    assert ended.value.code == 2
    assert tenant.requests == []
