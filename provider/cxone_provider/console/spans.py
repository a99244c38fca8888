"""Which bytes of a media a request asks for (RFC 9110 §14): single ranges, answered a bounded piece at a time."""

from __future__ import annotations

import re

from cxone_provider.archive.errors import InvalidInput

MAX_PIECE_BYTES = 2**20
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


class SpanNotSatisfiable(InvalidInput):
    """The range lies behind the media's end."""


def span_of(header: str | None, size_bytes: int) -> range | None:
    """Return the bytes to answer with, at most 1 MiB of them; None where no usable range is asked for: all of it.

    An answer may hold less than was asked for, and players ask on.

    Raises:
        SpanNotSatisfiable: nothing of the range is there.
    """
    match = _RANGE.fullmatch(header or "")
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start, stop = int(first), min(int(last) + 1 if last else size_bytes, size_bytes)
    if start >= size_bytes or (not first and not int(last)):
        raise SpanNotSatisfiable("the range lies behind the end", found=header, expected=f"less than {size_bytes}")
    if stop <= start:
        return None
    return range(start, min(stop, start + MAX_PIECE_BYTES))
