"""One recording of a run: tries until it is archived, or until its error says that starting over does not help."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import pendulum

from cxone_provider.archive.attempt import Archived, Attempt
from cxone_provider.archive.audit import AuditLog, agent_of, most_attempts
from cxone_provider.archive.contact import StoredRecording
from cxone_provider.archive.ending import elapsed_ms, log_of_error, log_of_stored
from cxone_provider.archive.errors import (
    ArchiveError,
    RecordingChanged,
    StoreError,
    TransferCancelled,
    UploadVanished,
)
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.evidence import TrailJournal
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.media import Media
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ResumeJournal
from cxone_provider.archive.recording import Outcome, RecordingRef
from cxone_provider.archive.settings import Workbench

log = logging.getLogger(__name__)
_RESTARTS = 2


@dataclass(frozen=True, slots=True)
class Ended:
    """How one recording ended; `manifest` is there exactly when it is archived, `error` where one stopped it."""

    log: AuditLog
    manifest: Manifest | None = None
    error: ArchiveError | None = None


class RecordingRun:
    """Archives one media.

    Args:
        bench: what the run shares, locking as policy wants it for this recording.
        plan: READY, of this recording.
        media: what it resolved to.
        journal: where an unfinished upload is remembered; the recording's audit trail where there is none.
        started_at: when the work on its plan began.
    """

    def __init__(
        self,
        bench: Workbench,
        plan: SegmentPlan,
        media: Media,
        *,
        journal: ResumeJournal | None,
        started_at: pendulum.DateTime,
    ) -> None:
        self._bench = bench
        self._plan = plan
        self._media = media
        self._journal = journal or TrailJournal(bench)
        self._started_at = started_at

    def archive(self) -> Ended:
        """Return how it ended; every error of the recording is in its audit log."""
        for restarts_left in range(_RESTARTS, -1, -1):
            attempt = Attempt(self._bench, self._plan, self._media, self._journal)
            try:
                return self._archived(attempt, attempt.run())
            except (RecordingChanged, UploadVanished) as error:
                log.warning("recording %s: %s; starting over", self._media.recording_id, error)
                if not restarts_left:
                    return self._fail(attempt, error)
                try:
                    if (ended := self._overtaken_or_reset(attempt, error)) is not None:
                        return ended
                except ArchiveError as problem:
                    return self._fail(attempt, problem)
            except ArchiveError as error:
                return self._fail(attempt, error)
        raise AssertionError("the last restart returns")

    def _overtaken_or_reset(self, attempt: Attempt, error: RecordingChanged | UploadVanished) -> Ended | None:
        """Make ready to start over; or return the end that another worker has brought about meanwhile."""
        if isinstance(error, RecordingChanged):
            attempt.give_up(keep_upload=False)
            self._plan_again()
        elif not self._bench.settings.replace:
            # A killed task can outlive its retry's start: both go on with one upload, and one completes it.
            manifest = read_manifest(self._bench.store, self._bench.layout, self._media.recording_id)
            if manifest is not None:
                return self._already(manifest.identified(self._media.identity))
        return None

    def _plan_again(self) -> None:
        size_bytes = self._plan.size_bytes
        if size_bytes is not None and self._media.identity is None:
            ref = RecordingRef(self._plan.recording_id, self._plan.recorded_at)
            size_bytes = self._bench.source.describe(ref).size_bytes
        elif self._media.identity is not None:
            size_bytes = None  # of another entity than was resolved, only the media itself tells the size
        else:
            size_bytes = self._media.size_bytes
        self._plan = replace(self._plan, size_bytes=size_bytes)
        self._media = replace(self._media, size_bytes=size_bytes, etag=None, sha256=None)

    def _fail(self, attempt: Attempt, error: ArchiveError) -> Ended:
        keep_upload = self._bench.settings.keep_unfinished and error.retryable
        if isinstance(error, TransferCancelled):
            keep_upload = False
        try:
            attempt.give_up(keep_upload=keep_upload)
        except StoreError as problem:
            name = escaped(self._plan.recording_id)
            log.warning("recording %s: its upload is left for the sweeper: %s", name, problem)
        entries = attempt.sorted_entries()
        ended = log_of_error(error, self._plan, self._started_at, self._bench.clock.now())
        if ended.error is None:
            return Ended(ended, error=error)
        head = attempt.evidence.failed(ended.error, entries)
        return Ended(
            replace(
                ended,
                audit_uri=None if head is None else attempt.evidence.uri,
                audit_head=head,
                total_bytes=sum(entry.bytes_read for entry in entries),
                chunks_processed=len(entries),
                entries=entries,
                attempts=most_attempts(entries),
            ),
            error=error,
        )

    def _archived(self, attempt: Attempt, archived: Archived) -> Ended:
        manifest = archived.manifest
        known = self._already(manifest)
        if not archived.new:
            return known
        finished_at = self._bench.clock.now()
        log.info("recording %s: archived, %d bytes, %s", manifest.recording_id, manifest.size_bytes, manifest.s3_uri)
        entries = attempt.sorted_entries()
        ended = replace(
            known.log,
            outcome=Outcome.ARCHIVED,
            finished_at=finished_at,
            latency_ms=elapsed_ms(self._started_at, finished_at),
            entries=entries,
            entries_omitted=0,
            attempts=most_attempts(entries),
        )
        return Ended(ended, manifest)

    def _already(self, manifest: Manifest) -> Ended:
        stored = StoredRecording.of(manifest, self._bench.layout)
        known = log_of_stored(stored, self._started_at, self._bench.clock.now())
        return Ended(replace(known, agent=agent_of(manifest.metadata)), manifest)
