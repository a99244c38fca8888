"""Airflow's share: the same batches through a DAG, beside the bare pipeline; and what a task costs before it works.

Run as a script it is one measurement in a process of its own: ``dag`` or ``imports``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.ends import BUCKET, Ends, ends, environment_of
from benchmarks.equipment import ROOT, WORK
from benchmarks.loads import MIB, Load, make_media
from benchmarks.rounds import CLIENTS, once
from tools.servers.debian import NotInstalled, postgres

BATCHES = (1, 10, 100, 1_000)
_LOAD = Load("Airflow's share", "small", 1, MIB // 4)
_DAGS = Path(__file__).parent / "dags"


def share(batches: Sequence[int]) -> dict[str, Any]:
    """Measure every batch bare and on each database; databases that are not installed are left out."""
    folder = WORK / "share"
    make_media(_LOAD, folder)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=WORK) as scratch, ends(folder, Path(scratch)) as both:
        for count in batches:
            bare = once(CLIENTS["ours_unsigned"], Load("bare", "small", count, MIB // 4), both)
            rows.append({"database": "none: the bare pipeline", "count": count, "run_s": bare.took_s})
        for name, address in _databases(Path(scratch)):
            rows += _through_airflow(name, address, Path(scratch), both, batches)
    return {"batches": rows, "imports": _run(["imports"], {**os.environ, "AIRFLOW_HOME": str(WORK / "airflow")})}


def _through_airflow(
    name: str, address: str, scratch: Path, both: Ends, batches: Sequence[int]
) -> Iterator[dict[str, Any]]:
    env = _environment(address, scratch / name, both)
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=env, check=True, capture_output=True)
    for count in batches:
        both.reset()
        told = _run(["dag"], {**env, "BENCH_COUNT": str(count)})
        yield {"database": name, "count": count, **told}


def _environment(address: str, home: Path, both: Ends) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    login = {"conn_type": "aws", "login": both.access_key, "password": both.secret_key}
    s3 = {**login, "extra": {"endpoint_url": both.s3_url, "region_name": "us-east-1"}}
    tenant = {"conn_type": "cxone", "host": both.source_url, "login": "bench", "password": "bench-secret"}
    return {
        **environment_of(both),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address,
        "AIRFLOW__CORE__DAGS_FOLDER": str(_DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW_CONN_CXONE_DEFAULT": json.dumps(tenant),
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(s3),
        "BENCH_BUCKET": BUCKET,
    }


def _run(words: Sequence[str], env: Mapping[str, str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.airflow_share", *words]
    ran = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{ran.stdout[-1500:]}\n{ran.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


def _databases(scratch: Path) -> Iterator[tuple[str, str]]:
    yield "SQLite", f"sqlite:///{scratch}/airflow.db"
    with suppress(NotInstalled), postgres(scratch / "postgres.log") as place:
        yield "PostgreSQL", f"postgresql+psycopg2://{place}"


def _dag() -> dict[str, float]:
    """Run validation and streaming of one batch by ``dag.test()``; return the wall time of the run and its tasks."""
    from airflow.dag_processing.dagbag import DagBag

    began_s = time.perf_counter()
    bag = DagBag(_DAGS, bundle_name="dags-folder")
    dag: Any = bag.dags["share"]
    parsed_s = time.perf_counter()
    run = dag.test(logical_date=None)
    took_s = time.perf_counter() - parsed_s
    if str(run.state) != "success":
        raise SystemExit(f"the run ended {run.state}")
    tasks = {ti.task_id: (ti.end_date - ti.start_date).total_seconds() for ti in run.get_task_instances()}
    return {"run_s": took_s, "parse_s": parsed_s - began_s, **tasks}


def _imports() -> dict[str, float]:
    """Return what imports cost, in seconds: Airflow's own first, then the operators on top of it."""
    took = {}
    for name in ("airflow.sdk", "cxone_provider.operators.recordings", "cxone_provider.hooks.cxone"):
        began_s = time.perf_counter()
        __import__(name)
        took[name] = time.perf_counter() - began_s
    took["heavy"] = float(sum(name in sys.modules for name in ("boto3", "requests", "great_expectations", "pandas")))
    return took


if __name__ == "__main__":
    import contextlib

    with contextlib.redirect_stdout(sys.stderr):
        result = _imports() if sys.argv[1] == "imports" else _dag()
    print(json.dumps(result))
