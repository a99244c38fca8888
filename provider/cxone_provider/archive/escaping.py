"""Values from outside, made fit for a log line, an error or a document."""

from __future__ import annotations

_SHOWN_CHARACTERS = 200


def shown(value: object, *, limit: int = _SHOWN_CHARACTERS) -> str:
    """Return `value` fit for one line of a log: control characters escaped, bounded to `limit` characters."""
    text = value if isinstance(value, str) else repr(value)
    clipped = text[:limit]
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in clipped)
    return escaped if len(text) <= limit else f"{escaped}… ({len(text)} characters)"
