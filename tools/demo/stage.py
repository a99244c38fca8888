"""Everything the demo runs on, started together: Airflow, the simulated tenant, an S3 server, and their connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.demo.airflow import Airflow, AirflowNotReady, airflow
from tools.demo.recordings import list_lines, make_recordings
from tools.demo.tenant import Tenant, tenant
from tools.servers.seaweedfs import S3Server, seaweedfs

DAG_ID = "cxone_daily_archive"
RECORDING_DAG_ID = "cxone_archive_recording"
ARCHIVE, INBOX, PREFIX = "archive", "inbox", "cxone"
LIST_KEY = "recordings.jsonl"
WEBHOOK_SECRET = "whsec_ZGVtby1vZi1hLXJlY29yZGluZy1hcmNoaXZlLXNlY3JldA=="  # noqa: S105  # the demo's own
# One recording is forged on purpose; it must fail, and the run with all the others need not.
CONF = {"manifest_uri": f"s3://{INBOX}/{LIST_KEY}", "s3_bucket": ARCHIVE, "s3_prefix": PREFIX, "max_failed": 1}


@dataclass(frozen=True, slots=True)
class Stage:
    """What is up.

    Attributes:
        flow: Airflow.
        cxone: the simulated tenant.
        store: the S3 server.
        recordings: folder of the tenant's files.
        seconds: how long it took to start.
    """

    flow: Airflow
    cxone: Tenant
    store: S3Server
    recordings: Path
    seconds: float


@contextmanager
def stage(workdir: Path, settings: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Start everything, and stop it when the block ends.

    Args:
        workdir: everything is stored there; what an earlier stage left is taken up again.
        settings: environment variables of Airflow on top of the demo's.
    """
    began_s = time.monotonic()
    recordings = workdir / "recordings"
    with ExitStack() as stack:
        make_recordings(recordings)
        own = {"CXONE_ARCHIVE_BUCKET": ARCHIVE, **(settings or {})}
        flow = stack.enter_context(airflow(workdir / "airflow", settings=own))
        cxone = stack.enter_context(tenant(recordings, workdir / "simulator"))
        store = stack.enter_context(seaweedfs(workdir / "s3", buckets=(ARCHIVE, INBOX), secret_key="demo-secret-key"))  # noqa: S106  # the demo's own
        store.client().put_object(Bucket=INBOX, Key=LIST_KEY, Body=list_lines())
        flow.wait()
        for connection in _connections(cxone, store):
            flow.put_connection(connection)
        flow.wait_for_dag(DAG_ID)
        yield Stage(flow, cxone, store, recordings, time.monotonic() - began_s)


def archive_once(on: Stage) -> str:
    """Run the daily DAG to its end and return the run's id; for those who look at what it left.

    Raises:
        AirflowNotReady: it does not succeed.
    """
    run_id = on.flow.trigger(DAG_ID, CONF)
    for _ in range(1200):
        state = on.flow.run_state(DAG_ID, run_id)
        if state in {"success", "failed"} or not on.flow.pause_s(0.5):
            break
    else:
        state = "still running"
    if state != "success":
        raise AirflowNotReady(f"{DAG_ID} ended {state}:\n{on.flow.task_logs(DAG_ID, run_id)}")
    return run_id


def _connections(cxone: Tenant, store: S3Server) -> list[dict[str, Any]]:
    return [
        {
            "connection_id": "cxone_default",
            "conn_type": "cxone",
            "host": cxone.base_url,
            "login": cxone.client_id,
            "password": cxone.client_secret,
            "extra": json.dumps({"api": "recording-v2", "stream_secret": cxone.stream_secret}),
        },
        {
            "connection_id": "aws_default",
            "conn_type": "aws",
            "login": store.access_key,
            "password": store.secret_key,
            "extra": json.dumps({"endpoint_url": store.endpoint, "region_name": store.region}),
        },
        {
            "connection_id": "archive_webhook_default",
            "conn_type": "http",
            "host": cxone.base_url,
            "password": WEBHOOK_SECRET,
            "extra": json.dumps({"endpoint": "/_simulator/webhook", "allowed_hosts": ["127.0.0.1"]}),
        },
    ]
