"""Faults of headers: validators, signatures, digests, doubles."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from cxone_provider.simulator.answer import Answer, body_bytes, body_size
from cxone_provider.simulator.conditional import http_date, parse_http_date
from cxone_provider.simulator.dialect import Exchange
from cxone_provider.simulator.faults.fault import DateShift, Fault

_NO_DIGITS = "0" * 64


@dataclass(frozen=True, slots=True)
class WeakEtag(Fault):
    """The entity tag is weak."""

    name: ClassVar[str] = "weak_etag"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Mark the tag."""
        del exchange
        tag = answer.header("etag") or '""'
        return answer.with_header("ETag", f"W/{tag}")


@dataclass(frozen=True, slots=True)
class NoEtag(Fault):
    """The entity tag is missing. With `"at": 2, "times": "always"` it is there at first and missing later."""

    name: ClassVar[str] = "no_etag"
    last_modified: Annotated[bool, "leave `Last-Modified` in"] = True

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Remove the tag."""
        del exchange
        altered = answer.with_header("ETag", None)
        return altered if self.last_modified else altered.with_header("Last-Modified", None)


@dataclass(frozen=True, slots=True)
class StaleHeaders(Fault):
    """The right bytes with the validators of an older version, as a broken cache sends them."""

    name: ClassVar[str] = "stale_headers"
    age_s: Annotated[DateShift, "how old `Date`, `Last-Modified` and `Age` say the answer is"] = 86_400

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Date the headers back and give another tag."""
        age = timedelta(seconds=self.age_s)
        modified_at = parse_http_date(answer.header("last-modified") or "") or exchange.received_at
        older_tag = hashlib.sha256(f"older than {answer.header('etag')}".encode()).hexdigest()[:32]
        altered = answer.with_header("Last-Modified", http_date(modified_at - age))
        altered = altered.with_header("Date", http_date(exchange.received_at - age))
        return altered.with_header("Age", str(self.age_s)).with_header("ETag", f'"{older_tag}"')


@dataclass(frozen=True, slots=True)
class SetHeaders(Fault):
    """Headers are replaced, added or removed; `Content-Length` is set to anything, and removed by `framing` only."""

    name: ClassVar[str] = "headers"
    set: Annotated[dict[str, str], "new values by name, sent as they are"] = field(default_factory=dict)
    remove: Annotated[list[str], "names to leave out"] = field(default_factory=list)

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Rewrite the headers."""
        del exchange
        changes: Iterable[tuple[str, str | None]] = [*self.set.items(), *((name, None) for name in self.remove)]
        for name, value in changes:
            if name.lower() == "content-length":
                answer = answer.delivered(replace(answer.delivery, declared_length=value))
            else:
                answer = answer.with_header(name, value)
        return answer


@dataclass(frozen=True, slots=True)
class DuplicateHeaders(Fault):
    """Headers are sent twice, the second time with the same or with another value."""

    name: ClassVar[str] = "duplicate_headers"
    names: Annotated[list[str], "which headers; those that are not there are sent once"]
    value: Annotated[str | None, "the second value; null repeats the first"] = None

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Append the doubles."""
        del exchange
        doubles = tuple((name, self.value or self._first_value(answer, name)) for name in self.names)
        return replace(answer, headers=(*answer.headers, *doubles))

    def _first_value(self, answer: Answer, name: str) -> str:
        return str(body_size(answer.body)) if name.lower() == "content-length" else answer.header(name) or ""


@dataclass(frozen=True, slots=True)
class Digest(Fault):
    """A digest header of RFC 9530: `Repr-Digest` of the whole recording, or `Content-Digest` of this body."""

    name: ClassVar[str] = "digest"
    header: Annotated[Literal["Repr-Digest", "Content-Digest"], "which one"] = "Repr-Digest"
    algorithm: Annotated[Literal["sha-256", "sha-512"], "how it is made"] = "sha-256"
    right: Annotated[bool, "false gives a digest of other bytes"] = True

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Add the header."""
        del exchange
        state = hashlib.new(self.algorithm.replace("-", ""))
        for block in self._digested(answer):
            state.update(block)
        if not self.right:
            state.update(b"something else")
        return answer.with_header(self.header, f"{self.algorithm}=:{base64.b64encode(state.digest()).decode()}:")

    def _digested(self, answer: Answer) -> Iterable[bytes | memoryview]:
        if self.header == "Content-Digest" or answer.selected is None:
            return [body_bytes(answer.body)]
        return answer.selected.media.blocks(0, answer.selected.media.size_bytes)


@dataclass(frozen=True, slots=True)
class BadSignature(Fault):
    """The chunk signature is wrong."""

    name: ClassVar[str] = "bad_signature"
    header: Annotated[str, "the signature's header"] = "X-Chunk-HMAC-SHA256"
    value: Annotated[str | None, "the signature to send; null changes one digit of the right one"] = None

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the signature."""
        del exchange
        right = answer.header(self.header) or _NO_DIGITS
        changed = ("1" if right[0] == "0" else "0") + right[1:]
        return answer.with_header(self.header, changed if self.value is None else self.value)


@dataclass(frozen=True, slots=True)
class NoSignature(Fault):
    """The chunk signature is missing."""

    name: ClassVar[str] = "no_signature"
    header: Annotated[str, "the signature's header"] = "X-Chunk-HMAC-SHA256"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Remove the signature."""
        del exchange
        return answer.with_header(self.header, None)


FAULTS: tuple[type[Fault], ...] = (
    WeakEtag,
    NoEtag,
    StaleHeaders,
    SetHeaders,
    DuplicateHeaders,
    Digest,
    BadSignature,
    NoSignature,
)
