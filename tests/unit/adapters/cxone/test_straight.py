"""A request past urllib3 is as good as one through it: the same answers, bodies, errors and kept connections."""

from __future__ import annotations

import ssl
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError, InvalidHeader, ProtocolError, ReadTimeoutError
from urllib3.util.wait import wait_for_read

from cxone_provider.adapters.cxone.pace import PacedReader
from cxone_provider.adapters.cxone.straight import StraightBody, StraightPool, straight_pools
from tests.fakes.certificates import Authority
from tests.fakes.http_server import Answer, ScriptedServer, answer, head

pytestmark = pytest.mark.server
BODY = bytes(range(256)) * 200


def pool_to(server: ScriptedServer, bundle: Path | None = None) -> StraightPool:
    scheme, _, address = server.url.partition("://")
    host, _, port = address.partition(":")
    tls: dict[str, Any] = {} if bundle is None else {"ca_certs": str(bundle), "cert_reqs": ssl.CERT_REQUIRED}
    return straight_pools(1000.0)[scheme](host, int(port), maxsize=4, **tls)


def asked(pool: StraightPool, target: str = "/x", limit_s: float = 5.0) -> StraightBody:
    return pool.get(target, {"Accept-Encoding": "identity"}, connect_s=5.0, limit_s=limit_s)


def through_urllib3(pool: StraightPool, limit_s: float = 5.0) -> Any:
    return pool.urlopen(
        "GET", "/x", retries=False, redirect=False, preload_content=False, decode_content=False,
        timeout=urllib3.Timeout(connect=5.0, read=limit_s),
    )  # fmt: skip


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> Answer:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return Answer([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + end], close=True)


def told(body: Any) -> tuple[Any, ...]:
    """Return all that a caller sees of an answer, or the kind of error it gets and what caused that."""
    view = memoryview(bytearray(len(BODY) + 100))
    filled = 0
    try:
        while count := body.readinto(view[filled : filled + 20_000]):
            filled += count
    except HTTPError as error:
        return body.status, filled, type(error), isinstance(error.__cause__, IncompleteRead)
    return body.status, {name.lower(): body.headers[name] for name in body.headers}, bytes(view[:filled])


REPLIES = {
    "whole": answer(200, BODY),
    "empty": answer(200, b""),
    "no content": Answer([b"HTTP/1.1 204 No Content\r\n\r\n"]),
    "not modified, with a length": Answer([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"]),
    "until it is closed": Answer([b"HTTP/1.1 200 OK\r\n\r\n" + BODY], close=True),
    "HTTP/1.0": Answer([b"HTTP/1.0 200 OK\r\n\r\n" + BODY], close=True),
    "chunks": chunked(BODY[:7], BODY[7:30_000], BODY[30_000:]),
    "chunks and trailers": chunked(BODY, end=b"0\r\nx-sum: 1\r\n\r\n"),
    "chunks and a length": Answer(
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n3\r\nabc\r\n0\r\n\r\n"], close=True
    ),
    "chunks that break off": chunked(BODY[:100], end=b"ff\r\nshort"),
    "chunks of no size": chunked(BODY[:100], end=b"zz\r\n"),
    "chunks without an end": chunked(BODY[:100], end=b""),
    "short": answer(200, BODY, declared=len(BODY) + 7),
    "an interim answer before": Answer([b"HTTP/1.1 100 Continue\r\n\r\n", head(200, [("Content-Length", 2)]), b"ok"]),
    "no reason": Answer([b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"]),
    "bare line feeds": Answer([b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"]),
    "a field twice": Answer([head(200, [("X-A", "1"), ("X-A", "2"), ("Content-Length", 2)]), b"ok"]),
    "a length twice": Answer([head(200, [("Content-Length", 2), ("Content-Length", 2)]), b"ok"]),
    "a length that is none": Answer([head(200, [("Content-Length", "two")]), b"ok"], close=True),
    "a negative length": Answer([head(200, [("Content-Length", -2)]), b"ok"], close=True),
    "a redirect": answer(302, b"", {"Location": "http://127.0.0.1:9/"}),
    "an encoding": answer(200, b"not gzip", {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", REPLIES)
def test_a_caller_cannot_tell_which_way_a_request_went(name: str) -> None:
    with ScriptedServer(lambda request: REPLIES[name]) as server:
        assert told(asked(pool_to(server))) == told(through_urllib3(pool_to(server)))


FAILURES = {
    "nothing": Answer([], close=True),
    "a reset": Answer([], reset=True),
    "half a status line": Answer([b"HTTP/1.1 2"], close=True),
    "no HTTP": Answer([b"SSH-2.0-OpenSSH_9\r\n"], close=True),
    "another version": Answer([b"HTTP/3.0 200 OK\r\n\r\n"], close=True),
    "too many fields": Answer([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n"], close=True),
    "too long a field": Answer([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"], close=True),
    "several lengths": Answer([head(200, [("Content-Length", 5), ("Content-Length", 6)]), b"hello"], close=True),
    "silence": Answer([b"HTTP/1.1 200 OK\r\n"]),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_no_answer_is_the_same_error(name: str) -> None:
    with ScriptedServer(lambda request: FAILURES[name]) as server:
        with pytest.raises(HTTPError) as straight:
            asked(pool_to(server), limit_s=0.2)
        with pytest.raises(HTTPError) as usual:
            through_urllib3(pool_to(server), limit_s=0.2)
    assert type(straight.value) is type(usual.value)


@pytest.mark.parametrize(
    "reply",
    [
        Answer([head(200, [("Transfer-Encoding", "gzip, chunked")]), b"2\r\nok\r\n0\r\n\r\n"], close=True),
        Answer([b"HTTP/1.1 200 OK\r\nno field\r\n\r\n"], close=True),
        Answer([b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"], close=True),
        Answer([b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + b"HTTP/1.1 200 OK\r\n\r\n"], close=True),
    ],
)
def test_what_urllib3_would_guess_at_is_refused(reply: Answer) -> None:
    with ScriptedServer(lambda request: reply) as server, pytest.raises(ProtocolError):
        asked(pool_to(server))


def test_contradicting_lengths_are_named() -> None:
    with (
        ScriptedServer(lambda request: FAILURES["several lengths"]) as server,
        pytest.raises(InvalidHeader, match="5, 6"),
    ):
        asked(pool_to(server))


@pytest.mark.parametrize("name", ["whole", "empty", "no content", "not modified, with a length", "chunks"])
def test_a_connection_is_kept_behind_a_whole_body(name: str) -> None:
    reply = Answer(REPLIES[name].pieces)
    with ScriptedServer(lambda request: reply) as server:
        pool = pool_to(server)
        for _ in range(3):
            body = asked(pool)
            told(body)
            body.close()
            body.close()
        assert server.connections == 1


def test_a_connection_is_not_kept_behind_a_part_of_a_body() -> None:
    with ScriptedServer(lambda request: answer(200, BODY)) as server:
        pool = pool_to(server)
        assert pool.pool is not None
        for number in range(1, 4):
            body = asked(pool)
            assert body.read(10) == BODY[:10]
            body.close()
            assert server.connections == number


def test_a_connection_that_the_server_closed_meanwhile_is_made_anew() -> None:
    with ScriptedServer(lambda request: Answer([head(200, [("Content-Length", 2)]), b"ok"], close=True)) as server:
        pool = pool_to(server)
        assert pool.pool is not None
        for number in range(1, 4):
            assert told(asked(pool))[2] == b"ok"
            assert server.connections == number
            # Before its end has arrived here, a connection looks alive, and a request over it is one to try again.
            assert wait_for_read(pool.pool.queue[-1].sock, timeout=5.0)


def test_a_body_that_stalls_is_a_time_out_and_its_connection_is_gone() -> None:
    reply = Answer([head(200, [("Content-Length", 100)]), b"x" * 50])
    with ScriptedServer(lambda request: reply) as server:
        pool = pool_to(server)
        body = asked(pool, limit_s=0.2)
        with pytest.raises(ReadTimeoutError):
            body.read()
        assert body.received_bytes == 0  # of what was asked for, and not had
        body.close()
        with pytest.raises(ProtocolError):
            body.read()


def test_bytes_go_from_the_socket_into_the_callers_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    target = bytearray(len(BODY))
    straight_bytes = 0
    receive = PacedReader.readinto

    def readinto(reader: PacedReader, buffer: memoryview) -> int | None:
        nonlocal straight_bytes
        before = bytes(target)
        count = receive(reader, buffer)
        straight_bytes += (count or 0) if bytes(target) != before else 0
        return count

    monkeypatch.setattr(PacedReader, "readinto", readinto)
    with ScriptedServer(lambda request: answer(200, BODY)) as server:
        body = asked(pool_to(server))
        filled = 0
        while count := body.readinto(memoryview(target)[filled:]):
            filled += count
    assert bytes(target) == BODY
    assert straight_bytes >= len(BODY) - 2 * 8192  # but what came with the head, and a rest that is no whole block


def test_certificates_are_verified_as_ever(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "Stranger")
    with ScriptedServer(lambda request: answer(200, b"ok"), tls=authority.server("127.0.0.1")) as server:
        assert told(asked(pool_to(server, authority.bundle)))[2] == b"ok"
        with pytest.raises(urllib3.exceptions.SSLError):
            asked(pool_to(server, stranger.bundle))


@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/x y", "v"),
        ("/x\r\nX-Injected: 1", "v"),
        ("/\u00fc", "v"),
        ("x", "v"),
        ("/x", "v\r\nX-Injected: 1"),
        ("/x", "v\x00"),
    ],
)
def test_nothing_that_ends_a_line_is_sent(target: str, value: str) -> None:
    with ScriptedServer(lambda request: answer(200)) as server:
        with pytest.raises(ValueError, match="cannot be sent") as raised:
            pool_to(server).get(target, {"X-A": value}, connect_s=5.0, limit_s=5.0)
        assert "Injected" not in str(raised.value)
        assert server.requests == []
