"""Bytes of one media over HTTP in one body, whichever API names its address: the whole, or the rest after a break."""

from __future__ import annotations

import requests
import urllib3

from cxone_provider.adapters.cxone.media import Refuse, check_representation, check_same_entity, slices
from cxone_provider.adapters.cxone.ranges import (
    DigestCheck,
    check_range,
    parse_content_length,
    parse_content_range,
    parse_digests,
    strong_etag,
)
from cxone_provider.adapters.cxone.session import broken_body
from cxone_provider.archive.errors import ExcessBody, RangeIgnored, ShortBody, SizeDisagrees
from cxone_provider.archive.ports import Media


def body_headers(media: Media, start: int) -> dict[str, str]:
    """Return the header fields of a request for the whole media, or for its bytes from `start` on.

    Raises:
        RangeIgnored: the rest of a media whose entity is not known cannot be joined to what came before it.
    """
    if not start:
        tagged = {} if media.etag is None else {"If-Match": media.etag}
        return {"Want-Repr-Digest": "sha-256=10", **tagged}
    if media.etag is None:
        raise RangeIgnored("no strong ETag, so the rest cannot be asked for", expected="one request for the whole")
    # If-Match, not If-Range: a change then costs an empty 412 and not the whole of another recording.
    return {"Range": f"bytes={start}-", "Want-Content-Digest": "sha-256=10", "If-Match": media.etag}


def body_of(answer: requests.Response, media: Media, start: int, refuse: Refuse) -> HttpBody:
    """Return the body of an answer to :func:`body_headers`; nothing of it is read yet.

    Raises:
        RangeIgnored: 200 where the rest was asked for.
        IntegrityError: the headers show that these are not the agreed bytes.
        what `refuse` makes of any other status.
    """
    if answer.status_code not in ((206, 200) if start else (200,)):
        raise refuse(answer)
    check_representation(answer)
    if start and answer.status_code == 200:
        raise RangeIgnored("200 to a request for the rest", found="200", expected="206")
    return HttpBody(answer, media, start)


class HttpBody:
    """The body of one 200, or of one 206 up to the media's end, read in order.

    Implements :class:`cxone_provider.archive.ports.WholeBody`.

    Args:
        answer: its body is not read yet.
        media: what was agreed before.
        start: offset of the body's first byte.

    Raises:
        IntegrityError: the headers show that these are not the agreed bytes.
    """

    def __init__(self, answer: requests.Response, media: Media, start: int = 0) -> None:
        self.etag = strong_etag(answer.headers.get("ETag"))
        if media.etag is not None:
            check_same_entity(self.etag, media.etag)
        self.position = start
        # Where a body of a range ends by its own word; that of a whole ends with the media.
        stop, self.total_bytes = _rest(answer, start) if start else (None, _declared(answer))
        self._stop: int | None = stop
        if media.size_bytes is not None and self.total_bytes not in (None, media.size_bytes):
            raise SizeDisagrees(
                "the declared length is not the agreed size", found=self.total_bytes, expected=media.size_bytes
            )
        self._answer = answer
        self._size_bytes = media.size_bytes if media.size_bytes is not None else self.total_bytes
        name = "Content-Digest" if start else "Repr-Digest"
        self._digest = DigestCheck(name, parse_digests(name, answer.headers.get(name)))
        self.continuable = self.etag is not None and not self._digest.active

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as the body goes; of a body that goes on past its size, one byte shows that."""
        end = self._size_bytes if self._stop is None else self._stop
        view = buffer if end is None else buffer[: end + 1 - self.position]
        poured = 0
        try:
            for count in slices(self._answer, view):
                self._digest.update(view[poured : poured + count])
                poured += count
                self.position += count
        except urllib3.exceptions.HTTPError as error:
            raise broken_body(error, self.position) from error
        if self._stop is not None and self.position > self._stop:
            raise ExcessBody("the body goes on after its range", found="more", expected=f"up to byte {self._stop}")
        if poured < len(buffer):
            self._check_end()
        return poured

    def _check_end(self) -> None:
        if self._size_bytes is not None and self.position < self._size_bytes:
            raise ShortBody("the body ended early", found=self.position, expected=self._size_bytes)
        if self._size_bytes is None or self.position == self._size_bytes:
            self._digest.finish()


def _declared(answer: requests.Response) -> int | None:
    return parse_content_length(answer.headers.get("Content-Length"))


def _rest(answer: requests.Response, start: int) -> tuple[int, int | None]:
    """Return where the body of a 206 ends and the media's size.

    Raises:
        WrongRange: it is another range than the rest.
        ShortBody, ExcessBody: its length is not the range's.
    """
    answered = parse_content_range(answer.headers.get("Content-Range"))
    check_range(answered, start, answered.stop, None)
    length_bytes = _declared(answer)
    if length_bytes is not None and length_bytes != answered.size_bytes:
        kind = ExcessBody if length_bytes > answered.size_bytes else ShortBody
        raise kind("Content-Length is not the range's", found=length_bytes, expected=answered.size_bytes)
    return answered.stop, answered.total_bytes
