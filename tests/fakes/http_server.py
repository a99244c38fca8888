"""A server that says exactly the bytes a test wants, and remembers exactly the bytes it got.

The simulator behaves like a tenant; this one behaves like nothing that a library would produce: headers that lie,
bodies that drip, connections that are reset.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, repeat
from types import TracebackType
from typing import BinaryIO, Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request as it arrived; header names are lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def target(self) -> str:
        """Path and query as sent."""
        return self.line.split(" ")[1]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: pieces of bytes, each sent by itself.

    Attributes:
        pieces: the answer; an endless one ends when the client hangs up.
        every_s: pause before each piece but the first.
        close: close the connection after the last piece.
        reset: close it with a TCP reset.
    """

    pieces: Iterable[bytes]
    every_s: float = 0.0
    close: bool = False
    reset: bool = False


Handler = Callable[[WireRequest], Answer]


def head(status: int, headers: Mapping[str, str | int] | Iterable[tuple[str, str | int]] = ()) -> bytes:
    """Return status line and header fields."""
    fields = headers.items() if isinstance(headers, Mapping) else headers
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def answer(
    status: int, body: bytes = b"", headers: Mapping[str, str | int] | None = None, *, declared: int | None = None
) -> Answer:
    """Return a whole answer; `declared` is the Content-Length where it is to lie."""
    length = len(body) if declared is None else declared
    pieces = [head(status, {"Content-Length": length, **(headers or {})}), body]
    return Answer(pieces, close=length != len(body))


@dataclass(frozen=True, slots=True)
class Endless:
    """Pieces without an end: `start` once, then `piece` for ever, anew for each answer."""

    start: bytes
    piece: bytes

    def __iter__(self) -> Iterator[bytes]:
        return chain([self.start], repeat(self.piece))


def endless(status: int, headers: Mapping[str, str | int], piece: bytes, *, every_s: float = 0.0) -> Answer:
    """Return an answer whose body only ends when the client hangs up."""
    return Answer(Endless(head(status, headers), piece), every_s=every_s)


@dataclass
class ScriptedServer:
    """A server on a free port of this machine; `handler` is called once for each request, in the connection's thread.

    Attributes:
        requests: every request in order of arrival.
        connections: how many connections were accepted.
    """

    handler: Handler
    tls: ssl.SSLContext | None = None
    address: str = "127.0.0.1"
    requests: list[WireRequest] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((self.address, 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        scheme = "http" if self.tls is None else "https"
        return f"{scheme}://{self.address}:{self._listener.getsockname()[1]}"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Pieces leave as they are sent: waiting for acknowledgements would cost each answer 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
                thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
                self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self.tls is not None:
                connection = self._secured(connection, self.tls)
            with connection.makefile("rb") as incoming:
                while (request := _read_request(incoming, number)) is not None:
                    with self._lock:
                        self.requests.append(request)
                    if not self._send(connection, self.handler(request)):
                        break
        except OSError:
            pass  # the client hung up, which many a test is about
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _secured(self, connection: socket.socket, tls: ssl.SSLContext) -> socket.socket:
        with self._lock:
            self._open.discard(connection)
        secured = tls.wrap_socket(connection, server_side=True)
        with self._lock:
            self._open.add(secured)
        return secured

    def _send(self, connection: socket.socket, reply: Answer) -> bool:
        for index, piece in enumerate(reply.pieces):
            if index and reply.every_s and self._stopping.wait(reply.every_s):
                return False
            connection.sendall(piece)
        if reply.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        return not (reply.close or reply.reset)


def _read_request(incoming: BinaryIO, number: int) -> WireRequest | None:
    line = incoming.readline()
    if not line:
        return None
    headers: dict[str, str] = {}
    while field_line := incoming.readline().rstrip(b"\r\n"):
        name, _, value = field_line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = incoming.read(int(headers.get("content-length", "0")))
    return WireRequest(line.decode("latin-1").rstrip("\r\n"), headers, body, number)
