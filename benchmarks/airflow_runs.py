"""Runs through Airflow as it is deployed: scheduler, API server and DAG processor as processes of their own.

A run's time is what a user waits: from the moment it is asked for to the end of its last task. What a task costs before
it works is told apart: how long it was queued, how long its process took to its own first line, and what comes after.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import processes
from benchmarks.ends import BUCKET, Ends
from tools.demo.airflow import Airflow, airflow

DAGS = Path(__file__).parent / "dags"
MAPPED, MAPPED_BATCH = 1_000, 100
_POLL_S = 0.5
_MOST_POLLS = 3000


@dataclass(frozen=True, slots=True)
class Deployment:
    """A running Airflow, and where its tasks leave their marks."""

    flow: Airflow
    marks: Path
    ends: Ends

    def batch(self, count: int) -> dict[str, Any]:
        """Archive one batch."""
        return self._run("share", count, 1, {"recordings": [f"small_{number}" for number in range(count)]})

    def batches_of(self, size: int) -> dict[str, Any]:
        """Archive as many recordings as are mapped, in batches of a size."""
        return self._run(f"share_by_{size}", MAPPED, MAPPED // size, {})

    def _run(self, dag_id: str, count: int, batches: int, conf: Mapping[str, Any]) -> dict[str, Any]:
        self.ends.reset()
        began_s, cpu_s = time.time(), processes.cpu_s(self.flow.home)
        run_id = self.flow.trigger(dag_id, conf)
        for _ in self._until_success(dag_id, run_id):
            pass
        cpu_s = processes.cpu_s(self.flow.home) - cpu_s
        instances = self._instances(dag_id, run_id)
        ended_s = max(_seconds(one["end_date"]) for one in instances)
        return {
            "count": count,
            "batches": batches,
            "run_s": ended_s - began_s,
            "cpu_s": cpu_s,
            "tasks": self._tasks(instances),
        }

    def _instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        found: list[dict[str, Any]] = []
        while page := self.flow.call("GET", f"{path}?limit=100&offset={len(found)}")["task_instances"]:
            found += page
        return found

    def memory(self) -> dict[str, float]:
        """Return what all of Airflow holds when idle, and at most while batches run."""
        dag_id = f"share_by_{MAPPED_BATCH}"
        idle_mib = peak_mib = processes.pss_mib(self.flow.home)
        run_id = self.flow.trigger(dag_id, {})
        for _ in self._until_success(dag_id, run_id):
            peak_mib = max(peak_mib, processes.pss_mib(self.flow.home))
        return {"idle_mib": idle_mib, "peak_mib": peak_mib}

    def _until_success(self, dag_id: str, run_id: str) -> Iterator[None]:
        for _ in range(_MOST_POLLS):
            yield
            state = self.flow.run_state(dag_id, run_id)
            if state == "success":
                return
            if state == "failed" or not self.flow.pause_s(_POLL_S):
                break
        raise SystemExit(f"{dag_id} did not succeed:\n{self.flow.task_logs(dag_id, run_id)}")

    def _tasks(self, instances: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        costs: dict[str, list[dict[str, float]]] = {}
        for one in instances:
            costs.setdefault(one["task_id"].rpartition(".")[2], []).append(self._cost(one))
        return {task: {name: _middle(all_, name) for name in all_[0]} for task, all_ in costs.items()}

    def _cost(self, instance: Mapping[str, Any]) -> dict[str, float]:
        marks = (self.marks / f"{instance['id']}.jsonl").read_text().splitlines()
        began, ended = (json.loads(line) for line in marks)
        return {
            "queued_s": began["forked_s"] - _seconds(instance["queued_when"]),
            "starts_s": began["now_s"] - began["forked_s"],
            "works_s": ended["now_s"] - began["now_s"],
            "ends_s": _seconds(instance["end_date"]) - ended["now_s"],
            "cpu_s": ended["cpu_s"],
        }


@contextmanager
def deployed(home: Path, ends: Ends, settings: Mapping[str, str], *, preload: bool) -> Iterator[Deployment]:
    """Start Airflow with a LocalExecutor of four slots; the first run of each DAG is behind it."""
    marks = home / "marks"
    marks.mkdir(parents=True)
    env = {
        **settings,
        "AIRFLOW__CXONE__PRELOAD": str(preload),
        "BENCH_MARKS": str(marks),
    }
    with airflow(home, dags=DAGS, settings=env) as flow:
        flow.wait()
        there = Deployment(flow, marks, ends)
        for dag_id in ("share", f"share_by_{MAPPED_BATCH}"):
            flow.wait_for_dag(dag_id)
        there.batch(1)
        yield there


def connections(ends: Ends) -> dict[str, str]:
    """Return both ends as Airflow's connections."""
    login = {"conn_type": "aws", "login": ends.access_key, "password": ends.secret_key}
    s3 = {**login, "extra": {"endpoint_url": ends.s3_url, "region_name": "us-east-1"}}
    tenant = {"conn_type": "cxone", "host": ends.source_url, "login": "bench", "password": "bench-secret"}
    return {
        "AIRFLOW_CONN_CXONE_DEFAULT": json.dumps(tenant),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(s3),
        "BENCH_BUCKET": BUCKET,
    }


def measured(there: Deployment, counts: Sequence[int], rounds: int) -> Iterator[dict[str, Any]]:
    """Run each batch, and many batches at once, so many times; return the middle one of each."""
    for count in counts:
        yield _middle_run([there.batch(count) for _ in range(rounds)])
    yield _middle_run([there.batches_of(MAPPED_BATCH) for _ in range(rounds)])


def _middle_run(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return sorted(runs, key=lambda run: float(run["run_s"]))[len(runs) // 2]


def _middle(costs: Sequence[Mapping[str, float]], name: str) -> float:
    return statistics.median(cost[name] for cost in costs)


def _seconds(time_text: str) -> float:
    return datetime.fromisoformat(time_text).timestamp()
