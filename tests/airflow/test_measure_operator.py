"""The example that runs downstream of the archive: its operator, its schedule, and a run over real objects."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from airflow.models.asset import AssetDagRunQueue, AssetEvent
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException
from airflow.sdk import DAG, Asset
from airflow.sdk.definitions.asset import AssetUniqueKey
from airflow.utils.session import create_session
from sqlalchemy import delete, select, update

from cxone_provider.archive.errors import StoreUnavailable
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome
from cxone_provider.operators import statistics
from cxone_provider.operators.recordings import MeasureCallsOperator, StreamRecordingToS3Operator
from tests.airflow.conftest import AUDIO, BUCKET, Site
from tests.airflow.operator_world import World, entered, recording
from tests.airflow.versions import parsed_dags, sync_bag_to_db
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task

WAVE = (AUDIO / "call-ulaw-8k-mono.wav").read_bytes()
DAY = "2026-11-22"
KEY = f"cxone/statistics/date={DAY}/calls.jsonl"
FILE = """
from airflow.sdk import DAG
from cxone_provider.example_dags.cxone_call_statistics import dag
"""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = entered(monkeypatch)
    monkeypatch.setattr(statistics, "archive_bucket", world.bucket)
    world.source.recordings = {"r1": recording(content=WAVE, duration_s=70.0, format="wav")}
    plan = SegmentPlan(
        "r1", Outcome.READY, format="wav", size_bytes=len(WAVE), segment_size_bytes=2**20,
        recorded_at=pendulum.datetime(2026, 11, 22, 9),
    ).to_document()  # fmt: skip
    [log] = StreamRecordingToS3Operator(task_id="stream", plans=plan, s3_bucket="archive").execute(context_of())
    assert log["outcome"] == "ARCHIVED"
    return world


def measure(ti: FakeTaskInstance | None = None, events: Any = None, **arguments: Any) -> dict[str, Any]:
    operator = MeasureCallsOperator(task_id="measure", **{"s3_bucket": "archive", **arguments})
    return operator.execute(context_of(ti, triggering_asset_events=events or {}))


def events_of(*days: dict[str, Any]) -> dict[AssetUniqueKey, list[Any]]:
    """Return what triggered a run, as Airflow hands it over."""
    told = [SimpleNamespace(extra={"schema": "cxone.completeness-summary/1", "days": list(days)})]
    ours, other = (AssetUniqueKey.from_asset(Asset(uri)) for uri in ("s3://archive/cxone/runs", "s3://elsewhere/x"))
    return {ours: told, other: [SimpleNamespace(extra={})]}


@pytest.mark.parametrize("days", [DAY, [DAY], json.dumps([DAY, DAY])])
def test_days_come_as_one_a_list_or_text(world: World, days: Any) -> None:
    assert measure(days=days)["days"][DAY]["measured"] == 1
    [line] = world.store.body(KEY).splitlines()
    assert json.loads(line)["silence_share"] == pytest.approx(0.34, abs=0.01)


def test_the_event_of_a_reconciliation_tells_the_days(world: World) -> None:
    found = measure(days="None", events=events_of({"day": DAY, "archived": 3}, {"day": "2026-11-21", "archived": 0}))
    assert list(found["days"]) == [DAY]


def test_without_a_day_the_task_is_skipped(world: World) -> None:
    with pytest.raises(AirflowSkipException):
        measure()


def test_settings_are_templates(world: World) -> None:
    measure(days=[DAY], silence_dbfs="-30", aws_conn_id="None")
    assert json.loads(world.store.body(KEY))["silence_dbfs"] == -30
    assert world.asked[-1]["aws_conn_id"] is None


@pytest.mark.parametrize("arguments", [{"days": ["yesterday"]}, {"days": [DAY], "silence_dbfs": "loud"}])
def test_bad_settings_fail_without_a_retry(world: World, arguments: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException):
        measure(**arguments)


@pytest.mark.parametrize(("tries", "kind"), [(1, AirflowException), (2, AirflowFailException)])
def test_another_try_is_asked_for_while_it_may_help(world: World, tries: int, kind: type[Exception]) -> None:
    world.store.fail_next("stream", StoreUnavailable("broken"))
    with pytest.raises(AirflowException, match="1 recordings could not be measured: r1") as caught:
        measure(FakeTaskInstance(try_number=tries, max_tries=1), days=[DAY])
    assert type(caught.value) is kind


@pytest.fixture
def example(airflow_db: None, tmp_path: Path) -> DAG:
    """Parse the file that a user puts into a DAG folder."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    (tmp_path / "statistics.py").write_text(FILE)
    bag = parsed_dags(tmp_path)
    assert bag.import_errors == {}
    DagBundlesManager().sync_bundles_to_db()  # type: ignore[no-untyped-call]  # Airflow's constructor has no types
    sync_bag_to_db(bag, "dags-folder", bundle_version=None)
    assert list(bag.dags) == ["cxone_call_statistics"]
    return bag.dags["cxone_call_statistics"]


def test_the_example_is_scheduled_on_the_archive(example: DAG) -> None:
    condition: Any = example.timetable.asset_condition
    assert [asset.uri for asset in condition.objects] == [f"s3://{BUCKET}/cxone/runs"]
    assert example.doc_md is not None
    assert example.doc_md.startswith("### ")


def test_the_documents_own_lines_are_the_file_that_is_parsed(example: DAG) -> None:
    assert example.doc_md is not None
    assert all(line in example.doc_md for line in FILE.strip().splitlines())


@pytest.mark.server
@pytest.mark.timeout(300)
def test_a_reconciled_day_makes_the_scheduler_run_the_example(
    site: Site, run_dag: Callable[..., DagRun], example: DAG
) -> None:
    site.tenant.add_recording("call-1", AUDIO / "call-ulaw-8k-mono.wav")
    recorded_at = pendulum.now("UTC").subtract(days=1)
    listed = f"recording_id,recorded_at\ncall-1,{recorded_at.isoformat()}\n".encode()
    site.s3.client().put_object(Bucket=BUCKET, Key="lists/today.csv", Body=listed)
    with create_session() as session:
        session.execute(delete(AssetDagRunQueue))
        session.execute(update(DagModel).where(DagModel.dag_id == example.dag_id).values(is_paused=False))
    run = run_dag("cxone_daily_archive", manifest_uri=f"s3://{BUCKET}/lists/today.csv")
    assert run.state == "success"
    with create_session() as session:
        # Other DAGs of this session may wait for the same asset.
        assert example.dag_id in session.scalars(select(AssetDagRunQueue.target_dag_id)).all()
        found = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).all()
        events = {one.uri: [SimpleNamespace(extra=dict(one.extra))] for one in found}

    measured = measure(events=events, s3_bucket=BUCKET)["days"]
    assert measured[recorded_at.to_date_string()]["measured"] == 1
    assert f"cxone/statistics/date={recorded_at.to_date_string()}/calls.jsonl" in site.objects()


@pytest.mark.server
@pytest.mark.timeout(300)
def test_a_run_measures_what_another_archived(site: Site, run_dag: Callable[..., DagRun], example: DAG) -> None:
    site.tenant.add_recording("call-1", AUDIO / "call-pcm16-8k-stereo.wav")
    assert run_dag("cxone_archive_recording", recording_id="call-1").state == "success"
    [media] = [key for key in site.objects() if "/recordings/" in key]
    day = media.split("/date=")[1].partition("/")[0]

    run = example.test(logical_date=None, run_conf={"days": [day]})
    assert run.state == "success"
    [line] = site.objects()[f"cxone/statistics/date={day}/calls.jsonl"].splitlines()
    call = json.loads(line)
    assert call["recording_id"] == "call-1"
    assert [channel["talk_share"] for channel in call["channels"]] == pytest.approx([0.456, 0.248], abs=0.01)
