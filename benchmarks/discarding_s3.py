"""An S3 endpoint that takes everything and keeps nothing: what is measured is the client, not a disk.

Run as a script it prints its port and serves until it is stopped. It answers Put, multipart and HEAD the way clients
need to go on; it checks nothing, so it proves nothing but speed and memory.
"""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator, Mapping

_BLOCK_BYTES = 1 << 20
_OPENED = b"<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = b'<CompleteMultipartUploadResult><ETag>"etag"</ETag></CompleteMultipartUploadResult>'
_NO_PARTS = b"<ListPartsResult><IsTruncated>false</IsTruncated></ListPartsResult>"
_ABSENT = b"<Error><Code>NoSuchKey</Code><Message>nothing is kept here</Message></Error>"


class Discarding:
    """Accepts connections until its process ends.

    Attributes:
        port: the loopback port.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._sizes: dict[bytes, int] = {}

    def serve(self) -> None:
        """Answer until the process ends."""
        while True:
            connection, _ = self._listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._answer_all, args=[connection], daemon=True).start()

    def _answer_all(self, connection: socket.socket) -> None:
        block = bytearray(_BLOCK_BYTES)
        with connection:
            for method, target, headers, early in _requests(connection):
                length = int(headers.get(b"content-length", b"0"))
                if headers.get(b"expect"):
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                _discard(connection, length - len(early), block)
                connection.sendall(self._answer(method, target, length))

    def _answer(self, method: bytes, target: bytes, length: int) -> bytes:
        key, _, query = target.partition(b"?")
        if method == b"PUT":
            self._sizes[key] = self._sizes.get(key, 0) * (b"partNumber" in query) + length
            return _head(200, 0)
        if method == b"POST":
            opened = query.startswith(b"uploads")
            if opened:
                self._sizes[key] = 0
            body = _OPENED if opened else _COMPLETED
            return _head(200, len(body)) + body
        size = self._sizes.get(key)
        if method == b"HEAD":
            return _head(200, size or 0) if size is not None or key.count(b"/") == 1 else _head(404, 0)
        if b"uploadId" in query:
            return _head(200, len(_NO_PARTS)) + _NO_PARTS
        return _head(404, len(_ABSENT)) + _ABSENT


def _requests(connection: socket.socket) -> Iterator[tuple[bytes, bytes, Mapping[bytes, bytes], bytes]]:
    """Yield method, target, headers and the part of the body that came with them."""
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            piece = connection.recv(65536)
            if not piece:
                return
            received += piece
        head, _, rest = received.partition(b"\r\n\r\n")
        request_line, *lines = head.split(b"\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers.get(b"content-length", b"0"))
        method, target, _ = request_line.split(b" ")
        yield method, target, headers, rest[:length]
        received = rest[length:]


def _discard(connection: socket.socket, count: int, block: bytearray) -> None:
    while count > 0:
        taken = connection.recv_into(block, min(count, len(block)))
        if not taken:
            return
        count -= taken


def _head(status: int, length: int) -> bytes:
    reason = {200: "OK", 404: "Not Found"}[status]
    return f'HTTP/1.1 {status} {reason}\r\nETag: "etag"\r\nContent-Length: {length}\r\n\r\n'.encode()


if __name__ == "__main__":
    server = Discarding()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve()
