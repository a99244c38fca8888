"""A webhook's receiver on a free port of this machine: scripted answers, good, bad and ugly; every request is kept."""

from __future__ import annotations

import socketserver
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Literal

Manner = Literal["whole", "endless", "drip-head", "drip-body", "silent", "reset"]
_DRIP_S = 0.02
_PIECE = b"x" * 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer.

    Attributes:
        status: of the answer.
        headers: beside Content-Length.
        body: of the answer; repeated for ever by ``endless``, byte by byte by ``drip-body``.
        manner: how it is sent; ``drip-head`` never ends its headers, ``silent`` says nothing, ``reset`` breaks.
        raw: bytes sent in place of all that.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    manner: Manner = "whole"
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Received:
    """One request; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Receiver(socketserver.ThreadingTCPServer):
    """Serves until closed; use :func:`receiving`.

    Attributes:
        requests: every request with a whole head, in order.
        connections: connections that were accepted.
        sent_bytes: of all answers.
        server_names: by SNI, one for each TLS handshake that got so far.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: tuple[Answer, ...], tls: ssl.SSLContext | None) -> None:
        self.answers = deque(answers)
        self.requests: list[Received] = []
        self.connections = 0
        self.sent_bytes = 0
        self.server_names: list[str | None] = []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self.tls = tls
        if tls is not None:
            tls.sni_callback = lambda _socket, name, _context: self.server_names.append(name)
        super().__init__(("127.0.0.1", 0), _Conversation)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def next_answer(self) -> Answer:
        """Return the next scripted answer, 204 when there are no more."""
        with self.lock:
            return self.answers.popleft() if self.answers else Answer()


class _Conversation(socketserver.BaseRequestHandler):
    server: Receiver

    def handle(self) -> None:
        with self.server.lock:
            self.server.connections += 1
        try:
            if self.server.tls is not None:
                self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            received = self._receive()
            if received is not None:
                with self.server.lock:
                    self.server.requests.append(received)
                self._answer(self.server.next_answer())
        except OSError:
            pass  # the client went away, or refused the certificate: what these tests are about
        finally:
            self.request.close()

    def _receive(self) -> Received | None:
        with self.request.makefile("rb") as lines:
            start = lines.readline().decode("latin-1").split()
            if not start:
                return None
            headers: dict[str, str] = {}
            while (line := lines.readline()) not in {b"\r\n", b""}:
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.lower()] = value.strip()
            body = lines.read(int(headers.get("content-length", "0")))
        return Received(start[0], start[1], headers, body)

    def _answer(self, answer: Answer) -> None:
        if answer.manner == "reset":
            self.request.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            return
        for piece in _pieces(answer):
            self.request.sendall(piece)
            self.server.sent_bytes += len(piece)
            if answer.manner.startswith("drip") and self.server.closing.wait(_DRIP_S):
                return
        if answer.manner == "silent":
            self.server.closing.wait()


def _pieces(answer: Answer) -> Iterator[bytes]:
    if answer.raw is not None or answer.manner == "silent":
        yield answer.raw or b""
        return
    yield f"HTTP/1.1 {answer.status} Scripted\r\n".encode()
    for name, value in answer.headers.items():
        yield f"{name}: {value}\r\n".encode("latin-1")
    while answer.manner == "drip-head":
        yield b"X-Drip: 1\r\n"
    if answer.manner == "whole":
        length = "" if answer.status == 204 else f"Content-Length: {len(answer.body)}\r\n"
        yield f"{length}Connection: close\r\n\r\n".encode() + answer.body
        return
    yield b"Connection: close\r\n\r\n"
    while True:
        yield b"." if answer.manner == "drip-body" else _PIECE


@contextmanager
def receiving(*answers: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Serve `answers`, one per request, then 204s."""
    with Receiver(answers, tls) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.closing.set()
            receiver.shutdown()
            thread.join()
