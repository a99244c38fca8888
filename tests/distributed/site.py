"""Airflow, the S3 server and what is asked of them: a run of the daily DAG over one tenant's day."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.distributed.cluster import POOL, POOL_SLOTS, Cluster, cluster
from tests.distributed.tenant import HOST, Tenant
from tools.demo.airflow import Airflow
from tools.servers.seaweedfs import S3Server, seaweedfs

DAG_ID = "cxone_daily_archive"
BUCKET = "archive"
WEBHOOK_SECRET = "whsec_ZGlzdHJpYnV0ZWQtcmVjb3JkaW5nLWFyY2hpdmUtc2VjcmV0"
_POLL_S = 0.5
_PAGE = 100


class NotInTime(Exception):
    """Something that was waited for did not happen."""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that runs beside a tenant.

    Attributes:
        cluster: Airflow's processes.
        flow: its REST API.
        s3: the S3 server; its bucket keeps every version of every object.
        directory: where everything lies.
    """

    cluster: Cluster
    flow: Airflow
    s3: S3Server
    directory: Path

    def begin(self, tenant: Tenant, prefix: str) -> Run:
        """Point Airflow at a tenant and trigger the daily DAG for yesterday."""
        for connection in (tenant.connection(), webhook_connection(tenant)):
            self.flow.put_connection(connection)
        conf = {"source": "data-extraction", "lookback_days": 0, "s3_bucket": BUCKET, "s3_prefix": prefix}
        return Run(self, tenant, prefix, self.flow.trigger(DAG_ID, conf))


@dataclass(frozen=True, slots=True)
class Run:
    """A run of the DAG.

    Attributes:
        site: where it runs.
        tenant: whose recordings it archives.
        prefix: where to.
        run_id: Airflow's name of it.
    """

    site: Site
    tenant: Tenant
    prefix: str
    run_id: str

    @property
    def path(self) -> str:
        """Of the run in the REST API."""
        return f"/api/v2/dags/{DAG_ID}/dagRuns/{self.run_id}"

    def state(self) -> str:
        """Return the run's state."""
        return self.site.flow.run_state(DAG_ID, self.run_id)

    def task_instances(self, state: str | None = None) -> list[dict[str, Any]]:
        """Return what Airflow says of the run's task instances, all or those in a state."""
        chosen = "" if state is None else f"&state={state}"
        found: list[dict[str, Any]] = []
        while True:
            path = f"{self.path}/taskInstances?limit={_PAGE}&offset={len(found)}{chosen}"
            answer = self.site.flow.call("GET", path)
            found += answer["task_instances"]
            if not answer["task_instances"] or len(found) >= answer["total_entries"]:
                return found

    def task(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        """Return what Airflow says of one task instance."""
        mapped = "" if map_index < 0 else f"/{map_index}"
        return dict(self.site.flow.call("GET", f"{self.path}/taskInstances/{task_id}{mapped}"))

    def tries(self, task_id: str, map_index: int) -> list[dict[str, Any]]:
        """Return the tries of a mapped task instance in their order."""
        tries = self.site.flow.call("GET", f"{self.path}/taskInstances/{task_id}/{map_index}/tries")
        return sorted(tries["task_instances"], key=lambda one: int(one["try_number"]))

    def result(self, task_id: str) -> Any:
        """Return a task's XCom."""
        answer = self.site.flow.call("GET", f"{self.path}/taskInstances/{task_id}/xcomEntries/return_value")
        value = answer["value"]
        return json.loads(value) if isinstance(value, str) else value

    def requests_used(self) -> int:
        """Return how many playback requests the tenant has taken."""
        return int(self.tenant.health()["quota"]["used"])

    def wait_for(self, what: str, holds: Callable[[], bool], *, limit_s: float) -> None:
        """Return when something holds.

        Raises:
            NotInTime: it does not come to hold, or the run ends before.
        """
        for number in range(int(limit_s / _POLL_S)):
            if holds():
                return
            if number % 10 == 0 and self.state() in {"success", "failed"} and not holds():
                raise NotInTime(f"the run ended {self.state()} before {what}\n{self.failures()}")
            self.site.flow.pause_s(_POLL_S)
        raise NotInTime(f"{what} within {limit_s:.0f} s\n{self.failures()}")

    def wait_for_end(self, limit_s: float) -> str:
        """Return the state in which the run ends."""
        self.wait_for("its end", lambda: self.state() in {"success", "failed"}, limit_s=limit_s)
        return self.state()

    def failures(self) -> str:
        """Return the ends of the logs of what failed, and who is in which state."""
        logs = self.site.cluster.directory.glob("*/logs/**/*.log")
        failed = [path for path in logs if '"level":"error"' in path.read_text(errors="replace")]
        tails = [f"{path}:\n{path.read_text(errors='replace')[-3000:]}" for path in sorted(failed)[-3:]]
        states = [f"{one['task_id']}[{one['map_index']}] {one['state']}" for one in self.task_instances()]
        return "\n".join([*tails, ", ".join(states)])


@contextmanager
def site(directory: Path) -> Iterator[Site]:
    """Start the S3 server and Airflow without workers, and stop everything when the block ends."""
    with ExitStack() as stack:
        s3 = stack.enter_context(seaweedfs(directory / "s3", buckets=(BUCKET,)))
        client = s3.client()
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        client.close()
        made, flow = stack.enter_context(cluster(directory / "airflow"))
        flow.put_connection(_aws(s3))
        flow.call("POST", "/api/v2/pools", {"name": POOL, "slots": POOL_SLOTS})
        flow.wait_for_dag(DAG_ID)
        yield Site(made, flow, s3, directory)


def _aws(s3: S3Server) -> dict[str, Any]:
    return {
        "connection_id": "aws_default",
        "conn_type": "aws",
        "login": s3.access_key,
        "password": s3.secret_key,
        "extra": json.dumps({"endpoint_url": s3.endpoint, "region_name": s3.region}),
    }


def webhook_connection(tenant: Tenant) -> dict[str, Any]:
    """Return the connection to the receiver that the tenant's simulator has."""
    return {
        "connection_id": "archive_webhook_default",
        "conn_type": "http",
        "host": tenant.base_url,
        "password": WEBHOOK_SECRET,
        "extra": json.dumps({"endpoint": "/_simulator/webhook", "allowed_hosts": [HOST]}),
    }
