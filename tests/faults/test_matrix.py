"""The quick half of the fault matrix: nearly every row once, on a real S3 server. `make faults` is the whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cxone_provider.archive.errors import ShortBody
from tests.conftest import PLAIN_BUCKET
from tests.faults.__main__ import DOCUMENT
from tests.faults.peers import PeerRun, installed_peers
from tests.faults.row import MULTIPART, ONE_SEGMENT, RIGHT, Links, Row, named
from tests.faults.stage import Stage, staged
from tests.faults.table import LIMIT_ROWS, ROWS
from tests.faults.trial import play
from tests.servers.s3_faults import S3Call, S3Fault, S3Script, s3_call
from tools.servers.seaweedfs import S3Server

SEED = 20_261_123
# those that wait for a limit
PATIENT = {
    "drip",
    "drip-head",
    "s3-part-stalled",
    "s3-silent",
    "s3-slow",
    "silence",
    "webhook-drip",
    "webhook-silent",
}
# of the rows that need the largest recording, one of each kind
QUICK_MULTIPART = {
    "resume",
    "resume-changed",
    "resume-completed",
    "s3-abort-500",
    "s3-complete-404",
    "s3-complete-done-error",
    "s3-part-denied",
    "s3-part-flipped",
}
# of the rows on links, those whose like is quick already
LIKE_OTHERS = {
    "playback-404",
    "playback-429-always",
    "playback-500-always",
    "playback-expired-from-the-middle",
    "playback-media-busy",
    "playback-media-endless",
    "playback-media-extra-rest",
    "playback-media-flip-once",
    "playback-media-gone",
    "playback-media-longer",
    "playback-not-a-link",
    "playback-page",
}
BY_NAME = {row.name: row for row in ROWS}


def parameter(row: Row) -> object:
    quick = row.name not in PATIENT | LIKE_OTHERS and (row.sizes is not MULTIPART or row.name in QUICK_MULTIPART)
    return pytest.param(row, id=row.name, marks=() if quick else pytest.mark.slow)


@pytest.fixture(scope="module")
def stage(seaweedfs_server: S3Server) -> Iterator[Stage]:
    with staged("SeaweedFS", seaweedfs_server, PLAIN_BUCKET) as set_up:
        yield set_up


@pytest.mark.server
@pytest.mark.parametrize("row", [parameter(row) for row in ROWS])
def test_a_broken_recording_ends_as_stated(stage: Stage, row: Row) -> None:
    result = play(stage, row, row.sizes[0], SEED)
    assert result.problems == ()
    assert result.verdict == ("ok" if row.end == RIGHT else "err")


@pytest.mark.server
@pytest.mark.parametrize("row", LIMIT_ROWS, ids=[row.name for row in LIMIT_ROWS])
def test_what_nobody_can_see_is_seen_by_the_judge(stage: Stage, row: Row) -> None:
    result = play(stage, row, row.sizes[0], SEED)
    assert result.verdict == "BAD"
    assert "wrong bytes at the final key" in result.problems


@pytest.mark.server
@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (replace(BY_NAME["00-none"], end=named(ShortBody)), "success was not to be expected"),
        (replace(BY_NAME["13-login-page"], end=named(ShortBody)), "ended WrongContentType, not ShortBody"),
        (replace(BY_NAME["weak-etag"], tenant=({"fault": "weak_etag", "at": 99},)), "no fault struck"),
        (replace(BY_NAME["s3-manifest-500"], left="nothing"), "an object at the final key although it failed"),
        (replace(BY_NAME["playback-expired"], links=Links(lapse="rest")), "no link had expired"),
        (replace(BY_NAME["playback-no-link"], end=named(ShortBody)), "ended IN_COLD_STORAGE, not ShortBody"),
        (replace(BY_NAME["webhook-410"], announced=frozenset({"delivered"})), "announcement ended DeliveryRefused"),
    ],
    ids=["success", "another error", "no fault", "something left", "link", "no link", "webhook"],
)
def test_any_other_end_than_the_stated_one_is_bad(stage: Stage, row: Row, problem: str) -> None:
    result = play(stage, row, ONE_SEGMENT, SEED)
    assert result.verdict == "BAD"
    assert any(found.startswith(problem) for found in result.problems)


@pytest.mark.server
def test_a_link_that_expires_in_mid_body_costs_one_playback_request_and_the_rest(stage: Stage) -> None:
    assert play(stage, BY_NAME["playback-expired-midway"], ONE_SEGMENT, SEED).problems == ()
    asked = stage.simulator.requests
    assert len([one for one in asked if one.endpoint == "metadata"]) == 2, "the contact, and its new links"
    [refused, rest] = [one for one in asked if one.endpoint == "media" and one.header("range")]
    assert (refused.status, rest.status) == (403, 206)
    assert refused.header("range") == rest.header("range") != "bytes=0-"
    assert rest.header("if-match")


@pytest.mark.server
def test_tools_are_judged_by_what_they_leave(seaweedfs_server: S3Server, tmp_path: Path) -> None:
    tool = next(peer for peer in installed_peers() if peer.name == "requests.iter")
    names = ("00-none", "02-cut-without-length", "12-unavailable-until", "05-range-ignored")
    with PeerRun(tool, seaweedfs_server, PLAIN_BUCKET, tmp_path) as run:
        verdicts = [run.meet(BY_NAME[name], SEED) for name in names]
    assert verdicts == ["ok", "BAD", "err", "n/a"]


def test_the_document_shows_every_row() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    shown = [row.name for row in (*ROWS, *LIMIT_ROWS) if f"| `{row.name}` | {row.what}" in page]
    assert shown == [row.name for row in (*ROWS, *LIMIT_ROWS)]


def test_names_of_rows_are_used_once() -> None:
    assert len(BY_NAME) == len(ROWS)


@pytest.mark.parametrize(
    ("method", "target", "operation", "folder"),
    [
        ("PUT", "/b/p/recordings/date%3D2026-11-23/a.mp3", "PutObject", "recordings"),
        ("PUT", "/b/p/recordings/a.mp3?partNumber=1&uploadId=u", "UploadPart", "recordings"),
        ("POST", "/b/p/recordings/a.mp3?uploads", "CreateMultipartUpload", "recordings"),
        ("POST", "/b/p/recordings/a.mp3?uploadId=u", "CompleteMultipartUpload", "recordings"),
        ("DELETE", "/b/p/recordings/a.mp3?uploadId=u", "AbortMultipartUpload", "recordings"),
        ("GET", "/b/p/recordings/a.mp3?uploadId=u", "ListParts", "recordings"),
        ("GET", "/b/p/manifests/a.json", "GetObject", "manifests"),
        ("HEAD", "/b/audit/a.jsonl", "HeadObject", "audit"),
        ("HEAD", "/b", "HeadBucket", ""),
        ("GET", "/b?uploads&prefix=p", "ListMultipartUploads", ""),
        ("GET", "/b?list-type=2", "ListObjects", ""),
    ],
)
def test_the_proxy_knows_what_is_asked_of_s3(method: str, target: str, operation: str, folder: str) -> None:
    call = s3_call(method, target)
    assert (call.operation, call.folder) == (operation, folder)


def test_faults_of_s3_strike_where_and_as_often_as_they_say() -> None:
    script = S3Script()
    script.replace([S3Fault("lose", "PutObject", "audit", at=2, times=2), S3Fault("slow", times=9)])
    calls = [S3Call("PutObject", f"p/{folder}/a") for folder in ("audit", "recordings", "audit", "audit", "audit")]
    struck = [script.striking(call) for call in calls]
    assert [fault.kind for fault in struck if fault] == ["slow", "slow", "lose", "lose", "slow"]
    assert script.injected == {"slow": 3, "lose": 2}
