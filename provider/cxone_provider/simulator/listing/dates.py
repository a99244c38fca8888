"""Dates in requests of the listings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cxone_provider.simulator.contacts.model import aware

_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)


def parsed_date(text: object, *, is_end: bool = False) -> datetime | None:
    """Return the time of ISO 8601 text, or None; a day without a time of day ends where the next begins."""
    try:
        moment = aware(datetime.fromisoformat(str(text)))
    except ValueError:
        return None
    is_day = len(str(text)) == len("2026-01-01")
    if not (is_day and is_end):
        return moment
    return moment + timedelta(days=1) if moment < _LAST_DAY else datetime.max.replace(tzinfo=UTC)
