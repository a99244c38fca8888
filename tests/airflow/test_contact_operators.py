"""Contacts from task to task: planned from the listing, resolved once, archived and announced one by one."""

from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from cxone_provider.archive.errors import SourceUnavailable
from cxone_provider.operators.recordings import (
    CheckArchiveRunOperator,
    NotifyArchiveOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)
from cxone_provider.operators.verification import VerifyArchiveOperator
from tests.airflow.operator_world import World, entered, recording
from tests.fakes.source import FakeInteraction
from tests.fakes.task import context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task

START = pendulum.datetime(2026, 11, 22, 23, 59, tz="UTC")
REF = {"recording_id": "4711", "recorded_at": "2026-11-22T23:59:00Z", "metadata": {"skill": "billing"}}


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = entered(monkeypatch)
    legs = [FakeInteraction(f"leg-{n}", START.add(minutes=5 * n), recording(single_request=True)) for n in range(2)]
    world.source.contacts = {"4711": legs}
    return world


def through_xcom(documents: Any) -> Any:
    return json.loads(json.dumps(documents))


def validated(recordings: Any, **arguments: Any) -> list[dict[str, Any]]:
    operator = ValidateRecordingOperator(task_id="validate", recordings=recordings, **arguments)
    plans: list[dict[str, Any]] = through_xcom(operator.execute(context_of()))
    return plans


def streamed(plans: Any, **arguments: Any) -> list[dict[str, Any]]:
    operator = StreamRecordingToS3Operator(task_id="stream", plans=plans, s3_bucket="archive", **arguments)
    logs: list[dict[str, Any]] = through_xcom(operator.execute(context_of()))
    return logs


def test_a_contact_goes_from_its_listing_to_one_receipt_for_each_recording(world: World) -> None:
    [plan] = validated([REF], max_duration_s=600)
    assert world.source.calls == []
    assert (plan["size_bytes"], plan["segment_count"], plan["format"]) == (None, None, None)
    assert plan["limits"]["max_duration_s"] == 600
    logs = streamed([plan])
    assert [(log["recording_id"], log["outcome"]) for log in logs] == [("4711.1", "ARCHIVED"), ("4711.2", "ARCHIVED")]
    assert [call.operation for call in world.source.calls] == ["resolve", "whole", "whole"]
    assert logs[0]["s3_uri"] == "s3://archive/cxone/recordings/date=2026-11-22/4711.1.mp3"
    assert logs[1]["s3_uri"] == "s3://archive/cxone/recordings/date=2026-11-23/4711.2.mp3"
    receipts = NotifyArchiveOperator(task_id="notify", audit_logs=logs).execute(context_of())
    assert [receipt["recording_id"] for receipt in receipts] == ["4711.1", "4711.2"]
    run = CheckArchiveRunOperator(task_id="check", audit_logs=logs, recordings=[REF], s3_bucket="archive")
    assert run.execute(context_of())["outcomes"] == {"ARCHIVED": 2}


def test_an_archived_contact_costs_each_task_one_request_to_s3_and_none_to_the_tenant(world: World) -> None:
    streamed(validated([REF]))
    world.source.calls.clear()
    world.store.calls.clear()
    [plan] = validated(["4711"], s3_bucket="archive")
    assert plan["outcome"] == "ALREADY_ARCHIVED"
    logs = streamed([plan])
    assert [log["outcome"] for log in logs] == ["ALREADY_ARCHIVED"] * 2
    assert world.source.calls == []
    assert [call.operation for call in world.store.calls] == ["read", "read"]


def test_the_limits_of_the_validation_hold_for_what_the_stream_task_finds_out(world: World) -> None:
    world.source.contacts["4711"][1].recording.duration_s = 700.0
    logs = streamed(validated([REF], max_duration_s=600))
    assert [log["outcome"] for log in logs] == ["ARCHIVED", "REJECTED"]
    assert "max_duration_s: found 700" in logs[1]["error"]["message"]
    assert "limit 600" in logs[1]["error"]["message"]


def test_a_recording_that_fails_leaves_the_others_of_its_contact(world: World) -> None:
    world.source.script("4711.2", "whole", [SourceUnavailable("503")] * 9)
    logs = streamed(validated([REF]))
    assert [log["outcome"] for log in logs] == ["ARCHIVED", "FAILED"]
    assert "cxone/manifests/4711.json" not in world.store.objects
    world.source._faults.clear()
    assert [log["outcome"] for log in streamed(validated([REF]))] == ["ALREADY_ARCHIVED", "ARCHIVED"]


def test_a_contact_s_id_stands_for_its_recordings_when_it_is_verified(world: World) -> None:
    streamed(validated([REF]))
    found = VerifyArchiveOperator(task_id="verify", s3_bucket="archive", recordings="4711").execute(context_of())
    assert (found["recordings"], found["contacts"], found["intact"], found["problems"]) == (2, 1, 2, 0)
    del world.store.objects["cxone/manifests/4711.2.json"]
    with pytest.raises(AirflowFailException, match="4711"):
        VerifyArchiveOperator(task_id="verify", s3_bucket="archive", recordings="4711").execute(context_of())
