from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from cxone_provider.archive.errors import StoreUnavailable
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.operators.recordings import ListRecordingsOperator
from tests.airflow.operator_world import World, entered
from tests.fakes.task import context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
URI = "s3://lists/today.csv"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return entered(monkeypatch)


def put(world: World, content: str) -> None:
    world.store.put("today.csv", content.encode(), ObjectAttributes("text/csv"))


def listing(context: dict[str, Any] | None = None, **arguments: Any) -> list[list[str]]:
    made = ListRecordingsOperator(task_id="list", **arguments).execute(context_of(**(context or {})))
    return [[ref["recording_id"] for ref in batch] for batch in made]


@pytest.mark.parametrize(
    ("recordings", "batches"),
    [
        ("call-1", [["call-1"]]),
        ('["a", "b", "a", "c"]', [["a", "b"], ["c"]]),
        ([{"recording_id": "a"}, ["b"]], [["a", "b"]]),
        ([], []),
        ("[]", []),
        (["../x", "ok"], [["../x", "ok"]]),
    ],
)
def test_recordings_named_one_by_one_become_batches(world: World, recordings: Any, batches: list[list[str]]) -> None:
    assert listing(recordings=recordings, batch_size="2") == batches


DAYS = (
    "recording_id,recorded_at\n" + "".join(f"d{day},2026-11-{day}T12:00:00Z\n" for day in range(18, 24)) + "undated,\n"
)


@pytest.mark.parametrize(
    ("arguments", "context", "found"),
    [
        ({}, {}, ["d22", "undated"]),
        ({"lookback": "2"}, {}, ["d20", "d21", "d22", "undated"]),
        ({"lookback": "PT12H"}, {}, ["d21", "d22", "undated"]),
        ({"start": "2026-11-18", "end": "2026-11-20"}, {}, ["d18", "d19", "undated"]),
        ({"start": "2026-11-19T13:00:00+01:00", "end": "2026-11-20", "lookback": 1}, {}, ["d18", "d19", "undated"]),
        (
            {},
            {
                "data_interval_start": pendulum.datetime(2026, 11, 20),
                "data_interval_end": pendulum.datetime(2026, 11, 22),
            },
            ["d20", "d21", "undated"],
        ),
        (
            {},
            {
                "data_interval_start": pendulum.datetime(2026, 11, 20),
                "data_interval_end": pendulum.datetime(2026, 11, 20),
            },
            ["d22", "undated"],
        ),
    ],
)
def test_a_list_in_s3_is_cut_to_the_window(
    world: World, arguments: dict[str, Any], context: dict[str, Any], found: list[str]
) -> None:
    put(world, DAYS)
    assert listing(context, manifest_uri=URI, **arguments) == [found]
    assert world.asked[0]["bucket"] == "lists"


def test_a_named_recording_is_left_out_only_by_a_window_that_was_given(world: World) -> None:
    old = [{"recording_id": "a", "recorded_at": "2020-01-01T00:00:00Z"}]
    assert listing(recordings=old) == [["a"]]
    assert listing(recordings=old, start="2026-11-22", end="2026-11-23") == []


def test_unusable_rows_are_told_and_carried(world: World, task_log: Callable[[], str]) -> None:
    put(world, 'recording_id,recorded_at\na,yesterday\n"x\nb,\n')
    assert listing(manifest_uri=URI) == [["a", "line 3", "b"]]
    logged = task_log()
    assert "2 of them cannot be used" in logged
    assert "a: recorded_at is not a time, found yesterday" in logged


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({}, "neither recordings nor manifest_uri"),
        ({"recordings": "null", "manifest_uri": "None"}, "neither recordings nor manifest_uri"),
        ({"recordings": "a", "manifest_uri": URI}, "both given"),
        (
            {"recordings": "a", "source": "reports"},
            "unusable source: found reports, expected manifest or completed-contacts or data-extraction",
        ),
        ({"recordings": "a", "batch_size": "0"}, "unusable batch_size"),
        ({"recordings": "a", "batch_size": "ten"}, "unusable batch_size"),
        ({"recordings": "a", "start": "2026-11-22"}, "start and end go together"),
        ({"recordings": "a", "start": "2026-11-22", "end": "2026-11-22"}, "window is empty"),
        ({"recordings": "a", "start": "soon", "end": "2026-11-22"}, "start is not a time"),
        ({"recordings": "a", "lookback": "-1"}, "lookback"),
        ({"manifest_uri": "https://x/y"}, "not an S3 URI"),
        ({"manifest_uri": "s3://lists/nothing-here.csv"}, "no such object"),
        ({"recordings": "[1, 2"}, "not JSON"),
    ],
)
def test_what_makes_no_sense_fails_at_once_and_says_why(world: World, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        listing(**arguments)


def test_an_s3_that_is_down_is_tried_again(world: World) -> None:
    put(world, DAYS)
    world.store.fail_next("stream", StoreUnavailable("503"))
    with pytest.raises(AirflowException) as caught:
        listing(manifest_uri=URI)
    assert not isinstance(caught.value, AirflowFailException)
