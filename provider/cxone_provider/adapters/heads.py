"""The head of one HTTP/1.1 answer off a kept connection (RFC 9112), read within bounds.

The standard library's parser makes an e-mail message of every head, which costs more than all else a small request
does. Here a head is a few lines and a dictionary; what does not look like one ends the connection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import BadStatusLine, HTTPException, IncompleteRead, LineTooLong, RemoteDisconnected
from io import BufferedIOBase

LINE_BYTES = 65_536
MOST_FIELDS = 100
_MOST_INTERIM = 16
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_NAME = re.compile(r"[!#-'*+.^-z|~0-9A-Z-]+")


@dataclass(frozen=True, slots=True)
class Head:
    """What comes before a body.

    Attributes:
        status: of the answer.
        headers: by lower-case name; fields that came twice are joined by a comma.
        keeps: whether the connection can be used again behind the body.
    """

    status: int
    headers: Mapping[str, str]
    keeps: bool


def read_head(file: BufferedIOBase) -> Head:
    """Read one head; interim answers are passed over.

    Args:
        file: the connection's bytes.

    Raises:
        HTTPException: what came is not a whole head.
        OSError: the connection broke.
    """
    for _ in range(_MOST_INTERIM):
        head = _read(file)
        if head.status >= 200:
            return head
    raise HTTPException(f"more than {_MOST_INTERIM} interim answers")


def _read(file: BufferedIOBase) -> Head:
    line = file.readline(LINE_BYTES)
    if not line:
        raise RemoteDisconnected("the connection was closed before an answer came")
    match = _STATUS.fullmatch(line)
    if match is None:
        raise BadStatusLine(repr(line[:64]))
    headers = _fields(file)
    keeps = not line.startswith(b"HTTP/1.0") and "close" not in headers.get("connection", "").lower()
    return Head(int(match[1]), headers, keeps)


def _fields(file: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MOST_FIELDS + 1):
        line = file.readline(LINE_BYTES)
        if line in (b"\r\n", b"\n"):
            return headers
        if not line.endswith(b"\n"):
            raise LineTooLong("header") if len(line) == LINE_BYTES else IncompleteRead(line)
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise HTTPException(f"not a header field: {line[:64]!r}")
        name, value = name.lower(), value.strip(" \t\r\n")  # all that HTTP takes for space; Python knows more
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    raise HTTPException(f"more than {MOST_FIELDS} header fields")
