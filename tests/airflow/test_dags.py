from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.param import ParamsDict

from tests.airflow.conftest import PROJECT
from tests.airflow.versions import ParamValidationError

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow's own while it fills a DagBag
LoadDag = Callable[[str], DAG]

DAGS = ("cxone_daily_archive", "cxone_archive_recording", "cxone_bulk_backfill", "cxone_verify_archive")
PARSE = """
import runpy, sys
sys.path.insert(0, sys.argv[1])
runpy.run_path(sys.argv[2])
sys.exit(", ".join(name for name in sys.argv[3:] if name in sys.modules) or None)
"""
HEAVY = ("great_expectations", "pandas", "numpy", "boto3", "botocore", "requests", "airflow.providers.amazon.aws.hooks")


@pytest.mark.parametrize("dag_id", DAGS)
def test_parsing_a_dag_imports_nothing_heavy(dag_id: str) -> None:
    command = [sys.executable, "-c", PARSE, str(PROJECT / "provider"), str(PROJECT / "dags" / f"{dag_id}.py"), *HEAVY]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_the_daily_run_maps_its_batches_as_a_group(load_dag: LoadDag) -> None:
    dag = load_dag("cxone_daily_archive")
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "list_recordings": ["batch.validate", "check_run", "estimate", "reconcile"],
        "estimate": ["batch.validate", "check_run"],
        "batch.validate": ["batch.stream"],
        "batch.stream": ["batch.notify", "check_run"],
        "batch.notify": [],
        "check_run": ["reconcile"],
        "reconcile": [],
    }
    assert dag.max_active_runs == 1
    assert not dag.catchup


def test_a_backfill_maps_what_each_request_was_for(load_dag: LoadDag) -> None:
    dag = load_dag("cxone_bulk_backfill")
    assert {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks} == {
        "list_recordings": ["check_run", "request_media"],
        "request_media": ["await_media"],
        "await_media": ["batch.validate"],
        "batch.validate": ["batch.stream"],
        "batch.stream": ["batch.notify", "check_run"],
        "batch.notify": [],
        "check_run": [],
    }
    assert {task.task_id for task in dag.tasks if task.pool == "cxone_media_download"} == {
        "request_media", "await_media", "batch.stream",
    }  # fmt: skip


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_person_can_read_what_a_dag_does(load_dag: LoadDag, dag_id: str) -> None:
    dag = load_dag(dag_id)
    assert dag.doc_md is not None
    assert dag.doc_md.startswith("### ")
    assert dag.tags
    assert all(param.schema.get("type") for param in (dag.params.get_param(name) for name in dag.params))


def validated(form: ParamsDict, params: dict[str, object]) -> None:
    form.update(params)
    form.validate()


@pytest.mark.parametrize(
    ("dag_id", "params"),
    [
        ("cxone_archive_recording", {}),
        ("cxone_archive_recording", {"recording_id": ""}),
        ("cxone_archive_recording", {"recording_id": "a", "audio_format": "exe"}),
        ("cxone_archive_recording", {"recording_id": "a", "max_duration_s": 0}),
        ("cxone_archive_recording", {"recording_id": "a", "segment_size_bytes": "many"}),
        ("cxone_daily_archive", {"manifest_uri": "/etc/passwd"}),
        ("cxone_daily_archive", {"concurrency": 65}),
        ("cxone_daily_archive", {"source": "guesswork"}),
        ("cxone_daily_archive", {"max_missing": -1}),
        ("cxone_daily_archive", {"recordings": "call-1"}),
        ("cxone_daily_archive", {"wait_for_storage": "a while"}),
        ("cxone_bulk_backfill", {"manifest_uri": "/etc/passwd"}),
        ("cxone_bulk_backfill", {"recordings": "4711"}),
        ("cxone_bulk_backfill", {"wait": "a while"}),
        ("cxone_verify_archive", {"slice_count": 0}),
        ("cxone_verify_archive", {"slice_index": -1}),
        ("cxone_verify_archive", {"sweep_older_than": "soon"}),
    ],
)
def test_the_form_refuses_what_makes_no_sense(load_dag: LoadDag, dag_id: str, params: dict[str, object]) -> None:
    form = load_dag(dag_id).params
    with pytest.raises(ParamValidationError):
        validated(form, params)
