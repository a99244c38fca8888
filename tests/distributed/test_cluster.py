"""A small day on a real cluster, disturbed like the large one; ``make distributed`` is the large one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.distributed.cluster import WORKERS
from tests.distributed.proof import prove
from tests.distributed.site import site
from tests.distributed.tenant import Quota
from tools.servers.debian import NotInstalled, postgres_programs, redis_program

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
]
RECORDINGS = 300


@pytest.fixture(autouse=True)
def installed() -> None:
    """Skip where Debian's packages are missing: nobody installs them for a test."""
    try:
        postgres_programs()
        redis_program()
    except NotInstalled as error:
        pytest.skip(str(error))


def test_a_cluster_that_loses_its_processes_archives_a_day_once(tmp_path: Path) -> None:
    # The connection says less than the tenant takes: a machine that stalls makes requests late.
    with site(tmp_path) as at:
        for worker in WORKERS:
            at.cluster.start(worker)
        proof = prove(at, RECORDINGS, Quota(1200, stated=1100))
    assert proof.broken == []
    assert proof.unrest.killed, "a worker was killed at its tasks"
    assert all(len(states) > 1 for states in proof.tries.values())
    assert proof.after["xcom"].rows > proof.before.get("xcom", proof.after["alembic_version"]).rows
    assert {one.task_id for one in proof.xcom} >= {"list_recordings", "batch.validate", "batch.stream", "reconcile"}
