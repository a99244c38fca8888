from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, DownstreamTasksSkipped
from airflow.sdk import DAG, BaseOperator

from cxone_provider.archive.errors import StoreUnavailable
from cxone_provider.archive.estimating import Estimate
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.operators.recordings import EstimateArchiveOperator
from tests.airflow.operator_world import World, entered
from tests.fakes.task import FakeTaskInstance, context_of
from tests.unit.archive.reconciling_cases import commit, ref

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
ROWS = "recording_id,recorded_at\na,2026-11-22T10:00:00Z\nb,2026-11-22T11:00:00Z\nold,2026-11-01T00:00:00Z\n"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    extra = {"api": "media-playback"}
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps({"conn_type": "cxone", "extra": extra}))
    world = entered(monkeypatch)
    commit(world.store, "a")
    world.store.put("list.csv", ROWS.encode(), ObjectAttributes("text/csv"))
    return world


def estimated(**arguments: Any) -> Estimate:
    operator = EstimateArchiveOperator(task_id="estimate", **arguments)
    return Estimate.from_document(operator.execute(context_of()))


def test_what_was_listed_is_estimated_and_nothing_is_stored(world: World, task_log: Callable[[], str]) -> None:
    stored = world.stored_keys()
    made = estimated(recordings=[[ref("a"), ref("b")], [ref("c", has_media=False)]], s3_bucket="archive", s3_prefix="p")
    assert (made.contacts, made.already_archived, made.to_archive, made.requests) == (3, 1, 1, 1)
    assert world.stored_keys() == stored
    assert "150 requests in 300 s" in task_log()


def test_it_lists_itself_where_nothing_is_handed_to_it(world: World) -> None:
    made = estimated(manifest_uri="s3://lists/list.csv", interactions="1000", fee_share="0.001", bitrate_bps="8000")
    assert (made.contacts, made.already_archived, made.to_archive) == (2, None, 2)
    assert (made.interactions, made.fee_share, made.above_fee_line, made.bitrate_bps) == (1000, 0.001, 1, 8000)


def with_what_follows(**arguments: Any) -> tuple[EstimateArchiveOperator, FakeTaskInstance, Any]:
    """Return a task that three others follow, one of them whatever becomes of the rest."""
    with DAG("estimating", start_date=pendulum.datetime(2026, 1, 1), schedule=None):
        operator = EstimateArchiveOperator(task_id="estimate", recordings=[ref("a")], **arguments)
        BaseOperator(task_id="before") >> operator >> BaseOperator(task_id="next")
        operator >> BaseOperator(task_id="middle") >> BaseOperator(task_id="last", trigger_rule="all_done")
    ti = FakeTaskInstance()
    return operator, ti, context_of(ti, task=operator, dag=SimpleNamespace())


def test_a_dry_run_skips_everything_that_follows_and_keeps_the_estimate(world: World) -> None:
    operator, ti, context = with_what_follows(skip_following="True")
    with pytest.raises(DownstreamTasksSkipped) as raised:
        operator.execute(context)
    assert sorted(raised.value.tasks) == ["last", "middle", "next"]
    assert Estimate.from_document(ti.pushed["return_value"]).to_archive == 1


def test_without_it_the_run_goes_on(world: World) -> None:
    operator, ti, context = with_what_follows(skip_following="False")
    assert operator.execute(context)["to_archive"] == 1
    assert ti.pushed == {}


def test_an_empty_list_is_an_estimate_of_nothing(world: World) -> None:
    assert estimated(recordings=[]) == Estimate("media-playback", quota=estimated(recordings=[]).quota)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"recordings": None}, "neither recordings nor manifest_uri"),
        ({"skip_following": "perhaps"}, "unusable skip_following"),
        ({"fee_share": "5 %"}, "unusable fee_share"),
        ({"fee_share": True}, "unusable fee_share"),
        ({"bitrate_bps": "0"}, "unusable bitrate_bps"),
        ({"interactions": "none of them"}, "unusable interactions"),
        ({"segment_size_bytes": "0"}, "unusable segment_size_bytes"),
        ({"cxone_conn_id": "nowhere"}, "there is no such connection"),
        ({"s3_bucket": "a/b"}, "unusable s3_bucket"),
    ],
)
def test_what_makes_no_sense_fails_at_once(world: World, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        estimated(**{"recordings": [ref("a")], **arguments})


def test_an_s3_that_is_down_is_tried_again(world: World) -> None:
    world.store.fail_next("list_objects", StoreUnavailable("503"))
    with pytest.raises(AirflowException) as caught:
        estimated(recordings=[ref("a")], s3_bucket="archive")
    assert not isinstance(caught.value, AirflowFailException)
