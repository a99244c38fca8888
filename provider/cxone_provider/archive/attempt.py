"""One try at archiving one recording: transfer, evidence, publication, manifest; in this order.

What a crash leaves, and what the next try does with it:

====================================  ====================================================================
crash                                 next try
====================================  ====================================================================
before the first part is stored       starts over; nothing is left
while parts are stored                takes the upload from the journal, fetches the missing parts
after Complete, before the manifest   finds no upload but the object, reads it back, writes the manifest
after the manifest                    ALREADY_ARCHIVED
====================================  ====================================================================
"""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace

import pendulum

from cxone_provider.archive.audio import check_duration, extension_of, media_type_of
from cxone_provider.archive.audit import AuditEntry
from cxone_provider.archive.errors import ObjectExists, RecordingRejected, TruncatedAudio, UnknownAudio, UploadVanished
from cxone_provider.archive.evidence import Evidence
from cxone_provider.archive.finishing import policy_of
from cxone_provider.archive.integrity import Proof, check_source_digest
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.parts import PartLayout
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import Media, ObjectAttributes, ResumeJournal, StoredObject
from cxone_provider.archive.readback import entries_of, read_back
from cxone_provider.archive.recording import RecordingRef
from cxone_provider.archive.settings import Workbench
from cxone_provider.archive.storing import MultipartSink, OpenUpload, check_same, check_stored_size, same_object
from cxone_provider.archive.transfer import Hooks, Transfer, TransferSettings

log = logging.getLogger(__name__)
_OWNER_KEY = "cxone-recording-id"
_RIVAL_PATIENCE_S = 20.0
_RIVAL_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Archived:
    """An archived recording; `new` is False when another worker committed it first."""

    manifest: Manifest
    new: bool


class Attempt:
    """One try at one media.

    Args:
        bench: what the run shares.
        plan: READY.
        media: what the plan resolved to.
        journal: where an unfinished upload is remembered.

    Attributes:
        entries: audit entries by segment index, as far as the try has come.
        evidence: the trail it writes.
    """

    def __init__(self, bench: Workbench, plan: SegmentPlan, media: Media, journal: ResumeJournal) -> None:
        settings = bench.settings
        self._bench = bench
        self._plan = plan
        self._media = media
        self._journal = journal
        self._is_remembered = bench.settings.replace  # forgetting is a request of Airflow's, not made for nothing
        self._parts = PartLayout(plan.segment_size_bytes, settings.part_size_bytes)
        self._sink = MultipartSink(bench.store, self._parts)
        self._moving = TransferSettings(self._parts, settings.stream_secret, plan.format)
        self._key: str | None = None
        self.evidence = Evidence(bench, media.recording_id)
        self.entries: dict[int, AuditEntry] = {}

    def run(self) -> Archived:
        """Archive the media.

        Raises:
            every ArchiveError; nothing is published then, and :meth:`give_up` says what to do with the upload.
        """
        left = self._resume()
        if left is not None:
            # A kill may have come between Complete and the lock that some stores want afterwards.
            self._bench.store.ensure_locked(left)
            return self._commit_read_back(left)
        with closing(self._transfer()) as transfer:
            self.entries = transfer.entries
            return self._archive(transfer)

    def _archive(self, transfer: Transfer) -> Archived:
        proof = transfer.run()
        if proof is None:
            return self._commit_read_back(self._complete(transfer.size_bytes, None))
        self._check(proof)
        rival_at = self.evidence.verified(proof, "in-flight", self.sorted_entries())
        committed = self._await_rival(rival_at) if transfer.whole is None else None
        if committed is not None:
            self._sink.abort()
            return Archived(committed, new=False)
        return self._commit(self._publish(proof, transfer.whole), proof, "in-flight")

    def give_up(self, *, keep_upload: bool) -> None:
        """Remove the unfinished upload, or leave it for the next try; raises StoreError where removing fails."""
        resumable = self._sink.upload is not None and self._sink.upload.etag is not None
        if keep_upload and resumable:
            log.info("recording %s: its upload stays for the next try", self._media.recording_id)
            return
        self._sink.abort()
        if self._is_remembered:
            self._journal.clear(self._media.recording_id)

    def _await_rival(self, rival_at: pendulum.DateTime | None) -> Manifest | None:
        """Let the worker that verified first publish first; return its manifest, or None if it does not come.

        A conditional Put has one winner on every store; a conditional Complete has several on some of them. The trail's
        order, made by conditional Puts, decides instead. A worker that died is not waited for longer than this.
        """
        if rival_at is None or self._bench.settings.replace:
            return None
        until = rival_at.add(seconds=_RIVAL_PATIENCE_S)
        while self._bench.clock.now() < until:
            manifest = read_manifest(self._bench.store, self._bench.layout, self._media.recording_id)
            if manifest is not None:
                return manifest.identified(self._media.identity)
            self._bench.clock.sleep(_RIVAL_PAUSE_S)
        return None

    def sorted_entries(self) -> tuple[AuditEntry, ...]:
        """Return the entries in the order of the bytes."""
        return tuple(self.entries[index] for index in sorted(self.entries))

    def _resume(self) -> StoredObject | None:
        """Take up what an earlier try left; return the object when that try had come as far as Complete."""
        if self._bench.settings.replace or self._fits_one_part():
            return None
        state = self._journal.load(self._media.recording_id)
        self._is_remembered = state is not None
        upload = None if state is None else OpenUpload.from_state(state)
        if upload is None or not self._fits(upload):
            return None
        self._sink.open(upload)
        try:
            self._sink.adopt_parts()
        except UploadVanished:
            self._sink.upload = None
            return self._left_object(upload)
        self._key = upload.key
        self._media = replace(self._media, size_bytes=upload.size_bytes, etag=upload.etag)
        log.info("recording %s: %d parts are stored already", self._media.recording_id, self._sink.part_count)
        return None

    def _fits_one_part(self) -> bool:
        """Tell whether the media goes in one Put: no try of this plan can have left an upload to look for."""
        return self._media.size_bytes is not None and self._media.size_bytes <= self._parts.unit_bytes

    def _fits(self, upload: OpenUpload) -> bool:
        """Tell whether the upload is of this plan and media: the same interaction, key, size and cut."""
        planned = (self._plan.segment_size_bytes, self._bench.settings.part_size_bytes)
        same_cut = (upload.segment_size_bytes, upload.part_size_bytes) == planned
        same_size = self._media.size_bytes in {None, upload.size_bytes}
        same_recording = upload.identity == self._media.identity
        return same_cut and same_size and same_recording and upload.key == self._media_key(upload.format)

    def _left_object(self, upload: OpenUpload) -> StoredObject | None:
        stored = self._bench.store.stat(upload.key)
        if stored is None or stored.size_bytes != upload.size_bytes:
            return None
        return stored if stored.metadata.get(_OWNER_KEY) == self._media.recording_id else None

    def _transfer(self) -> Transfer:
        hooks = Hooks(admit=self._admit, open_upload=self._open_upload, fresh_size=self._fresh_size)
        bench = self._bench
        return Transfer(
            bench.source, self._media, self._sink, bench.clock, self._moving, hooks, bench.slots, bench.cancelled
        )

    def _admit(self, size_bytes: int) -> None:
        limit = policy_of(self._plan, self._bench.settings.policy).max_size_bytes
        if size_bytes == 0:
            raise TruncatedAudio("the recording is empty", found="0 bytes", expected="audio")
        if size_bytes > limit:
            raise RecordingRejected("the recording is too large", found=size_bytes, expected=f"at most {limit} bytes")
        self._parts.count(size_bytes)

    def _open_upload(self, audio_format: str | None, size_bytes: int, etag: str | None) -> None:
        key = self._settle_key(audio_format)
        upload = OpenUpload(
            key=key,
            upload_id=self._bench.store.create_upload(key, self._attributes(audio_format, None)),
            size_bytes=size_bytes,
            etag=etag,
            segment_size_bytes=self._plan.segment_size_bytes,
            part_size_bytes=self._bench.settings.part_size_bytes,
            format=str(audio_format),
            identity=self._media.identity,
        )
        self._sink.open(upload)
        self._is_remembered = True
        self._journal.save(self._media.recording_id, upload.to_state())

    def _fresh_size(self) -> int | None:
        if self._media.identity is not None:
            return None  # no metadata tells the size of a contact's recording
        ref = RecordingRef(self._plan.recording_id, self._plan.recorded_at)
        return self._bench.source.describe(ref).size_bytes

    def _publish(self, proof: Proof, whole: memoryview | None) -> StoredObject:
        key = self._settle_key(proof.audio.format)
        if whole is None:
            stored = self._complete(proof.size_bytes, proof)
        else:
            attributes = self._attributes(proof.audio.format, proof.sha256)
            try:
                stored = self._bench.store.put(key, whole, attributes, if_absent=self._if_absent)
            except ObjectExists:
                stored = self._same(key, proof)
        check_stored_size(stored, proof.size_bytes)
        return stored

    def _complete(self, size_bytes: int, proof: Proof | None) -> StoredObject:
        key = self._settle_key(None)
        try:
            return self._sink.complete(size_bytes, if_absent=self._if_absent)
        except ObjectExists:
            self._sink.abort()
        except UploadVanished:
            log.info("recording %s: its upload is gone, looking for the object", self._media.recording_id)
        return self._left_behind(key, size_bytes) if proof is None else self._same(key, proof)

    def _same(self, key: str, proof: Proof) -> StoredObject:
        """Accept an object that is there already: another worker's, or of a request whose answer was lost."""
        stored = self._left_behind(key, proof.size_bytes)
        check_same(stored, read_back(self._bench.store, stored, self._plan).proof, proof.sha256)
        return stored

    def _left_behind(self, key: str, size_bytes: int) -> StoredObject:
        stored = same_object(self._bench.store, key, size_bytes)
        self._bench.store.ensure_locked(stored)
        return stored

    def _commit_read_back(self, stored: StoredObject) -> Archived:
        """Verify a finished object whose bytes no single try has seen from the first to the last."""
        found = read_back(self._bench.store, stored, self._plan)
        proof = found.proof
        self.entries = entries_of(found, self._plan, self.entries, self._bench.clock)
        self._check(proof)
        earlier_sha256 = self.evidence.verified_before(proof.size_bytes)
        if earlier_sha256 is None:
            self.evidence.verified(proof, "read-back", self.sorted_entries())
        else:
            check_same(stored, proof, earlier_sha256)
        return self._commit(stored, proof, "read-back")

    def _check(self, proof: Proof) -> None:
        """Compare what the bytes turned out to be with what was said of them before."""
        check_duration(proof.audio.duration_s, self._plan.duration_s, self._media.duration_tolerance_s)
        check_source_digest(proof, self._media.sha256)

    def _commit(self, stored: StoredObject, proof: Proof, how: str) -> Archived:
        bench, recording_id = self._bench, self._media.recording_id
        manifest = self.evidence.manifest(stored, proof, how, self._plan, self._media.identity)
        new = True
        body = manifest.to_bytes()
        attributes = ObjectAttributes("application/json")
        try:
            bench.store.put(bench.layout.manifest_key(recording_id), body, attributes, if_absent=self._if_absent)
        except ObjectExists:
            committed = read_manifest(bench.store, bench.layout, recording_id)
            if committed is not None and committed.to_bytes() != body:
                manifest, new = committed.identified(self._media.identity), False  # another worker was faster
        if self._is_remembered:
            self._journal.clear(self._media.recording_id)
        return Archived(manifest, new)

    def _media_key(self, audio_format: str) -> str:
        extension = extension_of(audio_format)
        return self._bench.layout.media_key(self._media.recording_id, self._plan.recorded_at, extension)

    def _settle_key(self, audio_format: str | None) -> str:
        if self._key is None:
            if audio_format is None:
                raise UnknownAudio("the first part does not tell the audio format", expected="a known signature")
            self._key = self._media_key(audio_format)
        return self._key

    def _attributes(self, audio_format: str | None, sha256: str | None) -> ObjectAttributes:
        metadata = {_OWNER_KEY: self._media.recording_id}
        if sha256 is not None:
            metadata["sha256"] = sha256
        return ObjectAttributes(media_type_of(str(audio_format)), metadata, sha256)

    @property
    def _if_absent(self) -> bool:
        return not self._bench.settings.replace
