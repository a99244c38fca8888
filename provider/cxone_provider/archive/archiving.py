"""The use case: segment plans in, audit logs out. Runs from plain Python as well as from an operator."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pendulum

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.contact import StoredRecording, read_archived
from cxone_provider.archive.contact_run import ContactRun
from cxone_provider.archive.ending import log_of_error, log_of_plan, log_of_stored
from cxone_provider.archive.errors import ArchiveError, TransferCancelled
from cxone_provider.archive.finishing import is_contact
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import Manifest
from cxone_provider.archive.media import Media
from cxone_provider.archive.parts import PartLayout
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.pooling import pool_of
from cxone_provider.archive.ports import Clock, ObjectLock, ObjectStore, RecordingSource, ResumeJournal
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.recording_run import Ended, RecordingRun
from cxone_provider.archive.settings import ArchiveSettings, Workbench
from cxone_provider.archive.slots import Slots

__all__ = ["ArchiveSettings", "archive_recordings"]


def archive_recordings(
    plans: Sequence[SegmentPlan],
    *,
    source: RecordingSource,
    store: ObjectStore,
    clock: Clock,
    settings: ArchiveSettings,
    journal: ResumeJournal | None = None,
    cancelled: threading.Event | None = None,
) -> list[AuditLog]:
    """Archive every READY plan; return one audit log per recording, in the plans' order.

    One recording's failure is its own: it ends FAILED, with its cause, in its audit log.

    Args:
        plans: from validation; those that ended there are carried on with their outcome.
        source: the tenant.
        store: the bucket.
        clock: time.
        settings: how to archive.
        journal: where unfinished uploads are remembered; the recordings' audit trails where there is none.
        cancelled: set by a kill: unfinished uploads are removed and TransferCancelled is raised.

    Raises:
        TransferCancelled: `cancelled` was set; recordings that were archived before stay archived.
        StoreError: the bucket cannot be used at all, or not as asked for.
    """
    layout = ArchiveLayout(store.bucket, settings.prefix)
    slots = Slots(settings.concurrency, _unit_bytes(plans, settings))
    bench = Workbench(source, store, clock, layout, settings, slots, cancelled or threading.Event())
    if any(plan.outcome is Outcome.READY for plan in plans):
        # Any lock asks the same of a bucket.
        (store if settings.lock is None else store.locked(ObjectLock(legal_hold=True))).check()
    workers = min(settings.recordings_at_once, max(1, len(plans)))
    run = _Run(bench, journal)
    with pool_of(workers, "cxone-recording", bench.cancelled) as pool:
        logs = [entry for entries in pool.map(run.archive, plans) for entry in entries]
    if bench.cancelled.is_set():
        raise TransferCancelled("the run was stopped; what is archived stays archived")
    return logs


def _unit_bytes(plans: Sequence[SegmentPlan], settings: ArchiveSettings) -> int:
    cuts = {plan.segment_size_bytes for plan in plans}
    return max((PartLayout(cut, settings.part_size_bytes).unit_bytes for cut in cuts), default=settings.part_size_bytes)


class _Run:
    def __init__(self, bench: Workbench, journal: ResumeJournal | None) -> None:
        self._bench = bench
        self._journal = journal

    def archive(self, plan: SegmentPlan) -> list[AuditLog]:
        """Return the audit logs of one plan: one per recording."""
        started_at = self._bench.clock.now()
        if plan.outcome not in {Outcome.READY, Outcome.ALREADY_ARCHIVED}:
            return [log_of_plan(plan, started_at)]
        try:
            if (logs := self._archived_before(plan.recording_id, started_at)) is not None:
                return logs
            if plan.limits is None:
                self._locking(plan)  # whom no lock fits is told so before the source is asked
            medias = self._bench.source.resolve(plan)
            if is_contact(plan, medias):
                one = partial(self._archive_one, started_at)
                return ContactRun(self._bench, plan, medias, one, started_at).archive()
        except ArchiveError as error:
            return [log_of_error(error, plan, started_at, self._bench.clock.now())]
        return [self._archive_one(started_at, plan, medias[0]).log]

    def _archived_before(self, archived_id: str, started_at: pendulum.DateTime) -> list[AuditLog] | None:
        """Return the audit logs of what is archived under an id, by one request; None where something is left to do."""
        if self._bench.settings.replace:
            return None
        found = read_archived(self._bench.store, self._bench.layout, archived_id)
        if found is None:
            return None
        stored = [StoredRecording.of(found, self._bench.layout)] if isinstance(found, Manifest) else found.recordings
        finished_at = self._bench.clock.now()
        return [log_of_stored(recording, started_at, finished_at) for recording in stored]

    def _archive_one(self, started_at: pendulum.DateTime, plan: SegmentPlan, media: Media) -> Ended:
        try:
            bench = self._locking(plan)
        except ArchiveError as error:
            return Ended(log_of_error(error, plan, started_at, self._bench.clock.now()))
        return RecordingRun(bench, plan, media, journal=self._journal, started_at=started_at).archive()

    def _locking(self, plan: SegmentPlan) -> Workbench:
        """Return the bench whose store locks as policy wants it for this recording.

        Raises:
            RecordingRejected: policy finds no lock for it.
        """
        policy = self._bench.settings.lock
        if policy is None:
            return self._bench
        lock = policy.lock_of(plan.recorded_at, plan.metadata, self._bench.clock.now())
        return replace(self._bench, store=self._bench.store.locked(lock), lock=lock)
