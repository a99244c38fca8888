"""What a run's audit logs tell of the recordings that were listed: how each ended, its size, its requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.inventory import owner_of
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome


@dataclass(slots=True)
class Told:
    """What is told of one listed recording or contact.

    Attributes:
        outcome: how it ended; of a contact's recordings the one that is furthest from archived.
        sizes: bytes of its archived recordings, by id.
        asked: CXone was asked about it.
        media_requests: requests for its media that are told of: there were no fewer.
    """

    outcome: Outcome
    sizes: dict[str, int] = field(default_factory=dict)
    asked: bool = False
    media_requests: int = 0

    def add(self, log: AuditLog) -> None:
        """Take one of its audit logs into account."""
        self.outcome = max(self.outcome, log.outcome, key=_distance)
        if log.success:
            self.sizes[log.recording_id] = log.total_bytes
        if log.outcome is Outcome.ALREADY_ARCHIVED:
            return
        self.asked = True
        all_told = bool(log.entries) and not log.entries_omitted
        self.media_requests += sum(entry.attempts for entry in log.entries) if all_told else log.chunks_processed


def told_by(audit_logs: Iterable[AuditLog], listed_ids: Iterable[str]) -> Mapping[str, Told]:
    """Return what is told of each listed id; logs of what was not listed tell nothing here."""
    listed = set(listed_ids)
    told: dict[str, Told] = {}
    for log in audit_logs:
        owner = owner_of(log.recording_id, listed)
        if owner is not None:
            told.setdefault(owner, Told(log.outcome)).add(log)
    return told


def _distance(outcome: Outcome) -> int:
    if outcome in ARCHIVED_OUTCOMES:
        return 0
    return 2 if outcome is Outcome.FAILED else 1
