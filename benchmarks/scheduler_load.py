"""What a run of many mapped batches costs Airflow itself: scheduler, database, time.

``python -m benchmarks.scheduler_load 1 10 100 1000`` prints it as JSON: a real scheduler, LocalExecutor, API server and
Debian's PostgreSQL; the tasks hand on documents as large as the real ones', and move nothing. At the end a run whose
tasks wait, as tasks do for a tenant's quota: what the scheduler takes meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from benchmarks.equipment import ROOT, WORK
from tools.demo.airflow import Airflow, airflow
from tools.servers.debian import NotInstalled, postgres

BATCHES = (1, 10, 100, 1000)
PARALLELISM = 4
RECORDINGS_OF_A_BATCH = 100
_DAGS = Path(__file__).parent / "growth_dags"
_IDLE_S = 20.0
_POLL_S = 1.0
_LONGEST_S = 3600
# As many batches as mapped tasks share: a long day's task instances, in little time.
_WAITING_BATCHES, _WAIT_S = 16, 30
_TICKS = os.sysconf("SC_CLK_TCK")
_TABLES = "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables"
_STATE = "SELECT state FROM dag_run WHERE run_id = :run"
_XCOM = (
    "SELECT coalesce(sum(length(value::text)), 0), coalesce(max(length(value::text)), 0) FROM xcom WHERE run_id = :run"
)
_ROWS = ("task_instance", "xcom", "rendered_task_instance_fields", "task_instance_history", "task_map", "log")


def load(batches: Sequence[int]) -> tuple[list[dict[str, Any]], float | None]:
    """Run each number of batches once; return what it took, and the scheduler's share of a core while a run waits.

    Nothing where PostgreSQL is not installed.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=WORK) as scratch, postgres(Path(scratch) / "postgres.log") as place:
            return _loaded(Path(scratch), f"postgresql+psycopg2://{place}", batches)
    except NotInstalled as error:
        print(f"[bench] scheduler: left out, {error}", file=sys.stderr, flush=True)
        return [], None


def _loaded(scratch: Path, address: str, batches: Sequence[int]) -> tuple[list[dict[str, Any]], float]:
    with airflow(scratch / "airflow", dags=_DAGS, settings=_settings(address)) as running:
        running.wait()
        running.wait_for_dag("growth")
        running.unpause("growth")
        engine = create_engine(address, poolclass=NullPool)
        return list(_measured(running, engine, batches)), _waiting(running, engine)


def _settings(address: str) -> dict[str, str]:
    return {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address,
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "PYTHONPATH": str(ROOT),
    }


def _measured(running: Airflow, engine: Engine, batches: Sequence[int]) -> Iterator[dict[str, Any]]:
    scheduler, server = _pid_of("scheduler"), _pid_of("api_server")
    _run(running, engine, 1)  # the first run after a start is slower
    idle = _cpu_s(scheduler)
    running.pause_s(_IDLE_S)
    idle_share = (_cpu_s(scheduler) - idle) / _IDLE_S
    for count in batches:
        before = _tables(engine), _cpu_s(scheduler), _cpu_s(server), time.monotonic()
        run_id = _run(running, engine, count)
        took_s = time.monotonic() - before[3]
        scheduled_s, served_s = _cpu_s(scheduler) - before[1], _cpu_s(server) - before[2]
        after = _tables(engine)
        grown = {name: size - before[0].get(name, 0) for name, size in after.items() if size > before[0].get(name, 0)}
        yield {
            "batches": count,
            "count": count * RECORDINGS_OF_A_BATCH,
            "tasks": _rows(engine, "task_instance", run_id),
            "took_s": took_s,
            "scheduler_cpu_s": scheduled_s - idle_share * took_s,
            "scheduler_idle_share": idle_share,
            "api_cpu_s": served_s,
            "rows": {name: _rows(engine, name, run_id) for name in _ROWS},
            "grown_bytes": grown,
            "database_bytes": sum(grown.values()),
            "xcom_bytes": _xcom_bytes(engine, run_id),
        }
        print(f"[bench] scheduler: {count} batches, {took_s:.0f} s", file=sys.stderr, flush=True)


def _waiting(running: Airflow, engine: Engine) -> float:
    """Return the scheduler's seconds of processor for a second in which a run's tasks wait, its idle ones included."""
    scheduler, told = _pid_of("scheduler"), []
    for wait_s in (0, _WAIT_S):
        before = _cpu_s(scheduler), time.monotonic()
        _run(running, engine, _WAITING_BATCHES, wait_s)
        told.append((_cpu_s(scheduler) - before[0], time.monotonic() - before[1]))
        print(f"[bench] scheduler: tasks that wait {wait_s} s, {told[-1][1]:.0f} s", file=sys.stderr, flush=True)
    (busy_cpu_s, busy_s), (cpu_s, took_s) = told
    return (cpu_s - busy_cpu_s) / (took_s - busy_s)


def _run(running: Airflow, engine: Engine, batches: int, wait_s: float = 0) -> str:
    run_id = running.trigger("growth", {"batches": batches, "wait_s": wait_s})
    for _ in range(int(_LONGEST_S / _POLL_S)):
        # The database is asked: Airflow's own API may be too busy to answer.
        with engine.connect() as connection:
            state = connection.execute(text(_STATE), {"run": run_id}).scalar_one()
        if state == "success":
            return run_id
        if state == "failed" or not running.pause_s(_POLL_S):
            break
    raise SystemExit(f"the run of {batches} batches did not succeed:\n{running.task_logs('growth', run_id)}")


def _tables(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {name: int(size) for name, size in connection.execute(text(_TABLES))}


def _rows(engine: Engine, table: str, run_id: str) -> int:
    # The table is one of this module's names.
    query = text(f"SELECT count(*) FROM {table} WHERE run_id = :run_id")  # noqa: S608  # no foreign text in it
    with engine.connect() as connection:
        return int(connection.execute(query, {"run_id": run_id}).scalar_one())


def _xcom_bytes(engine: Engine, run_id: str) -> dict[str, int]:
    """Return XCom as JSON text: all of a run, and the largest single value."""
    with engine.connect() as connection:
        total, largest = connection.execute(text(_XCOM), {"run": run_id}).one()
        return {"all": int(total), "largest": int(largest)}


def _pid_of(component: str) -> int:
    """Return the process of one of Airflow's components that descends from this one."""
    for pid in _descendants(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        if f"airflow {component}" in words:
            return pid
    raise SystemExit(f"no process of Airflow's {component} is found")


def _descendants(pid: int) -> Iterator[int]:
    parents = {int(path.name): _status(path) for path in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for parent in found:
        children = [child for child, of in parents.items() if of == parent]
        found += children
        yield from sorted(children)


def _status(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0  # it has ended


def _cpu_s(pid: int) -> float:
    """Return a process's own seconds of processor, without those of the tasks it started."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    print(json.dumps(load([int(word) for word in sys.argv[1:]] or BATCHES), indent=1))
