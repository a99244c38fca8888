"""Proofs about bytes: chunk signatures, ordered digests, and the audio walk, taken while a recording passes through."""

from __future__ import annotations

import hashlib
import hmac
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxone_provider.archive.audio import AudioReport, AudioVerification
from cxone_provider.archive.errors import DigestMismatch, InvalidSetting, SignatureMismatch, SignatureMissing
from cxone_provider.archive.plan import Segment

if TYPE_CHECKING:
    from hashlib import _Hash

MIN_SECRET_BYTES = 8
_SIGNATURE_CHARACTERS = 64


def checked_stream_secret(secret: bytes) -> bytes:
    """Return `secret` if it can sign chunks.

    Raises:
        InvalidSetting: it is too short to prove anything; an empty one would switch the check off unseen.
    """
    if len(secret) < MIN_SECRET_BYTES:
        raise InvalidSetting(
            "stream_secret is too short", found=f"{len(secret)} bytes", expected=f"at least {MIN_SECRET_BYTES} bytes"
        )
    return secret


def chunk_signature(secret: bytes, start: int, chunk: bytes | bytearray | memoryview) -> str:
    """Return the hex HMAC-SHA256 over the start offset, 8 bytes big-endian, followed by the chunk."""
    mac = hmac.new(secret, start.to_bytes(8, "big"), hashlib.sha256)
    mac.update(chunk)
    return mac.hexdigest()


def verify_chunk(secret: bytes, segment: Segment, chunk: memoryview, signature: str | None) -> None:
    """Check one chunk's signature in constant time.

    Raises:
        SignatureMissing: there is none.
        SignatureMismatch: it belongs to other bytes, another offset or another secret.
    """
    if not signature:
        raise SignatureMissing(
            "chunk without signature", found=f"none for bytes {segment.inclusive}", expected="a hex HMAC-SHA256",
            hint="Is stream_signature_header the header this tenant sends?",
        )  # fmt: skip
    given = signature.strip().lower()
    expected = chunk_signature(secret, segment.start, chunk)
    well_formed = len(given) == _SIGNATURE_CHARACTERS and set(given) <= set(string.hexdigits)
    if not well_formed or not hmac.compare_digest(given, expected):
        # The expected value is never shown: it would sign a forged chunk.
        raise SignatureMismatch(
            "chunk signature does not fit", found=f"another value for bytes {segment.inclusive}",
            hint="The bytes changed on their way, or the stream secret is not this tenant's.",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a whole recording once its last byte has passed."""

    size_bytes: int
    sha256: str
    audio: AudioReport


def check_source_digest(proof: Proof, sha256: str | None) -> None:
    """Check the whole recording against the digest that its source vouches for, where it has one.

    Raises:
        DigestMismatch: the bytes are others.
    """
    if sha256 is not None and proof.sha256 != sha256:
        raise DigestMismatch("the bytes are not those the source hashed", found=proof.sha256, expected=sha256)


class Witness:
    """Sees every byte of a recording once, in order, and tells afterwards what they were.

    Args:
        expected_format: the audio format that was asked for, or None for any known one.
    """

    def __init__(self, expected_format: str | None) -> None:
        self._digest = hashlib.sha256()
        self._audio = AudioVerification(expected_format)
        self.size_bytes = 0

    def see(self, chunk: bytes | bytearray | memoryview, hashed: _Hash | None = None) -> None:
        """Take the next bytes.

        Args:
            chunk: the bytes.
            hashed: their SHA-256, where it is known: the whole's begins with that of its first bytes.

        Raises:
            AudioError: the audio's structure breaks in them.
        """
        if hashed is not None and not self.size_bytes:
            self._digest = hashed.copy()
        else:
            self._digest.update(chunk)
        self._audio.feed(chunk)
        self.size_bytes += len(chunk)

    @property
    def format(self) -> str | None:
        """The audio format seen so far, or None before the first bytes told."""
        return self._audio.format

    def testify(self) -> Proof:
        """Return the proof after the last byte.

        Raises:
            AudioError: the audio is not complete.
        """
        return Proof(self.size_bytes, self._digest.hexdigest(), self._audio.finish())
