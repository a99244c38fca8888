"""Both triggers in Airflow's own triggerer, which is killed while they wait, and started again."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
import pytest

from cxone_provider.archive.listing import Window
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.listing import extraction_jobs
from cxone_provider.simulator import ApiSettings, ManualClock, Simulator
from cxone_provider.triggers.jobs import ListingJobTrigger
from cxone_provider.triggers.storage import StorageStateTrigger
from tests.airflow.conftest import AUDIO, HOME, PROJECT
from tests.airflow.versions import deserialize, parsed_dags, sync_bag_to_db
from tools.servers.leash import Leashed, leashed

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
KEY_SECRET = "canary-access-key-secret===="
CLIENT_SECRET = "canary-client-secret-Zm9v&+=%41"
DAY = Window(pendulum.datetime(2026, 11, 21), pendulum.datetime(2026, 11, 22))
DAG_ID = "waits_for_a_triggerer"
DAG_FILE = f"""
import pendulum
from airflow.sdk import DAG

from cxone_provider.operators.recordings import ListRecordingsOperator

with DAG("{DAG_ID}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)):
    for name in ("jobs", "storage"):
        ListRecordingsOperator(task_id=name, recordings=["a"])
"""


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A tenant of both dialects whose job runs, and whose recording is archived, until the test says otherwise."""
    time = ManualClock(datetime(2026, 11, 22, 6, tzinfo=UTC))
    apis = ApiSettings(access_key_secret=KEY_SECRET, extraction_job_s=3600)
    with Simulator(client_secret=CLIENT_SECRET, clock=time, apis=apis) as tenant:
        tenant.add_recording("cold", AUDIO / "one-second.mp3", storage_state="archived")
        common = {"conn_type": "cxone", "host": tenant.base_url, "login": tenant.client_id, "password": CLIENT_SECRET}
        key = {"api": "media-playback", "access_key_id": tenant.apis.access_key_id, "access_key_secret": KEY_SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_TENANT_V2", json.dumps(common))
        monkeypatch.setenv("AIRFLOW_CONN_TENANT_KEY", json.dumps({**common, "extra": key}))
        yield tenant


def pause_s(seconds: float) -> None:
    """Wait for other processes."""
    threading.Event().wait(seconds)


def wait_until(what: str, holds: Callable[[], bool], *, limit_s: float = 100) -> None:
    for _ in range(int(limit_s / 0.2)):
        if holds():
            return
        pause_s(0.2)
    raise AssertionError(f"not in time: {what}")


def triggerer(log_path: Path) -> AbstractContextManager[Leashed]:
    """Run Airflow's triggerer, in a process group of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "provider"),
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "3",
    }
    command = [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"]
    return leashed(command, log_path=log_path, env=environment)


def defer(triggers: Mapping[str, BaseTrigger], folder: Path) -> str:
    """Store a run whose tasks wait for these triggers, as a worker leaves them; return its id."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    (folder / "dag.py").write_text(DAG_FILE)
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]  # Airflow's
    sync_bag_to_db(parsed_dags(folder), "dags-folder", None)
    with create_session() as session:
        dag = SerializedDagModel.get_dag(DAG_ID, session=session)
        assert dag is not None
        run = dag.create_dagrun(
            run_id="manual__restart", run_after=pendulum.now("UTC"), run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST, state=DagRunState.RUNNING, session=session,
        )  # fmt: skip
        for ti in run.get_task_instances(session=session):
            row = Trigger.from_object(triggers[ti.task_id])
            session.add(row)
            session.flush()
            ti.trigger_id, ti.state = row.id, TaskInstanceState.DEFERRED
            ti.next_method, ti.next_kwargs = "execute_complete", {}
        return str(run.run_id)


def task_of(run_id: str, task_id: str) -> tuple[str, Any]:
    """Return a task's state, and what its trigger sent."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        found = select(TaskInstance).where(TaskInstance.run_id == run_id, TaskInstance.task_id == task_id)
        ti = session.scalars(found).one()
        sent: Any = deserialize(ti.next_kwargs) if ti.next_kwargs else {}
        return str(ti.state), sent.get("event")


def test_both_triggers_survive_the_death_of_their_triggerer(
    tenant: Simulator, airflow_db: None, tmp_path: Path
) -> None:
    jobs = extraction_jobs(CXoneHook("tenant_key"), {})
    job_id = jobs.begin(jobs.request(DAY))
    jobs.close()
    deadline = pendulum.now("UTC").add(hours=1).to_iso8601_string()
    run_id = defer(
        {
            "jobs": ListingJobTrigger("tenant_key", job_id, deadline, 0.2),
            "storage": StorageStateTrigger("tenant_v2", ["cold"], deadline, 0.2),
        },
        tmp_path,
    )

    def looks(path: str) -> int:
        return sum(path in record.path for record in tenant.requests)

    def both_looked(more_than: Mapping[str, int]) -> bool:
        return all(looks(path) > count for path, count in more_than.items())

    paths = ("/jobs/", "/api/v2/recording/")
    with triggerer(tmp_path / "first.log") as process:
        wait_until("the first triggerer looks", lambda: both_looked(dict.fromkeys(paths, 1)))
        process.kill()
    before = {path: looks(path) for path in paths}
    assert {task_of(run_id, name)[0] for name in ("jobs", "storage")} == {"deferred"}

    with triggerer(tmp_path / "second.log"):
        wait_until("the second triggerer looks", lambda: both_looked(before))
        tenant.set_state("cold", "available")
        clock = tenant.clock
        assert isinstance(clock, ManualClock)
        clock.advance(3600)
        wait_until("both fire", lambda: all(task_of(run_id, name)[1] for name in ("jobs", "storage")))

    assert task_of(run_id, "jobs")[1] == {
        "schema": "cxone.listing-job/1",
        "job_id": job_id,
        "deadline_at": deadline,
        "state": "SUCCEEDED",
    }
    assert task_of(run_id, "storage")[1]["streamable"] == ["cold"]
    written = (tmp_path / "first.log").read_text() + (tmp_path / "second.log").read_text()
    assert KEY_SECRET not in written
    assert CLIENT_SECRET not in written
