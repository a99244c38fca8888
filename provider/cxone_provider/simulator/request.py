"""HTTP/1.1 requests, read from a socket."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, replace

Headers = tuple[tuple[str, str], ...]

MAX_HEAD_BYTES = 64 * 2**10
MAX_BODY_BYTES = 4 * 2**20
_RECEIVE_BYTES = 64 * 2**10
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) (HTTP/1\.[01])")
_FIRST_BYTE = re.compile(r"bytes=(\d{1,100})-(\d{0,100})", re.ASCII | re.IGNORECASE)


class BadRequest(Exception):
    """Bytes that are no HTTP/1.1 request, or are too many.

    Attributes:
        status: the status to answer before the connection is closed.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came over the wire.

    Attributes:
        target: the request target, neither decoded nor normalised.
        version: ``HTTP/1.1`` or ``HTTP/1.0``.
        connection_number: counts accepted connections from 1.
    """

    method: str
    target: str
    version: str
    headers: Headers
    body: bytes
    connection_number: int

    @property
    def path(self) -> str:
        """The target before ``?``, not decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The target after ``?``, not decoded."""
        return self.target.partition("?")[2]

    @property
    def wants_close(self) -> bool:
        """Whether the client will not use the connection again."""
        return self.version == "HTTP/1.0" or (self.header("connection") or "").lower() == "close"

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return header_value(self.headers, name)

    def with_header(self, name: str, value: str | None) -> Request:
        """Return the request with one header replaced, or removed when `value` is None."""
        return replace(self, headers=with_header(self.headers, name, value))

    def asked_range(self) -> tuple[int, int | None]:
        """Return first byte and end (exclusive, None is open) of a plain byte range; no range is ``(0, None)``."""
        match = _FIRST_BYTE.fullmatch((self.header("range") or "").strip())
        if match is None:
            return 0, None
        return int(match[1]), int(match[2]) + 1 if match[2] else None


def header_value(headers: Headers, name: str) -> str | None:
    """Return the first value of a header, or None; names compare without case."""
    wanted = name.lower()
    return next((value for key, value in headers if key.lower() == wanted), None)


def with_header(headers: Headers, name: str, value: str | None) -> Headers:
    """Return `headers` with `name` replaced by one value, or removed when `value` is None."""
    kept = tuple((key, old) for key, old in headers if key.lower() != name.lower())
    return kept if value is None else (*kept, (name, value))


class RequestReader:
    """Reads requests one after another from a connection.

    Args:
        connection: a blocking socket; the reader never closes it.
        connection_number: given on to every :class:`Request`.
    """

    def __init__(self, connection: socket.socket, connection_number: int) -> None:
        self._connection = connection
        self._number = connection_number
        self._buffer = bytearray()

    def read(self) -> Request | None:
        """Return the next request, or None when the client has closed between requests.

        Raises:
            BadRequest: what arrived is not a request, or is larger than the limits.
            OSError: the connection broke.
        """
        head = self._head()
        if head is None:
            return None
        method, target, version, headers = _parse_head(head)
        body = self._body(headers)
        return Request(method, target, version, headers, body, self._number)

    def _head(self) -> bytes | None:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequest(431, "request head too large")
            if not self._receive():
                if self._buffer.strip():
                    raise BadRequest(400, "request head cut short")
                return None
        return self._take(end + 4)

    def _body(self, headers: Headers) -> bytes:
        declared = header_value(headers, "content-length")
        coding = header_value(headers, "transfer-encoding")
        if declared is None and coding is None:
            return b""
        if (header_value(headers, "expect") or "").lower() == "100-continue":
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if coding is None:
            return self._exactly(_parsed_size(declared or "", 10))
        if declared is not None or coding.lower() != "chunked":
            raise BadRequest(400, "Content-Length beside Transfer-Encoding, or a coding other than chunked")
        return self._chunked_body()

    def _chunked_body(self) -> bytes:
        body = bytearray()
        while size := _parsed_size(self._line().partition(b";")[0].decode("latin-1"), 16):
            if len(body) + size > MAX_BODY_BYTES:
                raise BadRequest(413, "request body too large")
            body += self._exactly(size)
            self._line()
        while self._line():
            pass  # trailer fields carry nothing that is used
        return bytes(body)

    def _exactly(self, size: int) -> bytes:
        if size > MAX_BODY_BYTES:
            raise BadRequest(413, "request body too large")
        while len(self._buffer) < size:
            self._receive_more()
        return self._take(size)

    def _line(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequest(400, "chunk line too long")
            self._receive_more()
        return self._take(end + 2)[:-2]

    def _receive(self) -> bool:
        received = self._connection.recv(_RECEIVE_BYTES)
        self._buffer += received
        return bool(received)

    def _receive_more(self) -> None:
        if not self._receive():
            raise BadRequest(400, "request body cut short")

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


def _parse_head(head: bytes) -> tuple[str, str, str, Headers]:
    request_line, *lines = head.decode("latin-1").strip("\r\n").split("\r\n")
    match = _REQUEST_LINE.fullmatch(request_line)
    if match is None:
        raise BadRequest(400, "malformed request line")
    return match[1], match[2], match[3], tuple(map(_parse_header, lines))


def _parse_header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip():
        raise BadRequest(400, "malformed header line")
    return name, value.strip(" \t")


def _parsed_size(text: str, radix: int) -> int:
    digits = text.strip(" \t")
    if not re.fullmatch(r"[0-9A-Fa-f]{1,16}" if radix == 16 else r"[0-9]{1,19}", digits):
        raise BadRequest(400, "malformed body size")
    return int(digits, radix)
