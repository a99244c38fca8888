"""Canaries: client secret, stream secret, token and proxy password show up in no log, error or representation."""

from __future__ import annotations

import base64
import logging
import pickle
import traceback
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest

from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import Timeouts
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import RecordingRef
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import CLIENT_SECRET, METADATA, Reply, ScriptedTenant, json_answer, ranged
from tests.fakes.http_server import Answer, WireRequest, answer, endless, head

pytestmark = pytest.mark.server

STREAM_SECRET = b"canary-stream-secret"
CONTENT = bytes(1000)
SECRETS = [CLIENT_SECRET, STREAM_SECRET.decode(), "canary-token", "canary-proxy"]


def echo(status: int) -> Reply:
    """Return a reply whose body and headers repeat everything the client sent."""

    def reply(request: WireRequest) -> Answer:
        sent = f"{request.headers} {request.body.decode()}".encode()
        return answer(status, sent, {"WWW-Authenticate": request.headers.get("authorization", "none")})

    return reply


ROWS: dict[str, Reply] = {
    "401": echo(401),
    "403": echo(403),
    "404": echo(404),
    "412": echo(412),
    "416": echo(416),
    "418": echo(418),
    "429": echo(429),
    "500": echo(500),
    "200": echo(200),
    "302": answer(302, b"", {"Location": "http://127.0.0.2:9/"}),
    "reset": Answer([], reset=True),
    "closed": Answer([], close=True),
    "no HTTP": Answer([b"nonsense\r\n\r\n"], close=True),
    "cut": answer(206, b"x", {"Content-Range": "bytes 0-99/1000"}, declared=100),
    "bad header": Answer([head(206, {"Content-Range": "bytes 0-99/1000"})[:-2] + b"broken header\r\n\r\n"], close=True),
    "two lengths": Answer([head(206, [("Content-Length", 1), ("Content-Length", 2)])], close=True),
    "drip": endless(206, {"Content-Range": "bytes 0-99/1000"}, b"x", every_s=0.02),
    "html": answer(200, b"<html>", {"Content-Type": "text/html"}),
}


def forms(secret: str) -> Iterator[str]:
    """Yield the ways in which a secret could be written."""
    raw = secret.encode()
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1])
    yield from (base64.b64encode(raw).decode().rstrip("="), raw.hex(), secret.encode("unicode_escape").decode())


def told(error: BaseException) -> str:
    """Return all that an error and its causes say, by every way there is to print them."""
    texts = [*traceback.format_exception(error), repr(vars(error))]
    cause: BaseException | None = error
    while cause is not None:
        texts += [str(cause), repr(cause), repr(cause.args)]
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, ArchiveError):
        texts.append(repr(pickle.dumps(error)))
    return "\n".join(texts)


def source_of(tenant: ScriptedTenant) -> RecordingV2Source:
    timeouts = Timeouts(connect_s=5, token_s=0.3, metadata_s=0.3, media_s=0.3)
    return tenant.source(FakeClock(), stream_secret=STREAM_SECRET, timeouts=timeouts)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("place", ["token", "metadata", "media", "whole"])
def test_no_fault_makes_a_secret_visible(
    tenant: ScriptedTenant, caplog: pytest.LogCaptureFixture, row: str, place: str
) -> None:
    caplog.set_level(logging.DEBUG)
    if place == "token":
        tenant.token_replies.extend([ROWS[row]] * 10)
    tenant.metadata(ROWS[row] if place == "metadata" else json_answer(METADATA))
    tenant.media(ROWS[row] if place in ("media", "whole") else answer(200, CONTENT))
    seen: list[str] = []
    source = source_of(tenant)
    buffer = memoryview(bytearray(100))
    try:
        seen.append(repr(source.describe(RecordingRef("call-1"))))
        if place == "whole":
            with source.open_whole(Media("call-1", None, 1000)) as body:
                body.readinto(buffer)
        else:
            seen.append(repr(source.read_segment(Media("call-1", None, 1000), Segment(0, 0, 100), buffer)))
    except ArchiveError as error:
        seen.append(told(error))
    seen += [repr(source), caplog.text, *(repr(record.args) for record in caplog.records)]
    everything = "\n".join(seen)
    assert caplog.records, "nothing was logged, so nothing was shown"
    assert [form for secret in SECRETS for form in forms(secret) if form in everything] == []


def test_a_good_transfer_shows_no_secret_either(tenant: ScriptedTenant, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    tenant.metadata(json_answer(METADATA))
    tenant.media(ranged(CONTENT))
    source = source_of(tenant)
    seen = repr(source.describe(RecordingRef("call-1")))
    seen += repr(source.read_segment(Media("call-1", None, 1000), Segment(0, 0, 100), memoryview(bytearray(100))))
    assert "/api/v2/recording/call-1" in caplog.text
    assert "canary" not in seen + caplog.text


def test_objects_do_not_show_what_they_hold(tenant: ScriptedTenant) -> None:
    settings = tenant.settings(stream_secret=STREAM_SECRET, proxies={"http": "http://u:canary-proxy@127.0.0.1:9"})
    api = TenantApi(settings, FakeClock())
    shown = f"{settings!r} {settings} {api!r} {vars(api)!r}"
    assert "canary" not in shown


def test_a_proxy_that_fails_does_not_show_its_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    scripted = ScriptedTenant()
    for url in ("http://tenant.example", "https://tenant.example"):
        proxies = dict.fromkeys(("http", "https"), "http://u:canary-proxy@127.0.0.1:9")
        with pytest.raises(ArchiveError) as raised, scripted.server:
            scripted.source(base_url=url, proxies=proxies).check()
        assert "canary" not in told(raised.value) + caplog.text
