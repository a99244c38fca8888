"""One recording with everything the archive holds of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.contact import CONTACT_SCHEMA
from cxone_provider.archive.errors import AuditBroken, InvalidDocument, StoreRefused
from cxone_provider.archive.keys import ArchiveLayout, split_uri
from cxone_provider.archive.manifest import MAX_MANIFEST_BYTES, Manifest, parse_manifest
from cxone_provider.archive.recording import checked_recording_id, iso
from cxone_provider.archive.trail import Trail, verify_trail

MAX_TRAIL_SHOWN_BYTES = 32 * 2**20
MAX_EVENTS_SHOWN = 400
MAX_SEGMENTS_SHOWN = 2_000
_MAX_RECEIPT_BYTES = 64 * 1024


def read_document(store: ArchiveBrowser, layout: ArchiveLayout, recording_id: str) -> dict[str, Any] | None:
    """Return what lies at a manifest's key as JSON, or None while nothing does.

    Raises:
        InvalidInput: the id cannot be used.
        InvalidDocument: it is no JSON object.
    """
    answer = store.read(layout.manifest_key(checked_recording_id(recording_id)), max_bytes=MAX_MANIFEST_BYTES)
    if answer is None:
        return None
    try:
        document = json.loads(answer[0])
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("the manifest is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidDocument("the manifest is no object")
    return document


def archived_recording(store: ArchiveBrowser, layout: ArchiveLayout, recording_id: str) -> Manifest | None:
    """Return a recording's manifest, or None where it is not archived, or the id is a contact's.

    Raises:
        InvalidInput: the id cannot be used, or what lies there is no manifest.
    """
    document = read_document(store, layout, recording_id)
    if document is None or document.get("schema") == CONTACT_SCHEMA:
        return None
    return parse_manifest(json.dumps(document).encode(), recording_id)


def media_key(layout: ArchiveLayout, manifest: Manifest) -> str:
    """Return the media's key.

    Raises:
        InvalidDocument: the manifest names another bucket, or what is no media of this archive.
    """
    bucket, key = split_uri(manifest.s3_uri)
    if bucket != layout.bucket or not key.startswith(layout.media_prefix()):
        raise InvalidDocument("the manifest names media outside of the archive", expected=layout.media_prefix())
    return key


def recording_document(store: ArchiveBrowser, layout: ArchiveLayout, recording_id: str) -> dict[str, Any]:
    """Return everything about one recording.

    Requests: manifest, trail, receipt, head of the media, and two for its lock.

    Raises:
        InvalidInput: the id cannot be used, or what lies at its manifest's key is none.
    """
    document = read_document(store, layout, recording_id)
    if document is not None and document.get("schema") == CONTACT_SCHEMA:
        return {"recording_id": recording_id, "archived": False, "contact": contact_recordings(document)}
    told: dict[str, Any] = {"recording_id": recording_id, "archived": document is not None}
    lines = None
    if document is not None:
        manifest = parse_manifest(json.dumps(document).encode(), recording_id)
        lines = manifest.audit.get("lines")
        told |= {"manifest": document, "object": _object(store, layout, manifest)}
    return told | {
        "trail": _trail_document(store, layout, recording_id, lines if isinstance(lines, int) else None),
        "receipt": _receipt(store, layout, recording_id),
    }


def contact_recordings(document: Mapping[str, Any]) -> list[str]:
    """Return the ids that a contact's manifest names."""
    listed = document.get("recordings")
    named = [one.get("recording_id") if isinstance(one, Mapping) else one for one in listed or ()]
    return [name for name in named if isinstance(name, str)]


def _object(store: ArchiveBrowser, layout: ArchiveLayout, manifest: Manifest) -> dict[str, Any]:
    key = media_key(layout, manifest)
    seen = store.stat(key)
    if seen is None:
        return {"key": key, "exists": False}
    return {
        "key": key,
        "exists": True,
        "size_bytes": seen.size_bytes,
        "etag": seen.etag,
        "version_id": seen.version_id,
        # A bucket without versions tells of another object by its entity tag alone.
        "is_archived_version": (seen.version_id, seen.etag) == (manifest.version_id, manifest.etag or seen.etag),
        "checksums": dict(seen.checksums),
        **_lock(store, key, manifest.version_id),
    }


def _lock(store: ArchiveBrowser, key: str, version_id: str | None) -> dict[str, Any]:
    try:
        lock = store.lock_of(key, version_id=version_id)
    except StoreRefused:
        return {"lock": None, "lock_known": False}
    if lock is None:
        return {"lock": None, "lock_known": True}
    told = {"mode": lock.mode, "retain_until": iso(lock.retain_until), "legal_hold": lock.legal_hold}
    return {"lock": told, "lock_known": True}


def _trail_document(
    store: ArchiveBrowser, layout: ArchiveLayout, recording_id: str, committed_lines: int | None
) -> dict[str, Any]:
    try:
        answer = store.read(layout.audit_key(recording_id), max_bytes=MAX_TRAIL_SHOWN_BYTES)
    except StoreRefused:
        return {"exists": True, "too_large": True}
    if answer is None:
        return {"exists": False}
    try:
        trail = verify_trail(recording_id, answer[0])
    except AuditBroken as error:
        return {"exists": True, "intact": False, "problem": str(error), "events": [], "segments": []}
    return {
        "exists": True,
        "intact": True,
        "head": trail.head,
        "sha256": trail.sha256,
        "lines": len(trail.events),
        "events": [dict(event) for event in trail.events if event.get("event") != "segment"][-MAX_EVENTS_SHOWN:],
        **_segments(trail, committed_lines),
    }


def _segments(trail: Trail, committed_lines: int | None) -> dict[str, Any]:
    """Return the newest entry of every segment of the try that was committed, in the order of the bytes."""
    events = trail.events if committed_lines is None else trail.events[:committed_lines]
    newest = {event.get("chunk_index"): event for event in events if event.get("event") == "segment"}
    ordered: Sequence[Mapping[str, Any]] = [newest[index] for index in sorted(newest, key=_index)]
    names = (
        "chunk_index",
        "range",
        "bytes_read",
        "status",
        "attempts",
        "latency_ms",
        "sha256",
        "signature",
        "timestamp",
    )
    shown = [{name: event.get(name) for name in names} for event in ordered[:MAX_SEGMENTS_SHOWN]]
    return {"segments": shown, "segment_count": len(ordered)}


def _index(value: Any) -> int:
    return value if isinstance(value, int) else -1


def _receipt(store: ArchiveBrowser, layout: ArchiveLayout, recording_id: str) -> dict[str, Any] | None:
    try:
        answer = store.read(layout.receipt_key(recording_id), max_bytes=_MAX_RECEIPT_BYTES)
        document = None if answer is None else json.loads(answer[0])
    except (StoreRefused, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
