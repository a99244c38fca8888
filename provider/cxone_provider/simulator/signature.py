"""Chunk signatures: HMAC-SHA256 over the start offset (8 bytes, big-endian) and the chunk's bytes."""

from __future__ import annotations

import hashlib
import hmac
import threading
from dataclasses import dataclass

from cxone_provider.simulator.answer import Span

DEFAULT_HEADER = "X-Chunk-HMAC-SHA256"
_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class SignatureSettings:
    """Whether and where chunks are signed.

    Attributes:
        stream_secret: None sends no signatures.
    """

    stream_secret: str | None = None
    header: str = DEFAULT_HEADER


class ChunkSigner:
    """Signs chunks, and remembers signatures: a chunk that is asked for again costs no hashing. Safe under threads."""

    def __init__(self, stream_secret: str) -> None:
        self._key = stream_secret.encode()
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int, int], str] = {}

    def sign(self, chunk: Span) -> str:
        """Return the signature in hex."""
        place = (chunk.media.etag, chunk.start, chunk.stop)
        known = self._known.get(place)
        if known is None:
            known = self._computed(chunk)
            with self._lock:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[place] = known
        return known

    def _computed(self, chunk: Span) -> str:
        state = hmac.new(self._key, chunk.start.to_bytes(8, "big"), hashlib.sha256)
        for block in chunk.blocks():
            state.update(block)
        return state.hexdigest()
