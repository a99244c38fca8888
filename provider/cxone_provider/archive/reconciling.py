"""A day's expectation against the archive itself: what was listed, what has a manifest, and what became of the rest.

What tasks said is believed only where it says why a recording is not archived. That one is archived, its manifest
alone says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pendulum

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.completeness import MAX_REPORT_BYTES, Completeness, parse_completeness
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.inventory import Holding, holdings, media_sizes
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome, parse_time
from cxone_provider.archive.run_report import listed_ids
from cxone_provider.archive.told import Told, told_by

_NOTHING = Holding(archived=False, recordings=())


@dataclass(frozen=True, slots=True)
class Expectation:
    """One recording or contact that should be there.

    Attributes:
        recording_id: as audit logs tell of it.
        recorded_at: its start, or None.
        known: how it ended as the listing itself tells: no media, or unusable; None where it may be archived.
    """

    recording_id: str
    recorded_at: pendulum.DateTime | None = None
    known: Outcome | None = None


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

    def day_of(self, one: Expectation) -> str:
        """Return the UTC day that a recording counts for."""
        return self.last_day if one.recorded_at is None else one.recorded_at.in_timezone("UTC").to_date_string()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of the expected recordings, by id.

    Attributes:
        held: what the archive holds.
        told: what the run's audit logs tell.
        sizes: bytes of archived recordings, by the recording's own id.
        late: ids that earlier reports call late, by day.
    """

    held: Mapping[str, Holding] = field(default_factory=dict)
    told: Mapping[str, Told] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    late: Mapping[str, Sequence[str]] = field(default_factory=dict)


def expectations(documents: Iterable[Mapping[str, object]]) -> list[Expectation]:
    """Return what ref documents let one expect, each recording and contact once."""
    kept = list(documents)
    expected: dict[str, Expectation] = {}
    for name, document in zip(listed_ids(kept), kept, strict=True):
        known = Outcome.NO_RECORDING if document.get("has_media") is False else None
        known = Outcome.REJECTED if document.get("malformed") else known
        expected.setdefault(name, Expectation(name, parse_time(document.get("recorded_at"), "recorded_at"), known))
    return list(expected.values())


def reconcile(
    expected: Sequence[Expectation], audit_logs: Iterable[AuditLog], store: ObjectStore, layout: ArchiveLayout, run: Run
) -> list[Completeness]:
    """Return the completeness of every day of the run's window, and of each earlier day that something was listed for.

    It asks the store for lists of keys: for 10,000 recordings some twenty requests, see
    :mod:`cxone_provider.archive.inventory`; and for each day one list of reports, and the newest of them.

    Args:
        expected: what was listed.
        audit_logs: what the run's tasks told; empty where nobody tells.
        store: the bucket.
        layout: the archive in it.
        run: the run.

    Raises:
        StoreError: the archive cannot be listed.
        InvalidDocument: an earlier report cannot be read.
    """
    names = [one.recording_id for one in expected]
    held = holdings(store, layout, names)
    told = told_by(audit_logs, names)
    evidence = Evidence(
        held=held,
        told=told,
        sizes=_sizes(expected, held, told, store, layout),
        late={day: _late_before(store, layout, day) for day in {*run.days, *map(run.day_of, expected)}},
    )
    return compare(expected, evidence, run)


def compare(expected: Sequence[Expectation], evidence: Evidence, run: Run) -> list[Completeness]:
    """Return the completeness of each day, in order, from what is known; asks nobody."""
    days: dict[str, list[Expectation]] = {day: [] for day in run.days}
    for one in expected:
        days.setdefault(run.day_of(one), []).append(one)
    return [_of_day(day, days[day], evidence, run) for day in sorted(days)]


def store_report(report: Completeness, store: ObjectStore, layout: ArchiveLayout) -> str:
    """Store a report in the place of this run's earlier one for the day; return its URI."""
    key = layout.completeness_key(report.day, report.run_id)
    store.put(key, report.to_bytes(), ObjectAttributes("application/json"))
    return layout.uri(key)


def _of_day(day: str, expected: Sequence[Expectation], evidence: Evidence, run: Run) -> Completeness:
    archived: dict[str, Holding] = {}
    others: dict[Outcome, list[str]] = {}
    missing: list[str] = []
    for one in expected:
        name, held = one.recording_id, evidence.held.get(one.recording_id, _NOTHING)
        outcome = _outcome(one, evidence.told.get(name))
        if held.archived:
            archived[name] = held
        elif outcome is None or outcome in ARCHIVED_OUTCOMES:
            missing.append(name)
        else:
            others.setdefault(outcome, []).append(name)
    sizes = [evidence.sizes.get(name) for held in archived.values() for name in held.recordings]
    return Completeness(
        day=day,
        run_id=run.run_id,
        generated_at=run.now,
        archived=len(archived),
        missing_ids=tuple(missing),
        unproven_ids=tuple(name for name in missing if _outcome_told(evidence, name) in ARCHIVED_OUTCOMES),
        partial_ids=tuple(name for name in missing if name in evidence.held),
        other_ids={outcome: tuple(names) for outcome, names in others.items()},
        late_ids=_late(day, archived, evidence, run),
        contacts={name: tuple(held.recordings) for name, held in archived.items() if held.recordings != [name]},
        recordings=len(sizes),
        size_bytes=sum(size for size in sizes if size is not None),
        bytes_unknown=sizes.count(None),
        undated=sum(1 for one in expected if one.recorded_at is None),
        requests_used=_requests(expected, evidence, run),
        requests_allowed=run.requests_allowed,
        looked_back=day not in run.days,
    )


def _outcome(one: Expectation, told: Told | None) -> Outcome | None:
    return one.known if told is None else told.outcome


def _outcome_told(evidence: Evidence, name: str) -> Outcome | None:
    told = evidence.told.get(name)
    return None if told is None else told.outcome


def _late(day: str, archived: Mapping[str, Holding], evidence: Evidence, run: Run) -> tuple[str, ...]:
    before = set(evidence.late.get(day, ()))
    looked_back = day not in run.days
    return tuple(
        name
        for name, held in archived.items()
        if name in before or (looked_back and _by_this_run(name, held, evidence, run))
    )


def _by_this_run(name: str, held: Holding, evidence: Evidence, run: Run) -> bool:
    if _outcome_told(evidence, name) is Outcome.ARCHIVED:
        return True
    # A task that was tried again tells of what its first try archived as archived already.
    return run.started_at is not None and held.committed_at is not None and held.committed_at >= run.started_at


def _requests(expected: Sequence[Expectation], evidence: Evidence, run: Run) -> int | None:
    told = [evidence.told[one.recording_id] for one in expected if one.recording_id in evidence.told and not one.known]
    if expected and not told:
        return None
    if run.every_request_counts:
        return sum(one.asked + one.media_requests for one in told)
    # What the listing's own metadata rules out is not asked for, and a rejection may be that.
    return sum(one.asked and one.outcome is not Outcome.REJECTED for one in told)


def _sizes(
    expected: Sequence[Expectation],
    held: Mapping[str, Holding],
    told: Mapping[str, Told],
    store: ObjectStore,
    layout: ArchiveLayout,
) -> dict[str, int]:
    sizes = {name: size for one in told.values() for name, size in one.sizes.items()}
    unknown = {
        name: one.recorded_at
        for one in expected
        for name in held.get(one.recording_id, _NOTHING).recordings
        if name not in sizes
    }
    sizes |= media_sizes(store, layout, unknown)
    # A later recording of a contact that began before midnight lies with its own day.
    next_day = {name: day.add(days=1) for name, day in unknown.items() if day is not None and name not in sizes}
    return sizes | media_sizes(store, layout, next_day)


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
