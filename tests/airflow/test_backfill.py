"""Airflow's own backfill over a month of a real tenant's contacts: every recording once, then nothing at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pendulum
import pytest

from cxone_provider.simulator import Interaction, Simulator
from tests.airflow.conftest import AUDIO, BUCKET
from tests.airflow.test_real_tenant_runs import APIS, media_requests, playback_connection, playback_requests
from tools.demo.airflow import Airflow, AirflowNotReady, airflow
from tools.servers.seaweedfs import S3Server, seaweedfs

pytestmark = [pytest.mark.airflow, pytest.mark.server, pytest.mark.slow, pytest.mark.timeout(2400)]

DAG_ID = "cxone_daily_archive"
DAYS = 30
LAST = pendulum.datetime(2026, 11, 1)
_POLL_S = 2.0
_TRIES = 30


@pytest.fixture
def tenant() -> Iterator[Simulator]:
    """Start a tenant with a contact on each day of a month, and a second recording on every tenth."""
    with Simulator(apis=APIS, client_secret="canary-client-secret-3&+=%") as simulator:
        for number in range(DAYS):
            started_at = LAST.subtract(days=number + 1).add(hours=9)
            more = [Interaction(AUDIO / "one-second.mp3", started_at=started_at.add(minutes=9))]
            simulator.add_contact(
                f"{8000 + number}",
                [Interaction(AUDIO / "call-aac-faststart.mp4"), *(more if number % 10 == 0 else [])],
                started_at=started_at,
            )
        yield simulator


@pytest.fixture
def store(tmp_path: Path) -> Iterator[S3Server]:
    with seaweedfs(tmp_path / "s3", buckets=[BUCKET]) as server:
        yield server


@pytest.fixture
def flow(tmp_path: Path, tenant: Simulator, store: S3Server) -> Iterator[Airflow]:
    aws = {"conn_type": "aws", "login": store.access_key, "password": store.secret_key}
    aws |= {"extra": {"endpoint_url": store.endpoint, "region_name": store.region}}  # type: ignore[dict-item]  # as Airflow reads it
    settings = {
        "AIRFLOW_CONN_CXONE_DEFAULT": json.dumps(playback_connection(tenant)),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(aws),
        "CXONE_ARCHIVE_BUCKET": BUCKET,
        "CXONE_SOURCE": "completed-contacts",
        "CXONE_WEBHOOK_CONN_ID": "",
    }
    with airflow(tmp_path / "airflow", settings=settings) as started:
        started.wait()
        started.wait_for_dag(DAG_ID)
        yield started


def created(flow: Airflow, body: dict[str, Any]) -> int:
    """Create a backfill and return its number; Airflow answers 503 while another part of it writes to SQLite."""
    for tries_left in range(_TRIES - 1, -1, -1):
        try:
            return int(flow.call("POST", "/api/v2/backfills", body)["id"])
        except AirflowNotReady:
            if not tries_left:
                raise
            assert flow.pause_s(_POLL_S)
    raise AssertionError("the last try returns or raises")


def backfill(flow: Airflow, behaviour: str) -> Counter[str]:
    """Backfill the month as a person would, wait for its end, and return how its runs ended."""
    body: dict[str, Any] = {
        "dag_id": DAG_ID,
        "from_date": LAST.subtract(days=DAYS - 1).to_iso8601_string(),
        "to_date": LAST.to_iso8601_string(),
        "max_active_runs": 2,
        "reprocess_behavior": behaviour,
        "dag_run_conf": {"lookback_days": 0},
    }
    # While the scheduler takes up runs that are still being made, SQLite gives way, and the scheduler with it.
    flow.call("PATCH", f"/api/v2/dags/{DAG_ID}", {"is_paused": True})
    number = created(flow, body)
    flow.call("PATCH", f"/api/v2/dags/{DAG_ID}", {"is_paused": False})
    while flow.call("GET", f"/api/v2/backfills/{number}")["completed_at"] is None:
        assert flow.pause_s(_POLL_S)
    runs = flow.call("GET", f"/api/v2/dags/{DAG_ID}/dagRuns?limit=100")["dag_runs"]
    return Counter(run["state"] for run in runs if run["run_type"] == "backfill")


def test_a_month_is_backfilled_once(flow: Airflow, tenant: Simulator, store: S3Server) -> None:
    assert backfill(flow, "none") == {"success": DAYS}, flow.task_logs(DAG_ID, "*")
    keys = [entry["Key"] for entry in store.client().list_objects_v2(Bucket=BUCKET)["Contents"]]
    media = [key for key in keys if "/recordings/" in key]
    assert len(media) == media_requests(tenant) == DAYS + 3
    assert playback_requests(tenant) == Counter(str(8000 + number) for number in range(DAYS))
    assert len({key.split("date=")[1][:10] for key in media}) == DAYS
    reports = [key for key in keys if "/reconcile-" in key]
    assert len(reports) == DAYS

    asked = len(tenant.requests)
    assert backfill(flow, "completed") == {"success": DAYS}
    since = [record.path for record in tenant.requests[asked:]]
    assert [path for path in since if "/media" in path] == [], "no playback request and no media for what is archived"
    assert sum("/contacts/completed" in path for path in since) == DAYS
    assert tenant.quota.refused == 0
