"""How a listing reaches the tasks after it: no more batches than Airflow maps over, no more XCom than a task's own."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, overload

import pytest
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context

from cxone_provider.archive.errors import InvalidDocument, SourceUnavailable
from cxone_provider.operators import batches, listing
from cxone_provider.operators.batches import BATCH_SCHEMA, DEFAULT_TASKS, MAX_INLINE_BYTES, handed_over, in_batches
from cxone_provider.operators.recordings import (
    CheckArchiveRunOperator,
    EstimateArchiveOperator,
    ListRecordingsOperator,
    ReconcileArchiveOperator,
    ValidateRecordingOperator,
)
from cxone_provider.operators.running import flat
from tests.airflow.conftest import AUDIO, Site
from tests.airflow.operator_world import World, entered, recording
from tests.airflow.test_dag_runs import outcomes, result_of, states, xcoms
from tests.fakes.alive import Alive
from tests.fakes.listing import FakeListing
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return entered(monkeypatch)


def ref_of(number: int) -> dict[str, Any]:
    metadata = {"agent_name": "Ada Park", "skill": "Claims", "direction": "inbound", "ani": "+15550100"}
    times = {"recorded_at": "2026-11-22T12:00:00Z", "duration_s": 61.5}
    return {"recording_id": f"{number:012}", **times, "metadata": metadata}


def refs(count: int) -> list[dict[str, Any]]:
    return [ref_of(number) for number in range(count)]


def listed(ti: FakeTaskInstance, count: int, **arguments: Any) -> list[Any]:
    operator = ListRecordingsOperator(task_id=ti.task_id, recordings=refs(count), **arguments)
    made = operator.execute(context_of(ti))
    assert isinstance(made, list)
    return made


@pytest.mark.parametrize(
    ("number", "batch_size", "sizes"),
    [
        (0, 100, {}),
        (1, 100, {1: 1}),
        (2_740, 100, {100: 27, 40: 1}),
        (102_400, 100, {100: 1024}),
        (102_401, 100, {100: 1024, 1: 1}),
        (274_000, 100, {100: 1024, 200: 858}),
        (1_024_000, 100, {100: 1024, 200: 1024, 400: 1024, 800: 384}),
        (1_024_000, 500, {500: 1024, 1000: 512}),
        (1_024_000, 1000, {1000: 1024}),
        (3_072, 1, {1: 1024, 2: 1024}),
    ],
)
def test_batches_grow_with_the_listing_without_knowing_its_end(
    number: int, batch_size: int, sizes: dict[int, int]
) -> None:
    made = [[one["n"] for one in batch] for batch in in_batches(({"n": n} for n in range(number)), batch_size)]
    assert dict(Counter(map(len, made))) == sizes
    assert [n for batch in made for n in batch] == list(range(number))
    assert list(map(len, made[:-1])) == sorted(map(len, made[:-1])), "never smaller again, but for the last one"


def test_more_than_a_run_takes_is_refused_before_it_is_all_held_and_says_what_to_do() -> None:
    documents = ({"n": n} for n in count())
    with pytest.raises(InvalidDocument, match=r"expected at most 1024000.*shorter window") as caught:
        for _ in in_batches(documents, 100):
            pass
    assert not caught.value.retryable
    assert next(documents)["n"] <= 1_024_000 + 1000


def test_larger_batches_are_told(world: World, caplog: pytest.LogCaptureFixture) -> None:
    made = listed(FakeTaskInstance(), 1100, batch_size=1, max_tasks=1024)
    assert sum(map(len, made)) == 1100
    assert [record.message for record in caplog.records if "instead of" in record.message] == [
        "batches of 2 instead of 1 behind the first 1024"
    ]


def test_a_long_listing_is_pushed_while_it_is_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alive = Alive()
    held: list[int] = []

    class Task(FakeTaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            assert key == f"batch_{len(held)}"
            held.append(len(value))

    made = handed_over(in_batches(alive.documents(range(10_000), ref_of), 100), context_of(Task(task_id="l")))
    inline = MAX_INLINE_BYTES // len(json.dumps(ref_of(0)))
    assert (held, sum(map(len, made))) == ([100] * 100, 100)
    assert alive.most <= inline + 2 * 100, "what is short enough to stay, and the batch that is too much, and the next"


def test_what_failed_in_the_middle_fails_the_task_and_leaves_no_result(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield from refs(5_000)
        raise SourceUnavailable("the tenant answers", found=503)

    source = FakeListing()
    monkeypatch.setattr(source, "refs", lambda _: broken())
    monkeypatch.setattr(listing, "completed_contacts", lambda *_: source)
    ti = FakeTaskInstance()
    operator = ListRecordingsOperator(task_id="list", source="completed-contacts")
    with pytest.raises(AirflowException, match="the tenant answers") as caught:
        operator.execute(context_of(ti))
    assert not isinstance(caught.value, AirflowFailException)
    assert "return_value" not in ti.pushed
    assert source.closed == 1


def test_what_is_listed_is_read_while_the_source_is_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    source = FakeListing()
    open_then: list[bool] = []

    def told() -> Iterator[dict[str, Any]]:
        for one in refs(3):
            open_then.append(not source.closed)
            yield one

    monkeypatch.setattr(source, "refs", lambda _: told())
    monkeypatch.setattr(listing, "completed_contacts", lambda *_: source)
    operator = ListRecordingsOperator(task_id="list", source="completed-contacts", start="2026-11-22", end="2026-11-23")
    assert len(operator.execute(context_of(FakeTaskInstance()))[0]) == 3
    assert (open_then, source.closed) == ([True] * 3, 1)


def test_a_short_listing_is_handed_on_as_it_is(world: World) -> None:
    ti = FakeTaskInstance()
    made = listed(ti, 1000)
    assert [ref["recording_id"] for batch in made for ref in batch] == [ref["recording_id"] for ref in refs(1000)]
    assert ti.pushed == {}


@pytest.mark.parametrize("count", [5_000, 40_000])
def test_xcom_of_each_task_stays_flat_however_long_the_listing(world: World, count: int) -> None:
    ti = FakeTaskInstance(task_id="list_recordings")
    made = listed(ti, count)
    places = [place for share in made for place in share]
    batch_bytes = [len(json.dumps(batch)) for batch in ti.pushed.values()]
    # What every mapped task reads, and what it reads besides: its own batches, one after another.
    assert len(json.dumps(made)) <= MAX_INLINE_BYTES
    assert max(batch_bytes) <= 30_000
    assert len(made) == DEFAULT_TASKS
    assert len(places) == len(ti.pushed) == count / 100
    assert sum(one["count"] for one in places) == count
    assert places[0] == {"schema": BATCH_SCHEMA, "task_id": "list_recordings", "map_index": -1, "key": "batch_0"} | {
        "count": len(ti.pushed["batch_0"])
    }


def test_every_operator_takes_a_long_listing_and_a_short_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", '{"conn_type": "cxone"}')
    ti = FakeTaskInstance(task_id="list_recordings")
    made = listed(ti, 3, batch_size=2)
    assert [one["count"] for one in made] == [2, 1]
    world.source.recordings |= {ref["recording_id"]: recording() for ref in refs(3)}
    context = context_of(ti, outlet_events={})

    plans = ValidateRecordingOperator(task_id="validate", recordings=made[0], cxone_conn_id="t").execute(context)
    estimated = EstimateArchiveOperator(task_id="estimate", recordings=made, s3_bucket="archive").execute(context)
    reconcile = ReconcileArchiveOperator(task_id="r", recordings=made, s3_bucket="archive", max_missing=2)
    check = CheckArchiveRunOperator(task_id="check", audit_logs=[], recordings=made, s3_bucket="archive")

    assert [plan["recording_id"] for plan in plans] == ["000000000000", "000000000001"]
    assert estimated["to_archive"] == 3
    with pytest.raises(AirflowFailException, match="3 of 3 are missing, 2 may be: 000000000000, 000000000001"):
        reconcile.execute(context)
    with pytest.raises(AirflowFailException, match="3 recordings FAILED, 0 may: 000000000000, 000000000001"):
        check.execute(context)


@pytest.mark.parametrize("left", [None, [], "other", [{"recording_id": "a"}]])
def test_a_batch_that_is_gone_fails_for_good_and_says_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch, left: object
) -> None:
    monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
    ti = FakeTaskInstance(task_id="list_recordings")
    made = listed(ti, 4, batch_size=2)
    ti.xcom_push("batch_1", left)
    operator = ValidateRecordingOperator(task_id="validate", recordings=made[1], cxone_conn_id="t")
    with pytest.raises(AirflowFailException, match=r"batch batch_1 in the XCom of list_recordings.*Clear the task"):
        operator.execute(context_of(ti))


class Results(Sequence[Any]):
    """A mapped task's results, as Airflow hands them on: each access is a request."""

    def __init__(self, results: list[Any]) -> None:
        self.results = results
        self.asked: list[object] = []

    def __len__(self) -> int:
        raise AssertionError("a request for nothing")

    @overload
    def __getitem__(self, key: int) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> list[Any]: ...
    def __getitem__(self, key: int | slice) -> Any:
        self.asked.append(key)
        return self.results[key]


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (49, 1), (50, 2), (1000, 21)])
def test_results_of_mapped_tasks_are_read_fifty_at_a_time(count: int, requests: int) -> None:
    results = Results([[{"n": number}] for number in range(count)])
    assert flat(results) == [{"n": number} for number in range(count)]
    assert len(results.asked) == requests
    assert all(isinstance(one, slice) for one in results.asked)


@pytest.mark.server
@pytest.mark.timeout(300)
def test_airflow_hands_every_mapped_task_its_own_batch(
    site: Site, run_dag: Callable[..., DagRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MAX_INLINE_BYTES", 0)
    site.tenant.add_recording("z-last", AUDIO / "one-second.mp3")
    names = [*(f"nowhere-{n:03}" for n in range(100)), "z-last"]

    run = run_dag("cxone_daily_archive", recordings=names)

    assert set(states(run).values()) == {"success"}
    handed = result_of(run, "list_recordings")
    assert [(one["key"], one["count"]) for one in handed] == [("batch_0", 100), ("batch_1", 1)]
    assert [len(xcoms(run)[f"list_recordings[-1].batch_{n}"]) for n in (0, 1)] == [100, 1]
    assert outcomes(result_of(run, "batch.stream", 0)) == dict.fromkeys(names[:100], "NOT_FOUND")
    assert outcomes(result_of(run, "batch.stream", 1)) == {"z-last": "ARCHIVED"}
    assert result_of(run, "check_run")["recordings"] == 101
    assert result_of(run, "reconcile")["expected"] == 101


def test_a_context_is_needed_only_where_a_batch_lies_elsewhere() -> None:
    context: Context = context_of(FakeTaskInstance())
    assert flat([[{"recording_id": "a"}]], context) == flat([[{"recording_id": "a"}]]) == [{"recording_id": "a"}]
