from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.recording import Outcome
from cxone_provider.operators.recordings import NotifyArchiveOperator
from tests.airflow.operator_world import World, entered
from tests.fakes.notifier import FakeNotifier
from tests.fakes.task import FakeTaskInstance, context_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
NOW = pendulum.datetime(2026, 11, 23, 6)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return entered(monkeypatch)


def archived(recording_id: str, bucket: str = "archive") -> dict[str, Any]:
    return AuditLog(
        recording_id, Outcome.ARCHIVED, NOW, NOW, s3_uri=f"s3://{bucket}/p/recordings/{recording_id}.mp3",
        manifest_uri=f"s3://{bucket}/p/manifests/{recording_id}.json", sha256="0" * 64, total_bytes=1,
    ).to_document()  # fmt: skip


def failed(recording_id: str) -> dict[str, Any]:
    error = AuditError("AccessDenied", "403")
    return AuditLog(recording_id, Outcome.FAILED, NOW, NOW, error=error).to_document()


def notify(audit_logs: Any, ti: FakeTaskInstance | None = None, **arguments: Any) -> list[dict[str, Any]]:
    return NotifyArchiveOperator(task_id="notify", audit_logs=audit_logs, **arguments).execute(context_of(ti))


@pytest.mark.parametrize(
    "audit_logs", [archived("a"), [archived("a")], [[archived("a")], []], json.dumps([archived("a")])]
)
def test_audit_logs_come_as_one_as_a_list_and_as_lists_of_mapped_tasks(world: World, audit_logs: Any) -> None:
    [receipt] = notify(audit_logs, http_conn_id="hook")
    assert (receipt["recording_id"], receipt["status_code"]) == ("a", 204)
    assert world.stored_keys() == ["p/receipts/a.json"]
    assert world.webhooks == ["hook"]


def test_what_has_a_receipt_is_not_announced_again_and_failures_are_announced_too(world: World) -> None:
    notify([archived("a")])
    receipts = notify([archived("a"), failed("b")])
    assert [receipt["recording_id"] for receipt in receipts] == ["a", "b"]
    assert [json.loads(posted.body)["recording_id"] for posted in world.notifier.posted] == ["a", "b"]
    assert world.stored_keys() == ["p/receipts/a.json"]


@pytest.mark.parametrize(("answer", "final"), [(400, True), (410, True), ("broken", False), (503, False)])
def test_every_recording_is_tried_before_the_task_fails(world: World, answer: Any, final: bool) -> None:
    world.notifier = FakeNotifier(*[answer] * 2, attempts=1)
    ti = FakeTaskInstance()
    with pytest.raises(AirflowException, match="of 3 recordings were not announced") as caught:
        notify([archived("a"), archived("b"), archived("c")], ti)
    assert isinstance(caught.value, AirflowFailException) is final
    delivered = {receipt["recording_id"] for receipt in ti.pushed["return_value"]}
    assert len(delivered) == (0 if answer == 410 else 1)


def test_audit_logs_of_several_buckets_have_their_receipts_beside_them(world: World) -> None:
    notify([failed("x"), failed("y")], aws_conn_id="s3")
    assert world.asked == [], "no bucket is reached for what was not archived"
    notify([archived("a")], aws_conn_id="s3")
    assert [(asked["bucket"], asked["aws_conn_id"]) for asked in world.asked] == [("archive", "s3")]


@pytest.mark.parametrize(
    ("audit_logs", "http_conn_id"),
    [([archived("a")], None), ([archived("a")], "None"), ([archived("a")], ""), (None, "h"), ([], "h")],
)
def test_without_a_webhook_or_without_news_the_task_is_skipped(
    world: World, audit_logs: Any, http_conn_id: Any
) -> None:
    with pytest.raises(AirflowSkipException):
        notify(audit_logs, http_conn_id=http_conn_id)
    assert world.webhooks == []


def test_what_is_no_audit_log_fails_at_once(world: World) -> None:
    with pytest.raises(AirflowFailException, match="not an audit log"):
        notify([{"recording_id": "a"}])


def test_a_kill_never_ends_in_success(world: World) -> None:
    operator = NotifyArchiveOperator(task_id="notify", audit_logs=[archived("a")])
    operator.on_kill()
    assert operator.cancelled.wait(10)
    with pytest.raises(AirflowException, match="told to stop"):
        operator.execute(context_of())
