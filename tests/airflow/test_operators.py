"""What holds for every operator."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest
from airflow.sdk import BaseOperator

from cxone_provider.operators import recordings

pytestmark = pytest.mark.airflow
OPERATORS = [getattr(recordings, name) for name in recordings.__all__]


def own_arguments(operator: type[BaseOperator]) -> set[str]:
    parameters = inspect.signature(operator.__init__).parameters.values()
    return {one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY} - {"task_id"}


def made(operator: type[BaseOperator], prefix: str = "{{ params.x }}") -> Any:
    values: dict[str, Any] = {name: f"{prefix} {name}" for name in own_arguments(operator)}
    return operator(task_id="task", **values)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_argument_is_templated_and_kept_as_it_was_given(operator: type[BaseOperator]) -> None:
    task = made(operator)
    assert set(task.template_fields) == own_arguments(operator)
    assert {name: getattr(task, name) for name in task.template_fields} == {
        name: f"{{{{ params.x }}}} {name}" for name in task.template_fields
    }
    assert set(task.template_fields_renderers) <= set(task.template_fields)


@pytest.mark.parametrize("operator", OPERATORS)
def test_rendering_happens_once(operator: type[BaseOperator]) -> None:
    task = made(operator)
    task.render_template_fields({"params": {"x": "{{ 7 * 7 }}"}})
    assert {getattr(task, name) for name in task.template_fields} == {
        f"{{{{ 7 * 7 }}}} {name}" for name in task.template_fields
    }


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_task_can_be_copied_and_told_to_stop_more_than_once(operator: type[BaseOperator]) -> None:
    task = copy.deepcopy(made(operator))
    task.on_kill()
    task.on_kill()
    assert task.cancelled.wait(10)
