"""A day's completeness report, as far as it is understood: what was expected, what is missing, what it cost."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.completeness import COMPLETENESS_SCHEMA

MAX_REPORT_BYTES = 16 * 2**20
_IDS_KEPT = 50
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Completeness:
    """Counts of one report; None where it does not tell.

    Attributes:
        day: ISO date it is about.
        expected, archived, missing: recordings.
        missing_ids: the first of those that are missing.
        requests_used, requests_allowed: of the tenant's quota.
        generated_at: when it was made, as it says.
    """

    day: str
    expected: int | None = None
    archived: int | None = None
    missing: int | None = None
    missing_ids: tuple[str, ...] = ()
    requests_used: int | None = None
    requests_allowed: int | None = None
    generated_at: str = ""


def parse_completeness(raw: bytes, day: str) -> Completeness | None:
    """Read a report; None where it is another kind of document.

    Args:
        raw: the document.
        day: date of its key, used where the report names none.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, Mapping) or document.get("schema") != COMPLETENESS_SCHEMA:
        return None
    named = next((document[name] for name in ("day", "date") if isinstance(document.get(name), str)), day)
    return Completeness(
        day=named if _DATE.fullmatch(named) else day,
        expected=_count(document.get("expected")),
        archived=_count(document.get("archived")),
        missing=_count(document.get("missing")),
        missing_ids=_ids(document.get("missing_ids")) or _ids(document.get("missing")),
        requests_used=_count(document.get("requests_used")),
        requests_allowed=_count(document.get("requests_allowed")),
        generated_at=str(document.get("generated_at") or ""),
    )


def _count(value: Any) -> int | None:
    """Return a count that is told as a number, or as the list of what is counted."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    return len(value) if isinstance(value, (list, Mapping)) else None


def _ids(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    named = (one.get("recording_id", one.get("id")) if isinstance(one, Mapping) else one for one in value[:_IDS_KEPT])
    return tuple(str(one) for one in named if isinstance(one, (str, int)))
