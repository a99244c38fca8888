"""``python -m cxone_provider`` against an archive on a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cxone_provider.__main__ import main
from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome
from tests.conftest import VERSIONED_BUCKET
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeRecording, FakeSource
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server
CALL = (Path(__file__).parents[1] / "audio" / "one-second.mp3").read_bytes()
IDS = ("call-1", "call-2", "call-3")


@pytest.fixture
def archived(
    seaweedfs_server: S3Server, seaweedfs_client: S3Client, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> dict[str, AuditLog]:
    """Three archived recordings under this test's prefix, and credentials in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs_server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs_server.secret_key)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweedfs_server.endpoint)
    logs = archive_recordings(
        [SegmentPlan(name, Outcome.READY, format="mp3", size_bytes=len(CALL)) for name in IDS],
        source=FakeSource({name: FakeRecording(CALL) for name in IDS}),
        store=S3Store(seaweedfs_client, VERSIONED_BUCKET),
        clock=FakeClock(),
        settings=ArchiveSettings(prefix=prefix),
    )
    assert all(log.success for log in logs)
    return {log.recording_id: log for log in logs}


def uri(prefix: str, bucket: str = VERSIONED_BUCKET) -> str:
    return f"s3://{bucket}/{prefix}"


def overwrite(client: S3Client, log: AuditLog) -> None:
    key = str(log.s3_uri).removeprefix(f"s3://{VERSIONED_BUCKET}/")
    client.put_object(Bucket=VERSIONED_BUCKET, Key=key, Body=CALL[:-1] + b"!")


@pytest.mark.usefixtures("archived")
def test_an_intact_archive_is_status_0(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", uri(prefix), "--concurrency", "2"]) == 0
    told = capsys.readouterr().out
    assert f"{3:>17,}{3:>17,}{0:>17,}{0:>17,}{3 * len(CALL):>17,}" in told
    assert "since receipt" in told


@pytest.mark.usefixtures("archived")
def test_slices_read_everything_once_and_an_empty_one_passes_nothing(
    prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    read: list[str] = []
    for number in range(1, 6):
        status = main(["verify", uri(prefix), "--slice", f"{number}/5", "--json"])
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert status == (0 if lines[-1]["recordings"] else 2)
        assert lines[-1]["slice"] == {"index": number - 1, "count": 5}
        read += [line["recording_id"] for line in lines[:-1]]
    assert sorted(read) == sorted(IDS)


def test_what_was_put_over_a_recording_is_status_1_and_named(
    archived: dict[str, AuditLog], seaweedfs_client: S3Client, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    overwrite(seaweedfs_client, archived["call-2"])
    assert main(["verify", uri(prefix)]) == 1
    assert "call-2  ObjectConflict  the archived version of" in capsys.readouterr().out
    assert main(["verify", uri(prefix), "--recording", "call-1", "--recording", "call-3"]) == 0


def test_the_announced_head_is_compared(
    archived: dict[str, AuditLog], prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    head = archived["call-1"].audit_head
    assert head is not None
    command = ["verify", uri(prefix), "--recording", "call-1", "--json", "--head"]
    assert main([*command, head]) == 0
    assert main([*command, head[::-1]]) == 1
    assert "AuditBroken" in capsys.readouterr().out


@pytest.mark.usefixtures("archived")
def test_where_nothing_is_nothing_passes(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", uri(f"{prefix}empty")]) == 2
    assert "nothing was verified" in capsys.readouterr().err
    assert main(["verify", uri(prefix, "nowhere")]) == 2
    assert "there is no such bucket" in capsys.readouterr().err


@pytest.mark.usefixtures("archived")
def test_a_recording_that_is_not_archived_is_status_1(prefix: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", uri(prefix), "--recording", "call-9"]) == 1
    assert "call-9  not archived" in capsys.readouterr().out


@pytest.mark.usefixtures("archived")
def test_the_sweep_leaves_what_lives(
    seaweedfs_client: S3Client, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key = f"{prefix}recordings/date=unknown/call-4.mp3"
    upload = seaweedfs_client.create_multipart_upload(Bucket=VERSIONED_BUCKET, Key=key)
    for more in ([], ["--dry-run"]):
        assert main(["sweep", uri(prefix), "--older-than", "1h", *more]) == 0
        assert capsys.readouterr().out.startswith("0 stale uploads")
    seaweedfs_client.abort_multipart_upload(Bucket=VERSIONED_BUCKET, Key=key, UploadId=upload["UploadId"])


@pytest.mark.usefixtures("archived")
def test_an_estimate_leaves_out_what_is_archived(
    seaweedfs_client: S3Client, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "recording_id\ncall-1\ncall-2\nanother\n"
    seaweedfs_client.put_object(Bucket=VERSIONED_BUCKET, Key=f"{prefix}list.csv", Body=rows.encode())
    day = ["--start", "2026-11-22", "--end", "2026-11-23", "--json"]
    where = ["--manifest", f"{uri(prefix)}list.csv", "--archive", uri(prefix), "--api", "media-playback"]
    assert main(["estimate", *day, *where]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["contacts"], made["already_archived"], made["to_archive"], made["requests"]) == (3, 2, 1, 1)
    assert main(["estimate", *day, "--manifest", f"{uri(prefix)}nothing.csv"]) == 2
    assert "no such object" in capsys.readouterr().err
