"""An HTTP forward proxy that asks for nothing, keeps every request's head as it stood on the wire, and passes bytes on.

One request a connection, so that whatever the server does to its answer, a cut or a reset, reaches the client as it is.
"""

from __future__ import annotations

import re
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tools.servers.ports import LOOPBACK

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PIECE_BYTES = 65_536
_ABSOLUTE = re.compile(rb"([A-Z]+) http://([^/: ]+):(\d+)(/[^ ]*)? (HTTP/1\.1)\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_HOP_FIELDS = re.compile(rb"\r\n(?:proxy-[a-z]+|connection):[^\r]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it stood on the wire."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    @property
    def field_names(self) -> list[str]:
        """The names of the header fields, in lower case and in order."""
        return [line.partition(b":")[0].decode("latin-1").lower() for line in self.head.split(b"\r\n")[1:] if line]


class ForwardProxy(socketserver.ThreadingTCPServer):
    """Serves until closed; use :func:`forward_proxy`.

    Attributes:
        requests: every request, in the order in which its head was complete.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.requests: list[RawRequest] = []
        super().__init__((LOOPBACK, 0), _Conversation)

    def url(self, user: str = "", password: str = "") -> str:
        """Return the proxy's address as a client is told it."""
        login = f"{user}:{password}@" if user else ""
        return f"http://{login}{LOOPBACK}:{self.server_address[1]}"


class _Conversation(socketserver.BaseRequestHandler):
    server: ForwardProxy

    def handle(self) -> None:
        with suppress(OSError):
            received = b""
            while b"\r\n\r\n" not in received:
                received += (piece := self.request.recv(_PIECE_BYTES))
                if not piece:
                    return
            head, _, body = received.partition(b"\r\n\r\n")
            self._forward(head, body)

    def _forward(self, head: bytes, body: bytes) -> None:
        aim = _ABSOLUTE.match(head + b"\r\n")
        assert aim is not None, head
        length = _LENGTH.search(head)
        kept = len(self.server.requests)
        self.server.requests.append(RawRequest(head, body))
        with socket.create_connection((aim[2].decode(), int(aim[3]))) as upstream:
            start = b" ".join((aim[1], aim[4] or b"/", aim[5]))
            fields = _HOP_FIELDS.sub(b"", b"\r\n" + head.partition(b"\r\n")[2])
            upstream.sendall(start + fields + b"\r\nConnection: close\r\n\r\n" + body)
            left = int(length[1]) - len(body) if length else 0
            while left > 0 and (piece := self.request.recv(_PIECE_BYTES)):
                upstream.sendall(piece)
                left -= len(piece)
                body += piece
            self.server.requests[kept] = RawRequest(head, body)
            self._return(upstream)

    def _return(self, upstream: socket.socket) -> None:
        try:
            while piece := upstream.recv(_PIECE_BYTES):
                self.request.sendall(piece)
        except ConnectionResetError:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)


@contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    """Run a proxy until the block ends."""
    with ForwardProxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()
