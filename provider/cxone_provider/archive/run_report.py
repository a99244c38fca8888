"""A run's end: one line per recording, counts, and what is missing of what was listed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.inventory import names_of
from cxone_provider.archive.recording import RECORDING_ID_PATTERN, Outcome

UNFINISHED = "Unfinished"
MAX_RUN_BYTES = 256 * 2**20
_FAILURES_SHOWN = 50
_ID_CHARACTERS = 64  # how plans show ids that cannot be used


@dataclass(frozen=True, slots=True)
class RunReport:
    """How every recording of a run ended.

    Attributes:
        logs: one per recording, those of recordings that were listed and never ended included.
        unfinished: how many of them those are.
    """

    logs: Sequence[AuditLog]
    unfinished: int

    @property
    def outcomes(self) -> dict[str, int]:
        """How many recordings ended which way."""
        return dict(sorted(Counter(str(log.outcome) for log in self.logs).items()))

    @property
    def failed(self) -> list[AuditLog]:
        """The recordings that ended FAILED."""
        return [log for log in self.logs if log.outcome is Outcome.FAILED]

    @property
    def archived_bytes(self) -> int:
        """Bytes that were archived by this run, not by one before it."""
        return sum(log.total_bytes for log in self.logs if log.outcome is Outcome.ARCHIVED)

    def documents(self) -> list[dict[str, Any]]:
        """Return the audit logs without their entries, which are complete where `audit_uri` points."""
        return [log.to_document(with_entries=False) for log in self.logs]

    def to_lines(self) -> bytes:
        """Return the run as it is stored: JSON Lines, one recording each."""
        documents = (log.to_document(with_entries=False) for log in self.logs)  # never all of them at once
        return b"".join(json.dumps(document, sort_keys=True).encode() + b"\n" for document in documents)

    def to_document(self) -> dict[str, Any]:
        """Return the counts as a JSON object."""
        return {
            "schema": "cxone.run-summary/1",
            "recordings": len(self.logs),
            "outcomes": self.outcomes,
            "archived_bytes": self.archived_bytes,
            "unfinished": self.unfinished,
        }

    def __str__(self) -> str:
        """Return a table for a task's log: outcomes, bytes, and every failure with its cause."""
        lines = [f"{'outcome':<18}{'recordings':>12}{'bytes':>18}"]
        for outcome, count in self.outcomes.items():
            size_bytes = sum(log.total_bytes for log in self.logs if str(log.outcome) == outcome)
            lines.append(f"{outcome:<18}{count:>12,}{size_bytes:>18,}")
        lines.append(f"{'all':<18}{len(self.logs):>12,}{sum(log.total_bytes for log in self.logs):>18,}")
        told = [log for log in self.logs if log.error is not None]
        lines += [f"  {log.recording_id}  {log.outcome}  {_cause(log)}" for log in told[:_FAILURES_SHOWN]]
        if len(told) > _FAILURES_SHOWN:
            lines.append(f"  and {len(told) - _FAILURES_SHOWN} more, all of them in the run's file")
        return "\n".join(lines)


def report_of_run(
    audit_logs: Iterable[Mapping[str, Any]], listed: Iterable[object], now: pendulum.DateTime
) -> RunReport:
    """Return how a run ended.

    Args:
        audit_logs: documents of all tasks of the run.
        listed: ids or refs of what the run was about; empty where nobody tells.
        now: when a recording that never ended is said to have failed.

    Raises:
        InvalidDocument: an audit log that is none.
    """
    logs = [AuditLog.from_document(document) for document in audit_logs]
    ended = {name for log in logs for name in names_of(log.recording_id)}
    missing = [name for name in dict.fromkeys(listed_ids(listed)) if name not in ended]
    return RunReport([*logs, *(_unfinished(name, now) for name in missing)], len(missing))


def parse_run(raw: bytes) -> list[AuditLog]:
    """Read the lines of :meth:`RunReport.to_lines`.

    Raises:
        InvalidDocument: a line is no audit log.
    """
    return [AuditLog.from_document(_line_of(line)) for line in raw.splitlines()]


def _line_of(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("a run's file is not JSON Lines", found=line[:80].decode("utf-8", "replace")) from error


def listed_ids(listed: Iterable[object]) -> Iterator[str]:
    """Yield the name by which audit logs tell of each id or ref."""
    for value in listed:
        recording_id = value.get("recording_id") if isinstance(value, Mapping) else value
        text = str(recording_id)
        # What cannot be an id goes by the name that its plan has.
        yield text if RECORDING_ID_PATTERN.fullmatch(text) else escaped(recording_id, limit=_ID_CHARACTERS)


def _unfinished(recording_id: str, now: pendulum.DateTime) -> AuditLog:
    error = AuditError(UNFINISHED, "it was listed, and no task tells how it ended", retryable=True)
    return AuditLog(recording_id, Outcome.FAILED, now, now, error=error)


def _cause(log: AuditLog) -> str:
    return "" if log.error is None else f"{log.error.type}: {log.error.message}"
