"""What is seen while the run goes on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from tools.demo.airflow import Airflow

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENDED = frozenset({"success", "failed"})
_INTERVAL_S = 1.0
_STYLES = {
    "success": "green",
    "running": "yellow",
    "failed": "bold red",
    "upstream_failed": "red",
    "up_for_retry": "red",
}
_TASKS = ("list_recordings", "validate", "stream", "notify", "check_run")


class RunTimedOut(Exception):
    """The run did not end in time."""


def follow(
    airflow: Airflow,
    dag_id: str,
    run_id: str,
    s3: S3Client,
    bucket: str,
    expected: int,
    console: Console,
    limit_s: float,
) -> str:
    """Show a live picture until the run ends; return its state.

    Raises:
        RunTimedOut: it takes longer than `limit_s`.
    """
    bars = Progress(
        TextColumn("{task.description:<10}"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console,
    )  # fmt: skip
    moved = Progress(TextColumn("{task.description:<10}"), DownloadColumn(), TransferSpeedColumn(), console=console)
    archived, stored = bars.add_task("archived", total=expected), moved.add_task("in S3", total=None)
    deadline_s = time.monotonic() + limit_s
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while time.monotonic() < deadline_s:
            state = airflow.run_state(dag_id, run_id)
            sizes = object_sizes(s3, bucket)
            bars.update(archived, completed=sum("/manifests/" in key for key in sizes))
            moved.update(stored, completed=sum(size for key, size in sizes.items() if "/recordings/" in key))
            live.update(Group(_tasks_line(airflow.task_states(dag_id, run_id), state), bars, moved))
            if state in _ENDED:
                return state
            time.sleep(_INTERVAL_S)
    raise RunTimedOut(f"the run {run_id} did not end within {limit_s:.0f} s")


def object_sizes(s3: S3Client, bucket: str) -> dict[str, int]:
    """Return the size of every object by its key."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", [])}


def _tasks_line(pairs: Sequence[tuple[str, str]], run_state: str) -> Text:
    line = Text(f"run {run_state}: ")
    names = list(dict.fromkeys([*_TASKS, *(name for name, _ in pairs)]))
    for name in names:
        counts = Counter(state for task, state in pairs if task == name)
        for state, count in counts.items():
            times = f" x{count}" if count > 1 else ""
            line.append(f"{name} {state}{times}  ", style=_STYLES.get(state, "dim"))
    return line
