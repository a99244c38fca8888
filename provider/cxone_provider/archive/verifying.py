"""Is the archive still what it says? Objects are read back, hashed again and compared with manifest and audit trail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.errors import ArchiveError, AuditBroken, DigestMismatch, InvalidSetting, StoreRefused
from cxone_provider.archive.keys import ArchiveLayout, recording_id_of, split_uri
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.trail import MAX_TRAIL_BYTES, Trail, verify_trail

VERIFICATION_SCHEMA = "cxone.verification/1"
_MANIFEST_SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Verification:
    """What the check of one recording found.

    Attributes:
        recording_id: the recording.
        size_bytes: bytes that were read back and hashed.
        problem: None when everything fits, else what does not.
        error_type: name of the error behind the problem.
    """

    recording_id: str
    size_bytes: int = 0
    problem: str | None = None
    error_type: str | None = None

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


@dataclass(frozen=True, slots=True)
class Slice:
    """A rotating part of the archive: number `index` of `count`, so that `count` runs read everything.

    A recording's slice depends on its id alone: it is read once in every round, whatever comes and goes.
    """

    index: int = 0
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 <= self.index < self.count:
            raise InvalidSetting(
                "unusable slice", found=f"{self.index} of {self.count}", expected="0 <= index < count, e.g. 3 of 7"
            )

    def holds(self, recording_id: str) -> bool:
        """Tell whether the recording belongs to this slice."""
        digest = hashlib.sha256(recording_id.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index


def archived_ids(store: ObjectStore, layout: ArchiveLayout, part: Slice | None = None) -> Iterator[str]:
    """Yield the ids of the recordings that have a manifest, or those of one slice."""
    prefix = layout.manifest_key("")[: -len(_MANIFEST_SUFFIX)]
    for key in store.list_keys(prefix):
        recording_id = recording_id_of(key[len(prefix) : -len(_MANIFEST_SUFFIX)])
        if key.endswith(_MANIFEST_SUFFIX) and (part or Slice()).holds(recording_id):
            yield recording_id


def verify_archive(store: ObjectStore, layout: ArchiveLayout, recording_ids: Iterable[str]) -> Iterator[Verification]:
    """Check recordings one after the other; memory does not grow with them."""
    for recording_id in recording_ids:
        yield verify_recording(store, layout, recording_id)


def verify_recording(
    store: ObjectStore, layout: ArchiveLayout, recording_id: str, expected_head: str | None = None
) -> Verification:
    """Read one recording back and compare it with its manifest and its audit trail.

    Args:
        store: the bucket.
        layout: where the archive lies in it.
        recording_id: which recording.
        expected_head: head of the audit trail as the webhook announced it, where the receiver kept it. A manifest and
            a trail that were both cut back to an older state fit each other; only such an outside word shows it.
    """
    try:
        manifest = read_manifest(store, layout, recording_id)
        if manifest is None:
            raise StoreRefused("there is no manifest", found=layout.uri(layout.manifest_key(recording_id)))
        trail = _verified_trail(store, layout, manifest)
        if expected_head is not None and manifest.audit.get("head") != expected_head:
            raise AuditBroken(
                "the audit trail is not the announced one", found=manifest.audit.get("head"), expected=expected_head
            )
        _compare_media(store, manifest, trail)
    except ArchiveError as error:
        return Verification(recording_id, problem=str(error), error_type=type(error).__name__)
    return Verification(recording_id, size_bytes=manifest.size_bytes)


def _verified_trail(store: ObjectStore, layout: ArchiveLayout, manifest: Manifest) -> Trail:
    """Return the trail as it was when the manifest was written; what came later must hang on it."""
    key = layout.audit_key(manifest.recording_id)
    answer = store.read(key, max_bytes=MAX_TRAIL_BYTES)
    if answer is None:
        raise AuditBroken("there is no audit trail", found=layout.uri(key))
    whole = verify_trail(manifest.recording_id, answer[0])
    lines = manifest.audit.get("lines")
    if not isinstance(lines, int) or not 0 < lines <= len(whole.events):
        raise AuditBroken("the audit trail was cut", found=f"{len(whole.events)} lines", expected=f"at least {lines}")
    raw = b"".join(line + b"\n" for line in whole.raw.split(b"\n")[:lines])
    then = verify_trail(manifest.recording_id, raw)
    found = {"head": then.head, "sha256": then.sha256}
    expected = {name: manifest.audit.get(name) for name in found}
    if found != expected:
        raise AuditBroken("the audit trail is not the manifest's", found=found, expected=expected)
    return then


def _compare_media(store: ObjectStore, manifest: Manifest, trail: Trail) -> None:
    told = _verified_event(trail)
    if (told.get("sha256"), told.get("size_bytes")) != (manifest.sha256, manifest.size_bytes):
        raise AuditBroken("audit trail and manifest tell of different media", found=told, expected=manifest.sha256)
    _, key = split_uri(manifest.s3_uri)
    digest, size_bytes = hashlib.sha256(), 0
    with store.stream(key, version_id=manifest.version_id) as pieces:
        for piece in pieces:
            digest.update(piece)
            size_bytes += len(piece)
    if (size_bytes, digest.hexdigest()) != (manifest.size_bytes, manifest.sha256):
        raise DigestMismatch(
            f"the media at {manifest.s3_uri} changed", found=f"{size_bytes} bytes, SHA-256 {digest.hexdigest()}",
            expected=f"{manifest.size_bytes} bytes, SHA-256 {manifest.sha256}",
            hint="Restore the version that the manifest names.",
        )  # fmt: skip


def _verified_event(trail: Trail) -> Mapping[str, Any]:
    event = trail.last("verified")
    if event is None:
        raise AuditBroken("the audit trail has no proof of the media", expected="an event 'verified'")
    return event
