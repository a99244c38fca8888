from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from cxone_provider.archive.errors import AuthenticationFailed, SourceUnavailable
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.operators.recordings import StreamRecordingToS3Operator, ValidateRecordingOperator
from tests.airflow.operator_world import MP3, World, entered, recording
from tests.fakes.source import DESCRIBE
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.filterwarnings("ignore"),
]  # Great Expectations and Airflow warn themselves


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = entered(monkeypatch)
    world.source.recordings = {f"r{number}": recording() for number in range(4)}
    return world


def validate(recordings: Any, ti: FakeTaskInstance | None = None, **arguments: Any) -> list[dict[str, Any]]:
    operator = ValidateRecordingOperator(task_id="validate", recordings=recordings, **arguments)
    return operator.execute(context_of(ti))


def outcomes(plans: list[dict[str, Any]]) -> dict[str, str]:
    return {plan["recording_id"]: plan["outcome"] for plan in plans}


@pytest.mark.parametrize("recordings", ["r1", ' ["r1"] ', {"recording_id": "r1"}, [["r1"]], ["r1", "r1"]])
def test_one_recording_is_a_batch_of_one(world: World, recordings: Any) -> None:
    [plan] = validate(recordings)
    assert SegmentPlan.from_document(plan).size_bytes == len(MP3)
    assert len(json.dumps(plan)) < 2048
    assert world.source.closed == 1


def test_templated_settings_are_text_and_absent_ones_the_text_none(world: World) -> None:
    [plan] = validate(
        "r1",
        audio_format="MP3",
        segment_size_bytes="262144",
        max_duration_s="3600",
        max_size_bytes="None",
        retention="None",
    )
    assert (plan["format"], plan["segment_size_bytes"]) == ("mp3", 262_144)


def test_every_reason_of_every_recording_is_named_and_nothing_is_tried_again(world: World) -> None:
    world.source.recordings["r1"] = recording(storage_state="deleted")
    world.source.recordings["r2"] = recording(duration_s=5000, described_size_bytes=2**40)
    with pytest.raises(AirflowFailException) as caught:
        validate(["r0", "r1", "r2", "nope", "../x"], FakeTaskInstance(try_number=1, max_tries=2))
    message = str(caught.value)
    assert message.startswith("4 of 5 recordings cannot be archived: ")
    for part in (
        "r1 is DELETED: storage_state: found deleted",
        "r2 is REJECTED: max_size_bytes: found 1099511627776, limit 17179869184; max_duration_s: found 5000, limit",
        "nope is NOT_FOUND",
        "../x is REJECTED: recording_id: found ../x",
    ):
        assert part in message


def test_reporting_carries_each_outcome_on(world: World, task_log: Callable[[], str]) -> None:
    world.source.recordings["r1"] = recording(storage_state="archived")
    plans = validate(["r0", "r1", "nope"], on_rejected="report")
    assert outcomes(plans) == {"r0": "READY", "r1": "IN_COLD_STORAGE", "nope": "NOT_FOUND"}
    assert "r1 is IN_COLD_STORAGE: storage_state: found archived" in task_log()


def test_archived_recordings_cost_cxone_nothing_unless_they_are_replaced(world: World) -> None:
    plans = validate(["r0", "r1"])
    StreamRecordingToS3Operator(task_id="stream", plans=plans[:1], s3_bucket="archive", s3_prefix="p").execute(
        context_of()
    )
    world.source.calls.clear()
    arguments: dict[str, Any] = {"s3_bucket": "archive", "s3_prefix": "p"}
    assert outcomes(validate(["r0", "r1"], **arguments)) == {"r0": "ALREADY_ARCHIVED", "r1": "READY"}
    assert [call.recording_id for call in world.source.calls] == ["r1"]
    assert outcomes(validate(["r0"], replace="True", **arguments)) == {"r0": "READY"}


def suite(column: str, kind: str, **arguments: Any) -> dict[str, Any]:
    rule = {
        "type": kind,
        "kwargs": {"column": column, **arguments},
        "meta": {"rule": "house rule"},
        "severity": "critical",
    }
    return {"name": "house", "expectations": [rule]}


def test_a_suite_of_ones_own_is_taken_from_a_file_or_json(world: World, tmp_path: Path) -> None:
    rule = suite("duration_s", "expect_column_values_to_be_between", max_value=0.5)
    path = tmp_path / "house.json"
    path.write_text(json.dumps(rule))
    for given in (str(path), json.dumps(rule), rule):
        [plan] = validate("r1", on_rejected="report", recording_suite=given)
        assert [reason["rule"] for reason in plan["reasons"]] == ["house rule"]


def test_a_rule_of_the_whole_batch_fails_the_task_whatever_is_reported(world: World) -> None:
    rule = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 5}, "severity": "critical"}
    rule["meta"] = {"rule": "at least five"}
    with pytest.raises(AirflowFailException, match="The batch as a whole breaks its data rules: at least five"):
        validate(["r0", "r1"], on_rejected="report", recording_suite={"name": "house", "expectations": [rule]})


@pytest.mark.parametrize("recordings", [[], (), "[]", [[]]])
def test_an_empty_batch_is_skipped_not_passed(world: World, recordings: Any) -> None:
    with pytest.raises(AirflowSkipException, match="empty batch"):
        validate(recordings)


@pytest.mark.parametrize("recordings", ["", "  ", None, "None", "null"])
def test_nothing_at_all_is_a_mistake(world: World, recordings: Any) -> None:
    with pytest.raises(AirflowFailException, match="recordings is empty"):
        validate(recordings)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"on_rejected": "ignore"}, "unusable on_rejected: found ignore, expected fail or report"),
        ({"segment_size_bytes": "0"}, "unusable segment_size_bytes"),
        ({"segment_size_bytes": "8 MiB"}, "unusable segment_size_bytes"),
        ({"max_duration_s": "-5"}, "unusable max_duration_s"),
        ({"retention": "a while"}, "unusable retention"),
        ({"audio_format": "exe"}, "format"),
        ({"replace": "perhaps", "s3_bucket": "archive"}, "unusable replace"),
        ({"recording_suite": "/no/such/suite.json"}, "suite"),
        ({"plan_suite": "{"}, "unusable plan_suite"),
    ],
)
def test_a_setting_that_makes_no_sense_fails_at_once(world: World, arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(AirflowFailException, match=cause):
        validate("r1", **arguments)


def test_a_tenant_that_is_down_is_tried_again_until_the_last_try(world: World) -> None:
    world.source.script("r1", DESCRIBE, [SourceUnavailable("503"), SourceUnavailable("503")])
    with pytest.raises(AirflowException, match="1 of 2 recordings could not be asked for: r1") as caught:
        validate(["r0", "r1"], FakeTaskInstance(try_number=1, max_tries=1), on_rejected="report")
    assert not isinstance(caught.value, AirflowFailException)
    plans = validate(["r0", "r1"], FakeTaskInstance(try_number=2, max_tries=1), on_rejected="report")
    assert outcomes(plans) == {"r0": "READY", "r1": "FAILED"}


def test_refused_credentials_fail_at_once(world: World) -> None:
    world.source.script("r1", DESCRIBE, [AuthenticationFailed("the credentials were refused")])
    with pytest.raises(AirflowFailException, match="credentials were refused"):
        validate("r1", FakeTaskInstance(try_number=1, max_tries=5), on_rejected="report")


def test_a_kill_never_ends_in_success(world: World) -> None:
    operator = ValidateRecordingOperator(task_id="validate", recordings="r1")
    operator.on_kill()
    assert operator.cancelled.wait(10)
    with pytest.raises(AirflowException, match="stopped"):
        operator.execute(context_of())
    assert world.source.calls == []
