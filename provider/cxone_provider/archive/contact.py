"""The contact manifest: which recordings a contact has. It is written last, once every one of them is archived.

It lies where a recording's manifest would lie, so that one request tells of either that nothing is left to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pendulum

from cxone_provider.archive.errors import ContactDisagrees, InvalidDocument
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import MAX_MANIFEST_BYTES, Manifest, json_of
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.recording import iso, parse_duration_s, parse_size_bytes, parse_time
from cxone_provider.archive.stored import ObjectLock

CONTACT_SCHEMA = "cxone.contact-manifest/1"
_COMPARED = ("sha256", "size_bytes", "s3_uri", "identity", "audit_head")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """What a contact manifest, and the audit log of an archived recording, tell of it.

    Attributes:
        recording_id: the recording.
        manifest_uri, s3_uri: where its manifest and its media lie.
        sha256, size_bytes, format, duration_s: of the media as measured.
        segment_count: segments it was fetched in.
        recorded_at: its start, or None.
        identity: the interaction it is of; None outside of contacts.
        audit_uri, audit_head: its audit trail, and the trail's head as of the commit.
        lock: Object Lock as asked for; None where the bucket decides.
    """

    recording_id: str
    manifest_uri: str
    s3_uri: str
    sha256: str
    size_bytes: int
    format: str | None
    duration_s: float | None
    segment_count: int
    recorded_at: pendulum.DateTime | None
    identity: str | None
    audit_uri: str
    audit_head: str
    lock: ObjectLock | None = None

    @classmethod
    def of(cls, manifest: Manifest, layout: ArchiveLayout) -> StoredRecording:
        """Return what a recording's own manifest tells.

        Raises:
            InvalidDocument: it was changed to what no manifest says.
        """
        return cls(
            recording_id=manifest.recording_id,
            manifest_uri=layout.uri(layout.manifest_key(manifest.recording_id)),
            s3_uri=manifest.s3_uri,
            sha256=manifest.sha256,
            size_bytes=manifest.size_bytes,
            format=_optional_text(manifest.audio, "format"),
            duration_s=parse_duration_s(manifest.audio.get("duration_s"), "duration_s"),
            segment_count=parse_size_bytes(manifest.plan.get("segment_count"), "segment_count") or 0,
            recorded_at=parse_time(manifest.plan.get("recorded_at"), "recorded_at"),
            identity=manifest.identity,
            audit_uri=str(manifest.audit.get("uri")),
            audit_head=str(manifest.audit.get("head")),
            lock=ObjectLock.from_document(manifest.storage),
        )

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object inside a contact manifest."""
        document: dict[str, Any] = {
            "recording_id": self.recording_id,
            "manifest_uri": self.manifest_uri,
            "s3_uri": self.s3_uri,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "format": self.format,
            "duration_s": self.duration_s,
            "segment_count": self.segment_count,
            "recorded_at": iso(self.recorded_at),
            "identity": self.identity,
            "audit": {"uri": self.audit_uri, "head": self.audit_head},
        }
        if self.lock is not None:
            document["object_lock"] = self.lock.to_document()
        return document

    @classmethod
    def from_document(cls, document: object) -> StoredRecording:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: a field is missing or does not fit.
        """
        if not isinstance(document, Mapping) or not isinstance(document.get("audit"), Mapping):
            raise InvalidDocument("a recording of a contact manifest", found=document, expected="an object with audit")
        size_bytes = parse_size_bytes(document.get("size_bytes"), "size_bytes")
        segment_count = parse_size_bytes(document.get("segment_count"), "segment_count")
        sha256 = _text(document, "sha256")
        if size_bytes is None or segment_count is None or not _SHA256.fullmatch(sha256):
            raise InvalidDocument(
                "a recording of a contact manifest", found=document, expected="size, segments and SHA-256 of the media"
            )
        lock = document.get("object_lock")
        return cls(
            recording_id=_text(document, "recording_id"),
            manifest_uri=_text(document, "manifest_uri"),
            s3_uri=_text(document, "s3_uri"),
            sha256=sha256,
            size_bytes=size_bytes,
            format=_optional_text(document, "format"),
            duration_s=parse_duration_s(document.get("duration_s"), "duration_s"),
            segment_count=segment_count,
            recorded_at=parse_time(document.get("recorded_at"), "recorded_at"),
            identity=_text(document, "identity"),
            audit_uri=_text(document["audit"], "uri"),
            audit_head=_text(document["audit"], "head"),
            lock=ObjectLock.from_document(lock) if isinstance(lock, Mapping) else None,
        )


@dataclass(frozen=True, slots=True)
class ContactManifest:
    """Every recording of a contact, each archived.

    Attributes:
        contact_id: the contact.
        recordings: in the order of their numbers, at least one.
        archived_at: when the last of them was archived.
        provider_version: version of this package.
    """

    contact_id: str
    recordings: Sequence[StoredRecording]
    archived_at: pendulum.DateTime
    provider_version: str

    @classmethod
    def of(cls, contact_id: str, manifests: Sequence[Manifest], layout: ArchiveLayout) -> ContactManifest:
        """Return the manifest of a contact with these recordings; workers that archived it together make the same."""
        last = max(manifests, key=lambda manifest: manifest.archived_at)
        recordings = tuple(StoredRecording.of(manifest, layout) for manifest in manifests)
        return cls(contact_id, recordings, last.archived_at, last.provider_version)

    def compare(self, named: StoredRecording, manifest: Manifest | None, layout: ArchiveLayout) -> None:
        """Compare what this manifest tells of a recording with the recording's own manifest.

        Raises:
            ContactDisagrees: there is none, or it tells of other bytes, another place or another interaction.
        """
        if manifest is None:
            raise ContactDisagrees(
                f"{named.recording_id} of contact {self.contact_id} has no manifest", expected=named.manifest_uri,
                hint="It was removed: archive the contact again with replace=True.",
            )  # fmt: skip
        kept = StoredRecording.of(manifest, layout)
        others = [name for name in _COMPARED if getattr(kept, name) != getattr(named, name)]
        if others:
            raise ContactDisagrees(
                f"the manifest of contact {self.contact_id} is not that of {named.recording_id}",
                found={name: getattr(kept, name) for name in others},
                expected={name: getattr(named, name) for name in others},
                hint="One was changed, or a replacement ended early: archive the contact again with replace=True.",
            )

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object as it is stored."""
        return {
            "schema": CONTACT_SCHEMA,
            "contact_id": self.contact_id,
            "recordings": [recording.to_document() for recording in self.recordings],
            "archived_at": iso(self.archived_at),
            "provider_version": self.provider_version,
        }

    def to_bytes(self) -> bytes:
        """Return the document as it is stored: readable JSON, the same bytes for the same values."""
        return json.dumps(self.to_document(), indent=2, sort_keys=True, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_document(cls, document: object) -> ContactManifest:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != CONTACT_SCHEMA:
            raise InvalidDocument(
                "not a contact manifest", found=document, expected=f"an object with schema {CONTACT_SCHEMA}"
            )
        listed, archived_at = document.get("recordings"), parse_time(document.get("archived_at"), "archived_at")
        if not isinstance(listed, list) or not listed or archived_at is None:
            raise InvalidDocument("incomplete contact manifest", found=document, expected="recordings and a time")
        contact_id = _text(document, "contact_id")
        recordings = tuple(StoredRecording.from_document(recording) for recording in listed)
        ids = [recording.recording_id for recording in recordings]
        if ids != [f"{contact_id}.{number}" for number in range(1, len(ids) + 1)]:
            raise InvalidDocument("recordings of a contact manifest", found=ids, expected=f"{contact_id}.1 and so on")
        return cls(contact_id, recordings, archived_at, _text(document, "provider_version"))


def parse_archived(raw: bytes, archived_id: str) -> Manifest | ContactManifest:
    """Read what lies where a recording's or contact's manifest is stored.

    Raises:
        InvalidDocument: it is neither, or another one's.
    """
    document = json_of(raw)
    if not isinstance(document, Mapping) or document.get("schema") != CONTACT_SCHEMA:
        manifest = Manifest.from_document(document)
        return manifest.checked(archived_id)
    contact = ContactManifest.from_document(document)
    if contact.contact_id != archived_id:
        raise InvalidDocument("another contact's manifest", found=contact.contact_id, expected=archived_id)
    return contact


def read_archived(store: ObjectStore, layout: ArchiveLayout, archived_id: str) -> Manifest | ContactManifest | None:
    """Return a recording's or contact's manifest at the cost of one request, or None while it is not archived.

    Raises:
        InvalidDocument: what lies there is neither; nothing may be archived over it.
    """
    answer = store.read(layout.manifest_key(archived_id), max_bytes=MAX_MANIFEST_BYTES)
    return None if answer is None else parse_archived(answer[0], archived_id)


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidDocument(f"{name} of a manifest", found=value, expected="text")
    return value
