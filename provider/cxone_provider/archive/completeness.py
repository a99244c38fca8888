"""The completeness report of one day: what was expected against what the archive holds.

Every expected recording or contact is exactly one of three: archived, ended otherwise, or missing. The document is
built and read here alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.recording import Outcome, iso, parse_time

COMPLETENESS_SCHEMA = "cxone.completeness/1"
MAX_REPORT_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Completeness:
    """How complete one day of an archive is.

    Attributes:
        day: the UTC day that the recordings were made on, ``YYYY-MM-DD``.
        run_id: the run that looked.
        generated_at: when it did.
        archived: how many of the expected have a manifest.
        missing_ids: expected, without a manifest, and nothing tells why.
        unproven_ids: those of them that an audit log calls archived.
        partial_ids: those of them that are contacts of which some recordings are archived.
        other_ids: ids by every other outcome.
        late_ids: those archived that a later run than the day's own archived.
        contacts: ids of the recordings of each archived contact that has several.
        recordings: archived recordings; more than `archived` where contacts have several.
        size_bytes: bytes of the archived media, as far as known.
        bytes_unknown: archived recordings whose size nothing tells.
        undated: expected without a start, counted for this day.
        requests_used: requests to CXone for the day's recordings that this run's audit logs tell of: there were no
            fewer, but there may have been more; None where nothing tells.
        requests_allowed: requests to CXone that the tenant's quota allows in a day; None without a quota.
        looked_back: the day lies before the run's own window.
    """

    day: str
    run_id: str
    generated_at: pendulum.DateTime
    archived: int = 0
    missing_ids: Sequence[str] = ()
    unproven_ids: Sequence[str] = ()
    partial_ids: Sequence[str] = ()
    other_ids: Mapping[Outcome, Sequence[str]] = field(default_factory=dict)
    late_ids: Sequence[str] = ()
    contacts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    recordings: int = 0
    size_bytes: int = 0
    bytes_unknown: int = 0
    undated: int = 0
    requests_used: int | None = None
    requests_allowed: int | None = None
    looked_back: bool = False

    @property
    def outcomes(self) -> dict[str, int]:
        """How many ended otherwise, by outcome."""
        return {str(outcome): len(ids) for outcome, ids in sorted(self.other_ids.items()) if ids}

    @property
    def missing(self) -> int:
        """How many are missing."""
        return len(self.missing_ids)

    @property
    def expected(self) -> int:
        """How many were expected: archived, every other outcome, and missing."""
        return self.archived + sum(self.outcomes.values()) + self.missing

    def of_day(self, day: str) -> Completeness:
        """Return this report, if it is that day's.

        Raises:
            InvalidDocument: it is another day's.
        """
        if self.day != day:
            raise InvalidDocument("another day's completeness report", found=self.day, expected=day)
        return self

    def to_document(self, *, ids: int | None = None) -> dict[str, Any]:
        """Return the JSON object as it is stored, or with only the first `ids` of every list of ids."""
        other_ids = {str(outcome): self.other_ids[outcome] for outcome in sorted(self.other_ids)}
        document = {
            **self._counts(),
            "missing_ids": list(self.missing_ids[:ids]),
            "unproven_ids": list(self.unproven_ids[:ids]),
            "partial_ids": list(self.partial_ids[:ids]),
            "other_ids": {name: list(found[:ids]) for name, found in other_ids.items() if found},
            "late_ids": list(self.late_ids[:ids]),
            "contacts": {name: list(self.contacts[name][:ids]) for name in sorted(self.contacts)[:ids]},
        }
        if ids is not None:
            document["ids_bounded"] = ids
        return document

    def _counts(self) -> dict[str, Any]:
        return {
            "schema": COMPLETENESS_SCHEMA,
            "day": self.day,
            "run_id": self.run_id,
            "generated_at": iso(self.generated_at),
            "looked_back": self.looked_back,
            "expected": self.expected,
            "archived": self.archived,
            "missing": self.missing,
            "outcomes": self.outcomes,
            "late": len(self.late_ids),
            "recordings": self.recordings,
            "bytes": self.size_bytes,
            "bytes_unknown": self.bytes_unknown,
            "undated": self.undated,
            "requests_used": self.requests_used,
            "requests_allowed": self.requests_allowed,
        }

    def to_bytes(self) -> bytes:
        """Return the document as it is stored: the same bytes for the same values."""
        return json.dumps(self.to_document(), indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_document(cls, document: object) -> Completeness:
        """Read the JSON object of :meth:`to_document`, if no id was left out of it.

        Raises:
            InvalidDocument: another schema, a field that does not fit, or counts that are not those of the ids.
        """
        if not isinstance(document, Mapping) or document.get("schema") != COMPLETENESS_SCHEMA:
            raise InvalidDocument(
                "not a completeness report", found=document, expected=f"an object with schema {COMPLETENESS_SCHEMA}"
            )
        generated_at = parse_time(document.get("generated_at"), "generated_at")
        if generated_at is None:
            raise InvalidDocument("generated_at of a completeness report is missing", expected="a time")
        report = cls(
            day=_text(document, "day"),
            run_id=_text(document, "run_id"),
            generated_at=generated_at,
            archived=_count(document, "archived"),
            missing_ids=_ids(document.get("missing_ids"), "missing_ids"),
            unproven_ids=_ids(document.get("unproven_ids"), "unproven_ids"),
            partial_ids=_ids(document.get("partial_ids"), "partial_ids"),
            late_ids=_ids(document.get("late_ids"), "late_ids"),
            other_ids={_outcome(name): _ids(found, name) for name, found in _object(document, "other_ids").items()},
            contacts={name: _ids(found, name) for name, found in _object(document, "contacts").items()},
            size_bytes=_count(document, "bytes"),
            bytes_unknown=_count(document, "bytes_unknown"),
            recordings=_count(document, "recordings"),
            undated=_count(document, "undated"),
            requests_used=_optional_count(document, "requests_used"),
            requests_allowed=_optional_count(document, "requests_allowed"),
            looked_back=document.get("looked_back") is True,
        )
        return report.agreeing_with(document)

    def agreeing_with(self, document: Mapping[str, Any]) -> Completeness:
        """Return this report, if the counts that `document` tells are its own.

        Raises:
            InvalidDocument: they are not.
        """
        own = self._counts()
        compared = ("expected", "missing", "outcomes", "late")
        wrong = next((name for name in compared if document.get(name) != own[name]), "")
        if wrong:
            raise InvalidDocument(
                f"{wrong} of a completeness report is not what its ids come to",
                found=document.get(wrong), expected=own[wrong],
            )  # fmt: skip
        return self


def parse_completeness(raw: bytes) -> Completeness:
    """Read a stored report.

    Raises:
        InvalidDocument: it is none.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(
            "the completeness report is not JSON", found=raw[:80].decode("utf-8", "replace")
        ) from error
    return Completeness.from_document(document)


def table_of(reports: Sequence[Completeness], ids_shown: int = 5) -> str:
    """Return a table for a task's log: a line for each day, and the first ids of all that is not archived."""
    named = f"{'day':<12}{'expected':>10}{'archived':>10}{'other':>8}{'missing':>9}{'late':>7}{'bytes':>18}"
    head = f"{named}  requests, at least"
    lines = [head, *(_row(report) for report in reports)]
    for report in reports:
        lines += [f"  {report.day}  {told}" for told in _named(report, ids_shown)]
    return "\n".join(lines)


def _row(report: Completeness) -> str:
    other = sum(report.outcomes.values())
    size = f"{report.size_bytes:,}{'+' if report.bytes_unknown else ''}"
    return (
        f"{report.day:<12}{report.expected:>10,}{report.archived:>10,}{other:>8,}{report.missing:>9,}"
        f"{len(report.late_ids):>7,}{size:>18}  {_requests(report)}"
    )


def _requests(report: Completeness) -> str:
    used = "unknown" if report.requests_used is None else f"{report.requests_used:,}"
    allowed = "" if report.requests_allowed is None else f" of {report.requests_allowed:,}"
    return f"{used}{allowed}"


def _named(report: Completeness, ids_shown: int) -> Iterator[str]:
    groups: Iterable[tuple[str, Sequence[str]]] = (
        ("missing", report.missing_ids),
        ("called archived, without a manifest", report.unproven_ids),
        ("archived in part", report.partial_ids),
        *((str(outcome), ids) for outcome, ids in sorted(report.other_ids.items())),
        ("late", report.late_ids),
    )
    for name, ids in groups:
        if ids:
            more = f" and {len(ids) - ids_shown:,} more" if len(ids) > ids_shown else ""
            yield f"{name}: {', '.join(ids[:ids_shown])}{more}"


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidDocument(f"{name} of a completeness report", found=value, expected="text")
    return value


def _count(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidDocument(f"{name} of a completeness report", found=value, expected="a whole number from 0")
    return value


def _optional_count(document: Mapping[str, Any], name: str) -> int | None:
    return None if document.get(name) is None else _count(document, name)


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if not isinstance(value, Mapping):
        raise InvalidDocument(f"{name} of a completeness report", found=value, expected="an object")
    return value


def _ids(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise InvalidDocument(f"{name} of a completeness report", found=value, expected="a list of ids")
    return tuple(value)


def _outcome(name: str) -> Outcome:
    if name not in Outcome.__members__:
        raise InvalidDocument("outcome of a completeness report", found=name, expected=", ".join(Outcome.__members__))
    return Outcome(name)
