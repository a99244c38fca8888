"""Bytes that arrive in pieces, read by parsers that are written from top to bottom.

A parser is a generator: it asks a :class:`ByteReader` for bytes with ``yield from`` and pauses where they have not
arrived yet. A pause keeps only what the parser has taken so far; the pieces themselves belong to the caller again.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from cxone_provider.archive.errors import TruncatedAudio

_Result = TypeVar("_Result")
Steps: TypeAlias = Generator[None, None, _Result]
"""A parser of `_Result` that yields whenever it needs another piece."""

_NOTHING = memoryview(b"")


class ByteReader:
    """The bytes of one file, front to back.

    Attributes:
        offset_bytes: position of the next byte in the file.
        has_ended: whether no piece follows.
    """

    __slots__ = ("_ahead", "_piece", "has_ended", "offset_bytes")

    def __init__(self) -> None:
        self.offset_bytes = 0
        self._ahead = b""
        self._piece = _NOTHING
        self.has_ended = False

    def push(self, piece: memoryview) -> None:
        """Make `piece` readable. The parser runs until it pauses: only then is all of it used up."""
        self._piece = piece

    def release(self) -> None:
        """Let go of the piece, so that the caller may write to its buffer again."""
        self._piece = _NOTHING

    def end(self) -> None:
        """Say that no piece follows."""
        self.has_ended = True

    def window(self) -> memoryview:
        """Return what is readable right now, without reading it."""
        return _NOTHING if self._ahead else self._piece

    def take(self, count: int) -> Steps[bytes]:
        """Return the next `count` bytes, fewer only where the file ends. Keep `count` small: it is allocated."""
        taken = self._grab(count)
        if len(taken) == count:
            return taken
        buffer = bytearray(taken)
        while len(buffer) < count and (yield from self._wait()):
            buffer += self._grab(count - len(buffer))
        return bytes(buffer)

    def take_exactly(self, count: int, what: str) -> Steps[bytes]:
        """Return the next `count` bytes.

        Raises:
            TruncatedAudio: the file ends inside `what`.
        """
        taken = yield from self.take(count)
        if len(taken) < count:
            raise self._ends_inside(what, count - len(taken))
        return taken

    def peek(self, count: int) -> Steps[bytes]:
        """Return the next `count` bytes and leave them in place, fewer only where the file ends."""
        taken = yield from self.take(count)
        self.unread(taken)
        return taken

    def unread(self, taken: bytes) -> None:
        """Put back what was taken last."""
        self._ahead = taken + self._ahead
        self.offset_bytes -= len(taken)

    def skip(self, count: int) -> Steps[int]:
        """Pass over `count` bytes; return how many there were: fewer only where the file ends."""
        left = count - self._pass_over(count)
        while left and (yield from self._wait()):
            left -= self._pass_over(left)
        return count - left

    def skip_exactly(self, count: int, what: str) -> Steps[None]:
        """Pass over `count` bytes, however many that are: they are counted, not kept.

        Raises:
            TruncatedAudio: the file ends inside `what`.
        """
        skipped = yield from self.skip(count)
        if skipped < count:
            raise self._ends_inside(what, count - skipped)

    def skip_to_end(self) -> Steps[int]:
        """Pass over everything that follows; return how many bytes that were."""
        start = self.offset_bytes
        while True:
            self._pass_over(len(self._ahead) + len(self._piece))
            if not (yield from self._wait()):
                return self.offset_bytes - start

    def _wait(self) -> Steps[bool]:
        """Pause until bytes are readable; return False when the file has ended instead."""
        while not self._ahead and not self._piece:
            if self.has_ended:
                return False
            yield
        return True

    def _grab(self, limit: int) -> bytes:
        if self._ahead:
            grabbed, self._ahead = self._ahead[:limit], self._ahead[limit:]
        else:
            grabbed, self._piece = bytes(self._piece[:limit]), self._piece[limit:]
        self.offset_bytes += len(grabbed)
        return grabbed

    def _pass_over(self, limit: int) -> int:
        before = len(self._ahead) + len(self._piece)
        kept_back = max(0, limit - len(self._ahead))
        self._ahead = self._ahead[limit:]
        self._piece = self._piece[kept_back:]
        passed = before - len(self._ahead) - len(self._piece)
        self.offset_bytes += passed
        return passed

    def _ends_inside(self, what: str, missing_bytes: int) -> TruncatedAudio:
        return TruncatedAudio(
            f"the file ends inside {what}",
            found=f"{self.offset_bytes} bytes",
            expected=f"{missing_bytes} bytes more",
        )
