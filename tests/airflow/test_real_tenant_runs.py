"""The daily DAG against a real tenant's APIs: access keys, listings, Media Playback with links, a quota."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pendulum
import pytest
from airflow.models.dagrun import DagRun

from cxone_provider.simulator import ApiSettings, Interaction, Participant, Refusal, Simulator, Stage
from tests.airflow.conftest import AUDIO, BUCKET, Site
from tests.airflow.test_dag_runs import outcomes, result_of, states
from tools.servers.seaweedfs import S3Server

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
RunDag = Callable[..., DagRun]

APIS = ApiSettings(
    access_key_id="key/id+1====", access_key_secret="canary-key&se+cret%====", quota_requests=1000, quota_period_s=10,
    extraction_interval_s=0, playback_shape="value+wrapped",
)  # fmt: skip


def playback_connection(tenant: Simulator) -> dict[str, Any]:
    return {
        "conn_type": "cxone",
        "host": tenant.base_url,
        "login": tenant.client_id,
        "password": tenant.client_secret,
        "extra": {
            "api": "media-playback",
            "auth": "access_key",
            "access_key_id": APIS.access_key_id,
            "access_key_secret": APIS.access_key_secret,
            "requests_per_period": APIS.quota_requests,
            "period_s": APIS.quota_period_s,
            "media_hosts": ["127.0.0.1"],
        },
    }


@pytest.fixture
def real(site: Site, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Put a tenant that plays media behind the site's connection."""
    with Simulator(apis=APIS, client_secret="canary-client-secret-2&+=%") as tenant:
        monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(playback_connection(tenant)))
        yield Site(tenant, s3_server, (APIS.access_key_secret, tenant.client_secret))


def add_contacts(tenant: Simulator, day: pendulum.DateTime) -> None:
    """Add a day's contacts: one with two recordings, one with one, one without, one deleted, one of an older day."""
    agent = Participant("AGENT", channel=0, stages=[Stage("MASK", 2, 5), Stage("HOLD", 6, 9)])
    call, second = AUDIO / "call-aac-faststart.mp4", AUDIO / "one-second.mp3"
    media = [Interaction(call, participants=[agent]), Interaction(second)]
    later = Interaction(second, started_at=day.add(hours=9, minutes=5))
    tenant.add_contact("7001", [later, media[0]], started_at=day.add(hours=9), skill="Billing")
    tenant.add_contact("7002", [media[0]], started_at=day.add(hours=10), contact_ids=["7002", "7003"])
    tenant.add_contact("7004", [], started_at=day.add(hours=11), is_logged=False, duration_s=20)
    tenant.add_contact("7005", [media[0]], started_at=day.add(hours=12), refusal=Refusal())
    tenant.add_contact("6999", [media[1]], started_at=day.subtract(days=9))


def playback_requests(tenant: Simulator) -> Counter[str]:
    paths = [record.query for record in tenant.requests if record.path == "/media-playback/v1/contacts"]
    return Counter(path.partition("acd-call-id=")[2].partition("&")[0] for path in paths)


def media_requests(tenant: Simulator) -> int:
    paths = [record.path for record in tenant.requests if record.path.startswith("/media-store/")]
    return sum(not path.endswith(".csv") for path in paths)  # the result of an extraction comes by link as well


@pytest.mark.parametrize("source", ["completed-contacts", "data-extraction"])
def test_a_night_at_a_real_tenant_is_archived_within_its_quota(real: Site, run_dag: RunDag, source: str) -> None:
    add_contacts(real.tenant, pendulum.now("UTC").start_of("day").subtract(days=1))

    run = run_dag("cxone_daily_archive", source=source)

    assert set(states(run).values()) == {"success"}, states(run)
    ended = {"7001.1": "ARCHIVED", "7001.2": "ARCHIVED", "7002.1": "ARCHIVED", "7005": "NOT_FOUND"}
    if source == "completed-contacts":  # an extraction has a row for each recording's segment, and none without
        ended["7004"] = "NO_RECORDING"
    assert outcomes(result_of(run, "batch.stream", 0)) == ended
    assert playback_requests(real.tenant) == {"7001": 1, "7002": 1, "7005": 1}, "none where the list says no media"
    assert media_requests(real.tenant) == 3, "one request for each media"
    assert real.tenant.quota.refused == 0
    stored = real.objects()
    media = {key.rpartition("/")[2]: body for key, body in stored.items() if "/recordings/" in key}
    assert media == {
        "7001.1.mp4": (AUDIO / "call-aac-faststart.mp4").read_bytes(),
        "7001.2.mp3": (AUDIO / "one-second.mp3").read_bytes(),
        "7002.1.mp4": (AUDIO / "call-aac-faststart.mp4").read_bytes(),
    }
    manifest = json.loads(stored["cxone/manifests/7001.1.json"])["metadata"]
    assert [stage["type"] for one in manifest["participants"] for stage in one["stages"]] == ["MASK", "HOLD"]
    everything = b"".join(stored.values()) + json.dumps(result_of(run, "batch.stream", 0)).encode()
    assert [secret for secret in (*real.secrets, "X-Amz-Signature") if secret.encode() in everything] == []
    completeness = result_of(run, "reconcile")
    assert (completeness["archived"], completeness["missing"]) == (2, 0)

    asked = playback_requests(real.tenant)
    again = run_dag("cxone_daily_archive", source=source, lookback_days=30)

    assert set(states(again).values()) == {"success"}
    late = outcomes(result_of(again, "batch.stream", 0))
    assert (late["6999.1"], late["7001.1"]) == ("ARCHIVED", "ALREADY_ARCHIVED")
    assert playback_requests(real.tenant) - asked == {"6999": 1, "7005": 1}, "what is archived is not asked for"
    assert result_of(again, "reconcile")["late"] == 1


def test_one_contact_by_hand_costs_two_requests_and_is_in_the_same_place(real: Site, run_dag: RunDag) -> None:
    day = pendulum.now("UTC").start_of("day").subtract(days=1)
    add_contacts(real.tenant, day)
    run = run_dag("cxone_archive_recording", recording_id="7001")
    assert set(states(run).values()) == {"success"}
    assert playback_requests(real.tenant) == {"7001": 2}
    assert f"cxone/recordings/date={day.to_date_string()}/7001.1.mp4" in real.objects()
    assert BUCKET in str(result_of(run, "stream"))
