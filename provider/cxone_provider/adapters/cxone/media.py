"""Bytes of one media over HTTP by ranges into a buffer, whichever API names its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import requests
import urllib3

from cxone_provider.adapters.cxone.ranges import (
    DigestCheck,
    check_identity,
    check_media_type,
    check_range,
    parse_content_length,
    parse_content_range,
    parse_digests,
    parse_unsatisfied,
    strong_etag,
)
from cxone_provider.adapters.cxone.session import broken_body
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.errors import (
    DigestMismatch,
    ExcessBody,
    IntegrityError,
    RangeIgnored,
    RecordingChanged,
    ShortBody,
)
from cxone_provider.archive.integrity import chunk_signature, verify_chunk
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Media, SegmentRead

SLICE_BYTES = 2**20  # urllib3 makes a temporary of every slice
_MAX_PIECES = 256
"""Answers that one segment may be put together from; a server that gives less at a time is not worth following."""

Ask = Callable[[Mapping[str, str]], AbstractContextManager[requests.Response]]
"""Sends one media request with the given header fields; yields any answer but 401."""

Refuse = Callable[[requests.Response], Exception]
"""Makes the error for an answer that is neither 200 nor 206."""


@dataclass(frozen=True, slots=True)
class ChunkSigning:
    """How the tenant signs ranges: the header's name, and the key where one is configured."""

    header: str
    secret: bytes | None = field(repr=False)


class SegmentFetch:
    """One segment on its way into a buffer, through as many requests as that takes.

    Bytes of an answer that broke off are kept, up to its last full slice, and only the rest is asked for, when a strong
    entity tag ties both to one entity and nothing else, a signature or a digest, covers the answer as a whole.

    Args:
        media: what is read.
        segment: the range.
        buffer: at least as long as the segment.
        ask: sends a request.
        refuse: makes errors.
        signing: how ranges are signed.
    """

    def __init__(
        self, media: Media, segment: Segment, buffer: memoryview, ask: Ask, refuse: Refuse, signing: ChunkSigning
    ) -> None:
        self._media = media
        self._segment = segment
        self._buffer = buffer
        self._ask = ask
        self._refuse = refuse
        self._signing = signing
        self._filled = 0
        self._ended = False
        self._etag = media.etag
        self._total_bytes: int | None = None
        self._promised_stop = segment.start
        self._signed: list[tuple[int, int, str | None]] = []

    def advance(self) -> None:
        """Send requests until the segment is complete; call it again after TryAgain.

        Raises:
            TryAgain: the answer can be asked for again.
            ArchiveError: it cannot.
        """
        while self._filled < self._segment.size_bytes and not self._ended:
            if len(self._signed) >= _MAX_PIECES:
                raise ShortBody("too many partial answers", found=f"{self._filled} bytes in {_MAX_PIECES} answers")
            self._request()

    def result(self, attempts: int) -> SegmentRead:
        """Return what :meth:`advance` brought."""
        return SegmentRead(self._filled, self._total_bytes, self._etag, attempts, self._signature())

    def _request(self) -> None:
        start, stop = self._segment.start + self._filled, self._segment.stop
        if self._signed and self._etag is None and self._signing.secret is None:
            raise RangeIgnored("a partial answer without a strong ETag cannot be continued", found="206, shorter")
        headers = {"Range": f"bytes={start}-{stop - 1}", "Want-Content-Digest": "sha-256=10"}
        if self._etag is not None:
            # If-Match, not If-Range: a change then costs an empty 412 and not the whole of another recording.
            headers["If-Match"] = self._etag
        with self._ask(headers) as answer:
            if answer.status_code == 416 and self._is_end(answer, start):
                self._ended = True
            elif answer.status_code == 206:
                self._take(answer, start, stop)
            elif answer.status_code == 200:
                check_representation(answer)
                raise RangeIgnored("200 to a ranged request", found="200", expected="206")
            else:
                raise self._refuse(answer)

    def _is_end(self, answer: requests.Response, start: int) -> bool:
        """Whether a 416 says that a media of unknown size ends where the last partial answer did."""
        size_bytes = parse_unsatisfied(answer.headers.get("Content-Range"))
        known = self._media.size_bytes is not None or self._total_bytes is not None
        if known or not self._filled or start != self._promised_stop or size_bytes not in (None, start):
            return False
        self._total_bytes = start
        return True

    def _take(self, answer: requests.Response, start: int, stop: int) -> None:
        check_representation(answer)
        answered = parse_content_range(answer.headers.get("Content-Range"))
        self._check_entity(answer)
        for agreed_bytes in (self._media.size_bytes, self._total_bytes):
            check_range(answered, start, stop, agreed_bytes)
        if answered.total_bytes is not None:
            self._total_bytes = answered.total_bytes
        self._promised_stop = answered.stop
        length_bytes = parse_content_length(answer.headers.get("Content-Length"))
        if length_bytes is not None and length_bytes != answered.size_bytes:
            raise _wrong_length(length_bytes, answered.size_bytes)
        view = self._buffer[self._filled : self._filled + answered.size_bytes]
        digest = DigestCheck("Content-Digest", parse_digests("Content-Digest", answer.headers.get("Content-Digest")))
        self._pour(answer, view, digest, declared=length_bytes is not None)
        try:
            digest.finish()
        except DigestMismatch as error:
            raise TryAgain(error) from None
        self._filled += len(view)
        self._ended = answered.stop == answered.total_bytes
        self._signed.append((start, answered.stop, answer.headers.get(self._signing.header)))

    def _check_entity(self, answer: requests.Response) -> None:
        etag = strong_etag(answer.headers.get("ETag"))
        if self._etag is not None or self._signed:
            check_same_entity(etag, self._etag)
        self._etag = etag

    def _pour(self, answer: requests.Response, view: memoryview, digest: DigestCheck, *, declared: bool) -> None:
        poured = 0
        try:
            for count in slices(answer, view):
                digest.update(view[poured : poured + count])
                poured += count
            # A declared length ends the body by itself; otherwise one byte more shows whether it ends here.
            excess = b"" if declared or poured < len(view) else answer.raw.read(1)
        except urllib3.exceptions.HTTPError as error:
            self._keep(poured, digest)
            raise TryAgain(broken_body(error, poured)) from error
        if poured < len(view):
            self._keep(poured, digest)
            raise TryAgain(ShortBody("the body ended before its range", found=poured, expected=len(view)))
        if excess:
            raise ExcessBody("the body goes on after its range", found="more", expected=f"{len(view)} bytes")

    def _keep(self, poured: int, digest: DigestCheck) -> None:
        if self._etag is not None and self._signing.secret is None and not digest.active:
            self._filled += poured

    def _signature(self) -> str | None:
        """Return the chunk's signature as sent.

        A segment that came in several signed answers has no signature of its own. When each answer's signature fits its
        bytes, the one over the whole follows from them; when one does not, that one is returned and will not fit.
        """
        if len(self._signed) == 1:
            return self._signed[0][2]
        if self._signing.secret is None:
            return None
        for start, stop, signature in self._signed:
            offset = start - self._segment.start
            piece = self._buffer[offset : offset + stop - start]
            try:
                verify_chunk(self._signing.secret, Segment(self._segment.index, start, stop), piece, signature)
            except IntegrityError:
                return signature
        return chunk_signature(self._signing.secret, self._segment.start, self._buffer[: self._filled])


def slices(answer: requests.Response, view: memoryview) -> Iterator[int]:
    """Fill `view` as far as the body goes; yield the count of every slice."""
    filled = 0
    while filled < len(view) and (count := answer.raw.readinto(view[filled : filled + SLICE_BYTES])):
        filled += count
        yield count


def check_representation(answer: requests.Response) -> None:
    """Check that the body is audio as it is stored.

    Raises:
        EncodedBody, WrongContentType: it is not.
    """
    check_identity(answer.headers.get("Content-Encoding"))
    check_media_type(answer.headers.get("Content-Type"))


def check_same_entity(etag: str | None, agreed: str | None) -> None:
    """Check an answer's strong entity tag.

    Raises:
        RecordingChanged: it is not the agreed one.
    """
    if etag != agreed:
        raise RecordingChanged(
            "the answer is of another entity", found=etag or "no strong ETag", expected=agreed or "no strong ETag"
        )


def _wrong_length(length_bytes: int, range_bytes: int) -> TryAgain:
    kind = ExcessBody if length_bytes > range_bytes else ShortBody
    found, expected = f"Content-Length {length_bytes}", f"{range_bytes}, the length of Content-Range"
    return TryAgain(kind("the declared length is not the range's", found=found, expected=expected))
