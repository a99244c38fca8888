"""What a deployment decides for every DAG: here, that a lost task is tried again soon, for nobody waits for a test."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

RETRY_DELAY = timedelta(seconds=5)


def task_policy(task: Any) -> None:
    """Try again after seconds in place of the DAG's minutes."""
    task.retry_delay = RETRY_DELAY


def node_name() -> str:
    """Return the name under which Airflow knows this process: processes of one machine play machines of their own."""
    return os.environ["NODE_NAME"]
