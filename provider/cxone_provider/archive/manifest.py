"""The manifest: the document that says a recording is archived. Its existence is the commit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import IdentityConflict, InvalidDocument
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.recording import iso, parse_size_bytes, parse_time

MANIFEST_SCHEMA = "cxone.manifest/1"
_VALUES = json.JSONEncoder(sort_keys=True, allow_nan=False)  # json.dumps makes one for each call that asks for anything
MAX_MANIFEST_BYTES = 256 * 1024
MAX_METADATA_BYTES = 128 * 1024  # the rest of a manifest is bounded far below the other half


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is archived of one recording, where, and what proves it.

    Attributes:
        recording_id: the recording.
        s3_uri, version_id, etag: the media as stored.
        size_bytes, sha256: of the whole media.
        checksums: what the store computed itself.
        proof: ``in-flight`` or ``read-back``: where the digest was taken.
        audio: format, codec, duration_s and more as measured.
        plan: the segment plan's document.
        metadata: what source and listing know of the recording.
        audit: ``{"uri", "sha256", "head", "lines"}`` of the audit trail.
        storage: encryption, Object Lock as asked for.
        context: who archived it, e.g. DAG and run.
        started_at, archived_at: of the try that archived it.
        provider_version: version of this package.
        identity: the interaction of a contact that this is; None outside of contacts.
        metadata_omitted: fields of the metadata that were left out: too large, or nothing that JSON holds.
    """

    recording_id: str
    s3_uri: str
    size_bytes: int
    sha256: str
    archived_at: pendulum.DateTime
    started_at: pendulum.DateTime
    audit: Mapping[str, Any]
    provider_version: str
    version_id: str | None = None
    etag: str | None = None
    checksums: Mapping[str, str] = field(default_factory=dict)
    proof: str = "in-flight"
    audio: Mapping[str, Any] = field(default_factory=dict)
    plan: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    storage: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    identity: str | None = None
    metadata_omitted: int = 0

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object as it is stored."""
        document = {
            "schema": MANIFEST_SCHEMA,
            "recording_id": self.recording_id,
            "s3_uri": self.s3_uri,
            "version_id": self.version_id,
            "etag": self.etag,
            "size_bytes": self.size_bytes,
            "sha256": self.sha256,
            "checksums": dict(self.checksums),
            "proof": self.proof,
            "audio": dict(self.audio),
            "plan": dict(self.plan),
            "metadata": dict(self.metadata),
            "audit": dict(self.audit),
            "storage": dict(self.storage),
            "context": dict(self.context),
            "started_at": iso(self.started_at),
            "archived_at": iso(self.archived_at),
            "provider_version": self.provider_version,
        }
        if self.identity is not None:
            document["identity"] = self.identity
        if self.metadata_omitted:
            document["metadata_omitted"] = self.metadata_omitted
        return document

    def to_bytes(self) -> bytes:
        """Return the document as it is stored: readable JSON, the same bytes for the same values."""
        # A line for each field: json's own indentation is not in C, and took a tenth of a small recording's time.
        fields = sorted(self.to_document().items())
        lines = [f"  {json.dumps(name)}: {_VALUES.encode(value)}" for name, value in fields]
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode()

    @classmethod
    def from_document(cls, document: object) -> Manifest:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != MANIFEST_SCHEMA:
            raise InvalidDocument("not a manifest", found=document, expected=f"an object with schema {MANIFEST_SCHEMA}")
        size_bytes = parse_size_bytes(document.get("size_bytes"), "size_bytes")
        archived_at = parse_time(document.get("archived_at"), "archived_at")
        started_at = parse_time(document.get("started_at"), "started_at")
        if size_bytes is None or archived_at is None or started_at is None:
            raise InvalidDocument("incomplete manifest", found=document, expected="size_bytes and both times")
        return cls(
            recording_id=_text(document, "recording_id"),
            s3_uri=_text(document, "s3_uri"),
            size_bytes=size_bytes,
            sha256=_text(document, "sha256"),
            archived_at=archived_at,
            started_at=started_at,
            provider_version=_text(document, "provider_version"),
            proof=_text(document, "proof"),
            version_id=_optional_text(document, "version_id"),
            etag=_optional_text(document, "etag"),
            checksums=_object(document, "checksums"),
            audio=_object(document, "audio"),
            plan=_object(document, "plan"),
            metadata=_object(document, "metadata"),
            audit=_object(document, "audit"),
            storage=_object(document, "storage"),
            context=_object(document, "context"),
            identity=_optional_text(document, "identity"),
            metadata_omitted=parse_size_bytes(document.get("metadata_omitted"), "metadata_omitted") or 0,
        )

    def checked(self, recording_id: str) -> Manifest:
        """Return the manifest if it is this recording's.

        Raises:
            InvalidDocument: it is another's.
        """
        if self.recording_id != recording_id:
            raise InvalidDocument("another recording's manifest", found=self.recording_id, expected=recording_id)
        return self

    def identified(self, identity: str | None) -> Manifest:
        """Return the manifest if it is of this interaction; nothing is archived over another one's.

        Raises:
            IdentityConflict: it is not.
        """
        if self.identity != identity:
            raise IdentityConflict(
                f"{self.recording_id} is archived as another interaction", found=self.identity or "no contact's",
                expected=identity or "no contact's",
                hint="The source numbers the contact's recordings otherwise than before. Nothing was overwritten.",
            )  # fmt: skip
        return self


def storable_metadata(metadata: Mapping[str, Any], budget_bytes: int = MAX_METADATA_BYTES) -> dict[str, Any]:
    """Return the fields that fit into `budget_bytes` of JSON, in their order; what JSON cannot hold is left out."""
    kept: dict[str, Any] = {}
    for key, value in metadata.items():
        try:
            cost_bytes = len(json.dumps({str(key): value}, indent=2, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            continue  # counted by the caller as left out: the recording is worth more than the field
        if cost_bytes <= budget_bytes:
            kept[str(key)] = value
            budget_bytes -= cost_bytes
    return kept


def json_of(raw: bytes) -> object:
    """Return a stored document.

    Raises:
        InvalidDocument: it is not JSON.
    """
    try:
        document: object = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("the manifest is not JSON", found=raw[:80].decode("utf-8", "replace")) from error
    return document


def parse_manifest(raw: bytes, recording_id: str) -> Manifest:
    """Read a stored manifest.

    Raises:
        InvalidDocument: it is not one, or it is another recording's.
    """
    return Manifest.from_document(json_of(raw)).checked(recording_id)


def read_manifest(store: ObjectStore, layout: ArchiveLayout, recording_id: str) -> Manifest | None:
    """Return a recording's manifest at the cost of one request, or None while it is not archived.

    Raises:
        InvalidDocument: what lies there is not this recording's manifest; nothing may be archived over it.
    """
    answer = store.read(layout.manifest_key(recording_id), max_bytes=MAX_MANIFEST_BYTES)
    return None if answer is None else parse_manifest(answer[0], recording_id)


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise InvalidDocument(f"{name} of a manifest", found=value, expected="text")
    return value


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)


def _object(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if not isinstance(value, Mapping):
        raise InvalidDocument(f"{name} of a manifest", found=value, expected="an object")
    return dict(value)
