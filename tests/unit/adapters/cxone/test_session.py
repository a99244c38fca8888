"""What every request has in common: where it may go, what it carries, what it believes."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import Any

import pytest

from cxone_provider import __version__
from cxone_provider.adapters.cxone.credentials import Credentials
from cxone_provider.adapters.cxone.session import ApiSession
from cxone_provider.adapters.cxone.settings import CXoneSettings, Timeouts
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.errors import InvalidSetting, SourceUnavailable, UnexpectedAnswer
from tests.fakes.certificates import Authority
from tests.fakes.http_server import Answer, Endless, ScriptedServer, answer, head

pytestmark = pytest.mark.server


def session_to(url: str, **changes: Any) -> ApiSession:
    timeouts = Timeouts(connect_s=5, media_s=5)
    credentials = Credentials(client_id="c", client_secret="s")
    return ApiSession(CXoneSettings(base_url=url, credentials=credentials, **{"timeouts": timeouts, **changes}))


def get(session: ApiSession, path: str = "/x", *, limit_s: float = 5.0) -> tuple[int, bytes]:
    with session.request("GET", path, limit_s=limit_s, headers={}) as reply:
        return reply.status_code, reply.raw.read()


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_requests_are_plain_and_say_who_they_are() -> None:
    with ScriptedServer(lambda request: answer(200, b"ok")) as server:
        assert get(session_to(server.url)) == (200, b"ok")
    assert server.requests[0].line == "GET /x HTTP/1.1"
    assert server.requests[0].headers["user-agent"] == f"airflow-provider-cxone/{__version__}"
    assert server.requests[0].headers["accept-encoding"] == "identity"


def test_connections_are_kept() -> None:
    with ScriptedServer(lambda request: answer(200, b"ok")) as server:
        session = session_to(server.url)
        for _ in range(5):
            get(session)
        session.close()
        session.close()
    assert server.connections == 1


def test_one_session_serves_many_threads() -> None:
    together = threading.Barrier(16)
    with ScriptedServer(lambda request: answer(200, request.target.encode())) as server:
        session = session_to(server.url)
        seen: dict[int, list[tuple[int, bytes]]] = {}

        def work(number: int) -> None:
            together.wait(10)
            seen[number] = [get(session, f"/{number}") for _ in range(10)]

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert seen == {number: [(200, f"/{number}".encode())] * 10 for number in range(16)}
    assert server.connections <= 16


def test_cookies_are_refused() -> None:
    with ScriptedServer(lambda request: answer(200, b"", {"Set-Cookie": "a=b; Path=/"})) as server:
        session = session_to(server.url)
        get(session)
        get(session)
    assert all("cookie" not in request.headers for request in server.requests)


def test_a_redirect_is_an_answer_and_leads_nowhere() -> None:
    with (
        ScriptedServer(lambda request: answer(200, b"stolen"), address="127.0.0.2") as other,
        ScriptedServer(lambda request: answer(302, b"", {"Location": other.url})) as server,
    ):
        assert get(session_to(server.url)) == (302, b"")
    assert other.requests == []


def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login canary password canary\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with ScriptedServer(lambda request: answer(200)) as server:
        get(session_to(server.url))
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize(
    "reply",
    [
        Answer([], close=True),
        Answer([], reset=True),
        Answer([b"HTTP/1.1 2"], close=True),
        Answer([b"SSH-2.0-OpenSSH_9\r\n"], close=True),
        Answer([b"\x16\x03\x01\x02\x00"], close=True),
        Answer([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"], close=True),
        Answer([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"], close=True),
        Answer([b"HTTP/1.1 9999 OK\r\n\r\n"], close=True),
    ],
)
def test_no_answer_at_all_is_worth_another_try(reply: Answer) -> None:
    with ScriptedServer(lambda request: reply) as server, pytest.raises(TryAgain) as raised:
        get(session_to(server.url))
    assert isinstance(raised.value.error, SourceUnavailable)
    assert raised.value.__cause__ is not None


def test_a_refused_connection_is_worth_another_try() -> None:
    with ScriptedServer(lambda request: answer(200)) as server:
        url = server.url
    with pytest.raises(TryAgain) as raised:
        get(session_to(url))
    assert isinstance(raised.value.error, SourceUnavailable)


def test_a_name_that_does_not_resolve_is_worth_another_try() -> None:
    with pytest.raises(TryAgain):
        get(session_to("http://nowhere.invalid"))


def test_contradicting_lengths_are_no_answer_of_this_api() -> None:
    reply = Answer([head(200, [("Content-Length", 5), ("Content-Length", 6)]), b"hello"], close=True)
    with ScriptedServer(lambda request: reply) as server, pytest.raises(UnexpectedAnswer, match="not an HTTP answer"):
        get(session_to(server.url))


def test_a_body_that_breaks_off_in_the_block_is_worth_another_try() -> None:
    with ScriptedServer(lambda request: answer(200, b"half", declared=8)) as server, pytest.raises(TryAgain):
        get(session_to(server.url))


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_what_drips_ends_with_the_limit(tmp_path: Path, start: bytes, *, secure: bool) -> None:
    authority = Authority(tmp_path)
    reply = Answer(Endless(start, b"y"), every_s=0.02)
    with (
        ScriptedServer(lambda request: reply, tls=authority.server("127.0.0.1") if secure else None) as server,
        pytest.raises(TryAgain) as raised,
    ):
        get(session_to(server.url, ca_bundle=str(authority.bundle)), limit_s=0.3)
    assert isinstance(raised.value.error, SourceUnavailable)


@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("host", ["127.0.0.1", "other.example"])
@pytest.mark.parametrize("trusted", [True, False])
def test_only_a_certificate_that_verifies_is_believed(tmp_path: Path, days: int, host: str, *, trusted: bool) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    bundle = authority.bundle if trusted else stranger.bundle
    with ScriptedServer(lambda request: answer(200, b"ok"), tls=authority.server(host, days=days)) as server:
        session = session_to(server.url, ca_bundle=str(bundle))
        if trusted and days > 0 and host == "127.0.0.1":
            assert get(session) == (200, b"ok")
            return
        with pytest.raises(UnexpectedAnswer, match="certificate does not verify"):
            get(session)
    assert server.requests == []


def test_old_tls_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server("127.0.0.1")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with ScriptedServer(lambda request: answer(200), tls=context) as server, pytest.raises(TryAgain):
        get(session_to(server.url, ca_bundle=str(authority.bundle)))
    assert server.requests == []


def test_the_environments_bundle_counts_unless_the_connection_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    with ScriptedServer(lambda request: answer(200, b"ok"), tls=authority.server("127.0.0.1")) as server:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
        assert get(session_to(server.url)) == (200, b"ok")
        with pytest.raises(UnexpectedAnswer):
            get(session_to(server.url, ca_bundle=str(stranger.bundle)))


def test_an_empty_bundle_in_the_environment_does_not_switch_verification_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    with ScriptedServer(lambda request: answer(200, b"ok"), tls=authority.server("127.0.0.1")) as server:
        with pytest.raises(UnexpectedAnswer, match="certificate does not verify"):
            get(session_to(server.url))
        with pytest.raises(UnexpectedAnswer, match="certificate does not verify"):
            get(session_to(server.url, ca_bundle=""))


def test_a_bundle_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="CA bundle"):
        session_to("https://example.com", ca_bundle=str(tmp_path / "missing.pem"))


def test_the_environments_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda request: answer(200, b"proxied")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert get(session_to("http://tenant.example/base")) == (200, b"proxied")
    assert proxy.requests[0].line == "GET http://tenant.example/base/x HTTP/1.1"


def test_no_proxy_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda request: answer(200)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "tenant.invalid")
        with pytest.raises(TryAgain):
            get(session_to("http://tenant.invalid"))
    assert proxy.requests == []


def test_the_connections_proxy_wins_over_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        ScriptedServer(lambda request: answer(200, b"own")) as own,
        ScriptedServer(lambda request: answer(200, b"environment")) as other,
    ):
        monkeypatch.setenv("HTTP_PROXY", other.url)
        assert get(session_to("http://tenant.example", proxies={"http": own.url})) == (200, b"own")
    assert other.requests == []


def test_this_machine_is_not_reached_through_the_environments_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with ScriptedServer(lambda request: answer(200, b"direct")) as server:
        assert get(session_to(server.url)) == (200, b"direct")


def test_a_drip_through_a_proxy_ends_with_the_limit() -> None:
    reply = Answer(Endless(b"HTTP/1.1 200 OK\r\nX: ", b"y"), every_s=0.02)
    with ScriptedServer(lambda request: reply) as proxy, pytest.raises(TryAgain):
        get(session_to("http://tenant.example", proxies={"http": proxy.url}), limit_s=0.3)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    ("path", "sent"),
    [("/a%2Fb", "/base/a%2Fb?q=1+2"), ("/a b", "/base/a%20b?q=1+2"), ("/a\r\nX: y", "/base/a%0D%0AX:%20y?q=1+2")],
)
def test_a_path_is_sent_as_one_line_whatever_is_in_it(path: str, sent: str) -> None:
    with ScriptedServer(lambda request: answer(200, b"ok")) as server:
        session = session_to(f"{server.url}/base/")
        with session.request("GET", path, limit_s=5.0, headers={}, params={"q": "1 2"}) as reply:
            assert reply.status_code == 200
    assert server.requests[0].target == sent
    assert "x" not in server.requests[0].headers
