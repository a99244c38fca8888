"""One HTTP/1.1 answer off a kept connection (RFC 9112), read within bounds.

The standard library's parser makes an e-mail message of every head, which costs more than all else a small request
does. Here a head is a few lines and a dictionary; what does not look like one ends the connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException, IncompleteRead, LineTooLong, RemoteDisconnected
from io import BufferedIOBase

_LINE_BYTES = 65_536
_MOST_FIELDS = 256
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_NAME = re.compile(r"[!#-'*+.^-z|~0-9A-Z-]+")
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: of a body larger than was to be read, its size alone.

    Attributes:
        status: of the answer.
        headers: by lower-case name; fields that came twice are joined by a comma.
        body: as read.
        size_bytes: of the body.
        keeps: whether the connection can be used again.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    size_bytes: int
    keeps: bool


def read_answer(file: BufferedIOBase, most_bytes: int) -> Answer:
    """Read one answer to a request other than HEAD; interim answers are passed over.

    Args:
        file: the connection's bytes.
        most_bytes: a body that is declared to be larger is left unread.

    Raises:
        HTTPException: what came is not a whole HTTP answer.
        OSError: the connection broke.
    """
    status, headers, persistent = _head(file)
    while 100 <= status < 200:
        status, headers, persistent = _head(file)
    connection = headers.get("connection", "").lower()
    keeps = persistent and "close" not in connection
    if status in _BODILESS:
        return Answer(status, headers, b"", 0, keeps)
    if "transfer-encoding" in headers:
        body = _chunked(file, headers["transfer-encoding"], most_bytes)
        return Answer(status, headers, body, len(body), keeps)
    length = headers.get("content-length")
    if length is None:
        body = file.read(most_bytes + 1)
        return Answer(status, headers, body, len(body), keeps=False)
    if not _LENGTH.fullmatch(length):
        raise HTTPException(f"Content-Length is not one number: {length[:64]!r}")
    size_bytes = int(length)
    if size_bytes > most_bytes:
        return Answer(status, headers, b"", size_bytes, keeps=False)
    return Answer(status, headers, _exactly(file, size_bytes), size_bytes, keeps)


def _head(file: BufferedIOBase) -> tuple[int, dict[str, str], bool]:
    line = file.readline(_LINE_BYTES)
    if not line:
        raise RemoteDisconnected("the connection was closed before an answer came")
    match = _STATUS.fullmatch(line)
    if match is None:
        raise BadStatusLine(repr(line[:64]))
    persistent = not line.startswith(b"HTTP/1.0")
    headers: dict[str, str] = {}
    for _ in range(_MOST_FIELDS):
        line = file.readline(_LINE_BYTES)
        if line in (b"\r\n", b"\n"):
            return int(match[1]), headers, persistent
        if not line.endswith(b"\n"):
            raise LineTooLong("header") if len(line) == _LINE_BYTES else IncompleteRead(line)
        _add(headers, line)
    raise HTTPException(f"more than {_MOST_FIELDS} header fields")


def _add(headers: dict[str, str], line: bytes) -> None:
    name, colon, value = line.decode("latin-1").partition(":")
    if not colon or not _NAME.fullmatch(name):
        raise HTTPException(f"not a header field: {line[:64]!r}")
    name, value = name.lower(), value.strip()
    headers[name] = f"{headers[name]}, {value}" if name in headers else value


def _chunked(file: BufferedIOBase, encoding: str, most_bytes: int) -> bytes:
    if encoding.lower() != "chunked":
        raise HTTPException(f"Transfer-Encoding is not chunked alone: {encoding[:64]!r}")
    pieces: list[bytes] = []
    left = most_bytes
    while size_bytes := _chunk_size(file):
        left -= size_bytes
        if left < 0:
            raise HTTPException(f"more than {most_bytes} bytes in chunks")
        pieces.append(_exactly(file, size_bytes))
        if file.readline(3) not in (b"\r\n", b"\n"):
            raise HTTPException("a chunk that goes on after its end")
    for _ in range(_MOST_FIELDS):  # trailer fields
        line = file.readline(_LINE_BYTES)
        if line in (b"\r\n", b"\n"):
            return b"".join(pieces)
        if not line.endswith(b"\n"):
            break
    raise IncompleteRead(b"".join(pieces))


def _chunk_size(file: BufferedIOBase) -> int:
    line = file.readline(_LINE_BYTES)
    match = _CHUNK.fullmatch(line)
    if match is None:
        raise HTTPException(f"not the size of a chunk: {line[:64]!r}")
    return int(match[1], 16)


def _exactly(file: BufferedIOBase, size_bytes: int) -> bytes:
    body = file.read(size_bytes) if size_bytes else b""
    if len(body) != size_bytes:
        raise IncompleteRead(body, size_bytes - len(body))
    return body
