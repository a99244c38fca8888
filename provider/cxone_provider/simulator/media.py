"""The bytes of recordings, and the quickest way to a socket for each kind."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

BLOCK_BYTES = 2**20
_ETAG_DIGITS = 32


class MediaVanished(OSError):
    """A recording's file became shorter while it was sent."""


class Media(Protocol):
    """Bytes that do not change, with validators. Safe under threads."""

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        ...

    @property
    def etag(self) -> str:
        """The strong entity tag, with its quotes."""
        ...

    @property
    def modified_at(self) -> datetime:
        """When the bytes came to be, timezone-aware, whole seconds."""
        ...

    def sha256(self) -> bytes:
        """Return the digest of all bytes; worked out once."""
        ...

    def blocks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield the bytes from `start` to `stop` (exclusive) in pieces of at most a MiB."""
        ...

    def transfer(self, connection: socket.socket, start: int, stop: int) -> Iterator[int]:
        """Send the bytes from `start` to `stop`; yield how many went out, step by step."""
        ...


def read(media: Media, start: int, stop: int) -> bytes:
    """Return the bytes from `start` to `stop` (exclusive), fewer where the medium ends."""
    return b"".join(bytes(block) for block in media.blocks(start, min(stop, media.size_bytes)))


class Digested:
    """What all media share: a digest that is worked out at most once, and the tag made from it."""

    def __init__(self, size_bytes: int, modified_at: datetime) -> None:
        self.size_bytes = size_bytes
        self.modified_at = modified_at.replace(microsecond=0)
        self._digest: bytes | None = None
        self._digesting = threading.Lock()

    @property
    def etag(self) -> str:
        """A strong tag made from the digest."""
        return quoted_tag(self.sha256())

    def sha256(self) -> bytes:
        """Return the digest of all bytes."""
        with self._digesting:
            if self._digest is None:
                state = hashlib.sha256()
                for block in self.blocks(0, self.size_bytes):
                    state.update(block)
                self._digest = state.digest()
            return self._digest

    def blocks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield the bytes; every medium has its own way."""
        raise NotImplementedError

    def transfer(self, connection: socket.socket, start: int, stop: int) -> Iterator[int]:
        """Send block by block."""
        for block in self.blocks(start, stop):
            connection.sendall(block)
            yield len(block)


def quoted_tag(digest: bytes) -> str:
    """Return a strong entity tag from a digest."""
    return f'"{digest.hex()[:_ETAG_DIGITS]}"'


class BytesMedia(Digested):
    """A recording held in memory."""

    def __init__(self, data: bytes, modified_at: datetime) -> None:
        super().__init__(len(data), modified_at)
        self._view = memoryview(data)

    def blocks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield views, no copies."""
        for offset in range(start, stop, BLOCK_BYTES):
            yield self._view[offset : min(offset + BLOCK_BYTES, stop)]


class FileMedia(Digested):
    """A recording in a file; size and time are those of the moment it is opened here."""

    def __init__(self, path: Path) -> None:
        status = path.stat()
        super().__init__(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
        self._path = path

    def blocks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield what is read from the file.

        Raises:
            MediaVanished: the file has become shorter.
        """
        with self._path.open("rb", buffering=0) as file:
            file.seek(start)
            while start < stop:
                block = file.read(min(BLOCK_BYTES, stop - start))
                if not block:
                    raise MediaVanished(f"{self._path} ends at {start}")
                yield block
                start += len(block)

    def transfer(self, connection: socket.socket, start: int, stop: int) -> Iterator[int]:
        """Let the kernel copy from the file to the socket.

        Raises:
            MediaVanished: the file has become shorter.
        """
        with self._path.open("rb", buffering=0) as file:
            while start < stop:
                sent = os.sendfile(connection.fileno(), file.fileno(), start, stop - start)
                if not sent:
                    raise MediaVanished(f"{self._path} ends at {start}")
                yield sent
                start += sent


@dataclass(frozen=True, slots=True)
class Change:
    """What makes a later version of a recording another entity.

    Attributes:
        version: 2 for the first change.
        size_change_bytes: zeros appended, or bytes cut off where negative.
    """

    version: int
    size_change_bytes: int = 0


class ChangedMedia(Digested):
    """Another version of a recording: one bit differs in every 4 KiB, so the structure of the audio mostly holds."""

    _STRIDE = 4096

    def __init__(self, original: Media, change: Change) -> None:
        size_bytes = max(original.size_bytes + change.size_change_bytes, 0)
        super().__init__(size_bytes, original.modified_at + timedelta(seconds=change.version))
        self._original = original
        self._phase = 509 * change.version % self._STRIDE

    def blocks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield the original's bytes, changed."""
        kept_bytes = min(self.size_bytes, self._original.size_bytes)
        for original in self._original.blocks(start, min(stop, kept_bytes)):
            block = bytearray(original)
            for index in range((self._phase - start) % self._STRIDE, len(block), self._STRIDE):
                block[index] ^= 1
            yield bytes(block)
            start += len(block)
        for offset in range(max(start, kept_bytes), stop, BLOCK_BYTES):
            yield bytes(min(BLOCK_BYTES, stop - offset))
