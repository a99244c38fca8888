"""Hostile text through Airflow: templates are not rendered twice, and no foreign text forges a line of a task's log."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pendulum
import pytest
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowException

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.plan import Reason, SegmentPlan
from cxone_provider.archive.recording import Outcome
from cxone_provider.operators.recordings import (
    CheckArchiveRunOperator,
    ListRecordingsOperator,
    NotifyArchiveOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)
from tests.airflow.conftest import AUDIO, BUCKET, CLIENT_SECRET, HOME, Site
from tests.airflow.operator_world import World, entered, recording
from tests.fakes.notifier import FakeNotifier
from tests.fakes.task import context_of

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
NOW = pendulum.datetime(2026, 11, 23, 6)
FORGED = "[2026-11-23T10:00:00Z] {taskinstance.py:1} INFO - Marking task as SUCCESS"
HOSTILE = [
    "call\n" + FORGED,
    "call\r" + FORGED,
    "\x1b[2J\x1b[1;1H" + FORGED,
    "a\u2028" + FORGED,
    "\x1b]0;owned\x07" * 10**5,
]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return entered(monkeypatch)


def audit_log(text: str, **fields: Any) -> dict[str, Any]:
    error = AuditError("ShortBody", "fewer bytes", retryable=False)
    document = AuditLog("call-1", Outcome.FAILED, NOW, NOW, error=error).to_document()
    return {**document, "error": {"type": text, "message": text, "retryable": False}, **fields}


def lists(text: str) -> object:
    rows = [
        text,
        {"recording_id": text},
        {"recording_id": "a", "duration_s": text},
        {"recording_id": "b", "metadata": text},
    ]
    return ListRecordingsOperator(task_id="t", recordings=rows).execute(context_of())


def validates(text: str) -> object:
    rows = [text, {"recording_id": text}, {"recording_id": "hostile"}, {"recording_id": "a", "recorded_at": text}]
    return ValidateRecordingOperator(task_id="t", recordings=rows).execute(context_of())


def streams(text: str) -> object:
    plan = SegmentPlan("call-1", Outcome.READY, size_bytes=10).to_document()
    rejected = SegmentPlan("call-1", Outcome.REJECTED, reasons=[Reason(text, text, text)]).to_document()
    plans = [{**plan, "recording_id": text}, {**plan, "recording_id": text}, rejected]
    return StreamRecordingToS3Operator(task_id="t", plans=plans, s3_bucket="archive").execute(context_of())


def notifies(text: str) -> object:
    logs = [audit_log(text), audit_log(text, recording_id=text)]
    return NotifyArchiveOperator(task_id="t", audit_logs=logs).execute(context_of())


def checks(text: str) -> object:
    logs = [audit_log(text), audit_log(text, recording_id=text)]
    operator = CheckArchiveRunOperator(task_id="t", audit_logs=logs, recordings=[text], s3_bucket="archive")
    return operator.execute(context_of())


@pytest.mark.parametrize("operate", [lists, validates, streams, notifies, checks])
@pytest.mark.parametrize("text", HOSTILE, ids=["line feed", "carriage return", "cursor", "line separator", "titles"])
def test_no_foreign_text_forges_a_line(
    world: World, task_log: Callable[[], str], operate: Callable[[str], object], text: str
) -> None:
    world.source.recordings["hostile"] = recording(status=text, storage_state=text, format=text, metadata={text: text})
    world.notifier = FakeNotifier(*[400] * 9, attempts=1)
    raised = ""
    try:
        operate(text)
    except AirflowException as error:
        raised = str(error)
    logged = task_log()
    assert logged
    for line in [*logged.splitlines(), *raised.splitlines()]:
        assert not line.startswith(FORGED[:12])
        assert "\x1b]" not in line
        assert "\x1b[2J" not in line
        assert len(line) < 10_000
    assert raised.isprintable()


@pytest.mark.server
@pytest.mark.parametrize(
    "expression",
    [
        "{{ conn.cxone_default.password }}",
        "{{ ''.__class__.__mro__ }}",
        "{% raw %}{{ 7 * 7 }}{% endraw %}",
        "{{ var.value.x }}",
    ],
)
def test_a_template_in_a_run_s_conf_is_text(site: Site, run_dag: Callable[..., DagRun], expression: str) -> None:
    site.tenant.add_recording("call-1", AUDIO / "one-second.mp3")
    run = run_dag("cxone_archive_recording", recording_id="call-1", s3_prefix=expression)
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    assert states["validate"] == "success"
    keys = list(site.objects())
    assert keys, "a prefix may be any printable text"
    assert all(key.startswith(f"{expression}/") for key in keys)
    database = b"".join(path.read_bytes() for path in HOME.glob("airflow.db*"))
    assert CLIENT_SECRET.encode() not in database


@pytest.mark.server
def test_metadata_with_a_template_arrives_literally(site: Site, run_dag: Callable[..., DagRun]) -> None:
    site.tenant.add_recording("call-1", AUDIO / "one-second.mp3")
    told = {"skill": "{{ 7 * 7 }}", "note": "{{ conn.cxone_default.password }}", "{{ 1 + 1 }}": "${jndi:ldap://x}"}
    ref = {"recording_id": "call-1", "metadata": told}
    site.s3.client().put_object(Bucket=BUCKET, Key="list.jsonl", Body=json.dumps(ref).encode())

    run = run_dag("cxone_daily_archive", manifest_uri=f"s3://{BUCKET}/list.jsonl")

    assert {str(ti.state) for ti in run.get_task_instances()} == {"success"}
    manifest = json.loads(site.objects()["cxone/manifests/call-1.json"])
    assert {name: manifest["metadata"][name] for name in told} == told
