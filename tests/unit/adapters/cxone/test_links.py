"""Media links: where they may lead, what travels to them, and that nobody gets to read one."""

from __future__ import annotations

import logging
import pickle
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from cxone_provider.adapters.cxone.credentials import Auth, Credentials
from cxone_provider.adapters.cxone.links import LinkSession, checked_link, refused_link
from cxone_provider.adapters.cxone.media_hosts import MediaHosts
from cxone_provider.adapters.cxone.settings import CXoneSettings, Timeouts
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    RangeNotSatisfiable,
    RateLimited,
    RecordingChanged,
    RecordingNotFound,
    SourceUnavailable,
    UnexpectedAnswer,
)
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer, endless, head

SECRET = "/canary%2fpath/canary.mp4?X-Amz-Signature=canary0123&x-canary=%7ecanary%2fend"


def settings(**changes: Any) -> CXoneSettings:
    fields: dict[str, Any] = {
        "base_url": "https://issuer.example",
        "credentials": Credentials(Auth.ACCESS_KEY, access_key_id="canary-id", access_key_secret="canary-secret"),
        "timeouts": Timeouts(connect_s=5, media_s=0.5),
        "media_hosts": MediaHosts.parse(["127.0.0.1", "localhost", "*.s3.amazonaws.com"]),
    }
    return CXoneSettings(**{**fields, **changes})


@pytest.mark.parametrize(
    "link",
    [
        "https://bucket.s3.amazonaws.com/a/b.mp4?X-Amz-Signature=s&x=%2F",
        "https://BUCKET.s3.amazonaws.com:443/a(1)!'*;@$,:~.mp4",
        "http://127.0.0.1:8080/a",
        "http://localhost/a",
    ],
)
def test_an_allowed_link_may_be_followed_and_is_not_shown(link: str) -> None:
    checked = checked_link(link, settings())
    assert checked.url == link
    assert checked.url not in repr(checked)
    assert "X-Amz" not in repr(checked)


@pytest.mark.parametrize(
    "link",
    [
        None, 7, "", "canary", "//bucket.s3.amazonaws.com/canary", "/canary", "ftp://bucket.s3.amazonaws.com/canary",
        "https://bucket.s3.amazonaws.com", "https://user:canary@bucket.s3.amazonaws.com/a",
        "https://bucket.s3.amazonaws.com/canary#x", "https://bucket.s3.amazonaws.com/can ary",
        "https://bucket.s3.amazonaws.com/canary\r\nX: y", "https://bucket.s3.amazonaws.com\\@evil.example/canary",
        "https://bucket.s3.amazonaws.com:99999/canary", "https://bucket.s3.amazonaws.com:x/canary",
        "https://bücket.s3.amazonaws.com/canary", "https://bucket.s3.amazonaws.com/ä-canary",
        " https://bucket.s3.amazonaws.com/canary", "https://bucket.s3.amazonaws.com/canary" + "a" * 9000,
        "file:///etc/canary", "javascript:canary", "https://bucket.s3.amazonaws.com/canary\x00",
        "http://bucket.s3.amazonaws.com/canary", "https://s3.amazonaws.com.evil.example/canary",
        "https://evil.example/canary?x=.s3.amazonaws.com", "https://169.254.169.254/canary", "https://10.0.0.1/canary",
        "https://[::1]/canary", "https://2130706433/canary", "https://127.0.0.2/canary", "https://amazonaws.com/canary",
    ],
)  # fmt: skip
def test_any_other_link_is_refused_and_not_shown(link: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="a media link") as raised:
        checked_link(link, settings())
    assert "canary" not in f"{raised.value} {raised.value.found!r}"


def test_plain_http_to_another_machine_needs_saying() -> None:
    hosts = MediaHosts.parse(["simulator"])
    with pytest.raises(UnexpectedAnswer, match="plain http"):
        checked_link("http://simulator/x", settings(media_hosts=hosts))
    assert checked_link("http://simulator/x", settings(media_hosts=hosts, allow_http=True)).host == "simulator"


@pytest.fixture
def session() -> Iterator[LinkSession]:
    made = LinkSession(settings())
    yield made
    made.close()
    made.close()


def told(error: BaseException) -> str:
    """Return all that an error and what it came from say, by every way there is to print them."""
    texts = [*traceback.format_exception(error)]
    cause: BaseException | None = error
    while cause is not None:
        texts += [str(cause), repr(cause), repr(vars(cause))]
        cause = cause.__cause__ or cause.__context__
    return "".join(texts) + repr(pickle.dumps(error))


@pytest.mark.server
def test_a_link_is_asked_for_by_get_with_what_was_given_and_nothing_of_the_connection(session: LinkSession) -> None:
    with ScriptedServer(lambda request: answer(206, b"ok")) as store:
        link = checked_link(store.url + SECRET, settings())
        with session.get(link, {"Range": "bytes=0-1"}) as reply:
            assert reply.raw.read() == b"ok"
    [request] = store.requests
    assert request.line.startswith("GET /canary")
    assert request.headers["range"] == "bytes=0-1"
    assert set(request.headers) == {"host", "range", "user-agent", "accept-encoding", "accept", "connection"}
    assert "canary" not in repr(request.headers)


@pytest.mark.server
def test_no_redirect_is_followed_and_no_netrc_or_cookie_is_used(
    session: LinkSession, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login canary password canary")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with ScriptedServer(lambda request: answer(200)) as elsewhere:
        away = answer(302, b"", {"Location": f"{elsewhere.url}/x", "Set-Cookie": "a=canary"})
        with ScriptedServer(lambda request: away) as store:
            link = checked_link(store.url + SECRET, settings())
            for _ in range(2):
                with session.get(link, {}) as reply:
                    assert reply.status_code == 302
    assert elsewhere.requests == []
    assert all({"authorization", "cookie"}.isdisjoint(request.headers) for request in store.requests)


def everything_is_here(host: str, port: int, **_more: Any) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


@pytest.mark.server
@pytest.mark.parametrize(
    ("media_hosts", "reached"),
    [
        (["store.example"], True),
        (["*.example", "127.0.0.0/8"], True),
        (["*.example"], False),
        (["*.example", "10.0.0.0/8"], False),
    ],
    ids=str,
)
def test_the_address_behind_an_allowed_name_is_checked_too(
    media_hosts: list[str], *, reached: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settings(media_hosts=MediaHosts.parse(media_hosts), allow_http=True)
    session = LinkSession(made)
    with ScriptedServer(lambda request: answer(200)) as store:
        monkeypatch.setattr("socket.getaddrinfo", everything_is_here)
        link = checked_link(f"http://store.example:{store.url.rpartition(':')[2]}/canary", made)
        if reached:
            with session.get(link, {}) as reply:
                assert reply.status_code == 200
        else:
            with pytest.raises(UnexpectedAnswer, match="may not be called"), session.get(link, {}):
                pytest.fail("connected")
    session.close()
    assert len(store.requests) == reached


BROKEN: dict[str, Answer] = {
    "reset": Answer([], reset=True),
    "closed": Answer([], close=True),
    "no http": Answer([b"canary\r\n\r\n"], close=True),
    "silent": Answer([b"", b""], every_s=5),
    "short": answer(200, b"half", declared=100),
    "drips": Answer([head(200, {"Content-Length": 100}), *[b"x"] * 99], every_s=0.3),
}


@pytest.mark.server
@pytest.mark.parametrize("name", BROKEN)
def test_whatever_breaks_no_error_and_no_log_line_holds_the_link(
    session: LinkSession, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(lambda request: BROKEN[name]) as store:
        link = checked_link(store.url + SECRET, settings())
        with pytest.raises((TryAgain, UnexpectedAnswer)) as raised, session.get(link, {}) as reply:
            reply.raw.read()
    problem = raised.value.error if isinstance(raised.value, TryAgain) else raised.value
    assert "canary" not in told(raised.value) + told(problem) + caplog.text
    assert any(record.name.startswith("urllib3") for record in caplog.records)


@pytest.mark.server
def test_a_host_that_is_not_there_does_not_show_the_link(
    session: LinkSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(lambda request: answer(200)) as gone:
        url = gone.url
    link = checked_link(url + SECRET, settings())
    with pytest.raises(TryAgain) as raised, session.get(link, {}):
        pytest.fail("connected")
    assert isinstance(raised.value.error, SourceUnavailable)
    assert "canary" not in told(raised.value) + told(raised.value.error) + caplog.text


@pytest.mark.server
def test_a_proxy_carries_links_and_its_password_does_not_show(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer(lambda request: answer(200, b"ok")) as proxy:
        through = proxy.url.replace("//", "//u:canary-proxy@")
        made = settings(proxies={"http": through}, media_hosts=MediaHosts.parse(["store.example"]), allow_http=True)
        session = LinkSession(made)
        with session.get(checked_link("http://store.example" + SECRET, made), {}) as reply:
            assert reply.raw.read() == b"ok"
        session.close()
    [request] = proxy.requests
    assert request.line.startswith("GET http://store.example/canary")
    assert "canary" not in caplog.text


XML = (
    b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message>"
    b"<CanonicalRequest>X-Amz-Signature=canary</CanonicalRequest></Error>"
)


@pytest.mark.server
@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (400, {}, AccessDenied), (401, {}, AccessDenied), (403, {}, AccessDenied), (404, {}, RecordingNotFound),
        (410, {}, RecordingNotFound), (412, {}, RecordingChanged), (416, {}, RangeNotSatisfiable),
        (429, {"Retry-After": "7"}, RateLimited), (500, {}, SourceUnavailable), (503, {}, SourceUnavailable),
        (302, {"Location": "https://canary.example"}, UnexpectedAnswer), (418, {}, UnexpectedAnswer),
        (204, {}, UnexpectedAnswer),
    ],
)  # fmt: skip
def test_a_refusal_shows_its_code_and_nothing_else_of_its_body(
    session: LinkSession, status: int, headers: dict[str, str | int], kind: type[ArchiveError]
) -> None:
    with (
        ScriptedServer(lambda request: answer(status, XML, headers)) as store,
        session.get(checked_link(store.url + SECRET, settings()), {}) as reply,
    ):
        problem = refused_link(reply, "media of 1.1", FakeClock().now())
    error = problem.error if isinstance(problem, TryAgain) else problem
    assert type(error) is kind
    assert "canary" not in told(error)
    assert str(status) in str(error)
    assert ("AccessDenied" in str(error)) is (status != 204)


@pytest.mark.server
def test_an_endless_refusal_is_not_read_whole(session: LinkSession) -> None:
    def drip(request: WireRequest) -> Answer:
        return endless(403, {}, b"x" * 2000)

    with ScriptedServer(drip) as store, session.get(checked_link(store.url + "/x", settings()), {}) as reply:
        assert isinstance(refused_link(reply, "media of 1.1", FakeClock().now()), AccessDenied)
