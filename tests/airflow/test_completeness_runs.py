"""The documents' own DAG, run by Airflow: a dry run, a complete day whose event reaches who waits for it, a gap."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.models.asset import AssetDagRunQueue, AssetEvent
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import delete, select, update

from cxone_provider.archive.completeness import parse_completeness
from tests.airflow.conftest import AUDIO, BUCKET, Site
from tests.airflow.versions import parsed_dags, sync_bag_to_db
from tests.docs.snippets import snippet

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
CALLS = {"call-1": "call-cbr32k-8k-id3v23.mp3", "call-2": "one-second.mp3"}
RunArchive = Callable[..., DagRun]


@pytest.fixture
def run_archive(airflow_db: None, tmp_path: Path) -> RunArchive:
    """Return a function that runs the DAG of docs/operators.md."""
    path = tmp_path / "complete_archive.py"
    path.write_text(snippet("docs/operators.md", "completeness"))

    def run(**params: Any) -> DagRun:
        bag = parsed_dags(path)
        assert bag.import_errors == {}
        bundles: Any = DagBundlesManager  # Airflow leaves its constructor untyped
        bundles().sync_bundles_to_db()
        sync_bag_to_db(bag, "dags-folder", bundle_version=None)
        with create_session() as session:
            session.execute(delete(AssetDagRunQueue))
            session.execute(update(DagModel).where(DagModel.dag_id == "on_complete_day").values(is_paused=False))
        ended: DagRun = bag.dags["complete_archive"].test(logical_date=None, run_conf={"s3_bucket": BUCKET, **params})
        return ended

    return run


def states(run: DagRun) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances()}


def result_of(run: DagRun, task_id: str) -> Any:
    with create_session() as session:
        found = session.scalars(
            select(XComModel).where(
                XComModel.run_id == run.run_id, XComModel.task_id == task_id, XComModel.key == "return_value"
            )
        ).one()
        return XComModel.deserialize_value(found)


def events_of(run: DagRun) -> list[tuple[str, dict[str, Any], list[str]]]:
    with create_session() as session:
        found = session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id)).all()
        return [(one.uri or "", dict(one.extra), [alias.name for alias in one.source_aliases]) for one in found]


def waiting_dags() -> list[str]:
    """Return the DAGs that the scheduler will run because of an event."""
    with create_session() as session:
        return list(session.scalars(select(AssetDagRunQueue.target_dag_id)))


def add_calls(site: Site) -> None:
    for recording_id, name in CALLS.items():
        site.tenant.add_recording(recording_id, AUDIO / name)


def test_a_dry_run_tells_and_does_nothing(site: Site, run_archive: RunArchive) -> None:
    add_calls(site)
    run = run_archive(recordings=list(CALLS), dry_run=True)
    ended = states(run)
    assert {name for name, state in ended.items() if state == "success"} == {"list_recordings", "estimate"}
    assert set(ended.values()) == {"success", "skipped"}
    assert result_of(run, "estimate")["to_archive"] == 2
    assert site.objects() == {}
    assert site.tenant.requests == []


def test_a_complete_day_is_reported_and_its_event_says_so(site: Site, run_archive: RunArchive) -> None:
    add_calls(site)
    run = run_archive(recordings=[*CALLS, "nowhere"])

    assert set(states(run).values()) == {"success"}
    answer = result_of(run, "reconcile")
    assert (answer["expected"], answer["archived"], answer["missing"]) == (3, 2, 0)
    assert answer["outcomes"] == {"NOT_FOUND": 1}
    size_bytes = sum((AUDIO / name).stat().st_size for name in CALLS.values())
    [day] = answer["days"]
    report = parse_completeness(site.objects()[day["report_uri"].removeprefix(f"s3://{BUCKET}/")])
    assert (report.day, report.run_id, report.archived, report.size_bytes) == (day["day"], run.run_id, 2, size_bytes)
    assert report.requests_used is not None
    assert report.requests_used >= 5

    [(uri, extra, aliases)] = events_of(run)
    assert (uri, aliases) == (f"s3://{BUCKET}/cxone/runs", ["cxone_archive_completeness"])
    assert (extra["expected"], extra["archived"], extra["missing"], extra["bytes"]) == (3, 2, 0, size_bytes)
    assert extra["days"][0]["report_uri"] == day["report_uri"]
    assert waiting_dags() == ["on_complete_day"]


def test_a_day_on_which_nothing_was_expected_fails_and_makes_no_event(site: Site, run_archive: RunArchive) -> None:
    run = run_archive(recordings=[])
    assert states(run)["reconcile"] == "failed"
    assert events_of(run) == []
    assert waiting_dags() == []
    assert result_of(run, "reconcile")["expected"] == 0
    assert [key for key in site.objects() if "/reconcile-" in key]
