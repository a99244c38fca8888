"""The header fields of media answers, parsed and checked without I/O (RFC 9110, RFC 9530).

Ranges are half-open. Every error names the header and shows its value escaped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cxone_provider.archive.errors import (
    DigestMismatch,
    EncodedBody,
    SizeDisagrees,
    UnexpectedAnswer,
    WrongContentType,
    WrongRange,
    shown,
)

_NUMBER = "[0-9]{1,18}"  # below 2**63 with room for sums
_CONTENT_RANGE = re.compile(rf"bytes ({_NUMBER})-({_NUMBER})/({_NUMBER}|\*)", re.ASCII | re.IGNORECASE)
_UNSATISFIED = re.compile(rf"bytes \*/({_NUMBER})", re.ASCII | re.IGNORECASE)
_STRONG_TAG = re.compile(r'"[!#-~]{1,200}"', re.ASCII)
_DIGEST_MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]{0,30})=:([A-Za-z0-9+/=]{0,120}):(?:;[!-+\--~]*)?\s*", re.ASCII)
_DOCUMENT_TYPE = re.compile(r"text/(html|xml)|application/(json|xml)|multipart/.*|[^;]*\+(json|xml)", re.ASCII)
_DIGEST_SIZES = {"sha-256": 32, "sha-512": 64}


@dataclass(frozen=True, slots=True)
class ContentRange:
    """The bytes ``[start, stop)`` that a 206 carries; `total_bytes` is None where the server wrote ``*``."""

    start: int
    stop: int
    total_bytes: int | None

    @property
    def size_bytes(self) -> int:
        """Bytes in the range."""
        return self.stop - self.start


def parse_content_range(value: str | None) -> ContentRange:
    """Return the range of a 206's ``Content-Range``.

    Raises:
        WrongRange: missing, sent twice, malformed, or a range that ends before it starts or past the total.
    """
    match = _CONTENT_RANGE.fullmatch((value or "").strip())
    if match is None:
        raise _wrong_range(value)
    start, last = int(match[1]), int(match[2])
    total_bytes = None if match[3] == "*" else int(match[3])
    if last < start or (total_bytes is not None and last >= total_bytes):
        raise _wrong_range(value)
    return ContentRange(start, last + 1, total_bytes)


def parse_unsatisfied(value: str | None) -> int | None:
    """Return the size that a 416's ``Content-Range: bytes */N`` names, or None."""
    match = _UNSATISFIED.fullmatch((value or "").strip())
    return None if match is None else int(match[1])


def check_range(answered: ContentRange, start: int, stop: int, agreed_size_bytes: int | None) -> None:
    """Check that an answered range begins where ``[start, stop)`` does and lies within it; it may legally be shorter.

    Raises:
        WrongRange: other bytes than were asked for.
        SizeDisagrees: the total is not the agreed size.
    """
    if agreed_size_bytes is not None and answered.total_bytes not in (None, agreed_size_bytes):
        raise SizeDisagrees(
            "Content-Range names another size than was agreed", found=answered.total_bytes, expected=agreed_size_bytes
        )
    if answered.start != start or answered.stop > stop:
        found = f"bytes {answered.start}-{answered.stop - 1}"
        raise WrongRange("Content-Range names other bytes", found=found, expected=f"bytes {start}-{stop - 1}")


def parse_content_length(value: str | None) -> int | None:
    """Return the declared length of a body, or None where there is none.

    Raises:
        UnexpectedAnswer: not one whole number.
    """
    if value is None:
        return None
    number = value.strip(" \t")  # all that HTTP takes for space; Python knows more
    if not re.fullmatch(_NUMBER, number, re.ASCII):
        raise UnexpectedAnswer("Content-Length", found=shown(value), expected="one whole number")
    return int(number)


def strong_etag(value: str | None) -> str | None:
    """Return a strong entity tag with its quotes; None for a weak, malformed or absent one, which proves nothing."""
    tag = (value or "").strip()
    return tag if _STRONG_TAG.fullmatch(tag) else None


def check_identity(value: str | None) -> None:
    """Check a ``Content-Encoding``.

    Raises:
        EncodedBody: it is not identity; sizes, ranges and digests would be of other bytes.
    """
    if value is not None and value.strip().lower() not in ("", "identity"):
        raise EncodedBody("Content-Encoding of the media", found=shown(value), expected="identity")


def check_media_type(value: str | None) -> None:
    """Check a ``Content-Type``: audio travels under many names, but never as a page, a document or several parts.

    Raises:
        WrongContentType: HTML, JSON, XML or multipart.
    """
    essence = (value or "").partition(";")[0].strip().lower()
    if _DOCUMENT_TYPE.fullmatch(essence):
        raise WrongContentType(
            "Content-Type of the media", found=shown(value), expected="audio",
            hint="A gateway or login page may have answered in place of the API.",
        )  # fmt: skip


def parse_digests(name: str, value: str | None) -> Mapping[str, bytes]:
    """Return the raw SHA-2 digests of a ``Content-Digest`` or ``Repr-Digest`` (RFC 9530) by algorithm.

    Other algorithms are left out: they are too weak to prove anything.

    Raises:
        UnexpectedAnswer: malformed.
    """
    digests: dict[str, bytes] = {}
    for member in (value or "").split(",") if value else ():
        match = _DIGEST_MEMBER.fullmatch(member)
        if match is None:
            raise UnexpectedAnswer(name, found=shown(value), expected="sha-256=:base64:")
        if match[1] in _DIGEST_SIZES:
            digests[match[1]] = _decoded(name, match[1], match[2])
    return digests


class DigestCheck:
    """Hashes a body as it passes and compares it with the strongest digest that came with it.

    Args:
        name: the header's name.
        digests: by algorithm; empty where there is nothing to compare with.
    """

    def __init__(self, name: str, digests: Mapping[str, bytes]) -> None:
        self._name = name
        self._digests = digests
        # SHA-256 has hardware support where SHA-512 has none, and either proves the same.
        self._algorithm = next((algorithm for algorithm in _DIGEST_SIZES if algorithm in digests), None)
        self._hash = None if self._algorithm is None else hashlib.new(self._algorithm.replace("-", ""))

    @property
    def active(self) -> bool:
        """Whether there is a digest to compare with."""
        return self._hash is not None

    def update(self, piece: memoryview) -> None:
        """Take the next bytes."""
        if self._hash is not None:
            self._hash.update(piece)

    def finish(self) -> None:
        """Compare after the last byte.

        Raises:
            DigestMismatch: the bytes are not those the server hashed.
        """
        if self._hash is None or self._algorithm is None:
            return
        expected = self._digests[self._algorithm]
        if not hmac.compare_digest(self._hash.digest(), expected):
            raise DigestMismatch(
                f"{self._name} does not fit the bytes", found=self._hash.hexdigest(), expected=expected.hex()
            )


def _decoded(name: str, algorithm: str, text: str) -> bytes:
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _DIGEST_SIZES[algorithm]:
        found = shown(f"{algorithm}=:{text}:")
        raise UnexpectedAnswer(name, found=found, expected=f"{_DIGEST_SIZES[algorithm]} bytes in base64")
    return digest


def _wrong_range(value: str | None) -> WrongRange:
    return WrongRange("Content-Range", found=shown(value or "none"), expected="bytes first-last/size")
