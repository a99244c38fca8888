"""Faults of range requests and of the entity that ranges belong to."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from cxone_provider.simulator.answer import Answer, Octets, Part, body_size, cut_body, error_answer
from cxone_provider.simulator.dialect import Exchange
from cxone_provider.simulator.faults.fault import Count, Fault, PositiveCount
from cxone_provider.simulator.request import Request

_BOUNDARY = "simulated_boundary"


@dataclass(frozen=True, slots=True)
class IgnoreRange(Fault):
    """The range is ignored: 200 with the whole recording."""

    name: ClassVar[str] = "ignore_range"

    def prepare(self, exchange: Exchange) -> None:
        """Take the range out of the request."""
        exchange.request = exchange.request.with_header("Range", None)


@dataclass(frozen=True, slots=True)
class Short206(Fault):
    """A shorter range than asked for, labelled and signed as what it is: legal, and the rest has to be asked for."""

    name: ClassVar[str] = "short_206"
    size_bytes: Annotated[PositiveCount, "the most that is given"]

    def prepare(self, exchange: Exchange) -> None:
        """Narrow the range of the request."""
        start, stop = exchange.request.asked_range()
        narrowed = start + self.size_bytes
        if exchange.request.header("range") is not None:
            exchange.request = _with_range(exchange.request, start, min(stop or narrowed, narrowed))


@dataclass(frozen=True, slots=True)
class ShiftRange(Fault):
    """Another range than asked for, labelled as what it is."""

    name: ClassVar[str] = "shift_range"
    by_bytes: Annotated[int, "how far from the one asked for; negative is earlier"]

    def prepare(self, exchange: Exchange) -> None:
        """Move the range of the request."""
        start, stop = exchange.request.asked_range()
        moved = max(start + self.by_bytes, 0)
        if exchange.request.header("range") is not None:
            exchange.request = _with_range(exchange.request, moved, None if stop is None else moved + stop - start)


@dataclass(frozen=True, slots=True)
class WrongContentRange(Fault):
    """The right bytes with a wrong `Content-Range`: shifted start, end or total, malformed, or missing."""

    name: ClassVar[str] = "wrong_content_range"
    start_shift: Annotated[int, "added to the first byte"] = 0
    end_shift: Annotated[int, "added to the last byte"] = 0
    total_shift: Annotated[int, "added to the size"] = 0
    value: Annotated[str | None, "sent in place of the header, whatever it is"] = None
    missing: Annotated[bool, "leave the header out"] = False

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Rewrite the header."""
        del exchange
        if self.missing or answer.selected is None:
            return answer.with_header("Content-Range", None)
        selected = answer.selected
        first, last = selected.start + self.start_shift, selected.stop - 1 + self.end_shift
        shifted = f"bytes {first}-{last}/{selected.media.size_bytes + self.total_shift}"
        return answer.with_header("Content-Range", shifted if self.value is None else self.value)


@dataclass(frozen=True, slots=True)
class RangeNotSatisfiable(Fault):
    """416 that names the recording's size, or a smaller or larger one."""

    name: ClassVar[str] = "range_not_satisfiable"
    total_shift: Annotated[int, "added to the size in `Content-Range: bytes */N`"] = 0

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the answer."""
        del exchange
        size_bytes = answer.selected.media.size_bytes if answer.selected else body_size(answer.body)
        refused = error_answer(416, "range_not_satisfiable", "scripted")
        return refused.with_header("Content-Range", f"bytes */{max(size_bytes + self.total_shift, 0)}")


@dataclass(frozen=True, slots=True)
class MultipartByteranges(Fault):
    """One range is answered as `multipart/byteranges`."""

    name: ClassVar[str] = "multipart_byteranges"
    parts: Annotated[PositiveCount, "into how many parts the range is split"] = 1

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Wrap the body."""
        del exchange
        if answer.selected is None:
            return answer
        wrapped: list[Part] = []
        for start, stop in _split(body_size(answer.body), self.parts):
            wrapped += [Octets(_part_head(answer, start, stop)), *cut_body(answer.body, start, stop)]
        wrapped.append(Octets(f"\r\n--{_BOUNDARY}--\r\n".encode()))
        altered = replace(answer, body=tuple(wrapped)).with_header("Content-Range", None)
        return altered.with_header("Content-Type", f"multipart/byteranges; boundary={_BOUNDARY}")


@dataclass(frozen=True, slots=True)
class ChangeEntity(Fault):
    """From this request on the recording is another version, in media and metadata.

    One bit in every 4 KiB differs, so do entity tag and `Last-Modified`.
    """

    name: ClassVar[str] = "change_entity"
    size_change_bytes: Annotated[int, "zeros appended, or bytes cut off where negative"] = 0

    def prepare(self, exchange: Exchange) -> None:
        """Change the recording before the endpoint reads it."""
        if exchange.recording is not None:
            exchange.recording.change_entity(self.size_change_bytes)


@dataclass(frozen=True, slots=True)
class FlipBit(Fault):
    """One bit of the recording is sent flipped; all headers, the signature too, are those of the right bytes."""

    name: ClassVar[str] = "flip_bit"
    offset: Annotated[Count, "the byte, counted from the start of the recording; only requests that cover it count"]
    bit: Annotated[Count, "the bit, 0 is the lowest"] = 0

    @property
    def touches_byte(self) -> int | None:
        """The flipped byte."""
        return self.offset

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the byte."""
        del exchange
        selected = answer.selected
        if selected is None or not selected.start <= self.offset < selected.stop:
            return answer
        # Read from the media: the body may hold what another fault has put there.
        at = self.offset - selected.start
        (right,) = next(selected.cut(at, at + 1).blocks())
        flipped = Octets(bytes([right ^ 1 << self.bit % 8]))
        before, after = cut_body(answer.body, 0, at), cut_body(answer.body, at + 1, body_size(answer.body))
        return replace(answer, body=(*before, flipped, *after))


FAULTS: tuple[type[Fault], ...] = (
    IgnoreRange,
    Short206,
    ShiftRange,
    WrongContentRange,
    RangeNotSatisfiable,
    MultipartByteranges,
    ChangeEntity,
    FlipBit,
)


def _with_range(request: Request, start: int, stop: int | None) -> Request:
    return request.with_header("Range", f"bytes={start}-{'' if stop is None else stop - 1}")


def _split(size_bytes: int, parts: int) -> list[tuple[int, int]]:
    bounds = [size_bytes * index // parts for index in range(parts + 1)]
    return list(itertools.pairwise(bounds))


def _part_head(answer: Answer, start: int, stop: int) -> bytes:
    if answer.selected is None:
        return b""
    first, size_bytes = answer.selected.start, answer.selected.media.size_bytes
    return (
        f"\r\n--{_BOUNDARY}\r\nContent-Type: {answer.header('content-type')}\r\n"
        f"Content-Range: bytes {first + start}-{first + stop - 1}/{size_bytes}\r\n\r\n"
    ).encode()
