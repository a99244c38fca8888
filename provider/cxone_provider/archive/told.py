"""What a run's audit logs tell of the recordings that were listed: how each ended, its size, its requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.inventory import Sizes, owner_of
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one listed recording or contact; one value for all of which the same is told.

    Attributes:
        outcome: how it ended; of a contact's recordings the one that is furthest from archived.
        asked: CXone was asked about it.
        media_requests: requests for its media that are told of: there were no fewer.
    """

    outcome: Outcome
    asked: bool = False
    media_requests: int = 0

    def with_log(self, log: AuditLog) -> Told:
        """Return what is told of it with one more of its audit logs."""
        outcome = max(self.outcome, log.outcome, key=_distance)
        if log.outcome is Outcome.ALREADY_ARCHIVED:
            return Told(outcome, self.asked, self.media_requests)
        all_told = bool(log.entries) and not log.entries_omitted
        requests = sum(entry.attempts for entry in log.entries) if all_told else log.chunks_processed
        return Told(outcome, asked=True, media_requests=self.media_requests + requests)


@dataclass(frozen=True, slots=True)
class Account:
    """What is told of a day.

    Attributes:
        ends: what is told of each listed id, by its number; None where nothing is.
        sizes: bytes of the archived recordings that are told of.
    """

    ends: list[Told | None]
    sizes: Sizes


def told_by(audit_logs: Iterable[AuditLog], numbers: Mapping[str, int]) -> Account:
    """Return what is told of each listed id; logs of what was not listed tell nothing here.

    Args:
        audit_logs: read once, none is held.
        numbers: each listed id's own, from 0.
    """
    account = Account([None] * len(numbers), Sizes(numbers))
    alike: dict[Told, Told] = {}
    for log in audit_logs:
        owner = owner_of(log.recording_id, numbers)
        if owner is None:
            continue
        number = numbers[owner]
        told = (account.ends[number] or Told(log.outcome)).with_log(log)
        account.ends[number] = alike.setdefault(told, told)
        if log.success:
            account.sizes[log.recording_id] = log.total_bytes
    return account


def _distance(outcome: Outcome) -> int:
    if outcome in ARCHIVED_OUTCOMES:
        return 0
    return 2 if outcome is Outcome.FAILED else 1
