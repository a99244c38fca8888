"""Downloads that were asked for: what becomes of each entity, and the files that are left."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.contacts import ContactBook, KeptContact, KeptInteraction
from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.media import BytesMedia, Media, read
from cxone_provider.simulator.playback.store import StoredObject
from cxone_provider.simulator.recording import AVAILABLE
from cxone_provider.simulator.representation import ANY_TYPE, CONTENT_TYPES
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.storage import STREAMABLE_STATES

PENDING, IN_PROGRESS, COMPLETED, FAILED = "PENDING", "IN_PROGRESS", "COMPLETED", "FAILED"
PREFIX = "download/"
LISTING = "listing.json"
_KEPT_DOWNLOADS = 1000

Found = tuple[KeptContact, Sequence[KeptInteraction]]


@dataclass(frozen=True, slots=True)
class DownloadedFile:
    """A file of a download, by its key in the object store."""

    key: str
    entity_id: str
    audio_format: str
    media: Media

    @property
    def name(self) -> str:
        """The key without the folders."""
        return self.key.rpartition("/")[2]


@dataclass(slots=True)
class Download:
    """A request for entities.

    Attributes:
        failures: reasons by entity, known when it has ended.
        listing: JSON with a link for each file, made whenever somebody is told where it is.
    """

    request_id: str
    entity_ids: tuple[str, ...]
    are_segments: bool
    begins_at: datetime
    ends_at: datetime
    is_settled: bool = False
    failures: dict[str, str] = field(default_factory=dict)
    files: list[DownloadedFile] = field(default_factory=list)
    listing: bytes = b""


class Downloads:
    """Keeps the latest thousand requests. Safe under threads."""

    def __init__(self, settings: ApiSettings, contacts: ContactBook, clock: Clock) -> None:
        self._settings = settings
        self._contacts = contacts
        self._clock = clock
        self._lock = threading.Lock()
        self._downloads: dict[str, Download] = {}

    def request(self, entity_ids: Sequence[str], *, are_segments: bool) -> Download:
        """Take a request; it is pending for half of its time."""
        now, half_s = self._clock.now(), self._settings.download_job_s / 2
        times = (now + timedelta(seconds=half_s), now + timedelta(seconds=2 * half_s))
        download = Download(secrets.token_hex(16), tuple(entity_ids), are_segments, *times)
        with self._lock:
            self._downloads[download.request_id] = download
            if len(self._downloads) > _KEPT_DOWNLOADS:
                del self._downloads[next(iter(self._downloads))]
        return download

    def find(self, request_id: str) -> tuple[Download, str] | None:
        """Return a request and its status, or None; one whose time is over is settled here."""
        with self._lock:
            download = self._downloads.get(request_id)
            if download is None:
                return None
            now = self._clock.now()
            if now < download.ends_at:
                return download, PENDING if now < download.begins_at else IN_PROGRESS
            self._settle(download)
            return download, FAILED if len(download.failures) == len(set(download.entity_ids)) else COMPLETED

    def files(self, request_id: str) -> dict[str, bytes]:
        """Return the files of a request that has ended, by key."""
        found = self.find(request_id)
        return {} if found is None else {one.key: read(one.media, 0, one.media.size_bytes) for one in found[0].files}

    def stored(self, key: str) -> StoredObject | None:
        """Return the file behind a key of the object store, or None."""
        found = self.find(key.removeprefix(PREFIX).partition("/")[0]) if key.startswith(PREFIX) else None
        if found is None:
            return None
        if key == f"{PREFIX}{found[0].request_id}/{LISTING}":
            return StoredObject("application/json", BytesMedia(found[0].listing, found[0].ends_at), Endpoint.BULK)
        for file in found[0].files:
            if file.key == key:
                return StoredObject(CONTENT_TYPES.get(file.audio_format, ANY_TYPE), file.media, Endpoint.MEDIA)
        return None

    def reset(self) -> None:
        """Forget every request."""
        with self._lock:
            self._downloads.clear()

    def _settle(self, download: Download) -> None:
        if download.is_settled:
            return
        download.is_settled = True
        for entity_id in dict.fromkeys(download.entity_ids):
            found = self._found(entity_id, are_segments=download.are_segments)
            failure = self._failure(found)
            if found is None or failure is not None:
                download.failures[entity_id] = failure or "NOT_FOUND"
            else:
                download.files += self._restored(f"{PREFIX}{download.request_id}/", entity_id, found[1])

    def _found(self, entity_id: str, *, are_segments: bool) -> Found | None:
        if are_segments:
            return self._contacts.with_segment(entity_id)
        contact = self._contacts.find(entity_id) or self._contacts.find_inner(entity_id)
        return None if contact is None else (contact, contact.interactions)

    def _failure(self, found: Found | None) -> str | None:
        if found is None or not found[0].is_available or not found[1]:
            return "NOT_FOUND"
        if found[0].spec.refusal is not None:
            return found[0].spec.refusal.internal_code
        states = {known.recording.storage.observe() for known in found[1]}
        return None if self._settings.download_restores or states <= STREAMABLE_STATES else "ARCHIVED"

    def _restored(self, folder: str, entity_id: str, interactions: Sequence[KeptInteraction]) -> list[DownloadedFile]:
        files = []
        for known in interactions:
            recording = known.recording
            if recording.storage.current() not in STREAMABLE_STATES:
                recording.set_state(AVAILABLE, None)
            rendition = recording.media(None)
            if rendition is not None:
                name = f"{folder}{entity_id}/{recording.recording_id}.{rendition[0]}"
                files.append(DownloadedFile(name, entity_id, *rendition))
        return files
