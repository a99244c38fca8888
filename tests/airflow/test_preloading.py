"""The scheduler of a LocalExecutor imports what its tasks need, and a fork of it is a sound process."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxone_provider.preloading import modules
from cxone_provider.preloading.plugin import PreloadingPlugin
from tests.airflow.conftest import PROJECT

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(180)]
LOADED_QUIETLY = """
import sys
import airflow.plugins_manager
import airflow.providers.common.compat.sdk
before = set(sys.modules)
import cxone_provider.preloading.plugin as plugin
plugin.PreloadingPlugin.on_load()
quick = {"__mp_main__", *sys.stdlib_module_names}
new = set(sys.modules) - before - {"cxone_provider"}  # which some Airflows import with the provider's metadata
print(sorted(name for name in new if name.partition(".")[0] not in quick))
"""
CELERY = """
import sys
import cxone_provider.preloading.celery_worker
print(sorted({"great_expectations", "boto3", "cxone_provider.operators.recordings"} & sys.modules.keys()))
"""
FORKED = """
import json, os, sys, threading
from pathlib import Path

def threads(pid): return len(os.listdir(f"/proc/{pid}/task"))
def descriptors(): return set(os.listdir("/proc/self/fd"))

import airflow.plugins_manager
before = descriptors()
from cxone_provider.preloading.modules import preload
preload()
opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in descriptors() - before if os.path.exists(f"/proc/self/fd/{fd}")]
alive = [thread.name for thread in threading.enumerate()]

import numpy as np
square = np.random.default_rng(7).random((400, 400))
product = square @ square  # the linear algebra's threads are up, as nothing of ours has them
reading, writing = os.pipe()
if not (child := os.fork()):
    try:
        alone = threads("self")
        known = set(sys.modules)
        from cxone_provider.adapters.quality import check_plans, check_recordings
        from cxone_provider.archive.plan import SegmentPlan
        from tests.unit.adapters.quality_cases import checked, plan, row
        report, plans = checked(row()), check_plans([plan()])
        same = bool(np.allclose(square @ square, product))
        new = {name.partition(".")[0] for name in set(sys.modules) - known}
        told = {"threads": alone, "checked": report.success and plans.success, "same": same,
                "imports": sorted(new & {"great_expectations", "pandas", "scipy", "altair", "boto3", "requests"})}
        os.write(writing, json.dumps(told).encode())
    finally:
        os._exit(0)
os.waitpid(child, 0)
print(json.dumps([opened, alive, threads("self"), json.loads(os.read(reading, 10_000))]))
"""


@pytest.fixture
def preloads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that grows with each preloading, in the scheduler of a LocalExecutor that forks."""
    asked: list[bool] = []
    monkeypatch.setattr(modules, "preload", lambda: asked.append(True))
    monkeypatch.setattr(sys, "argv", ["/venv/bin/airflow", "scheduler"])
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda *, allow_none: None)
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["fork", "spawn"])
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.delenv("AIRFLOW__CXONE__PRELOAD", raising=False)
    return asked


def test_the_scheduler_of_a_local_executor_preloads(preloads: list[bool]) -> None:
    PreloadingPlugin.on_load()
    assert preloads == [True]


def test_one_of_several_executors_is_enough(preloads: list[bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor,LocalExecutor")
    PreloadingPlugin.on_load()
    assert preloads == [True]


@pytest.mark.parametrize("command", ["triggerer", "dag-processor", "api-server", "standalone", "celery", "tasks"])
def test_no_other_component_preloads(preloads: list[bool], monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(sys, "argv", ["/venv/bin/airflow", command, "scheduler"])
    PreloadingPlugin.on_load()
    monkeypatch.setattr(sys, "argv", ["python"])
    PreloadingPlugin.on_load()
    assert preloads == []


@pytest.mark.parametrize(
    ("name", "value"), [("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor"), ("AIRFLOW__CXONE__PRELOAD", "False")]
)
def test_settings_switch_it_off(preloads: list[bool], monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    PreloadingPlugin.on_load()
    assert preloads == []


@pytest.mark.parametrize(("chosen", "methods"), [("spawn", ["fork"]), (None, ["forkserver", "fork"])])
def test_workers_that_are_not_forked_would_not_have_it(
    preloads: list[bool], monkeypatch: pytest.MonkeyPatch, chosen: str | None, methods: list[str]
) -> None:
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda *, allow_none: chosen)
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: methods)
    PreloadingPlugin.on_load()
    assert preloads == []


def test_elsewhere_the_plugin_imports_nothing() -> None:
    assert run(LOADED_QUIETLY) == "['cxone_provider.preloading', 'cxone_provider.preloading.plugin']"


def test_a_celery_worker_preloads_by_importing_a_module() -> None:
    assert run(CELERY) == "['boto3', 'cxone_provider.operators.recordings', 'great_expectations']"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads and descriptors as Linux tells them")
def test_a_fork_of_it_is_alone_has_everything_and_computes() -> None:
    opened, alive, threads_after, child = json.loads(run(FORKED))
    assert [path for path in opened if path.startswith("socket:")] == []
    assert alive == ["MainThread"]
    assert threads_after == 1
    assert child == {"threads": 1, "checked": True, "same": True, "imports": []}


def run(code: str) -> str:
    env = {**os.environ, "PYTHONPATH": str(PROJECT), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    # forking while threads are alive is a warning from Python 3.12 on
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code]
    ran = subprocess.run(command, cwd=PROJECT, env=env, capture_output=True, text=True, check=False, timeout=150)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout.splitlines()[-1]
