"""A real Airflow with a tenant and an S3 server, and the processes in it that a test kills."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from cxone_provider.simulator import Simulator
from tests.kills.child import Tenant, Try
from tests.kills.site import (
    BUCKET,
    CLIENT_SECRET,
    SAMPLE_RATE_HZ,
    STREAM_SECRET,
    WEBHOOK_SECRET,
    Scene,
    Store,
    seaweedfs_store,
)
from tests.kills.steps import Recording, Shape
from tools.demo.airflow import Airflow, airflow
from tools.servers.seaweedfs import S3Server

DAG_ID = "killed_stream"
DAGS = Path(__file__).parent / "dags"
SEGMENT_SIZE_BYTES = 2**20
SEGMENTS = 30
RECORDING = Recording(Shape.PARTS, SEGMENTS * SEGMENT_SIZE_BYTES, SEGMENT_SIZE_BYTES, concurrency=2, journalled=True)
_POLL_S = 0.1
_POLLS = 3000


class Victim(StrEnum):
    """Whom a signal is sent to."""

    TASK = "task"
    """The process that runs the operator."""
    WORKER = "worker"
    """That process and the one above it, which supervises it: a machine that is gone."""
    SUPERVISOR = "supervisor"
    """Only the one above: the task itself lives on, and Airflow does not know of it any more."""


class NotInTime(Exception):
    """Something that was waited for did not happen."""


@dataclass(frozen=True, slots=True)
class Plant:
    """Everything that runs.

    Attributes:
        flow: Airflow.
        tenant: the simulator.
        store: the S3 server.
    """

    flow: Airflow
    tenant: Simulator
    store: Store

    def begin(self, recording_id: str, *, delay_s: float) -> Job:
        """Trigger the archiving of a recording each segment of which takes `delay_s`."""
        self.tenant.add_generated(recording_id, RECORDING.size_bytes, sample_rate_hz=SAMPLE_RATE_HZ)
        self.tenant.script(recording_id, [{"fault": "delay", "seconds": delay_s, "on": "media", "times": "always"}])
        tenant = Tenant(self.tenant.base_url, self.tenant.client_id, CLIENT_SECRET, STREAM_SECRET, WEBHOOK_SECRET)
        told = Try(tenant, self.store.server, BUCKET, recording_id, RECORDING, self.flow.home)
        conf = {"recording_id": recording_id, "s3_bucket": BUCKET, "s3_prefix": told.prefix}
        return Job(self, told, self.flow.trigger(DAG_ID, conf))

    def wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        """Return when something holds.

        Raises:
            NotInTime: it did not come to hold.
        """
        for _ in range(_POLLS):
            if holds():
                return
            if not self.flow.pause_s(_POLL_S):
                break
        raise NotInTime(what)


@dataclass(frozen=True, slots=True)
class Job:
    """One run of the DAG.

    Attributes:
        plant: where it runs.
        told: what it archives, and where.
        run_id: Airflow's name of the run.
    """

    plant: Plant
    told: Try
    run_id: str

    @property
    def scene(self) -> Scene:
        """What the checks look at."""
        return Scene(self.plant.store, self.plant.tenant, self.told)

    def upload_ids(self) -> set[str]:
        """Return the unfinished uploads of the recording."""
        listed = self.plant.store.client.list_multipart_uploads(Bucket=BUCKET, Prefix=self.told.prefix)
        return {upload["UploadId"] for upload in listed.get("Uploads", [])}

    def stream(self) -> dict[str, Any]:
        """Return what Airflow says of the task that moves the bytes."""
        return self.plant.flow.task_instance(DAG_ID, self.run_id, "stream")

    def states_of_tries(self) -> list[str]:
        """Return the states in which the tries of that task ended, the last one last."""
        path = f"/api/v2/dags/{DAG_ID}/dagRuns/{self.run_id}/taskInstances/stream/tries"
        tries = self.plant.flow.call("GET", path)["task_instances"]
        return [str(one["state"]) for one in sorted(tries, key=lambda one: int(one["try_number"]))]

    def run_state(self) -> str:
        """Return the run's state."""
        return self.plant.flow.run_state(DAG_ID, self.run_id)

    def wait_for_segments(self, count: int) -> None:
        """Return when the tenant was asked for `count` segments."""
        self.plant.wait_for(f"{count} segments", lambda: len(self.scene.requests()) >= count)

    def wait_for_end(self) -> str:
        """Return the state in which the run ends."""
        self.plant.wait_for("the run's end", lambda: self.run_state() in {"success", "failed"})
        return self.run_state()

    def send(self, number: signal.Signals, victim: Victim) -> None:
        """Send a signal to the task that moves the bytes, or to who supervises it."""
        task = _process_titled(f"airflow worker -- {self.stream()['id']}")
        supervisor = _parent_of(task)
        # The upper one first: it would report the lower one's death.
        for process, hit in ((supervisor, victim is not Victim.TASK), (task, victim is not Victim.SUPERVISOR)):
            if hit:
                os.kill(process, number)


def _process_titled(title: str) -> int:
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes()
            except OSError:
                continue  # it ended meanwhile
            if command.rstrip(b"\0").decode(errors="replace") == title:
                return int(process.name)
    raise NotInTime(f"there is no process {title}")


def _parent_of(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:")))


@contextmanager
def plant(folder: Path) -> Iterator[Plant]:
    """Start everything; Airflow takes half a minute."""
    with (
        Simulator(client_secret=CLIENT_SECRET, stream_secret=STREAM_SECRET) as tenant,
        seaweedfs_store(folder / "s3") as store,
        airflow(folder / "airflow", dags=DAGS, settings=_settings(tenant, store.server)) as flow,
    ):
        flow.wait()
        flow.wait_for_dag(DAG_ID)
        yield Plant(flow, tenant, store)


def _settings(tenant: Simulator, server: S3Server) -> dict[str, str]:
    connections: dict[str, dict[str, Any]] = {
        "CXONE_DEFAULT": {
            "conn_type": "cxone",
            "host": tenant.base_url,
            "login": tenant.client_id,
            "password": CLIENT_SECRET,
            "extra": {"stream_secret": STREAM_SECRET},
        },
        "AWS_DEFAULT": {
            "conn_type": "aws",
            "login": server.access_key,
            "password": server.secret_key,
            "extra": {"endpoint_url": server.endpoint, "region_name": server.region},
        },
        "ARCHIVE_WEBHOOK_DEFAULT": {
            "conn_type": "http",
            "host": tenant.base_url,
            "password": WEBHOOK_SECRET,
            "extra": {"endpoint": "/_simulator/webhook", "allowed_hosts": ["127.0.0.1"]},
        },
    }
    return {
        # Short enough for a test, long enough for a busy machine.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        **{f"AIRFLOW_CONN_{name}": json.dumps(fields) for name, fields in connections.items()},
    }
