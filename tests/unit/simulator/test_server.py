"""The server under the tenant: requests it understands, those it refuses, and how it ends."""

from __future__ import annotations

import ast
import os
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import cxone_provider.simulator
from cxone_provider.simulator import ScenarioError, Simulator, SystemClock
from tests.unit.simulator.client import TIMEOUT_S, TenantClient

PACKAGE = Path(cxone_provider.simulator.__file__).parent


def exchange(client: TenantClient, *pieces: bytes) -> bytes:
    """Send pieces in turn, then end the sending side; return all that comes back."""
    with socket.create_connection(client.address, timeout=TIMEOUT_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while block := connection.recv(2**16):
            received += block
    return received


def open_sockets() -> int:
    return sum(
        str(Path(entry).readlink()).startswith("socket:") for entry in os.scandir("/proc/self/fd") if entry.is_symlink()
    )


class WatchedClock(SystemClock):
    """Tells when somebody starts to wait."""

    def __init__(self) -> None:
        self.waited_on = threading.Event()

    def wait(self, seconds: float, stopped: threading.Event) -> None:
        self.waited_on.set()
        super().wait(seconds, stopped)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nName : x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 431),
        (b"GET / HTTP", 400),
    ],
)
def test_what_is_no_request_is_refused(client: TenantClient, request_bytes: bytes, status: int) -> None:
    assert exchange(client, request_bytes).startswith(b"HTTP/1.1 %d " % status)


def test_a_request_may_come_in_pieces_and_several_at_once(client: TenantClient) -> None:
    health = b"GET /_simulator/health HTTP/1.1\r\nHost: x\r\n\r\n"
    assert exchange(client, health[:10], health[10:] + health + health[:-1], b"\n").count(b"HTTP/1.1 200 OK") == 3


def test_a_chunked_request_body_is_read(client: TenantClient) -> None:
    head = b"POST /_simulator/webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    answer = exchange(client, head, b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 ")
    assert client.simulator.webhooks[0].body == "abcde"


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_a_client_that_wants_no_more_is_told_so(client: TenantClient, head: bytes) -> None:
    answer = exchange(client, head + head)
    assert answer.count(b"HTTP/1.1 404") == 1
    assert b"Connection: close\r\n" in answer


def test_many_connections_are_served_at_once(client: TenantClient, audio: bytes) -> None:
    client.token()
    with ThreadPoolExecutor(16) as pool:
        bodies = set(pool.map(lambda start: client.media("call", f"bytes={start}-").body == audio[start:], range(64)))
    assert bodies == {True}


def test_an_end_leaves_no_thread_and_no_socket(audio: bytes) -> None:
    threads, sockets = threading.active_count(), open_sockets()
    simulator = Simulator()
    simulator.add_recording("call", audio, format="mp3")
    for _ in range(3):
        with simulator:
            client = TenantClient(simulator)
            idle = socket.create_connection(client.address)
            assert client.media("call").body == audio
            assert threading.active_count() > threads
        assert idle.recv(1) == b""
        idle.close()
    simulator.stop()
    assert (threading.active_count(), open_sockets()) == (threads, sockets)
    with pytest.raises(RuntimeError, match="not running"):
        _ = simulator.base_url


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "delay", "seconds": 3600},
        {"fault": "drip", "interval_s": 3600},
        {"fault": "slow_headers", "interval_s": 3600},
    ],
    ids=lambda fault: str(fault["fault"]),
)
def test_an_end_breaks_off_what_would_wait(audio: bytes, fault: dict[str, object]) -> None:
    threads, clock = threading.active_count(), WatchedClock()
    with Simulator(clock=clock) as simulator:
        simulator.add_recording("call", audio, format="mp3", faults=[fault])
        waiting = asked_for_media(simulator)
        assert clock.waited_on.wait(TIMEOUT_S)
    waiting.close()
    assert threading.active_count() == threads


def test_an_end_breaks_off_a_body_without_an_end(audio: bytes) -> None:
    threads = threading.active_count()
    with Simulator() as simulator:
        simulator.add_recording("call", audio, format="mp3", faults=[{"fault": "endless"}])
        reading = asked_for_media(simulator)
        assert reading.recv(10)
    reading.close()
    assert threading.active_count() == threads


def asked_for_media(simulator: Simulator) -> socket.socket:
    client = TenantClient(simulator)
    head = f"GET /api/v2/recording/download/call HTTP/1.1\r\nAuthorization: Bearer {client.token()}\r\n\r\n"
    connection = socket.create_connection(client.address, timeout=TIMEOUT_S)
    connection.sendall(head.encode())
    return connection


def test_a_client_that_leaves_ends_an_endless_body(client: TenantClient) -> None:
    client.simulator.script("call", [{"fault": "endless"}])
    assert client.raw_media("call", limit_bytes=10**6).ending == "limit"
    assert client.simulator.requests[-1].bytes_sent is not None


def test_only_loopback_is_listened_on_unasked() -> None:
    with pytest.raises(ScenarioError, match="--allow-remote"), Simulator(host="0.0.0.0"):
        pass
    with Simulator(host="0.0.0.0", allow_remote=True) as simulator:
        assert simulator.base_url.startswith("http://0.0.0.0:")
    with Simulator(host="localhost") as simulator:
        assert TenantClient(simulator).call("GET", "/_simulator/health").status == 200


def test_a_file_that_shrinks_breaks_the_connection(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(bytes(1000))
    with Simulator() as simulator:
        simulator.add_recording("call", path)
        client = TenantClient(simulator)
        client.media("call")
        path.write_bytes(bytes(400))
        reply = client.raw_media("call")
        assert (len(reply.body), reply.header("Content-Length"), reply.ending) == (400, "1000", "fin")
        assert simulator.requests[-1].bytes_sent == 400


def test_a_file_that_is_gone_is_a_500_that_says_so(client: TenantClient, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(bytes(1000))
    client.simulator.add_recording("gone", path)
    path.unlink()
    reply = client.media("gone", "bytes=0-9")
    assert (reply.status, reply.document["error"]) == (500, "recording_unreadable")


def test_the_simulator_imports_nothing_of_the_provider_and_no_library() -> None:
    imported = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    outside = {name for name in imported if not name.startswith("cxone_provider.simulator")}
    assert {name for name in outside if name.partition(".")[0] not in sys.stdlib_module_names} == set()
