"""A running task as operators see it: its context in Airflow, without Airflow."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pendulum

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


@dataclass
class FakeTaskInstance:
    """The part of a task instance that operators use.

    Attributes:
        pushed: what it left in XCom itself.
        xcom: what its run left in XCom, by task, map index and key; tasks of one run share it.
    """

    try_number: int = 1
    max_tries: int = 0
    dag_id: str = "dag"
    run_id: str = "run"
    task_id: str = "task"
    map_index: int = -1
    pushed: dict[str, Any] = field(default_factory=dict)
    xcom: dict[tuple[str, int, str], Any] = field(default_factory=dict)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = self.xcom[self.task_id, self.map_index, key] = value

    def xcom_pull(self, *, task_ids: str, key: str, map_indexes: int | None = None) -> Any:
        """Return what a task of the run pushed, as a task after it would find it; a copy, as JSON makes one."""
        place = task_ids, -1 if map_indexes is None else map_indexes, key
        return json.loads(json.dumps(self.xcom.get(place)))


class FakeStateStore:
    """A task state store that keeps JSON values between the tries of a test."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.values.get(key)

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


def context_of(ti: FakeTaskInstance | None = None, **entries: Any) -> Context:
    """Return a context of a run that was due on 2026-11-23 at 06:00 UTC and has no logical date."""
    run = SimpleNamespace(run_after=pendulum.datetime(2026, 11, 23, 6), start_date=None)
    return cast("Context", {"ti": ti or FakeTaskInstance(), "dag_run": run, **entries})
