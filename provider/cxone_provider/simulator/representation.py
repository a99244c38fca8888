"""Media as RFC 9110 has it answered: whole, by ranges, under preconditions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cxone_provider.simulator.answer import Answer, Span, error_answer
from cxone_provider.simulator.conditional import (
    RangeNotSatisfiable,
    Validators,
    http_date,
    precondition_status,
    selected_range,
)
from cxone_provider.simulator.media import Media
from cxone_provider.simulator.request import Headers, Request

CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "audio/mp4", "ogg": "audio/ogg"}
ANY_TYPE = "application/octet-stream"

Refuse = Callable[[int, str, str], Answer]


def represented(
    request: Request, media: Media, content_type: str, now: datetime, refuse: Refuse = error_answer
) -> Answer:
    """Return 200, 206, 304, 412 or 416 for a GET or HEAD of `media`.

    `now` decides whether a date is a strong validator for ``If-Range``; `refuse` makes the answers with 412 and 416
    from status, code and message.
    """
    validators = Validators(media.etag, media.modified_at)
    headers: Headers = (
        ("ETag", media.etag),
        ("Last-Modified", http_date(media.modified_at)),
        ("Accept-Ranges", "bytes"),
    )
    decided = precondition_status(request, validators)
    if decided == 304:
        return Answer(304, headers)
    if decided is not None:
        return refuse(decided, "precondition_failed", "the recording is another version")
    headers = (("Content-Type", content_type), *headers)
    try:
        chosen = selected_range(request, media.size_bytes, validators, now)
    except RangeNotSatisfiable:
        refused = refuse(416, "range_not_satisfiable", "the range lies outside the recording")
        return refused.with_header("Content-Range", f"bytes */{media.size_bytes}")
    if chosen is None:
        whole = Span(media, 0, media.size_bytes)
        return Answer(200, headers, (whole,), selected=whole)
    chunk = Span(media, *chosen)
    content_range = f"bytes {chunk.start}-{chunk.stop - 1}/{media.size_bytes}"
    return Answer(206, (*headers, ("Content-Range", content_range)), (chunk,), selected=chunk)
