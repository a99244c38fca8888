"""The README's DAG is one that Airflow takes."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG

from tests.docs.snippets import snippet


def test_the_dag_of_the_readme_is_valid() -> None:
    namespace: dict[str, Any] = {}
    exec(snippet("README.md", "dag"), namespace)  # the document's own code is what is tested
    dag = namespace["validate"].dag
    assert isinstance(dag, DAG)
    assert dag.dag_id == "my_archive"
    assert dag.task_dict["stream"].upstream_task_ids == {"validate"}
    assert dag.task_dict["notify"].upstream_task_ids == {"stream"}
