"""Where Airflow's minors differ for the tests: what moved, and what a minor does not have."""

from __future__ import annotations

import functools
import warnings
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastapi.routing
import pytest
from fastapi import FastAPI

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
    from airflow.providers.common.compat.sdk import TaskDeferred

_numbers = version("apache-airflow-core").split(".")
AIRFLOW = (int(_numbers[0]), int(_numbers[1]))

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Airflow and its libraries warn each other, by what was imported before
    if TYPE_CHECKING or AIRFLOW >= (3, 2):
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
        from airflow.sdk.exceptions import ParamValidationError
        from airflow.sdk.lineage import HookLineageCollector
        from airflow.sdk.serde import deserialize, serialize
    else:
        from airflow.exceptions import ParamValidationError
        from airflow.lineage.hook import HookLineageCollector
        from airflow.models.dagbag import DagBag, sync_bag_to_db
        from airflow.serialization.serde import deserialize, serialize

__all__ = [
    "AIRFLOW",
    "HookLineageCollector",
    "ParamValidationError",
    "build_the_api_once",
    "deserialize",
    "parsed_dags",
    "routes_of",
    "serialize",
    "sync_bag_to_db",
    "timeout_s",
    "use_auth_manager",
]

BUNDLE = "dags-folder"


def parsed_dags(path: Path) -> DagBag:
    """Return the DAGs below `path` as those of the bundle that Airflow makes of its DAGs folder."""
    if TYPE_CHECKING or AIRFLOW >= (3, 2):
        return DagBag(path, bundle_name=BUNDLE)
    return DagBag(path)


def build_the_api_once() -> None:
    """Let every task of `dag.test()` reach one API app; before 3.3, Airflow builds one for each task, in seconds."""
    from airflow.sdk.execution_time import supervisor

    if not hasattr(supervisor.in_process_api_server, "cache_info"):
        supervisor.in_process_api_server = functools.lru_cache(maxsize=1)(supervisor.in_process_api_server)


def use_auth_manager(manager: BaseAuthManager[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Airflow's API ask `manager` who somebody is and what they may."""
    from airflow.api_fastapi import app

    if TYPE_CHECKING or AIRFLOW >= (3, 2):
        monkeypatch.setattr(app._AuthManagerState, "instance", manager)
    else:
        monkeypatch.setattr(app, "auth_manager", manager)


def routes_of(console: FastAPI) -> list[Any]:
    """Return every route of an app, those too that FastAPI leaves in their routers since 0.137."""
    every = getattr(fastapi.routing, "iter_route_contexts", list)
    return list(every(console.routes))


def timeout_s(deferred: TaskDeferred) -> float:
    """Return after how many seconds a deferred task gives up; Airflow 3.1 keeps it as it was given."""
    timeout: Any = deferred.timeout
    return timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
