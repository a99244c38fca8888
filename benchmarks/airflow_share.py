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

from benchmarks.airflow_runs import DAGS, MAPPED, connections, deployed, measured
from benchmarks.ends import Ends, ends, environment_of
from benchmarks.equipment import ROOT, WORK
from benchmarks.loads import MIB, Load, make_media
from benchmarks.rounds import CLIENTS, once
from tools.servers.debian import NotInstalled, postgres

BATCHES = (1, 10, 100, 1_000)
_LOAD = Load("Airflow's share", "small", 1, MIB // 4)


def share(batches: Sequence[int], rounds: int = 3) -> dict[str, Any]:
    """Measure every batch bare and on each database; databases that are not installed are left out."""
    folder = WORK / "share"
    make_media(_LOAD, folder)
    rows: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=WORK) as scratch, ends(folder, Path(scratch)) as both:
        rows += _bare(both, sorted({*batches, MAPPED}), rounds)
        for name, address in _databases(Path(scratch)):
            home = Path(scratch) / name
            rows += _in_one_process(name, address, home / "process", both, batches)
            for row, is_memory in _deployed(name, address, home, both, batches, rounds):
                (memory if is_memory else rows).append(row)
    imports = _run(["imports"], {**os.environ, "AIRFLOW_HOME": str(WORK / "airflow")})
    return {"batches": rows, "memory": memory, "imports": imports}


def _bare(both: Ends, batches: Sequence[int], rounds: int) -> Iterator[dict[str, Any]]:
    for count in batches:
        load = Load("bare", "small", count, MIB // 4)
        costs = [once(CLIENTS["ours_unsigned"], load, both) for _ in range(rounds)]
        middle = sorted(costs, key=lambda cost: cost.took_s)[rounds // 2]
        yield {"how": "bare", "count": count, "batches": 1, "run_s": middle.took_s, "cpu_s": middle.cpu_s}


def _in_one_process(
    name: str, address: str, home: Path, both: Ends, batches: Sequence[int]
) -> Iterator[dict[str, Any]]:
    env = _environment(address, home, both)
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=env, check=True, capture_output=True)
    for count in batches:
        both.reset()
        told = _run(["dag"], {**env, "BENCH_COUNT": str(count)})
        yield {"how": "`dag.test()`", "database": name, "count": count, "batches": 1, **told}


def _deployed(
    name: str, address: str, home: Path, both: Ends, batches: Sequence[int], rounds: int
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Yield each row and whether it is one of memory; without preloading one round, on SQLite, shows the difference."""
    settings = {**connections(both), "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address}
    for preload in (False, True) if name == "SQLite" else (True,):
        about = {"how": "LocalExecutor", "database": name, "preload": preload}
        with deployed(home / f"preload-{preload}", both, settings, preload=preload) as there:
            for row in measured(there, batches, rounds if preload else 1):
                yield {**about, **row}, False
            yield {**about, **there.memory()}, True


def _environment(address: str, home: Path, both: Ends) -> dict[str, str]:
    marks = home / "marks"
    marks.mkdir(parents=True)
    return {
        **environment_of(both),
        **connections(both),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address,
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "BENCH_MARKS": str(marks),
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
    """Run validation and streaming of one batch by ``dag.test()``; return what the run and parsing its DAG took."""
    from airflow.dag_processing.dagbag import DagBag

    began_s = time.perf_counter()
    bag = DagBag(DAGS, bundle_name="dags-folder")
    dag: Any = bag.dags["share"]
    parsed_s, began_cpu_s = time.perf_counter(), time.process_time()
    ids = [f"small_{number}" for number in range(int(os.environ["BENCH_COUNT"]))]
    run = dag.test(logical_date=None, run_conf={"recordings": ids})
    took_s = time.perf_counter() - parsed_s
    if str(run.state) != "success":
        raise SystemExit(f"the run ended {run.state}")
    return {"run_s": took_s, "parse_s": parsed_s - began_s, "cpu_s": time.process_time() - began_cpu_s}


def _imports() -> dict[str, float]:
    """Return what imports cost, in seconds, each on top of those before it; and how many heavy ones were among them."""
    took = {}
    for name in ("airflow.sdk", "cxone_provider.operators.recordings", "cxone_provider.hooks.cxone"):
        began_s = time.perf_counter()
        __import__(name)
        took[name] = time.perf_counter() - began_s
    heavy = float(sum(name in sys.modules for name in ("boto3", "requests", "great_expectations", "pandas")))
    return {**took, **_parsed(), "heavy": heavy, **_data_rules()}


def _parsed() -> dict[str, float]:
    import runpy

    took = {}
    for path in sorted((ROOT / "dags").glob("*.py")):
        began_s = time.perf_counter()
        runpy.run_path(str(path))
        took[f"parse {path.stem}"] = time.perf_counter() - began_s
    return took


def _data_rules() -> dict[str, float]:
    from cxone_provider.preloading.modules import preload

    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    preload()
    return {"preload_s": time.perf_counter() - began_s, "preload_cpu_s": time.process_time() - began_cpu_s}


if __name__ == "__main__":
    import contextlib

    with contextlib.redirect_stdout(sys.stderr):
        result = _imports() if sys.argv[1] == "imports" else _dag()
    print(json.dumps(result))
