"""What the operators share of the running task: its tries, its identity, and how errors of the core end it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context

from cxone_provider.archive.errors import ArchiveError


@contextmanager
def airflow_errors() -> Iterator[None]:
    """Turn the core's errors into Airflow's: what another try can mend is tried again, the rest fails at once."""
    try:
        yield
    except ArchiveError as error:
        kind = AirflowException if error.retryable else AirflowFailException
        raise kind(str(error)) from error


def tries_left(context: Context) -> bool:
    """Tell whether Airflow would try this task again if it failed now."""
    ti = context["ti"]
    return int(ti.try_number) <= int(ti.max_tries)


def run_identity(context: Context) -> dict[str, Any]:
    """Return who is archiving, for the manifest: DAG, run, task, map index and try."""
    ti = context["ti"]
    return {
        "dag_id": ti.dag_id,
        "run_id": ti.run_id,
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "try_number": ti.try_number,
    }


def run_after(context: Context) -> pendulum.DateTime:
    """Return the moment from which the run was due; also there when it was triggered by hand."""
    return pendulum.instance(context["dag_run"].run_after).in_timezone("UTC")


def data_interval(context: Mapping[str, Any]) -> tuple[pendulum.DateTime, pendulum.DateTime] | None:
    """Return the run's data interval in UTC; None where it is absent or empty, as plain cron schedules make it."""
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    if start is None or end is None or not start < end:
        return None
    return pendulum.instance(start).in_timezone("UTC"), pendulum.instance(end).in_timezone("UTC")
