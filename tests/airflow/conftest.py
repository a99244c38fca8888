"""One Airflow home for the whole session, in a temporary folder; real servers where a DAG runs.

Airflow reads its settings when it is first imported, so they are set before any test module is.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxone_provider import __version__
from cxone_provider.simulator import Simulator
from tools.servers.seaweedfs import S3Server, seaweedfs

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

PROJECT = Path(__file__).resolve().parents[2]
AUDIO = PROJECT / "tests" / "audio"
HOME = Path(tempfile.mkdtemp(prefix="cxone-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(PROJECT / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__LOGGING__LOGGING_LEVEL="DEBUG",
    CXONE_WEBHOOK_CONN_ID="archive_webhook_default",
)
for name in ("CXONE_MANIFEST_URI", "CXONE_ARCHIVE_BUCKET", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
    os.environ.pop(name, None)

BUCKET = "cxone-archive"
CLIENT_SECRET = "canary-client-secret-Zm9v&+=%41"
STREAM_SECRET = "canary-stream-secret-0123456789abcdefghij"
WEBHOOK_SECRET = "canary-webhook-secret-klmnopqrstuvwxyz-01"


@dataclass
class Site:
    """A tenant, an S3 server and a webhook receiver, as the connections of this test name them.

    Attributes:
        tenant: the simulator; receives the webhooks too.
        s3: the server; `BUCKET` exists in it and is empty.
    """

    tenant: Simulator
    s3: S3Server
    secrets: tuple[str, ...] = field(repr=False, default=())

    def objects(self) -> dict[str, bytes]:
        """Return every object of the archive."""
        client = self.s3.client()
        listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {entry["Key"]: client.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read() for entry in listed}

    def media_requests(self) -> int:
        """Return how many requests for media the tenant has seen."""
        return sum("/download/" in record.path for record in self.tenant.requests)


@pytest.fixture(scope="session", autouse=True)
def quiet_end() -> Iterator[None]:
    """Airflow logs once more when the process ends, into streams that pytest has closed by then."""
    yield
    logging.disable()


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Make Airflow's database once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow and its libraries warn each other
        from airflow.utils.db import initdb

        from tests.airflow.versions import build_the_api_once

        initdb()
        build_the_api_once()


@pytest.fixture
def load_dag(airflow_db: None) -> Callable[[str], DAG]:
    """Return a function that parses the project's DAGs anew: `dag.test()` leaves traces in the one it ran."""
    from tests.airflow.versions import parsed_dags

    def loaded(dag_id: str) -> DAG:
        bag = parsed_dags(PROJECT / "dags")
        assert bag.import_errors == {}
        dag: DAG = bag.dags[dag_id]
        return dag

    return loaded


@pytest.fixture
def run_dag(load_dag: Callable[[str], DAG]) -> Callable[..., DagRun]:
    """Return a function that runs a DAG to its end as a person would trigger it: without a logical date."""

    def run(dag_id: str, **params: Any) -> DagRun:
        ended: DagRun = load_dag(dag_id).test(logical_date=None, run_conf=params)
        return ended

    return run


@pytest.fixture
def task_log(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return a function that gives what was logged since it was last called; operators log past `logging`."""

    def read() -> str:
        told = "".join(capfd.readouterr()) + caplog.text
        caplog.clear()
        return told

    return read


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which the package is installed, as far as Airflow looks: metadata on the path."""
    entry_points = (PROJECT / "pyproject.toml").read_text()
    assert 'provider_info = "cxone_provider.get_provider_info:get_provider_info"' in entry_points
    information = tmp_path / f"airflow_provider_cxone-{__version__}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: airflow-provider-cxone\nVersion: {__version__}\n"
    )
    (information / "entry_points.txt").write_text(
        "[apache_airflow_provider]\nprovider_info = cxone_provider.get_provider_info:get_provider_info\n"
    )
    path = os.pathsep.join([str(tmp_path), str(PROJECT / "provider")])
    return {**os.environ, "PYTHONPATH": path, "AIRFLOW_HOME": str(HOME), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with seaweedfs(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def site(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Start a tenant, empty the bucket, and write the connections into the environment."""
    _empty_bucket(s3_server)
    with Simulator(client_secret=CLIENT_SECRET, stream_secret=STREAM_SECRET) as tenant:
        for conn_id, fields in _connections(tenant, s3_server).items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
        yield Site(tenant, s3_server, (CLIENT_SECRET, STREAM_SECRET, WEBHOOK_SECRET, s3_server.secret_key))


def _empty_bucket(server: S3Server) -> None:
    client = server.client()
    if BUCKET not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=BUCKET)
    for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        client.delete_object(Bucket=BUCKET, Key=entry["Key"])


def _connections(tenant: Simulator, s3: S3Server) -> dict[str, dict[str, Any]]:
    return {
        "cxone_default": {
            "conn_type": "cxone",
            "host": tenant.base_url,
            "login": tenant.client_id,
            "password": CLIENT_SECRET,
            "extra": {"stream_secret": STREAM_SECRET},
        },
        "aws_default": {
            "conn_type": "aws",
            "login": s3.access_key,
            "password": s3.secret_key,
            "extra": {"endpoint_url": s3.endpoint, "region_name": s3.region},
        },
        "archive_webhook_default": {
            "conn_type": "http",
            "host": tenant.base_url,
            "password": WEBHOOK_SECRET,
            "extra": {"endpoint": "/_simulator/webhook", "allowed_hosts": ["127.0.0.1"]},
        },
    }
