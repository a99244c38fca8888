"""From segments to verified chunks: one entity, one agreed size, right signatures."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cxone_provider.archive.audit import AuditEntry
from cxone_provider.archive.errors import (
    RangeIgnored,
    RecordingChanged,
    ShortBody,
    SignatureMismatch,
    SignatureMissing,
    SizeDisagrees,
    UnexpectedAnswer,
)
from cxone_provider.archive.integrity import verify_chunk
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Clock, Media, RecordingSource, SegmentRead
from cxone_provider.archive.slots import Slots

if TYPE_CHECKING:
    from hashlib import _Hash


@dataclass(frozen=True, slots=True)
class Chunk:
    """Verified bytes of one segment: how many lie in the buffer, their SHA-256, and the entry for the audit log."""

    size_bytes: int
    hashed: _Hash = field(repr=False, compare=False)
    entry: AuditEntry

    @property
    def sha256(self) -> bytes:
        """The raw digest."""
        return self.hashed.digest()


class SegmentReader:
    """Reads segments of one media by ranged requests, from several threads.

    The first answer settles entity tag and size; every later one must agree with it.

    Args:
        source: the tenant.
        media: what is read; its size and entity tag are taken as agreed where they are known.
        clock: for latencies.
        stream_secret: key of the chunk signatures; None where the tenant does not sign.
        slots: how many requests may be open.
    """

    def __init__(
        self, source: RecordingSource, media: Media, clock: Clock, stream_secret: bytes | None, slots: Slots
    ) -> None:
        self._source = source
        self._slots = slots
        self._clock = clock
        self._secret = stream_secret
        self._lock = threading.Lock()
        self._media = media
        self._settled = media.etag is not None

    @property
    def media(self) -> Media:
        """What is read, with the size and strong entity tag that are agreed on so far."""
        return self._media

    def resize(self, size_bytes: int) -> None:
        """Agree on another size: the metadata was read again and tells it."""
        with self._lock:
            self._media = replace(self._media, size_bytes=size_bytes)

    def read(self, segment: Segment, buffer: memoryview) -> Chunk:
        """Fetch and verify one segment into `buffer`.

        A chunk with a wrong or missing signature is read once more; the second time the error stands.

        Raises:
            RangeIgnored: ranges cannot be used or combined; read the whole in one request.
            RecordingChanged, SizeDisagrees, SignatureMissing, SignatureMismatch, and what the source raises.
        """
        began_s = self._clock.monotonic_s()
        agreed, answer = self._fetch(segment, buffer)
        attempts = answer.attempts
        try:
            self._verify(agreed, buffer, answer.signature)
        except (SignatureMissing, SignatureMismatch):
            agreed, answer = self._fetch(segment, buffer)
            attempts += answer.attempts
            self._verify(agreed, buffer, answer.signature)
        signature = "none" if self._secret is None else "verified"
        return chunk_of(self._clock, agreed, buffer[: agreed.size_bytes], began_s, attempts, signature)

    def _fetch(self, segment: Segment, buffer: memoryview) -> tuple[Segment, SegmentRead]:
        with self._slots.request():
            answer = self._source.read_segment(self._media, segment, buffer)
        return self._agree(segment, answer), answer

    def _verify(self, agreed: Segment, buffer: memoryview, signature: str | None) -> None:
        if self._secret is not None:
            verify_chunk(self._secret, agreed, buffer[: agreed.size_bytes], signature)

    def _agree(self, segment: Segment, answer: SegmentRead) -> Segment:
        with self._lock:
            if not self._settled:
                self._settle(segment, answer)
            size_bytes = self._media.size_bytes
            if answer.etag != self._media.etag:
                raise RecordingChanged(
                    "another entity than at the start", found=answer.etag or "no strong ETag", expected=self._media.etag
                )
        if size_bytes is None:
            raise UnexpectedAnswer("the source never tells the size", expected="Content-Range with a total")
        if answer.total_bytes not in (None, size_bytes):
            raise SizeDisagrees(
                "the media's size is not the agreed one", found=answer.total_bytes, expected=size_bytes,
                hint="The metadata is read again; where it stays wrong, the tenant's index and storage disagree.",
            )  # fmt: skip
        agreed = replace(segment, stop=min(segment.stop, size_bytes))
        if answer.bytes_read != agreed.size_bytes:
            raise ShortBody("segment of another length", found=answer.bytes_read, expected=agreed.size_bytes)
        return agreed

    def _settle(self, segment: Segment, answer: SegmentRead) -> None:
        size_bytes = self._media.size_bytes if self._media.size_bytes is not None else answer.total_bytes
        several = size_bytes is not None and (segment.start > 0 or segment.stop < size_bytes)
        if answer.etag is None and several and self._secret is None:
            # RFC 9110 §15.3.7.3: without a strong validator, ranges of two versions could be joined unseen. Signed
            # chunks are exempt: the tenant itself vouches for each at its offset.
            raise RangeIgnored("no strong ETag, so ranges cannot be combined", expected="one request for the whole")
        self._media = replace(self._media, size_bytes=size_bytes, etag=answer.etag)
        self._settled = True


def chunk_of(clock: Clock, segment: Segment, view: memoryview, began_s: float, attempts: int, signature: str) -> Chunk:
    """Return a segment's verified bytes with their digest and the entry for the audit log."""
    hashed = hashlib.sha256(view)
    entry = AuditEntry(
        timestamp=clock.now(),
        chunk_index=segment.index,
        bytes_read=segment.size_bytes,
        range=segment.inclusive,
        status="success",
        attempts=attempts,
        latency_ms=round((clock.monotonic_s() - began_s) * 1000, 3),
        sha256=hashed.hexdigest(),
        signature=signature,
    )
    return Chunk(segment.size_bytes, hashed, entry)
