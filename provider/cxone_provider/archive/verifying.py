"""Is the archive still what it says? Objects are read back, hashed again and compared with manifest and audit trail.

What that proves: the media is, byte for byte, what was hashed when it was received. What the tenant had sent before,
only its own chunk signatures can prove. A manifest and a trail that were both cut back to an older state fit each
other; the head that the webhook announced, or Object Lock, shows that.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pendulum

from cxone_provider.archive.contact import ContactManifest, read_archived
from cxone_provider.archive.errors import (
    ArchiveError,
    AuditBroken,
    DigestMismatch,
    ObjectConflict,
    StoreRefused,
    StoreUnavailable,
    TransferCancelled,
)
from cxone_provider.archive.keys import ArchiveLayout, split_uri
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.pooling import pool_of
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.recording import parse_time
from cxone_provider.archive.trail import MAX_TRAIL_BYTES, Trail, verify_trail

VERIFICATION_SCHEMA = "cxone.verification/1"
TIME_TO_COMMIT = pendulum.duration(days=1)
_AHEAD = 2  # recordings taken on for each reader, so that none waits for the one whose turn it is


@dataclass(frozen=True, slots=True)
class Verification:
    """What the check of one recording found.

    Attributes:
        recording_id: the recording.
        size_bytes: bytes that were read back and hashed.
        problem: None when everything fits, else what does not.
        error_type: name of the error behind the problem.
        unread: the store could not be read: nothing is known, and another try may tell.
        archived: False where there is no manifest and nothing says that there should be one: no try succeeded yet.
        contact: True for a contact's manifest, compared with those of its recordings; their media are read under their
            own ids.
    """

    recording_id: str
    size_bytes: int = 0
    problem: str | None = None
    error_type: str | None = None
    unread: bool = False
    archived: bool = True
    contact: bool = False

    @property
    def intact(self) -> bool:
        """True when media, manifest and trail agree."""
        return self.problem is None

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of a report's line."""
        return {
            "schema": VERIFICATION_SCHEMA,
            "recording_id": self.recording_id,
            "intact": self.intact,
            "size_bytes": self.size_bytes,
            "problem": self.problem,
            "error_type": self.error_type,
        }


class Verifier:
    """Checks recordings of one archive.

    Args:
        store: the bucket.
        layout: where the archive lies in it.
        now: the time; what was published within the day before it may still wait for its manifest. None: nothing may.
        cancelled: set by a kill, and by :meth:`verify_all` when it is left early: reading ends at the next piece.
        seen: told how many more bytes of media were read back, piece by piece.
    """

    def __init__(
        self,
        store: ObjectStore,
        layout: ArchiveLayout,
        now: pendulum.DateTime | None = None,
        cancelled: threading.Event | None = None,
        seen: Callable[[int], None] | None = None,
    ) -> None:
        self._store = store
        self._layout = layout
        self._young_since = None if now is None else now - TIME_TO_COMMIT
        self._cancelled = cancelled or threading.Event()
        self._seen = seen or (lambda _: None)

    def verify_all(self, recording_ids: Iterable[str], concurrency: int = 1) -> Iterator[Verification]:
        """Check recordings, `concurrency` at a time, in their order; memory does not grow with them.

        Raises:
            TransferCancelled: the work was cancelled.
        """
        waiting: deque[Future[Verification]] = deque()
        with pool_of(concurrency, "cxone-verification", self._cancelled) as pool:
            for recording_id in recording_ids:
                waiting.append(pool.submit(self.verify, recording_id))
                if len(waiting) >= concurrency * _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def verify(self, recording_id: str, expected_head: str | None = None) -> Verification:
        """Read one recording back and compare it with its manifest and audit trail; or compare a contact's manifest.

        Args:
            recording_id: which.
            expected_head: head of the audit trail as the webhook announced it, where the receiver kept it.

        Raises:
            TransferCancelled: the work was cancelled.
        """
        if self._cancelled.is_set():
            raise TransferCancelled("stopped before this recording was read", found=recording_id)
        manifest: Manifest | ContactManifest | None = None
        try:
            manifest = read_archived(self._store, self._layout, recording_id)
            if manifest is None:
                return self._without_manifest(recording_id)
            if isinstance(manifest, ContactManifest):
                return self._verify_contact(manifest, expected_head)
            trail = self._trail_of(recording_id)
            if expected_head is not None:
                _check_announced(trail, expected_head)
            _compare_proofs(manifest, trail)
            self._compare_media(manifest)
        except TransferCancelled:
            raise
        except ArchiveError as error:
            unread, contact = isinstance(error, StoreUnavailable), isinstance(manifest, ContactManifest)
            kind = type(error).__name__
            return Verification(recording_id, problem=str(error), error_type=kind, unread=unread, contact=contact)
        return Verification(recording_id, size_bytes=manifest.size_bytes)

    def _verify_contact(self, contact: ContactManifest, expected_head: str | None) -> Verification:
        if expected_head is not None:
            raise AuditBroken(
                "a contact has no audit trail of its own", found=contact.contact_id,
                expected=f"one of its recordings, e.g. {contact.recordings[0].recording_id}",
            )  # fmt: skip
        for stored in contact.recordings:
            contact.compare(stored, read_manifest(self._store, self._layout, stored.recording_id), self._layout)
        return Verification(contact.contact_id, contact=True)

    def _without_manifest(self, recording_id: str) -> Verification:
        uri = self._layout.uri(self._layout.manifest_key(recording_id))
        published_at = _published_at(self._trail_of(recording_id))
        if published_at is None or (self._young_since is not None and published_at > self._young_since):
            return Verification(recording_id, 0, f"not archived: there is no {uri}", archived=False)
        raise StoreRefused(
            "the audit trail proves a recording that has no manifest", found=f"no {uri}",
            expected=f"one, written at about {published_at}",
            hint="It was removed, or the try that published the media died before its commit: archive it again.",
        )  # fmt: skip

    def _trail_of(self, recording_id: str) -> Trail:
        answer = self._store.read(self._layout.audit_key(recording_id), max_bytes=MAX_TRAIL_BYTES)
        return verify_trail(recording_id, b"" if answer is None else answer[0])

    def _compare_media(self, manifest: Manifest) -> None:
        _, key = split_uri(manifest.s3_uri)
        digest, size_bytes = hashlib.sha256(), 0
        with self._store.stream(key, version_id=manifest.version_id) as pieces:
            for piece in pieces:
                if self._cancelled.is_set():
                    raise TransferCancelled("stopped while reading back", found=manifest.s3_uri)
                digest.update(piece)
                size_bytes += len(piece)
                self._seen(len(piece))
        if (size_bytes, digest.hexdigest()) != (manifest.size_bytes, manifest.sha256):
            raise DigestMismatch(
                f"the media at {manifest.s3_uri} changed", found=f"{size_bytes} bytes, SHA-256 {digest.hexdigest()}",
                expected=f"{manifest.size_bytes} bytes, SHA-256 {manifest.sha256}",
                hint="Restore the version that the manifest names.",
            )  # fmt: skip
        self._check_visible(manifest, key)

    def _check_visible(self, manifest: Manifest, key: str) -> None:
        """Check that who reads the key without naming a version gets the archived one; Object Lock does not see to it.

        Raises:
            ObjectConflict: another version, or a delete marker, hides it.
        """
        newest = self._store.stat(key)
        if newest is None or newest.version_id != manifest.version_id:
            raise ObjectConflict(
                f"the archived version of {manifest.s3_uri} is hidden", expected=manifest.version_id,
                found="a delete marker" if newest is None else f"version {newest.version_id}",
                hint="The archived bytes are intact; remove what was put over them.",
            )  # fmt: skip


def verify_recording(
    store: ObjectStore, layout: ArchiveLayout, recording_id: str, expected_head: str | None = None
) -> Verification:
    """Check one recording that should be archived; see :meth:`Verifier.verify`."""
    return Verifier(store, layout).verify(recording_id, expected_head)


def verify_trail_alone(recording_id: str, raw: bytes, expected_head: str | None = None) -> Trail:
    """Check an audit trail without its archive, e.g. a copy that an auditor was given.

    Args:
        recording_id: whose it is.
        raw: the file's bytes.
        expected_head: as the webhook announced it; later lines may follow that one.

    Raises:
        AuditBroken: the chain does not hold, there is no line, or the announced one is not there.
    """
    trail = verify_trail(recording_id, raw)
    if not trail.events:
        raise AuditBroken("the audit trail is empty", expected="at least one line")
    if expected_head is not None:
        _check_announced(trail, expected_head)
    return trail


def _check_announced(trail: Trail, head: str) -> None:
    if not trail.passed(head):
        raise AuditBroken("the audit trail does not hold the announced head", found=trail.head, expected=head)


def _compare_proofs(manifest: Manifest, trail: Trail) -> None:
    """Compare the manifest with the trail as it was at the commit; what came later hangs on that."""
    lines = manifest.audit.get("lines")
    if not isinstance(lines, int) or not 0 < lines <= len(trail.events):
        raise AuditBroken("the audit trail was cut", found=f"{len(trail.events)} lines", expected=f"at least {lines}")
    then = trail.cut(lines)
    found = {"head": then.head, "sha256": then.sha256}
    expected = {name: manifest.audit.get(name) for name in found}
    if found != expected:
        raise AuditBroken("the audit trail is not the manifest's", found=found, expected=expected)
    told = then.last("verified") or {}
    if (told.get("sha256"), told.get("size_bytes")) != (manifest.sha256, manifest.size_bytes):
        raise AuditBroken("audit trail and manifest tell of different media", found=told, expected=manifest.sha256)


def _published_at(trail: Trail) -> pendulum.DateTime | None:
    """Return when the recording was about to be published for good; None where the try that did so failed."""
    ends: list[Mapping[str, Any]] = [event for event in trail.events if event.get("event") in {"verified", "failed"}]
    return parse_time(ends[-1].get("at"), "at") if ends and ends[-1]["event"] == "verified" else None
