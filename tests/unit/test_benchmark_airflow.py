from __future__ import annotations

from typing import Any

from benchmarks.airflow_tables import airflow_tables, sweep_tables

TASK = {"queued_s": 0.1, "starts_s": 0.2, "works_s": 0.3, "ends_s": 0.05, "cpu_s": 0.25}
DEPLOYED = {"how": "LocalExecutor", "database": "SQLite", "preload": True}


def told(run_s: float) -> dict[str, Any]:
    """Return a thousand recordings in ten batches that took `run_s`, beside a bare pipeline of 2 s."""
    bare = {"how": "bare", "count": 1_000, "batches": 1, "run_s": 2.0, "cpu_s": 2.1}
    mapped = {**DEPLOYED, "count": 1_000, "batches": 10, "run_s": run_s, "cpu_s": 9.0, "tasks": {"validate": TASK}}
    imports = {
        "airflow.sdk": 1.0,
        "cxone_provider.operators.recordings": 0.1,
        "parse cxone_daily_archive": 0.02,
        "heavy": 0.0,
        "preload_s": 2.5,
        "preload_cpu_s": 2.2,
    }
    memory = {**DEPLOYED, "idle_mib": 900.0, "peak_mib": 1_000.0}
    return {"batches": [bare, mapped], "memory": [memory], "imports": imports}


def test_airflows_share_is_what_a_recording_costs_beyond_the_bare_pipeline() -> None:
    text = airflow_tables(told(run_s=7.0))
    assert "| LocalExecutor | SQLite | on | 10 x 100 | 7.00 | 7.0 | 2.0 | 5.0 | yes | 9.0 |" in text.splitlines()
    missed = airflow_tables(told(run_s=12.5))
    assert "| LocalExecutor | SQLite | on | 10 x 100 | 12.50 | 12.5 | 2.0 | 10.5 | no | 9.0 |" in missed.splitlines()


def test_what_a_task_costs_beside_its_work_is_told_step_by_step() -> None:
    lines = airflow_tables(told(run_s=7.0)).splitlines()
    assert "| LocalExecutor | SQLite | on | 10 x 100 | validate | 0.10 | 0.20 | 0.30 | 0.05 | 0.25 |" in lines
    assert "| SQLite | on | 900 | 1,000 |" in lines
    assert "| parsing `cxone_daily_archive`, operators imported | 0.020 |" in lines


def test_a_sweep_names_the_delay_of_every_row() -> None:
    size = {"delay_ms": 30, "size": 100, "count": 1_000, "run_s": 20.0, "cpu_s": 8.0, "tasks": {"stream": TASK}}
    threads = {"delay_ms": 0, "concurrency": 4, "count": 100, "took_s": 0.5, "cpu_s": 0.4, "peak_mib": 47.0}
    lines = sweep_tables({"batch_size": [size], "concurrency": [threads]}).splitlines()
    assert "| 30 ms | 100 | 20 | 20.0 | 20.0 | 8.0 | 0.30 |" in lines
    assert "| 0 ms | 4 | 200.0 | 0.40 | 47 |" in lines


def test_what_was_not_measured_has_no_table() -> None:
    assert airflow_tables({}) == sweep_tables({}) == ""
