"""The use case: segment plans in, audit logs out. Runs from plain Python as well as from an operator."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace

import pendulum

from cxone_provider.archive.attempt import Archived, Attempt
from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.errors import (
    ArchiveError,
    RecordingChanged,
    RecordingNotFound,
    RecordingRejected,
    StoreError,
    TransferCancelled,
    UploadVanished,
)
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.evidence import TrailJournal
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.pooling import pool_of
from cxone_provider.archive.ports import Clock, Media, ObjectLock, ObjectStore, RecordingSource, ResumeJournal
from cxone_provider.archive.recording import Outcome, RecordingRef
from cxone_provider.archive.settings import ArchiveSettings, Workbench

log = logging.getLogger(__name__)
_RESTARTS = 2

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
    bench = Workbench(source, store, clock, layout, settings, cancelled or threading.Event())
    if any(plan.outcome is Outcome.READY for plan in plans):
        # Any lock asks the same of a bucket.
        (store if settings.lock is None else store.locked(ObjectLock(legal_hold=True))).check()
    workers = min(settings.concurrency, max(1, len(plans)))
    run = _Run(bench, journal, readers=settings.concurrency // workers)
    with pool_of(workers, "cxone-recording", bench.cancelled) as pool:
        logs = [entry for entries in pool.map(run.archive, plans) for entry in entries]
    if bench.cancelled.is_set():
        raise TransferCancelled("the run was stopped; what is archived stays archived")
    return logs


class _Run:
    def __init__(self, bench: Workbench, journal: ResumeJournal | None, readers: int) -> None:
        self._bench = bench
        self._journal = journal
        self._readers = readers

    def archive(self, plan: SegmentPlan) -> list[AuditLog]:
        """Return the audit logs of one plan: one per media."""
        started_at = self._bench.clock.now()
        if plan.outcome not in {Outcome.READY, Outcome.ALREADY_ARCHIVED}:
            return [_ended(plan, started_at)]
        try:
            manifest = self._committed(plan.recording_id)
            if manifest is not None:
                return [self._already(manifest, started_at)]
            bench = self._locking(plan, started_at)
            medias = bench.source.resolve(plan)
        except ArchiveError as error:
            return [self._ended_by(error, plan, started_at)]
        return [self._archive_media(bench, plan, media, started_at) for media in medias]

    def _locking(self, plan: SegmentPlan, now: pendulum.DateTime) -> Workbench:
        """Return the bench whose store locks as policy wants it for this recording."""
        policy = self._bench.settings.lock
        if policy is None:
            return self._bench
        lock = policy.lock_of(plan.recorded_at, plan.metadata, now)
        return replace(self._bench, store=self._bench.store.locked(lock), lock=lock)

    def _committed(self, recording_id: str) -> Manifest | None:
        if self._bench.settings.replace:
            return None
        return read_manifest(self._bench.store, self._bench.layout, recording_id)

    def _archive_media(
        self, bench: Workbench, plan: SegmentPlan, media: Media, started_at: pendulum.DateTime
    ) -> AuditLog:
        journal = self._journal or TrailJournal(bench)
        for restarts_left in range(_RESTARTS, -1, -1):
            attempt = Attempt(bench, plan, media, self._readers, journal)
            try:
                return self._log_of(attempt, attempt.run(), started_at)
            except (RecordingChanged, UploadVanished) as error:
                log.warning("recording %s: %s; starting over", media.recording_id, error)
                if not restarts_left:
                    return self._fail(attempt, error, plan, started_at)
                try:
                    if isinstance(error, RecordingChanged):
                        attempt.give_up(keep_upload=False)
                        plan, media = self._planned_again(plan, media)
                    elif (manifest := self._committed(media.recording_id)) is not None:
                        # A killed task can outlive its retry's start: both go on with one upload, and one completes it.
                        return self._already(manifest, started_at)
                except ArchiveError as problem:
                    return self._fail(attempt, problem, plan, started_at)
            except ArchiveError as error:
                return self._fail(attempt, error, plan, started_at)
        raise AssertionError("the last restart returns")

    def _planned_again(self, plan: SegmentPlan, media: Media) -> tuple[SegmentPlan, Media]:
        size_bytes = media.size_bytes
        if plan.size_bytes is not None:
            ref = RecordingRef(plan.recording_id, plan.recorded_at)
            size_bytes = self._bench.source.describe(ref).size_bytes
        return replace(plan, size_bytes=size_bytes), replace(media, size_bytes=size_bytes, etag=None, sha256=None)

    def _fail(
        self, attempt: Attempt, error: ArchiveError, plan: SegmentPlan, started_at: pendulum.DateTime
    ) -> AuditLog:
        keep_upload = self._bench.settings.keep_unfinished and error.retryable
        if isinstance(error, TransferCancelled):
            keep_upload = False
        try:
            attempt.give_up(keep_upload=keep_upload)
        except StoreError as problem:
            log.warning("recording %s: its upload is left for the sweeper: %s", escaped(plan.recording_id), problem)
        entries = attempt.sorted_entries()
        ended = self._ended_by(error, plan, started_at)
        if ended.error is None:
            return ended
        head = attempt.evidence.failed(ended.error, entries)
        return replace(
            ended,
            audit_uri=None if head is None else attempt.evidence.uri,
            audit_head=head,
            total_bytes=sum(entry.bytes_read for entry in entries),
            chunks_processed=len(entries),
            entries=entries,
        )

    def _ended_by(self, error: ArchiveError, plan: SegmentPlan, started_at: pendulum.DateTime) -> AuditLog:
        log.warning("recording %s: %s: %s", escaped(plan.recording_id), type(error).__name__, error)
        finished_at = self._bench.clock.now()
        if isinstance(error, RecordingNotFound):
            return AuditLog(plan.recording_id, Outcome.NOT_FOUND, started_at, finished_at)
        rejected = isinstance(error, RecordingRejected)
        return AuditLog(
            plan.recording_id,
            Outcome.REJECTED if rejected else Outcome.FAILED,
            started_at,
            finished_at,
            latency_ms=_elapsed_ms(started_at, finished_at),
            error=AuditError.of(error),
        )

    def _log_of(self, attempt: Attempt, archived: Archived, started_at: pendulum.DateTime) -> AuditLog:
        if not archived.new:
            return self._already(archived.manifest, started_at)
        finished_at = self._bench.clock.now()
        entries = attempt.sorted_entries()
        manifest = archived.manifest
        known = self._already(manifest, started_at)
        log.info("recording %s: archived, %d bytes, %s", manifest.recording_id, manifest.size_bytes, manifest.s3_uri)
        return replace(
            known,
            outcome=Outcome.ARCHIVED,
            finished_at=finished_at,
            latency_ms=_elapsed_ms(started_at, finished_at),
            entries=entries,
            entries_omitted=0,
        )

    def _already(self, manifest: Manifest, started_at: pendulum.DateTime) -> AuditLog:
        finished_at = self._bench.clock.now()
        layout = self._bench.layout
        chunks = int(manifest.plan.get("segment_count") or 0)
        return AuditLog(
            recording_id=manifest.recording_id,
            outcome=Outcome.ALREADY_ARCHIVED,
            started_at=started_at,
            finished_at=finished_at,
            s3_uri=manifest.s3_uri,
            manifest_uri=layout.uri(layout.manifest_key(manifest.recording_id)),
            audit_uri=str(manifest.audit.get("uri")),
            audit_head=str(manifest.audit.get("head")),
            total_bytes=manifest.size_bytes,
            chunks_processed=chunks,
            latency_ms=_elapsed_ms(started_at, finished_at),
            sha256=manifest.sha256,
            entries_omitted=chunks,
            duration_s=manifest.audio.get("duration_s"),
            format=manifest.audio.get("format"),
            lock=ObjectLock.from_document(manifest.storage),
        )


def _ended(plan: SegmentPlan, started_at: pendulum.DateTime) -> AuditLog:
    """Carry on the outcome of a plan that ended before a byte moved."""
    message = "; ".join(str(reason) for reason in plan.reasons)
    told = plan.outcome in {Outcome.REJECTED, Outcome.FAILED}
    error = AuditError(str(plan.outcome).capitalize(), message or "no reason was given") if told else None
    return AuditLog(plan.recording_id, plan.outcome, started_at, started_at, error=error)


def _elapsed_ms(started_at: pendulum.DateTime, finished_at: pendulum.DateTime) -> float:
    return round((finished_at - started_at).total_seconds() * 1000, 3)
