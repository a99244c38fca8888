"""One contact of a run: each of its recordings that is missing, and its manifest once none is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pendulum

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.contact import ContactManifest, StoredRecording
from cxone_provider.archive.ending import log_of_error, log_of_plan, log_of_stored
from cxone_provider.archive.errors import ArchiveError, IdentityConflict, ObjectExists, StoreError
from cxone_provider.archive.finishing import finished, policy_of
from cxone_provider.archive.manifest import MAX_MANIFEST_BYTES, Manifest, read_manifest
from cxone_provider.archive.media import Media
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.recording_run import Ended
from cxone_provider.archive.settings import Workbench

log = logging.getLogger(__name__)
ArchiveOne = Callable[[SegmentPlan, Media], Ended]
"""Archives one recording by its finished plan; every error of the recording is in its audit log."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is archived of one of the contact's numbers: its manifest, or the error that it is something else."""

    manifest: Manifest | None = None
    conflict: IdentityConflict | None = None


class ContactRun:
    """Archives what is missing of one contact.

    Args:
        bench: what the run shares.
        plan: the contact's.
        medias: every interaction, as the source resolved it.
        archive_one: archives one of them.
        started_at: when the work on the contact began.
    """

    def __init__(
        self,
        bench: Workbench,
        plan: SegmentPlan,
        medias: Sequence[Media],
        archive_one: ArchiveOne,
        started_at: pendulum.DateTime,
    ) -> None:
        self._bench = bench
        self._plan = plan
        self._medias = medias
        self._archive_one = archive_one
        self._started_at = started_at

    def archive(self) -> list[AuditLog]:
        """Return one audit log per recording.

        Raises:
            InvalidDocument: the plan's limits make no sense, or something else lies where a manifest should.
            StoreError: the manifests cannot be read.
        """
        if not self._medias:
            return [log_of_plan(self._plan.ended(Outcome.NO_RECORDING), self._started_at)]
        known = [self._look_up(media) for media in self._medias]
        conflict = next((one.conflict for one in known if one.conflict is not None), None)
        ends: list[Ended] = []
        for media, one in zip(self._medias, known, strict=True):
            ends.append(self._end(media, one, conflict))
            if isinstance(ends[-1].error, IdentityConflict):
                conflict = conflict or ends[-1].error  # another worker, told otherwise, was faster with this number
        kept = [end.manifest or self._kept(media) for media, end in zip(self._medias, ends, strict=True)]
        manifests = [manifest for manifest in kept if manifest is not None]
        if len(manifests) == len(self._medias):
            self._commit(manifests)
        return [end.log for end in ends]

    def _kept(self, media: Media) -> Manifest | None:
        """Return what is still archived of a recording whose replacement failed: the contact's manifest names it."""
        if not self._bench.settings.replace:
            return None
        try:
            manifest = read_manifest(self._bench.store, self._bench.layout, media.recording_id)
        except ArchiveError as error:
            log.warning("contact %s: its manifest is left as it was: %s", self._plan.recording_id, error)
            return None
        return manifest if manifest is not None and manifest.identity == media.identity else None

    def _look_up(self, media: Media) -> _Known:
        if self._bench.settings.replace:
            return _Known()
        manifest = read_manifest(self._bench.store, self._bench.layout, media.recording_id)
        try:
            return _Known(None if manifest is None else manifest.identified(media.identity))
        except IdentityConflict as error:
            return _Known(conflict=error)

    def _end(self, media: Media, known: _Known, conflict: IdentityConflict | None) -> Ended:
        now = self._bench.clock.now()
        if known.manifest is not None:
            stored = StoredRecording.of(known.manifest, self._bench.layout)
            return Ended(log_of_stored(stored, self._started_at, now), known.manifest)
        plan = finished(self._plan, media, policy_of(self._plan, self._bench.settings.policy), now)
        if conflict is not None:
            # Where numbers moved, this interaction may be archived under another one: nothing is added to the contact.
            return Ended(log_of_error(known.conflict or conflict, plan, self._started_at, now))
        if plan.outcome is not Outcome.READY:
            return Ended(log_of_plan(plan, self._started_at))
        return self._archive_one(plan, media)

    def _commit(self, manifests: Sequence[Manifest]) -> None:
        """Store the contact's manifest; without it the next run asks the source once more, and fetches nothing."""
        bench, contact_id = self._bench, self._plan.recording_id
        body = ContactManifest.of(contact_id, manifests, bench.layout).to_bytes()
        if len(body) > MAX_MANIFEST_BYTES:
            log.warning("contact %s: %d recordings are too many for one manifest", contact_id, len(manifests))
            return
        lock = longest_lock([ObjectLock.from_document(manifest.storage) for manifest in manifests])
        store = bench.store if bench.settings.lock is None or lock is None else bench.store.locked(lock)
        key, if_absent = bench.layout.manifest_key(contact_id), not bench.settings.replace
        try:
            store.put(key, body, ObjectAttributes("application/json"), if_absent=if_absent)
        except ObjectExists:
            log.info("contact %s: another worker was faster", contact_id)
        except StoreError as error:
            log.warning("contact %s: its recordings are archived, its manifest is not: %s", contact_id, error)


def longest_lock(locks: Sequence[ObjectLock | None]) -> ObjectLock | None:
    """Return a lock that keeps an object as long as the longest of `locks` does; None where none locks."""
    held = [lock for lock in locks if lock is not None]
    retained = [(lock.retain_until, lock.mode) for lock in held if lock.retain_until is not None]
    if not held:
        return None
    until, mode = max(retained, key=lambda term: term[0], default=(None, None))
    return ObjectLock(mode, until, any(lock.legal_hold for lock in held))
