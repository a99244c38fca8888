"""A day's expectation against the archive itself: what was listed, what has a manifest, and what became of the rest.

What tasks said is believed only where it says why a recording is not archived. That one is archived, its manifest
alone says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.completeness import MAX_REPORT_BYTES, Completeness, parse_completeness
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.expecting import Due, Expected
from cxone_provider.archive.inventory import Holdings, Sizes, holdings, media_sizes
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome
from cxone_provider.archive.told import Account, told_by


@dataclass(frozen=True, slots=True)
class Run:
    """The run that looks.

    Attributes:
        run_id: its id.
        window: what it is about, without look-back.
        started_at: since when it has been archiving; None where it did not archive.
        now: the time.
        requests_allowed: requests that the tenant's quota allows in a day, or None.
        every_request_counts: media are fetched by requests to the tenant's API (`recording-v2`), not by links.
    """

    run_id: str
    window: Window
    now: pendulum.DateTime
    started_at: pendulum.DateTime | None = None
    requests_allowed: int | None = None
    every_request_counts: bool = True

    @property
    def last_day(self) -> str:
        """The last day of the window; what has no start counts for it."""
        return self.window.end.subtract(microseconds=1).to_date_string()

    @property
    def days(self) -> list[str]:
        """Every UTC day that the window touches."""
        first, last = self.window.start.date(), self.window.end.subtract(microseconds=1).date()
        return [first.add(days=number).to_date_string() for number in range((last - first).days + 1)]

    def day_of(self, due: Due) -> str:
        """Return the UTC day that a recording counts for."""
        return self.last_day if due.day is None else due.day.to_date_string()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the expected recordings.

    Attributes:
        held: what the archive holds.
        told: what the run's audit logs tell.
        late: ids that earlier reports call late, by day.
    """

    held: Holdings
    told: Account
    late: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def outcome_told(self, number: int) -> Outcome | None:
        """Return how an expected recording ended as audit logs tell, or None."""
        told = self.told.ends[number]
        return None if told is None else told.outcome


def reconcile(
    expected: Expected, audit_logs: Iterable[AuditLog], store: ObjectStore, layout: ArchiveLayout, run: Run
) -> list[Completeness]:
    """Return the completeness of every day of the run's window, and of each earlier day that something was listed for.

    It asks the store for lists of keys: for 10,000 recordings some twenty requests, see
    :mod:`cxone_provider.archive.inventory`; and for each day one list of reports, and the newest of them. What it holds
    is some 200 bytes for each expected recording.

    Args:
        expected: what was listed.
        audit_logs: what the run's tasks told, read once before the store is asked; empty where nobody tells.
        store: the bucket.
        layout: the archive in it.
        run: the run.

    Raises:
        StoreError: the archive cannot be listed.
        InvalidDocument: an earlier report cannot be read.
    """
    told = told_by(audit_logs, expected.numbers)
    held = holdings(store, layout, expected.numbers)
    _add_sizes(told.sizes, expected, held, store, layout)
    days = {*run.days, *map(run.day_of, expected.kinds)}
    return compare(expected, Evidence(held, told, {day: _late_before(store, layout, day) for day in days}), run)


def compare(expected: Expected, evidence: Evidence, run: Run) -> list[Completeness]:
    """Return the completeness of each day, in order, from what is known; asks nobody."""
    days: dict[str, list[str]] = {day: [] for day in run.days}
    names = {kind: days.setdefault(run.day_of(kind), []) for kind in expected.kinds}
    for name, due in expected.items():
        names[due].append(name)
    return [_of_day(day, days[day], expected, evidence, run) for day in sorted(days)]


def store_report(report: Completeness, store: ObjectStore, layout: ArchiveLayout) -> str:
    """Store a report in the place of this run's earlier one for the day; return its URI."""
    key = layout.completeness_key(report.day, report.run_id)
    store.put(key, report.to_bytes(), ObjectAttributes("application/json"))
    return layout.uri(key)


def _of_day(day: str, names: Sequence[str], expected: Expected, evidence: Evidence, run: Run) -> Completeness:
    held = evidence.held
    archived: list[str] = []
    others: dict[Outcome, list[str]] = {}
    missing: list[str] = []
    for name in names:
        number = expected.numbers[name]
        told = evidence.outcome_told(number)
        outcome = expected.dues[number].known if told is None else told
        if held.is_archived(name):
            archived.append(name)
        elif outcome is None or outcome in ARCHIVED_OUTCOMES:
            missing.append(name)
        else:
            others.setdefault(outcome, []).append(name)
    return Completeness(
        day=day,
        run_id=run.run_id,
        generated_at=run.now,
        archived=len(archived),
        missing_ids=tuple(missing),
        unproven_ids=tuple(n for n in missing if evidence.outcome_told(expected.numbers[n]) in ARCHIVED_OUTCOMES),
        partial_ids=tuple(name for name in missing if name in held),
        other_ids={outcome: tuple(ids) for outcome, ids in others.items()},
        late_ids=_late(day, archived, evidence, run),
        contacts={name: tuple(ids) for name, ids in _recordings(archived, held) if ids != (name,)},
        **_sums(archived, evidence),
        undated=sum(expected[name].day is None for name in names),
        requests_used=_requests(names, expected, evidence, run),
        requests_allowed=run.requests_allowed,
        looked_back=day not in run.days,
    )


def _recordings(archived: Iterable[str], held: Holdings) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((name, tuple(held.recordings_of(name))) for name in archived)


def _sums(archived: Iterable[str], evidence: Evidence) -> dict[str, Any]:
    recordings = size_bytes = unknown = 0
    for _, ids in _recordings(archived, evidence.held):
        sizes = [evidence.told.sizes.get(one) for one in ids]
        recordings += len(sizes)
        size_bytes += sum(size for size in sizes if size is not None)
        unknown += sizes.count(None)
    return {"recordings": recordings, "size_bytes": size_bytes, "bytes_unknown": unknown}


def _late(day: str, archived: Iterable[str], evidence: Evidence, run: Run) -> tuple[str, ...]:
    before = set(evidence.late.get(day, ()))
    looked_back = day not in run.days
    return tuple(name for name in archived if name in before or (looked_back and _by_this_run(name, evidence, run)))


def _by_this_run(name: str, evidence: Evidence, run: Run) -> bool:
    if evidence.outcome_told(evidence.held.numbers[name]) is Outcome.ARCHIVED:
        return True
    # A task that was tried again tells of what its first try archived as archived already.
    return run.started_at is not None and evidence.held.committed_since(name, run.started_at)


def _requests(names: Sequence[str], expected: Expected, evidence: Evidence, run: Run) -> int | None:
    numbers = (expected.numbers[name] for name in names)
    ends = (evidence.told.ends[number] for number in numbers if not expected.dues[number].known)
    told = Counter(end for end in ends if end is not None)
    if names and not told:
        return None
    if run.every_request_counts:
        return sum(count * (end.asked + end.media_requests) for end, count in told.items())
    # What the listing's own metadata rules out is not asked for, and a rejection may be that.
    return sum(count for end, count in told.items() if end.asked and end.outcome is not Outcome.REJECTED)


def _add_sizes(sizes: Sizes, expected: Expected, held: Holdings, store: ObjectStore, layout: ArchiveLayout) -> None:
    """Ask for the sizes that no audit log tells, of what is archived."""
    unknown = {
        recording_id: due.day
        for name, due in expected.items()
        for recording_id in held.recordings_of(name)
        if sizes.get(recording_id) is None
    }
    sizes.update(media_sizes(store, layout, unknown))
    # A later recording of a contact that began before midnight lies with its own day.
    late = {name: day.add(days=1) for name, day in unknown.items() if day is not None and sizes.get(name) is None}
    sizes.update(media_sizes(store, layout, late))


def _late_before(store: ObjectStore, layout: ArchiveLayout, day: str) -> Sequence[str]:
    """Return the late ids of the newest report of a day."""
    prefix = layout.completeness_prefix(day)
    newest = max(store.list_objects(prefix), key=lambda found: found.modified_at or pendulum.DateTime.min, default=None)
    answer = None if newest is None else store.read(newest.key, max_bytes=MAX_REPORT_BYTES)
    if answer is None:
        return ()
    try:
        return parse_completeness(answer[0]).of_day(day).late_ids
    except InvalidDocument as error:
        raise InvalidDocument(
            f"{layout.uri(prefix)}… holds what is no report: {error.what}", found=error.found, expected=error.expected,
            hint="Remove it, or restore its version before.",
        ) from error  # fmt: skip
