from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.growing import GrowingObject
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.run_report import line_of
from cxone_provider.operators import quality
from cxone_provider.operators.recordings import CheckArchiveRunOperator
from tests.airflow.operator_world import World, entered
from tests.fakes.passing import Passing, Results
from tests.fakes.store import FakeStore
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore"),
]  # Great Expectations and Airflow warn themselves
NOW = pendulum.datetime(2026, 11, 23, 6)
MOST_ALIVE = 2 * 50 + 2  # a slice of fifty, the next before it is let go, and who works on one
RUN_KEY = "p/runs/date=2026-11-23/run.jsonl"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return entered(monkeypatch)


def archived(recording_id: str, **fields: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "s3_uri": f"s3://archive/p/recordings/{recording_id}.mp3",
        "manifest_uri": f"s3://archive/p/manifests/{recording_id}.json",
        "audit_uri": f"s3://archive/p/audit/{recording_id}.jsonl",
        "sha256": "0" * 64,
        "total_bytes": 1000,
        "chunks_processed": 1,
    }
    return AuditLog(recording_id, Outcome.ARCHIVED, NOW, NOW, **{**known, **fields}).to_document()


def failed(recording_id: str) -> dict[str, Any]:
    error = AuditError("ShortBody", "fewer bytes than declared")
    return AuditLog(recording_id, Outcome.FAILED, NOW, NOW, error=error).to_document()


def check(audit_logs: Any, **arguments: Any) -> dict[str, Any]:
    operator = CheckArchiveRunOperator(
        task_id="check", audit_logs=audit_logs, s3_bucket="archive", s3_prefix="p", **arguments
    )
    return operator.execute(context_of(FakeTaskInstance()))


def lines(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.store.objects[RUN_KEY][-1].body.splitlines()]


def test_a_run_that_is_complete_passes_and_leaves_its_list(world: World, task_log: Callable[[], str]) -> None:
    summary = check([[archived("a")], [archived("b")]], recordings=[[{"recording_id": "a"}], [{"recording_id": "b"}]])
    assert summary["outcomes"] == {"ARCHIVED": 2}
    assert summary["run_uri"] == f"s3://archive/{RUN_KEY}"
    assert [line["recording_id"] for line in lines(world)] == ["a", "b"]
    assert re.search(r"ARCHIVED +2 +2,000", task_log())


def test_failures_fail_the_run_after_they_are_written_down(world: World, task_log: Callable[[], str]) -> None:
    with pytest.raises(AirflowFailException, match="1 recordings FAILED, 0 may: b"):
        check([archived("a"), failed("b")])
    assert [line["outcome"] for line in lines(world)] == ["ARCHIVED", "FAILED"]
    assert "b  FAILED  ShortBody: fewer bytes than declared" in task_log()
    assert check([archived("a"), failed("b")], max_failed="1")["outcomes"] == {"ARCHIVED": 1, "FAILED": 1}


def test_a_batch_that_died_cannot_hide_what_it_was_given(world: World) -> None:
    with pytest.raises(AirflowFailException, match="1 recordings FAILED, 0 may: lost"):
        check([[archived("a")], None], recordings=[[{"recording_id": "a"}], ["lost"]])
    assert lines(world)[-1]["error"]["type"] == "Unfinished"
    with pytest.raises(AirflowFailException, match="2 recordings FAILED"):
        check(None, recordings=["a", "b"])


def test_a_broken_data_rule_fails_the_run(world: World) -> None:
    with pytest.raises(AirflowFailException, match="breaks its data rules"):
        check([archived("a"), archived("a")])
    with pytest.raises(AirflowFailException, match="breaks its data rules"):
        check([archived("a", sha256="not a digest")])


def test_a_suite_of_ones_own_and_data_docs(world: World, tmp_path: Path) -> None:
    rule = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "total_bytes", "min_value": 5000},
        "meta": {"rule": "at least 5000 bytes"},
        "severity": "critical",
    }
    with pytest.raises(AirflowFailException, match="at least 5000 bytes"):
        check([archived("a")], run_suite={"name": "house", "expectations": [rule]}, data_docs=str(tmp_path / "docs"))
    assert (tmp_path / "docs" / "index.html").exists()


@pytest.mark.parametrize(("audit_logs", "recordings"), [([], []), ([[]], None), (None, [])])
def test_a_run_about_nothing_is_skipped_not_passed(world: World, audit_logs: Any, recordings: Any) -> None:
    with pytest.raises(AirflowSkipException, match="nothing was listed"):
        check(audit_logs, recordings=recordings)
    assert world.stored_keys() == []


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"audit_logs": None}, "no task before this one tells"),
        ({"max_failed": "-1"}, "unusable max_failed"),
        ({"max_failed": "few"}, "unusable max_failed"),
        ({"audit_logs": [{"recording_id": "a"}]}, "not an audit log"),
        ({"s3_bucket": "None"}, "s3_bucket is missing"),
        ({"run_suite": "/no/such/suite.json"}, "suite"),
    ],
)
def test_what_makes_no_sense_fails_at_once(world: World, arguments: dict[str, Any], cause: str) -> None:
    given = {"audit_logs": [archived("a")], "s3_bucket": "archive", **arguments}
    with pytest.raises(AirflowFailException, match=cause):
        CheckArchiveRunOperator(task_id="check", **given).execute(context_of())


def many(count: int) -> list[dict[str, Any]]:
    return [archived(f"{number}") for number in range(count)]


def test_audit_logs_pass_through(world: World) -> None:
    passing = Passing()
    refs = [{"recording_id": f"{number}"} for number in range(500)]
    summary = check(Results(passing, many(500)), recordings=Results(passing, refs))
    assert (summary["recordings"], passing.handed, passing.alive) == (500, 1000, 0)
    assert passing.most_alive <= MOST_ALIVE
    assert len(lines(world)) == 500


def test_a_long_run_is_stored_in_parts_that_are_the_same_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    check(many(300))
    whole = world.store.body(RUN_KEY)
    world.store = FakeStore(min_part_bytes=1)
    monkeypatch.setattr(quality, "GrowingObject", partial(GrowingObject, part_bytes=20_000))
    check(many(300))
    assert world.store.body(RUN_KEY) == whole
    assert whole == b"".join(line_of(AuditLog.from_document(log)) for log in many(300))
    assert (world.store.count("put"), world.store.count("put_part")) == (0, len(whole) // 20_000 + 1)


def test_a_run_that_cannot_be_told_leaves_no_part_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.store = FakeStore(min_part_bytes=1)
    monkeypatch.setattr(quality, "GrowingObject", partial(GrowingObject, part_bytes=20_000))
    with pytest.raises(AirflowFailException, match="not an audit log"):
        check([*many(100), {"recording_id": "a"}])
    assert world.store.count("put_part") > 1
    assert (world.stored_keys(), list(world.store.uploads(""))) == ([], [])


def test_the_run_s_file_is_there_whatever_is_wrong_with_the_suite(world: World) -> None:
    for suite in ("/no/such/suite.json", "{", {"name": "house"}):
        world.store.objects.clear()
        with pytest.raises(AirflowFailException, match="suite"):
            check([archived("a")], run_suite=suite)
        assert [line["recording_id"] for line in lines(world)] == ["a"]
