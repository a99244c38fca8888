"""A proxy in front of an S3 server that does to requests and answers what a script says, byte for byte.

It changes nothing else: the ``Host`` that the client signed reaches the server as it is, so signatures hold.
"""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import urlsplit

from tests.servers.s3_faults import S3Fault, S3Script, s3_call
from tools.servers.ports import LOOPBACK
from tools.servers.seaweedfs import S3Server

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class _Message:
    """A request or an answer as it stands on the wire; `start` is its first line."""

    start: str
    head: bytes
    body: bytes


class _HungUp(Exception):
    """The connection to the client is over."""


class S3Proxy(socketserver.ThreadingTCPServer):
    """Serves until closed; use :func:`s3_proxy`.

    Attributes:
        script: what goes wrong.
        server: how the archive reaches the S3 server through this proxy.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, behind: S3Server) -> None:
        parts = urlsplit(behind.endpoint)
        self.upstream = (str(parts.hostname), int(parts.port or 80))
        self.script = S3Script()
        self.closing = threading.Event()
        super().__init__((LOOPBACK, 0), _Connection)
        self.server = replace(behind, endpoint=f"http://{LOOPBACK}:{self.server_address[1]}")


class _Connection(socketserver.BaseRequestHandler):
    server: S3Proxy

    def setup(self) -> None:
        self._incoming: BinaryIO = self.request.makefile("rb")
        self._upstream: socket.socket | None = None
        self._answers: BinaryIO | None = None

    def handle(self) -> None:
        with suppress(OSError, _HungUp):
            while (head := _read_head(self._incoming)) is not None:
                self._serve(head)
                if (_field(head.head, "connection") or "").lower() == "close":
                    return

    def finish(self) -> None:
        self._incoming.close()
        self._drop_upstream()

    def _serve(self, head: _Message) -> None:
        method, target = head.start.split(" ")[:2]
        fault = self.server.script.striking(s3_call(method, target))
        if fault is not None and fault.kind in {"hang_up", "stall"}:
            self._stop_reading(fault)
        body = _read_body(self._incoming, head)
        if fault is None:
            self._send(self._forward(head.head, body, method))
        else:
            self._strike(fault, head.head, body, method)

    def _strike(self, fault: S3Fault, head: bytes, body: bytes, method: str) -> None:
        if fault.kind == "silent":
            self._linger()
        if fault.kind == "slow":
            self.server.closing.wait(fault.seconds)
        if fault.kind == "answer" and not fault.forwarded:
            self._send(fault.answer())
            return
        answer = self._forward(head, _flipped(body, fault) if fault.kind == "flip_sent" else body, method)
        match fault.kind:
            case "lose":
                self._reset()
            case "answer":
                self._send(fault.answer())
            case "cut":
                self._send(answer.head + answer.body[: fault.after_bytes])
                raise _HungUp
            case "flip_answer":
                self._send(answer.head + _flipped(answer.body, fault))
            case _:
                self._send(answer)

    def _send(self, answer: _Message | bytes) -> None:
        self.request.sendall(answer if isinstance(answer, bytes) else answer.head + answer.body)
        if isinstance(answer, bytes) and not answer.startswith(b"HTTP/"):
            raise _HungUp

    def _forward(self, head: bytes, body: bytes, method: str) -> _Message:
        if self._upstream is None or self._answers is None:
            self._upstream = socket.create_connection(self.server.upstream)
            self._answers = self._upstream.makefile("rb")
        self._upstream.sendall(head + body)
        answer = _read_head(self._answers)
        if answer is None:
            raise _HungUp
        status = int(answer.start.split(" ")[1])
        bodiless = method == "HEAD" or status in {204, 304}
        answer = answer if bodiless else replace(answer, body=_read_body(self._answers, answer))
        if (_field(answer.head, "connection") or "").lower() == "close":
            self._drop_upstream()
        return answer

    def _stop_reading(self, fault: S3Fault) -> None:
        self._incoming.read(fault.after_bytes)
        if fault.kind == "stall":
            self._linger()
        self._reset()

    def _linger(self) -> None:
        """Keep the connection, and say nothing, until this proxy ends."""
        self.server.closing.wait()
        raise _HungUp

    def _reset(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # At once: the server class would say goodbye first.
        self._incoming.close()
        self.request.close()
        raise _HungUp

    def _drop_upstream(self) -> None:
        if self._answers is not None:
            self._answers.close()
        if self._upstream is not None:
            self._upstream.close()
        self._upstream = self._answers = None


def _flipped(body: bytes, fault: S3Fault) -> bytes:
    at = min(fault.after_bytes, len(body) - 1)
    return body if at < 0 else body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _read_head(incoming: BinaryIO) -> _Message | None:
    lines = [incoming.readline()]
    if not lines[0]:
        return None
    while lines[-1] not in {b"\r\n", b""}:
        lines.append(incoming.readline())
    return _Message(lines[0].decode("latin-1").rstrip(), b"".join(lines), b"")


def _field(head: bytes, name: str) -> str | None:
    for line in head.split(b"\r\n")[1:]:
        found, _, value = line.partition(b":")
        if found.strip().lower() == name.encode():
            return value.strip().decode("latin-1")
    return None


def _read_body(incoming: BinaryIO, message: _Message) -> bytes:
    """Return a body as it stands on the wire, its chunks' sizes included."""
    if (_field(message.head, "transfer-encoding") or "").lower() == "chunked":
        return b"".join(_chunks(incoming))
    length = _field(message.head, "content-length")
    if length is not None:
        return incoming.read(int(length))
    return incoming.read() if message.start.startswith("HTTP/") else b""


def _chunks(incoming: BinaryIO) -> Iterator[bytes]:
    while True:
        size_line = incoming.readline()
        yield size_line
        size = int(size_line.partition(b";")[0], 16)
        yield incoming.read(size + 2)
        if size == 0:
            return


@contextmanager
def s3_proxy(behind: S3Server) -> Iterator[S3Proxy]:
    """Put a proxy in front of an S3 server until the block ends."""
    with S3Proxy(behind) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            proxy.shutdown()
            thread.join()
