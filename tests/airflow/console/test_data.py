"""What the console's data says, and how it fails."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from cxone_provider.archive.errors import StoreRefused, StoreUnavailable
from cxone_provider.archive.ports import ObjectLock
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.verifying import Verification
from cxone_provider.console.app import create_app
from cxone_provider.console.settings import ConsoleSettings
from cxone_provider.console.spans import MAX_PIECE_BYTES
from tests.airflow.console.conftest import SECRET, SignIn, csrf
from tests.fakes.browser import FakeBrowser
from tests.fakes.console_archive import AT, CONTEXT, DAY, LAYOUT, RUN, ConsoleArchive, log_of

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # Airflow's own about its keys and routers
RANGE = {"first": str(DAY), "last": str(DAY)}
BODY = {"recording_id": "call"}


@pytest.fixture
def client(sign_in: SignIn) -> TestClient:
    return sign_in()


def day(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.get("/api/day", params={"day": str(DAY), **asked})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def ids(document: dict[str, Any]) -> list[str]:
    return [row["recording_id"] for row in document["rows"]]


def test_the_overview_tells_of_days_and_what_stands_out(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_run([log_of("small", total_bytes=1), log_of("large", total_bytes=9), log_of("x", Outcome.FAILED)])
    [only] = client.get("/api/overview", params=RANGE).json()["days"]
    assert (only["day"], only["outcomes"], only["bytes"]) == (str(DAY), {"ARCHIVED": 2, "FAILED": 1}, 10)
    told = client.get("/api/standouts", params=RANGE).json()
    assert [one["recording_id"] for one in told["largest"]] == ["large", "small"]


def test_an_empty_archive_is_no_error(client: TestClient) -> None:
    assert client.get("/api/overview", params=RANGE).json() == {"days": []}
    nothing = {"attention": [], "all_shown": True, "slowest": [], "largest": []}
    assert client.get("/api/standouts", params=RANGE).json() == nothing
    assert day(client)["rows"] == []


def test_what_was_archived_since_needs_nobody(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_run([log_of("mended", Outcome.FAILED), log_of("broken", Outcome.FAILED)])
    archive.add_checks([Verification("mended", problem="another digest")])
    archive.add_recording("mended", b"media")
    items = client.get("/api/standouts", params=RANGE).json()["attention"]
    assert [(one["recording_id"], one["kind"]) for one in items] == [("mended", "DAMAGED"), ("broken", "FAILED")]


def test_a_row_has_what_report_and_manifest_know(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    archive.add_run([log_of("call", agent=None)])
    [row] = day(client)["rows"]
    assert (row["agent"], row["recorded_at"], row["attempts"], row["run"]) == ("Ada", "2026-11-24T08:00:00Z", 1, RUN)
    assert row["task"] == {name: CONTEXT[name] for name in ("dag_id", "run_id", "task_id", "map_index")}


def test_rows_are_searched_sorted_and_paged(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_run([log_of(f"r{n}", total_bytes=n, agent=("Ada", "Ben")[n % 2]) for n in range(7)])
    first = day(client, sort="bytes", order="desc", size=3)
    assert (ids(first), first["found"], first["pages"]) == (["r6", "r5", "r4"], 7, 3)
    assert ids(day(client, sort="bytes", order="desc", size=3, page=3)) == ["r0"]
    assert ids(day(client, q="ben r1")) == ["r1"]
    assert ids(day(client, outcome="FAILED")) == []
    assert ids(day(client, sort="agent", q="RUN__".lower())) == []


def test_only_the_pages_manifests_are_read(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_run([log_of(f"r{n}") for n in range(300)])
    archive.store.calls.clear()
    day(client, size=20)
    reads = [call.key for call in archive.store.calls if call.operation == "read"]
    # a page of rows, and one more to learn whose run it is
    assert len(reads) == 21


@pytest.mark.parametrize(
    "asked",
    [{"day": "yesterday"}, {"sort": "secret"}, {"page": 0}, {"size": 10_000}, {"page": "x"}, {"q": "x" * 300}],
)
def test_what_cannot_be_asked_is_refused(client: TestClient, asked: dict[str, Any]) -> None:
    answer = client.get("/api/day", params={"day": str(DAY), **asked})
    assert answer.status_code in {400, 422}


def test_csv_has_the_selection_and_no_formulas(client: TestClient, archive: ConsoleArchive) -> None:
    hostile = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "plain", 'with "quotes", commas\nand lines']
    archive.add_run([log_of(f"r{n}", agent=agent) for n, agent in enumerate(hostile)])
    archive.add_run([log_of("other", Outcome.FAILED)], name="x")
    answer = client.get("/api/day.csv", params={"day": str(DAY), "outcome": "ARCHIVED"})
    assert answer.headers["Content-Disposition"] == 'attachment; filename="recordings-2026-11-25.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    assert [row["agent"] for row in rows] == [*(f"'{text}" for text in hostile[:6]), *hostile[6:]]
    assert not any(cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row.values())


def test_a_recording_comes_with_its_evidence(client: TestClient, archive: ConsoleArchive) -> None:
    manifest = archive.add_recording("call", b"0123456789")
    told = client.get("/api/recording", params=BODY).json()
    assert (told["archived"], told["manifest"]) == (True, manifest.to_document())
    assert (told["trail"]["intact"], told["trail"]["lines"], told["trail"]["head"]) == (True, 3, manifest.audit["head"])
    pieces = [(one["range"], one["attempts"], one["signature"]) for one in told["trail"]["segments"]]
    assert pieces == [("0-4", 1, "verified"), ("5-9", 2, "verified")]
    assert (told["object"]["is_archived_version"], told["object"]["lock"]) == (True, None)
    assert told["receipt"]["status_code"] == 204


def test_a_lock_is_told_and_one_that_may_not_be_read_is_no_lock(sign_in: SignIn, archive: ConsoleArchive) -> None:
    client = sign_in()
    archive.store._lock_settings = ObjectLock("COMPLIANCE", AT.add(years=7), legal_hold=True)
    archive.add_recording("call", b"media")
    told = client.get("/api/recording", params=BODY).json()["object"]
    assert told["lock"] == {"mode": "COMPLIANCE", "retain_until": "2033-11-25T03:00:00Z", "legal_hold": True}
    archive.store.fail_next("lock_of", StoreRefused("AccessDenied"))
    told = client.get("/api/recording", params=BODY).json()["object"]
    assert (told["lock"], told["lock_known"]) == (None, False)


def test_a_broken_chain_is_said_to_be_broken(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"0123456789")
    key = LAYOUT.audit_key("call")
    archive.store.tamper(key, archive.store.body(key).replace(b'"attempts":1', b'"attempts":0'))
    trail = client.get("/api/recording", params=BODY).json()["trail"]
    assert trail["intact"] is False
    assert "line 1" in trail["problem"]


def test_a_newer_version_over_the_archived_one_is_said(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    archive.add_file(LAYOUT.media_key("call", AT, "wav"), b"something else")
    assert client.get("/api/recording", params=BODY).json()["object"]["is_archived_version"] is False


def test_another_object_without_versions_is_said(client: TestClient, archive: ConsoleArchive) -> None:
    manifest = archive.add_recording("call", b"media").to_document()
    archive.add_file(LAYOUT.manifest_key("call"), json.dumps({**manifest, "etag": "another"}).encode())
    assert client.get("/api/recording", params=BODY).json()["object"]["is_archived_version"] is False


def test_an_id_that_is_not_archived_has_a_page(client: TestClient) -> None:
    told = client.get("/api/recording", params={"recording_id": "nobody"}).json()
    assert told == {"recording_id": "nobody", "archived": False, "trail": {"exists": False}, "receipt": None}


def test_a_contact_leads_to_its_recordings(client: TestClient, archive: ConsoleArchive) -> None:
    document = {"schema": "cxone.contact-manifest/1", "recordings": ["77.1", {"recording_id": "77.2"}, 5]}
    archive.add_file(LAYOUT.manifest_key("77"), json.dumps(document).encode())
    told = client.get("/api/recording", params={"recording_id": "77"}).json()
    assert (told["archived"], told["contact"]) == (False, ["77.1", "77.2"])
    assert client.post("/api/listen", json={"recording_id": "77"}, headers=csrf(client)).status_code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"schema": "cxone.manifest/9"}', b"\xff", b"[" * 50_000])
def test_what_is_no_manifest_is_an_error_and_no_crash(client: TestClient, archive: ConsoleArchive, body: bytes) -> None:
    archive.add_file(LAYOUT.manifest_key("call"), body)
    assert client.get("/api/recording", params=BODY).status_code == 400
    for path in ("/api/listen", "/api/verify"):
        assert client.post(path, json=BODY, headers=csrf(client)).status_code == 400


@pytest.mark.parametrize(
    "uri", ["s3://other/cxone/recordings/x.wav", "s3://archive/secrets/x", "s3://archive/cxone/manifests/call.json"]
)
def test_a_manifest_cannot_point_out_of_the_archive(client: TestClient, archive: ConsoleArchive, uri: str) -> None:
    manifest = archive.add_recording("call", b"media").to_document()
    archive.add_file(LAYOUT.manifest_key("call"), json.dumps({**manifest, "s3_uri": uri}).encode())
    assert client.get("/api/recording", params=BODY).status_code == 400
    assert client.post("/api/listen", json=BODY, headers=csrf(client)).status_code == 400
    assert client.get("/api/waveform", params=BODY).status_code == 400


@pytest.mark.parametrize(
    "recording_id", ["", "../../etc/passwd", "a/b", "x" * 200, "<img src=x onerror=alert(1)>", "."]
)
def test_ids_that_cannot_be_are_refused(client: TestClient, archive: ConsoleArchive, recording_id: str) -> None:
    archive.store.calls.clear()
    assert client.get("/api/recording", params={"recording_id": recording_id}).status_code == 400
    assert archive.store.calls == []


def opened(client: TestClient) -> str:
    return "/" + str(client.post("/api/listen", json=BODY, headers=csrf(client)).json()["address"])


def test_media_streams_by_ranges_of_bounded_size(client: TestClient, archive: ConsoleArchive) -> None:
    media = bytes(range(256)) * 10_000
    archive.add_recording("call", media)
    address = opened(client)
    begin = client.get(address, headers={"Range": "bytes=0-"})
    assert (begin.status_code, len(begin.content)) == (206, MAX_PIECE_BYTES)
    assert begin.headers["Content-Range"] == f"bytes 0-{MAX_PIECE_BYTES - 1}/{len(media)}"
    assert begin.headers["Content-Type"] == "audio/wav"
    middle = client.get(address, headers={"Range": "bytes=1000-1009"})
    assert middle.content == media[1000:1010]
    assert client.get(address, headers={"Range": "bytes=-5"}).content == media[-5:]
    assert client.get(address, headers={"Range": f"bytes={len(media)}-"}).status_code == 416
    whole = client.get(address)
    assert (whole.status_code, whole.content) == (200, media)


def test_the_archived_version_is_what_is_heard(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"the archived one")
    archive.add_file(LAYOUT.media_key("call", AT, "wav"), b"put over it")
    assert client.get(opened(client), headers={"Range": "bytes=0-"}).content == b"the archived one"


def verified(client: TestClient) -> list[dict[str, Any]]:
    answer = client.post("/api/verify", json=BODY, headers=csrf(client))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_verify_now_tells_progress_and_the_verdict(client: TestClient, archive: ConsoleArchive) -> None:
    media = bytes(5 * 2**20)
    archive.add_recording("call", media)
    begin, *middle, end = verified(client)
    assert begin == {"state": "reading", "read_bytes": 0, "size_bytes": len(media)}
    assert [line["read_bytes"] for line in middle] == [n * 2**20 for n in range(1, 6)]
    assert (end["state"], end["intact"], end["size_bytes"]) == ("done", True, len(media))


def test_verify_now_finds_a_changed_byte(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"media")
    archive.store.tamper(LAYOUT.media_key("call", AT, "wav"), b"medio")
    assert [(one["intact"], one["error_type"]) for one in verified(client)[1:]] == [(False, "DigestMismatch")]


@pytest.mark.parametrize(
    ("error", "code"), [(StoreUnavailable("down"), 503), (StoreRefused("key AKIA, bucket x"), 502)]
)
def test_a_store_that_fails_is_said_to_without_its_words(
    client: TestClient, archive: ConsoleArchive, error: Exception, code: int
) -> None:
    archive.store.fail_next("list_objects", error)
    answer = client.get("/api/overview", params=RANGE)
    assert (answer.status_code, "AKIA" in answer.text) == (code, False)
    assert client.get("/api/overview", params=RANGE).status_code == 200


def test_the_store_is_reached_by_the_first_question_and_again_after_a_refusal(
    auth_manager: object, sign_in: SignIn
) -> None:
    reached: list[FakeBrowser] = []

    def reach() -> FakeBrowser:
        reached.append(FakeBrowser("archive"))
        return reached[-1]

    console = create_app(ConsoleSettings(LAYOUT), reach, SECRET)
    client = TestClient(console, base_url="http://airflow.test", cookies=sign_in().cookies)
    client.get("/")
    client.get("/api/session")
    assert reached == []
    client.get("/api/overview", params=RANGE)
    client.get("/api/overview", params=RANGE)
    assert len(reached) == 1
    reached[0].fail_next("list_objects", StoreRefused("the connection was changed"))
    client.get("/api/overview", params=RANGE)
    client.get("/api/overview", params=RANGE)
    assert len(reached) == 2


def test_a_waveform_is_made_once_for_each_version(client: TestClient, archive: ConsoleArchive) -> None:
    from tests.unit.console.sounds import wav

    archive.add_recording("call", wav([0, 1000, -1000, 0] * 500))
    first = client.get("/api/waveform", params=BODY)
    assert len(first.json()["channels"]) == 1
    archive.store.calls.clear()
    assert client.get("/api/waveform", params=BODY).json() == first.json()
    assert {call.operation for call in archive.store.calls} == {"read"}


def test_what_is_no_wav_is_not_drawn_here(client: TestClient, archive: ConsoleArchive) -> None:
    archive.add_recording("call", b"ID3 and so on")
    assert client.get("/api/waveform", params=BODY).status_code == 422
