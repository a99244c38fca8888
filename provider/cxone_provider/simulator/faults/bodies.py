"""Faults of the body and of how its end is marked."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from cxone_provider.simulator.answer import (
    Answer,
    Ending,
    Endless,
    Framing,
    Octets,
    body_bytes,
    body_size,
    cut_body,
)
from cxone_provider.simulator.dialect import Exchange
from cxone_provider.simulator.faults.fault import Count, Fault, PositiveCount

_NOISE = bytes(range(256)) * 256
_HUGE_LENGTH = 2**40


@dataclass(frozen=True, slots=True)
class OtherFraming(Fault):
    """The whole, right body, but chunked, or ended only by the end of the connection. Legal."""

    name: ClassVar[str] = "framing"
    framing: Annotated[Literal["chunked", "none"], "`none` has no Content-Length either"]

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Choose the framing."""
        del exchange
        return answer.delivered(replace(answer.delivery, framing=Framing(self.framing)))


@dataclass(frozen=True, slots=True)
class EarlyTerminator(Fault):
    """A chunked body whose terminator comes too early: well-formed, short."""

    name: ClassVar[str] = "early_terminator"
    after_bytes: Annotated[Count, "body bytes before the terminator"]

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Shorten the body; its framing says that it is whole."""
        del exchange
        shortened = replace(answer, body=cut_body(answer.body, 0, self.after_bytes))
        return shortened.delivered(replace(answer.delivery, framing=Framing.CHUNKED))


@dataclass(frozen=True, slots=True)
class DeclaredLonger(Fault):
    """`Content-Length` promises more than the body has; then the connection ends cleanly."""

    name: ClassVar[str] = "declared_longer"
    by_bytes: Annotated[PositiveCount, "how much too long"] = 1

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Declare more."""
        del exchange
        declared_length = str(body_size(answer.body) + self.by_bytes)
        return answer.delivered(replace(answer.delivery, declared_length=declared_length, ending=Ending.FIN))


@dataclass(frozen=True, slots=True)
class ExtraBytes(Fault):
    """More bytes than the range has: inside the declared length, or after it where the next answer would begin."""

    name: ClassVar[str] = "extra_bytes"
    count: Annotated[PositiveCount, "how many"]
    declared: Annotated[bool, "whether `Content-Length` counts them"] = True

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Append noise."""
        del exchange
        extra = Endless(_NOISE, self.count)
        if self.declared:
            return replace(answer, body=(*answer.body, extra))
        return answer.delivered(replace(answer.delivery, undeclared=body_bytes((extra,))))


@dataclass(frozen=True, slots=True)
class EndlessBody(Fault):
    """The right bytes, and then more without an end."""

    name: ClassVar[str] = "endless"
    framing: Annotated[Literal["chunked", "none", "length"], "`length` declares a TiB"] = "chunked"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Append noise without end."""
        del exchange
        framing = Framing(self.framing)
        declared_length = str(_HUGE_LENGTH) if framing is Framing.LENGTH else None
        going_on = replace(answer, body=(*answer.body, Endless(_NOISE)))
        return going_on.delivered(replace(answer.delivery, framing=framing, declared_length=declared_length))


@dataclass(frozen=True, slots=True)
class Gzip(Fault):
    """The body is sent with `Content-Encoding: gzip`, unasked."""

    name: ClassVar[str] = "gzip"
    only_header: Annotated[bool, "claim the encoding, send the bytes as they are"] = False

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Encode the body."""
        del exchange
        encoded = answer.with_header("Content-Encoding", "gzip")
        if self.only_header:
            return encoded
        return replace(encoded, body=(Octets(gzip.compress(body_bytes(answer.body), 1)),))


@dataclass(frozen=True, slots=True)
class GzipBomb(Fault):
    """A small gzip body that expands to a very large one."""

    name: ClassVar[str] = "gzip_bomb"
    expands_to_bytes: Annotated[PositiveCount, "rounded up to whole MiB"] = 2**30

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the body by gzip members of a MiB of zeros each."""
        del exchange
        member = gzip.compress(bytes(2**20), 9)
        bomb = Octets(member * -(-self.expands_to_bytes // 2**20))
        return replace(answer.with_header("Content-Encoding", "gzip"), body=(bomb,))


FAULTS: tuple[type[Fault], ...] = (
    OtherFraming,
    EarlyTerminator,
    DeclaredLonger,
    ExtraBytes,
    EndlessBody,
    Gzip,
    GzipBomb,
)
