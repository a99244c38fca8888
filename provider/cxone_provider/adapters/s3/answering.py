"""One HTTP/1.1 answer of the store off a kept connection (RFC 9112), read whole and within bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException, IncompleteRead
from io import BufferedIOBase

from cxone_provider.adapters.heads import LINE_BYTES, MOST_FIELDS, read_head

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
    head = read_head(file)
    status, headers, keeps = head.status, head.headers, head.keeps
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
    for _ in range(MOST_FIELDS):  # trailer fields
        line = file.readline(LINE_BYTES)
        if line in (b"\r\n", b"\n"):
            return b"".join(pieces)
        if not line.endswith(b"\n"):
            break
    raise IncompleteRead(b"".join(pieces))


def _chunk_size(file: BufferedIOBase) -> int:
    line = file.readline(LINE_BYTES)
    match = _CHUNK.fullmatch(line)
    if match is None:
        raise HTTPException(f"not the size of a chunk: {line[:64]!r}")
    return int(match[1], 16)


def _exactly(file: BufferedIOBase, size_bytes: int) -> bytes:
    body = file.read(size_bytes) if size_bytes else b""
    if len(body) != size_bytes:
        raise IncompleteRead(body, size_bytes - len(body))
    return body
