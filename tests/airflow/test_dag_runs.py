"""Both DAGs, run to their end by Airflow against a tenant, an S3 server and a webhook receiver."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select

from cxone_provider.hooks.supervisor import mask
from tests.airflow.conftest import AUDIO, BUCKET, HOME, Site

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
RunDag = Callable[..., DagRun]


def states(run: DagRun) -> dict[str, str]:
    return {f"{ti.task_id}[{ti.map_index}]": str(ti.state) for ti in run.get_task_instances()}


def result_of(run: DagRun, task_id: str, map_index: int = -1) -> Any:
    with create_session() as session:
        found = session.scalars(
            select(XComModel).where(
                XComModel.run_id == run.run_id,
                XComModel.task_id == task_id,
                XComModel.map_index == map_index,
                XComModel.key == "return_value",
            )
        ).one()
        return XComModel.deserialize_value(found)


def xcoms(run: DagRun) -> dict[str, Any]:
    with create_session() as session:
        found = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
        return {f"{one.task_id}[{one.map_index}].{one.key}": XComModel.deserialize_value(one) for one in found}


def outcomes(audit_logs: list[dict[str, Any]]) -> dict[str, str]:
    return {log["recording_id"]: log["outcome"] for log in audit_logs}


def add_calls(site: Site) -> dict[str, Path]:
    calls = {
        "call-1": "call-cbr32k-8k-id3v23.mp3",
        "call-2": "call-pcm16-8k-stereo.wav",
        "call-3": "call-aac-faststart.mp4",
    }
    for recording_id, name in calls.items():
        site.tenant.add_recording(recording_id, AUDIO / name)
    return {recording_id: AUDIO / name for recording_id, name in calls.items()}


def put_list(site: Site, text: str) -> str:
    site.s3.client().put_object(Bucket=BUCKET, Key="lists/today.csv", Body=text.encode("utf-8-sig"))
    return f"s3://{BUCKET}/lists/today.csv"


def test_a_day_is_archived_and_a_second_run_fetches_nothing(site: Site, run_dag: RunDag) -> None:
    calls = add_calls(site)
    site.tenant.add_recording("wiped", AUDIO / "one-second.mp3", storage_state="deleted")
    rows = "".join(
        f"{name}\r\n" for name in (*calls, "call-1", "wiped", "nowhere", "../../etc/passwd", '"cut', "{{ 7 * 7 }}")
    )
    manifest_uri = put_list(site, f"recording_id\r\n{rows}")

    run = run_dag("cxone_daily_archive", manifest_uri=manifest_uri)

    assert set(states(run).values()) == {"success"}
    assert outcomes(result_of(run, "batch.stream", 0)) == {
        "call-1": "ARCHIVED",
        "call-2": "ARCHIVED",
        "call-3": "ARCHIVED",
        "wiped": "DELETED",
        "nowhere": "NOT_FOUND",
        "../../etc/passwd": "REJECTED",
        "line 9": "REJECTED",
        "{{ 7 * 7 }}": "REJECTED",
    }
    stored = site.objects()
    for recording_id, path in calls.items():
        assert stored[f"cxone/recordings/date=unknown/{recording_id}{path.suffix}"] == path.read_bytes()
    summary = result_of(run, "check_run")
    assert summary["outcomes"] == {"ARCHIVED": 3, "DELETED": 1, "NOT_FOUND": 1, "REJECTED": 3}
    assert len(stored[summary["run_uri"].removeprefix(f"s3://{BUCKET}/")].splitlines()) == 8
    announced = [json.loads(delivery.body) for delivery in site.tenant.webhooks]
    assert {body["recording_id"]: body["success"] for body in announced}["call-1"] is True
    assert len(announced) == 8

    asked = len(site.tenant.requests)
    again = run_dag("cxone_daily_archive", recordings=list(calls))

    assert outcomes(result_of(again, "batch.stream", 0)) == dict.fromkeys(calls, "ALREADY_ARCHIVED")
    assert len(site.tenant.requests) == asked, "an archived recording costs no request to CXone, nor a second webhook"


def test_a_batch_whose_recordings_all_fail_is_red_and_tells_of_each(site: Site, run_dag: RunDag) -> None:
    site.tenant.add_recording("broken", b"<html>not audio</html>", format="mp3", duration_s=1)

    run = run_dag("cxone_daily_archive", recordings=["broken"])

    ended = states(run)
    assert (ended["batch.stream[0]"], ended["check_run[-1]"]) == ("failed", "failed")
    assert outcomes(result_of(run, "batch.stream", 0)) == {"broken": "FAILED"}
    assert [json.loads(delivery.body)["success"] for delivery in site.tenant.webhooks] == [False]
    assert not [key for key in site.objects() if key.startswith("cxone/recordings/")]


def test_an_empty_day_fails_unless_it_may_be_empty(site: Site, run_dag: RunDag) -> None:
    ended = states(run_dag("cxone_daily_archive", recordings=[]))
    assert [ended.pop(f"{task}[-1]") for task in ("list_recordings", "estimate", "reconcile")] == [
        "success", "success", "failed",
    ]  # fmt: skip
    assert set(ended.values()) == {"skipped"}
    assert states(run_dag("cxone_daily_archive", recordings=[], allow_empty=True))["reconcile[-1]"] == "success"


def test_a_run_that_cannot_list_is_red_to_its_end(site: Site, run_dag: RunDag) -> None:
    assert states(run_dag("cxone_daily_archive")) == {
        "list_recordings[-1]": "failed",
        "estimate[-1]": "upstream_failed",
        "batch.validate[-1]": "upstream_failed",
        "batch.stream[-1]": "upstream_failed",
        "batch.notify[-1]": "upstream_failed",
        "check_run[-1]": "failed",
        "reconcile[-1]": "failed",
    }


def test_a_dry_run_tells_what_it_would_take_and_archives_nothing(site: Site, run_dag: RunDag) -> None:
    calls = add_calls(site)
    run = run_dag("cxone_daily_archive", recordings=list(calls), dry_run=True)
    ended = states(run)
    assert [ended.pop(f"{task}[-1]") for task in ("list_recordings", "estimate")] == ["success", "success"]
    assert set(ended.values()) == {"skipped"}
    assert result_of(run, "estimate")["to_archive"] == len(calls)
    assert site.tenant.requests == []
    assert site.objects() == {}


def test_one_recording_by_hand_leads_to_its_object_and_manifest(site: Site, run_dag: RunDag) -> None:
    path = add_calls(site)["call-1"]

    run = run_dag(
        "cxone_archive_recording",
        recording_id="call-1",
        segment_size_bytes=262_144,
        recorded_at="2026-11-22T23:30:00-02:00",
    )

    assert set(states(run).values()) == {"success"}
    [log] = result_of(run, "stream")
    assert log["s3_uri"] == f"s3://{BUCKET}/cxone/recordings/date=2026-11-23/call-1.mp3"
    assert log["chunks_processed"] == -(-path.stat().st_size // 262_144)
    links = {key: value for key, value in xcoms(run).items() if "_link_" in key}
    assert links["stream[-1]._link_ArchivedMediaLink"] == (
        f"{site.s3.endpoint}/{BUCKET}/cxone/recordings/date%3D2026-11-23/call-1.mp3"
    )
    assert links["stream[-1]._link_ManifestLink"] == f"{site.s3.endpoint}/{BUCKET}/cxone/manifests/call-1.json"


def test_a_lock_that_the_bucket_does_not_have_stops_both_dags_before_any_media(site: Site, run_dag: RunDag) -> None:
    add_calls(site)
    lock = {
        "object_lock_mode": "GOVERNANCE",
        "retain_until": '{"field": "class", "values": {"a": "P9Y"}, "default": "P7Y"}',
    }
    by_hand = run_dag("cxone_archive_recording", recording_id="call-1", **lock)
    daily = run_dag("cxone_daily_archive", recordings=["call-1"], **lock)
    assert (states(by_hand)["stream[-1]"], states(daily)["batch.stream[0]"]) == ("failed", "failed")
    assert site.media_requests() == 0
    assert not [key for key in site.objects() if "/runs/" not in key]


def test_the_weekly_run_finds_what_was_changed_and_leaves_what_lives(site: Site, run_dag: RunDag) -> None:
    assert states(run_dag("cxone_verify_archive")) == {"verify_archive[-1]": "skipped", "sweep_uploads[-1]": "success"}
    add_calls(site)
    run_dag("cxone_archive_recording", recording_id="call-1")
    client = site.s3.client()
    unfinished = client.create_multipart_upload(Bucket=BUCKET, Key="cxone/recordings/date=unknown/call-2.wav")

    whole = run_dag("cxone_verify_archive", slice_count=1)

    assert set(states(whole).values()) == {"success"}
    summary = result_of(whole, "verify_archive")
    assert (summary["recordings"], summary["intact"]) == (1, 1)
    report = site.objects()[summary["report_uri"].removeprefix(f"s3://{BUCKET}/")]
    assert json.loads(report)["recording_id"] == "call-1"
    assert result_of(whole, "sweep_uploads")["uploads"] == 0
    assert (
        client.list_parts(Bucket=BUCKET, Key=unfinished["Key"], UploadId=unfinished["UploadId"])["IsTruncated"] is False
    )

    key = "cxone/recordings/date=unknown/call-1.mp3"
    forged = site.objects()[key][:-1] + b"!"
    client.put_object(Bucket=BUCKET, Key=key, Body=forged)

    changed = run_dag("cxone_verify_archive", recordings=["call-1"])

    assert states(changed) == {"verify_archive[-1]": "failed", "sweep_uploads[-1]": "success"}


@pytest.mark.parametrize("recording_id", ["{{ conn.cxone_default.password }}", "../x"])
def test_a_hostile_id_fails_with_its_reason_and_reaches_nobody(site: Site, run_dag: RunDag, recording_id: str) -> None:
    run = run_dag("cxone_archive_recording", recording_id=recording_id)
    assert states(run) == {"validate[-1]": "failed", "stream[-1]": "upstream_failed", "notify[-1]": "skipped"}
    assert site.tenant.requests == []


def test_no_secret_is_written_anywhere(
    site: Site, run_dag: RunDag, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[str] = []

    def mask_and_keep(secret: object) -> None:
        tokens.append(str(secret))
        mask(secret)

    monkeypatch.setattr("cxone_provider.hooks.cxone.mask", mask_and_keep)
    add_calls(site)
    site.tenant.script("call-1", [{"fault": "status", "status": 401}])
    run = run_dag("cxone_daily_archive", recordings=["call-1", "call-2", "nowhere"])
    assert set(states(run).values()) == {"success"}

    captured = capfd.readouterr()
    # The in-process stand-in for Airflow's supervisor, and only that, logs what it is asked to hide.
    lines = [line for line in (captured.out + captured.err).splitlines() if "msg=MaskSecret(" not in line]
    written = {
        "log": "\n".join(lines).encode(),
        "database": b"".join(path.read_bytes() for path in HOME.glob("airflow.db*")),
        **site.objects(),
    }
    assert b"[debug" in written["log"], "the log is at DEBUG"
    assert len(tokens) >= site.tenant.tokens_issued >= 2
    for secret in {*site.secrets, *tokens} - {"None"}:
        for form in (secret.encode(), quote(secret).encode(), base64.b64encode(secret.encode()).rstrip(b"=")):
            assert [place for place, content in written.items() if form in content] == []
