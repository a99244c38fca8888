"""A run's end: one line per recording, counts, and what is missing of what was listed.

Audit logs pass through one by one: of those that ended as they should a count is held and no more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.inventory import names_of
from cxone_provider.archive.recording import RECORDING_ID_PATTERN, Outcome

UNFINISHED = "Unfinished"
MAX_LINE_BYTES = 2**20
_FAILURES_SHOWN = 50
_ID_CHARACTERS = 64  # how plans show ids that cannot be used


@dataclass(slots=True)
class RunReport:
    """How every recording of a run ended.

    Attributes:
        recordings: how many there are, those that were listed and never ended included.
        unfinished: how many of them never ended.
        failed_ids: the recordings that ended FAILED, in order.
    """

    recordings: int = 0
    unfinished: int = 0
    failed_ids: list[str] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)
    _bytes: Counter[str] = field(default_factory=Counter)
    _causes: list[str] = field(default_factory=list)
    _told: int = 0

    def add(self, log: AuditLog) -> None:
        """Take the end of one recording into account."""
        self.recordings += 1
        self._counts[str(log.outcome)] += 1
        self._bytes[str(log.outcome)] += log.total_bytes
        if log.outcome is Outcome.FAILED:
            self.failed_ids.append(log.recording_id)
        if log.error is not None:
            self._told += 1
            if self._told <= _FAILURES_SHOWN:
                self._causes.append(f"  {log.recording_id}  {log.outcome}  {log.error.type}: {log.error.message}")

    @property
    def outcomes(self) -> dict[str, int]:
        """How many recordings ended which way."""
        return dict(sorted(self._counts.items()))

    @property
    def archived_bytes(self) -> int:
        """Bytes that were archived by this run, not by one before it."""
        return self._bytes[Outcome.ARCHIVED]

    def to_document(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "schema": "cxone.run-summary/1",
            "recordings": self.recordings,
            "outcomes": self.outcomes,
            "archived_bytes": self.archived_bytes,
            "unfinished": self.unfinished,
        }

    def __str__(self) -> str:
        """Return a table for a task's log: outcomes, bytes, and every failure with its cause."""
        lines = [f"{'outcome':<18}{'recordings':>12}{'bytes':>18}"]
        for outcome, count in self.outcomes.items():
            lines.append(f"{outcome:<18}{count:>12,}{self._bytes[outcome]:>18,}")
        lines.append(f"{'all':<18}{self.recordings:>12,}{self._bytes.total():>18,}")
        lines += self._causes
        if self._told > _FAILURES_SHOWN:
            lines.append(f"  and {self._told - _FAILURES_SHOWN} more, all of them in the run's file")
        return "\n".join(lines)


def report_of_run(
    audit_logs: Iterable[Mapping[str, Any]],
    listed: Iterable[object],
    now: pendulum.DateTime,
    takers: Sequence[Callable[[AuditLog], object]] = (),
) -> RunReport:
    """Return how a run ended.

    Args:
        audit_logs: documents of all tasks of the run, read once.
        listed: ids or refs of what the run was about, read once behind them; empty where nobody tells.
        now: when a recording that never ended is said to have failed.
        takers: each is handed every audit log in turn, and behind them those of what never ended.

    Raises:
        InvalidDocument: an audit log that is none.
    """
    report = RunReport()
    taking = (report.add, *takers)
    ended: set[str] = set()
    for document in audit_logs:
        log = AuditLog.from_document(document)
        ended.update(names_of(log.recording_id))
        for take in taking:
            take(log)
    for name in dict.fromkeys(name for name in listed_ids(listed) if name not in ended):
        report.unfinished += 1
        for take in taking:
            take(_unfinished(name, now))
    return report


def line_of(log: AuditLog) -> bytes:
    """Return a recording's line in the run's file: JSON, without the entries, which are complete at `audit_uri`."""
    return json.dumps(log.to_document(with_entries=False), sort_keys=True).encode() + b"\n"


def parse_run(pieces: Iterable[bytes]) -> Iterator[AuditLog]:
    """Yield what the lines of a run's file tell, see :func:`line_of`.

    Args:
        pieces: the file's bytes in order; no more than a piece and a line are held.

    Raises:
        InvalidDocument: a line is no audit log.
    """
    return (AuditLog.from_document(_document_of(line)) for line in _lines(pieces))


def _lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    begun = b""
    for piece in pieces:
        ended, newline, begun = (begun + piece).rpartition(b"\n")
        yield from (ended + newline).splitlines()
        if len(begun) > MAX_LINE_BYTES:
            raise InvalidDocument(
                "a line of a run's file is too long",
                found=f"over {len(begun):,} bytes",
                expected=f"at most {MAX_LINE_BYTES:,} bytes",
            )
    yield from begun.splitlines()


def _document_of(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("a run's file is not JSON Lines", found=line[:80].decode("utf-8", "replace")) from error


def listed_ids(listed: Iterable[object]) -> Iterator[str]:
    """Yield the name by which audit logs tell of each id or ref."""
    return map(listed_id, listed)


def listed_id(value: object) -> str:
    """Return the name by which audit logs tell of an id or ref."""
    recording_id = value.get("recording_id") if isinstance(value, Mapping) else value
    text = str(recording_id)
    # What cannot be an id goes by the name that its plan has.
    return text if RECORDING_ID_PATTERN.fullmatch(text) else escaped(recording_id, limit=_ID_CHARACTERS)


def _unfinished(recording_id: str, now: pendulum.DateTime) -> AuditLog:
    error = AuditError(UNFINISHED, "it was listed, and no task tells how it ended", retryable=True)
    return AuditLog(recording_id, Outcome.FAILED, now, now, error=error)
