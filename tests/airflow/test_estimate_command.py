"""``python -m cxone_provider estimate`` of what a simulated tenant lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from cxone_provider.__main__ import main
from cxone_provider.archive.estimating import Estimate
from cxone_provider.simulator import ApiSettings, Interaction, Simulator

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
START = datetime(2026, 11, 22, 8, tzinfo=UTC)
SECRET = "canary-access-key-secret===="


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A tenant with two contacts of one day, one of them without media, as Airflow's connection names it."""
    with Simulator(apis=ApiSettings(access_key_secret=SECRET)) as tenant:
        tenant.add_contact("4711", [Interaction(4096)], started_at=START, duration_s=60)
        tenant.add_contact("4713", started_at=START, is_logged=False)
        extra = {
            "api": "media-playback", "access_key_id": tenant.apis.access_key_id, "access_key_secret": SECRET,
            "media_hosts": ["127.0.0.1"], "requests_per_period": 75,
        }  # fmt: skip
        connection = {
            "conn_type": "cxone", "host": tenant.base_url, "login": tenant.client_id,
            "password": tenant.client_secret, "extra": extra,
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(connection))
        yield tenant


# Data Extraction tells of recordings, so a contact without one is not in it.
@pytest.mark.parametrize(("source", "contacts"), [("completed-contacts", 2), ("data-extraction", 1)])
def test_the_tenant_tells_which_contacts_there_are(
    tenant: Simulator, source: str, contacts: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["estimate", "--start", "2026-11-22", "--end", "2026-11-23", "--source", source, "--json"]) == 0
    made = Estimate.from_document(json.loads(capsys.readouterr().out))
    assert (made.contacts, made.to_archive, made.requests) == (contacts, 1, 1)
    assert made.bytes_estimated > 0, "either listing tells how long a call was"
    assert made.quota is not None
    assert made.quota.per_day == 21_600
    assert not [record for record in tenant.requests if "media-playback" in record.path], "nothing is fetched"
