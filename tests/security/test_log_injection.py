"""Line feeds, escape sequences, forged records and megabytes, wherever a foreign text is logged or raised."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest

from cxone_provider.adapters.addresses import AllowList
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.quality import check_plans, check_recordings
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import WebhookSettings, webhook_settings
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.list_file import read_list
from cxone_provider.archive.listing import listed
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.run_report import report_of_run
from cxone_provider.archive.validating import Checks, ValidationSettings, validate_recordings
from cxone_provider.archive.verifying import verify_recording
from cxone_provider.simulator import Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import METADATA, ScriptedTenant, json_answer
from tests.fakes.http_server import Answer, ScriptedServer, answer, head
from tests.fakes.s3_answers import refusal
from tests.fakes.store import FakeStore
from tests.security.listening import Listener, listening
from tools.servers.seaweedfs import S3Server

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore")]  # Great Expectations warns

FORGED = "\n[2026-11-23T10:00:00Z] INFO - recording call-1: archived"
HOSTILE = {
    "line feed and forged record": f"x{FORGED}",
    "carriage return": "x\rINFO ok",
    "escape sequences": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "other line ends": "a\x0bb\x0cc\x85d\u2028e\u2029f",
    "right to left": "\u202egnp.exe\u202c\u200b",
    "NUL": "a\x00b",
    "a megabyte": "A" * 2**20,
}
MAX_LINE = 4000
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
LATIN = {name: text for name, text in HOSTILE.items() if text.isascii() and not {"\r", "\n", "\0"} & set(text)}


def check_text(text: str) -> None:
    """Check that a text is one line without control characters, and not too long."""
    assert text.isprintable(), repr(text[:500])
    assert len(text) <= MAX_LINE


def check_logged(listener: Listener) -> None:
    """Check every record of ours, and that no record at all above DEBUG holds an escape sequence."""
    for record in listener.records:
        if record.name.startswith("cxone_provider"):
            check_text(record.getMessage())
        elif record.levelno > logging.DEBUG:
            assert "\x1b" not in record.getMessage()


def raised_by(call: Callable[[], object]) -> list[BaseException]:
    """Return the error that a call raises and its causes; our own among them are fit for a line."""
    with listening() as listener:
        try:
            call()
        except ArchiveError as error:
            chain: list[BaseException] = [error]
        else:
            chain = []
    check_logged(listener)
    while chain and (cause := chain[-1].__cause__) is not None:
        chain.append(cause)
    for one in chain:
        if isinstance(one, ArchiveError):
            check_text(str(one))
    return chain


@pytest.fixture
def tenant() -> Iterator[ScriptedTenant]:
    scripted = ScriptedTenant()
    with scripted.server:
        yield scripted


def archived(plan: SegmentPlan, source: RecordingV2Source) -> AuditLog:
    """Archive one recording into memory; all that is told of it is fit for a line."""
    with listening() as listener:
        [log] = archive_recordings(
            [plan], source=source, store=FakeStore(), clock=FakeClock(), settings=ArchiveSettings(prefix="cxone")
        )
    check_logged(listener)
    assert any(record.name.startswith("cxone_provider") for record in listener.records)
    if log.error is not None:
        check_text(log.error.message)
    report = report_of_run([log.to_document()], [plan.recording_id], FakeClock().now())
    assert len(str(report).split("\n")) == len(str(report).splitlines()) == 3 + (log.error is not None)
    return log


def metadata_saying(**fields: Any) -> Answer:
    return json_answer({**METADATA, **fields})


@hostile
@pytest.mark.parametrize("field", ["id", "format", "status", "storageState", "size", "duration", "unknown field"])
def test_metadata(tenant: ScriptedTenant, field: str, text: str) -> None:
    tenant.metadata(metadata_saying(**{field: text}))
    with listening() as listener, closing(tenant.source()) as source:
        validation = validate_recordings(
            ["call-1"], source=source, clock=FakeClock(), settings=ValidationSettings(),
            checks=Checks(check_recordings, check_plans),
        )  # fmt: skip
    check_logged(listener)
    for told in (*validation.findings, *(reason for plan in validation.plans for reason in plan.reasons)):
        check_text(str(told))


@hostile
@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 416, 418, 429, 500])
@pytest.mark.parametrize("place", ["token", "metadata", "media"])
def test_bodies_of_refusals(tenant: ScriptedTenant, place: str, status: int, text: str) -> None:
    refused = answer(status, text.encode())
    tenant.token_replies.extend([refused] * (10 if place == "token" else 0))
    tenant.metadata(refused if place == "metadata" else json_answer(METADATA))
    tenant.media(refused)
    with closing(tenant.source()) as source:
        log = archived(SegmentPlan("call-1", Outcome.READY, size_bytes=1000), source)
    assert not log.success


@pytest.mark.parametrize("text", LATIN.values(), ids=LATIN)
@pytest.mark.parametrize(
    "name",
    ["Content-Type", "Content-Range", "Content-Length", "Content-Encoding", "Content-Digest", "ETag", "Retry-After"],
)
def test_header_fields(tenant: ScriptedTenant, name: str, text: str) -> None:
    value = text if len(text) < 60_000 else text[:60_000]  # http.client takes no longer line
    fields = {"Content-Range": "bytes 0-9/1000", "Content-Length": "10", "ETag": '"v1"', name: value}
    tenant.media(Answer([head(429 if name == "Retry-After" else 206, fields), b"0123456789"], close=True))
    with closing(tenant.source()) as source:
        archived(SegmentPlan("call-1", Outcome.READY, size_bytes=1000), source)


@pytest.mark.parametrize(
    "start", [f"HTTP/1.1 500 \x1b[31m{'x' * 500}", "HTTP/1.1 \x1b[31m", "\x1b[2Jnonsense", "A" * 70_000]
)
def test_status_lines(tenant: ScriptedTenant, start: str) -> None:
    tenant.media(Answer([start.encode() + b"\r\n\r\n"], close=True))
    with closing(tenant.source()) as source:
        archived(SegmentPlan("call-1", Outcome.READY, size_bytes=1000), source)


@hostile
def test_media_that_is_no_audio(tenant: ScriptedTenant, text: str) -> None:
    content = text.encode()[:1000]
    fields = {"Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}", "ETag": '"v1"'}
    tenant.media(answer(206, content, fields))
    with closing(tenant.source()) as source:
        archived(SegmentPlan("call-1", Outcome.READY, size_bytes=len(content)), source)


@hostile
@pytest.mark.parametrize("outcome", [Outcome.READY, Outcome.ALREADY_ARCHIVED, Outcome.REJECTED])
def test_ids_of_plans_that_another_task_or_a_caller_made(tenant: ScriptedTenant, outcome: Outcome, text: str) -> None:
    document = {**SegmentPlan("call-1", outcome, size_bytes=1000).to_document(), "recording_id": text}
    for plan in (SegmentPlan(text, outcome, size_bytes=1000), SegmentPlan.from_document(document)):
        with listening() as listener, closing(tenant.source()) as source:
            [log] = archive_recordings(
                [plan], source=source, store=FakeStore(), clock=FakeClock(), settings=ArchiveSettings()
            )
        check_logged(listener)
        check_text(log.to_document()["recording_id"])
    assert tenant.server.requests == [], "a hostile id reaches nobody"


@hostile
def test_what_callers_list(text: str) -> None:
    rows = [
        text,
        {"recording_id": text},
        {"recording_id": "a", "recorded_at": text},
        {"recording_id": "a", "metadata": text},
    ]
    rows += [{"recording_id": "a", "metadata": {text: text}}]
    for document in listed(rows):
        check_text(document["recording_id"])
        for told in (document.get("malformed"), document.get("found"), *document.get("metadata", {})):
            check_text(told or "")
    for lines in (
        f"recording_id,{text}\n1,2",
        f"recording_id\n{text}",
        text,
        f'{{"recording_id": {json.dumps(text)}}}',
    ):
        raised_by(lambda lines=lines: list(read_list([lines.encode()])))  # type: ignore[misc]  # binds the loop's value


@hostile
def test_what_callers_set(text: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: ArchiveLayout(text),
        lambda: ArchiveLayout("b", text),
        lambda: settings_of(text, "a", "b"),
        lambda: AllowList.parse([text]),
        *(
            lambda name=name: settings_of("", "a", "b", {name: text})
            for name in ("api", "environment", "scope", "ca_bundle", "proxies", "timeouts", "allow_http", text)
        ),
        *(
            lambda name=name: webhook_settings("https://h", None, None, None, "x", {name: text})
            for name in ("endpoint", "headers", "timeout_s", "attempts", "proxies", "allowed_hosts", text)
        ),
    ]
    for call in calls:
        raised_by(call)


@hostile
@pytest.mark.parametrize("code", ["AccessDenied", "SlowDown", "InvalidPart", "RequestTimeTooSkewed", "NoSuchUpload"])
def test_answers_of_s3(code: str, text: str) -> None:
    sendable = "".join(c for c in text if c.isprintable() or c in "\n\r\t\x85\u2028\u202e")  # XML has no other ones
    more = {"Message": sendable, "ServerTime": sendable, "RequestTime": sendable}
    with ScriptedServer(lambda _request: refusal(403, code, **more)) as server:
        client = S3Server(server.url, "A", "b").client(tuned_client_config())
        store = S3Store(client, "archive", clock=FakeClock(), retry=RetryPolicy(attempts=2))
        with closing(client):
            chain = raised_by(lambda: store.read("k", max_bytes=10))
            assert raised_by(lambda: list(store.list_keys("p")))
    assert chain


@hostile
@pytest.mark.parametrize("name", ["recording_id", "s3_uri", "sha256", "provider_version", "archived_at"])
def test_documents_in_the_bucket(name: str, text: str) -> None:
    layout, store = ArchiveLayout("archive", "cxone"), FakeStore()
    document: Mapping[str, Any] = {"schema": "cxone.manifest/1", "recording_id": "call-1", name: text}
    for body in (json.dumps(document).encode(), text.encode()):
        store.objects.clear()
        store.put(layout.manifest_key("call-1"), body, ObjectAttributes("application/json"))
        check_text(str(verify_recording(store, layout, "call-1").problem))


@hostile
@pytest.mark.parametrize("status", [302, 400, 500])
def test_replies_of_the_webhook(status: int, text: str) -> None:
    with ScriptedServer(lambda _request: answer(status, text.encode(), {"Location": "http://x/\x1b[31m"})) as server:
        settings = WebhookSettings(
            f"{server.url}/hook", allowed=AllowList.parse("127.0.0.1"), retry=RetryPolicy(attempts=1)
        )
        assert raised_by(lambda: WebhookNotifier(settings, FakeClock()).deliver("msg_1", b"{}"))


def test_the_simulated_tenants_own_log_lines_are_not_counted() -> None:
    with Simulator() as simulator, listening() as listener:
        assert simulator.base_url
    assert listener.records == []
