"""Answers as data: endpoints make them, faults change them, :mod:`.wire` sends them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from cxone_provider.simulator.media import Media
from cxone_provider.simulator.request import Headers, header_value, with_header

ENDLESS_BYTES = 2**62


class Part(Protocol):
    """A stretch of a body."""

    @property
    def size_bytes(self) -> int:
        """How many bytes this part has."""
        ...

    def cut(self, start: int, stop: int) -> Part:
        """Return the bytes from `start` to `stop` (exclusive) of this part."""
        ...

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the bytes in pieces of at most a MiB."""
        ...

    def transfer(self, connection: socket.socket) -> Iterator[int]:
        """Send the bytes by the fastest way there is; yield how many went out, step by step."""
        ...


@dataclass(frozen=True, slots=True)
class Octets:
    """Bytes held in memory."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        """Length of the data."""
        return len(self.data)

    def cut(self, start: int, stop: int) -> Octets:
        """Return a slice."""
        return Octets(self.data[start:stop])

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the data at once."""
        yield self.data

    def transfer(self, connection: socket.socket) -> Iterator[int]:
        """Send the data at once."""
        connection.sendall(self.data)
        yield len(self.data)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` to `stop` (exclusive) of a medium."""

    media: Media
    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        """Length of the span."""
        return self.stop - self.start

    def cut(self, start: int, stop: int) -> Span:
        """Return a narrower span; offsets count from this span's start."""
        return Span(self.media, self.start + start, min(self.start + stop, self.stop))

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the medium's bytes."""
        return self.media.blocks(self.start, self.stop)

    def transfer(self, connection: socket.socket) -> Iterator[int]:
        """Let the medium send itself."""
        return self.media.transfer(connection, self.start, self.stop)


@dataclass(frozen=True, slots=True)
class Endless:
    """A block repeated until `size_bytes` are out; by default until the client goes away."""

    block: bytes
    size_bytes: int = ENDLESS_BYTES

    def cut(self, start: int, stop: int) -> Endless:
        """Return a shorter run of the block, in phase."""
        phase = start % len(self.block)
        return Endless(self.block[phase:] + self.block[:phase], min(stop, self.size_bytes) - start)

    def blocks(self) -> Iterator[bytes | memoryview]:
        """Yield the block again and again."""
        left = self.size_bytes
        while left > 0:
            yield self.block[:left]
            left -= len(self.block)

    def transfer(self, connection: socket.socket) -> Iterator[int]:
        """Send the block again and again."""
        for block in self.blocks():
            connection.sendall(block)
            yield len(block)


Body = tuple[Part, ...]


def body_size(body: Body) -> int:
    """Return the length of a body in bytes."""
    return sum(part.size_bytes for part in body)


def cut_body(body: Body, start: int, stop: int) -> Body:
    """Return the bytes from `start` to `stop` (exclusive) of a body."""
    kept: list[Part] = []
    offset = 0
    for part in body:
        low, high = max(start - offset, 0), min(stop - offset, part.size_bytes)
        if low < high:
            kept.append(part.cut(low, high))
        offset += part.size_bytes
    return tuple(kept)


def body_bytes(body: Body) -> bytes:
    """Return a whole body; for small ones."""
    return b"".join(bytes(block) for part in body for block in part.blocks())


class Framing(StrEnum):
    """How the end of a body is marked."""

    LENGTH = "length"
    CHUNKED = "chunked"
    NONE = "none"


class Ending(StrEnum):
    """What becomes of the connection after the answer."""

    KEEP = "keep"
    FIN = "fin"
    RST = "rst"


@dataclass(frozen=True, slots=True)
class Pace:
    """`block_bytes` at a time, `interval_s` apart."""

    block_bytes: int
    interval_s: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer goes out; the defaults are the honest way.

    Attributes:
        declared_length: the Content-Length to claim in place of the true one, whatever it is.
        cut_after_bytes: body bytes after which the body stops, with no terminator.
        undeclared: bytes that follow the end of the answer.
        delay_s: silence before the first byte.
        raw: bytes sent in place of the whole answer.
    """

    framing: Framing = Framing.LENGTH
    declared_length: str | None = None
    cut_after_bytes: int | None = None
    undeclared: bytes = b""
    ending: Ending = Ending.KEEP
    delay_s: float = 0
    head_pace: Pace | None = None
    body_pace: Pace | None = None
    raw: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response and how it is delivered.

    Attributes:
        headers: without those that frame the body; :mod:`.wire` adds them.
        selected: the part of a recording that the body was made from, where it was.
    """

    status: int
    headers: Headers = ()
    body: Body = ()
    selected: Span | None = None
    delivery: Delivery = field(default_factory=Delivery)

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return header_value(self.headers, name)

    def with_header(self, name: str, value: str | None) -> Answer:
        """Return the answer with one header replaced, or removed when `value` is None."""
        return replace(self, headers=with_header(self.headers, name, value))

    def delivered(self, delivery: Delivery) -> Answer:
        """Return the answer with another delivery."""
        return replace(self, delivery=delivery)


def json_answer(status: int, document: object, headers: Headers = ()) -> Answer:
    """Return an answer with a JSON body."""
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Answer(status, (("Content-Type", "application/json"), *headers), (Octets(body),))


def error_answer(status: int, code: str, message: str, more: Mapping[str, object] | None = None) -> Answer:
    """Return ``{"error", "message", …}`` with a status."""
    return json_answer(status, {"error": code, "message": message, **(more or {})})
