"""The DAGs of the how-tos are DAGs that Airflow takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG

from tests.docs.snippets import snippet

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow and its libraries warn each other


def code_of(document: str, name: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(snippet(f"docs/howto/{document}", name), namespace)  # the document's own code is what is tested
    return namespace


def test_the_locked_archive_is_a_dag() -> None:
    stream = code_of("worm.md", "worm")["stream"]
    assert stream.upstream_task_ids == {"validate"}
    assert stream.retain_until["default"] == "P7Y"


def test_a_downstream_dag_tells_the_days_of_the_event() -> None:
    tell = code_of("statistics.md", "downstream")["tell"]
    event = SimpleNamespace(extra={"days": [{"day": "2026-11-22", "archived": 7, "expected": 8}]})
    assert tell.function({"asset": [event]}) == ["2026-11-22: 7 of 8 archived"]


def test_the_example_is_imported_as_told() -> None:
    assert isinstance(code_of("statistics.md", "example")["dag"], DAG)
