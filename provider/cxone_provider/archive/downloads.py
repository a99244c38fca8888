"""Recordings that the tenant makes ready in bulk: what was asked for, what became of each, until when is waited.

A request names many recordings. The tenant works on it and says then, of each one, whether its media is ready. The
rules hold no I/O, so that a task in its worker and a trigger in Airflow's event loop wait alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pendulum

from cxone_provider.archive.errors import (
    InvalidDocument,
    RateLimited,
    RecordingNotFound,
    SourceUnavailable,
    TransferStalled,
)
from cxone_provider.archive.escaping import shown
from cxone_provider.archive.listing import read_ref
from cxone_provider.archive.plan import Reason, SegmentPlan
from cxone_provider.archive.recording import Outcome, RecordingRef, checked_recording_id, iso, parse_time

REQUEST_SCHEMA = "cxone.media-download-request/1"
WAIT_SCHEMA = "cxone.media-download-wait/1"
DOWNLOAD_FIELD = "media_download"
"""Name of a ref's metadata that holds the request by which its media was made ready."""

MAX_ENTITIES = 100


class EntityKind(StrEnum):
    """What the ids of a request are."""

    CONTACTS = "contacts"
    CONTACT_SEGMENTS = "contact-segments"


_REASON_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """Recordings that were asked for together.

    Attributes:
        request_id: the tenant's name of the request; None for recordings that needed none.
        requested_at: when it was made; None where there is none.
        documents: ref documents, as the listing made them.
    """

    request_id: str | None
    requested_at: pendulum.DateTime | None
    documents: Sequence[Mapping[str, Any]]

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object for XCom."""
        return {
            "schema": REQUEST_SCHEMA,
            "request_id": self.request_id,
            "requested_at": iso(self.requested_at),
            "recordings": [dict(document) for document in self.documents],
        }

    @classmethod
    def from_document(cls, document: object) -> DownloadRequest:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != REQUEST_SCHEMA:
            raise InvalidDocument(
                "not a media download request", found=document, expected=f"an object with schema {REQUEST_SCHEMA}"
            )
        request_id, documents = document.get("request_id"), document.get("recordings")
        if request_id is not None and not isinstance(request_id, str):
            raise InvalidDocument("request_id of a media download", found=request_id, expected="text or null")
        if not isinstance(documents, Sequence) or not all(isinstance(one, Mapping) for one in documents):
            raise InvalidDocument("recordings of a media download", found=documents, expected="a list of refs")
        return cls(request_id, parse_time(document.get("requested_at"), "requested_at"), documents)


@dataclass(frozen=True, slots=True)
class EntityEnd:
    """What became of one recording: READY, or an end, with the tenant's own reason."""

    outcome: Outcome
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DownloadStatus:
    """How a request stands.

    Attributes:
        word: the tenant's own, e.g. ``IN_PROGRESS``.
        is_ended: whether it changes no more.
        entities: what became of each recording that the answer names, by id.
        location: where the media lies, in the tenant's own terms; may hold secret links, so never shown.
    """

    word: str
    is_ended: bool
    entities: Mapping[str, EntityEnd] = field(default_factory=dict)
    location: Any = field(default=None, repr=False)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object for an event; without the location."""
        ready = [one for one, end in self.entities.items() if end.outcome is Outcome.READY]
        ended = {one: [str(end.outcome), end.reason] for one, end in self.entities.items() if one not in set(ready)}
        return {"status": self.word, "is_ended": self.is_ended, "ready": ready, "ended": ended}

    @classmethod
    def from_document(cls, document: object) -> DownloadStatus:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: a field does not fit.
        """
        try:
            found: Any = document
            entities = {checked_recording_id(one): EntityEnd(Outcome.READY) for one in found["ready"]}
            for one, (outcome, reason) in found["ended"].items():
                entities[checked_recording_id(one)] = EntityEnd(Outcome(outcome), reason)
            return cls(str(found["status"]), is_ended=found["is_ended"] is True, entities=entities)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidDocument("not the end of a media download", found=document) from error


def entity_id_of(recording_id: str) -> str:
    """Return the id that the tenant knows a recording by: without the word before a colon that says of what it is."""
    return recording_id.partition(":")[2] or recording_id


Ask = Callable[[str], DownloadStatus]
"""Returns how a request stands, by its id; one request to the tenant."""


class DownloadWatch:
    """Requests that are waited for, looked at one by one.

    Args:
        request_ids: what to wait for.
        deadline_at: when waiting ends, whatever has not ended.

    Attributes:
        found: how each request stood when it was last looked at; None before.
    """

    def __init__(self, request_ids: Iterable[str], deadline_at: pendulum.DateTime) -> None:
        self.deadline_at = deadline_at
        self.found: dict[str, DownloadStatus | None] = dict.fromkeys(request_ids)
        self._least_pause_s = 0.0

    @property
    def waiting(self) -> tuple[str, ...]:
        """The requests that have not ended, in the order they were given."""
        return tuple(one for one, found in self.found.items() if found is None or not found.is_ended)

    def is_over(self, now: pendulum.DateTime) -> bool:
        """Tell whether there is nothing left to wait for, or the deadline has come."""
        return not self.waiting or now >= self.deadline_at

    def look(self, ask: Ask, request_id: str) -> bool:
        """Ask how one request stands; return False where this round should end, for the tenant refuses more.

        A failure that may pass leaves the request waiting. One that the tenant does not know has ended.

        Raises:
            ArchiveError: asking again makes no sense, or the work was cancelled.
        """
        try:
            self.found[request_id] = ask(request_id)
        except RecordingNotFound:
            self.found[request_id] = DownloadStatus("UNKNOWN", is_ended=True)
        except RateLimited as error:
            self._least_pause_s = max(self._least_pause_s, error.retry_after_s or 0.0)
            return False
        except (SourceUnavailable, TransferStalled):
            return True
        return True

    def take_pause_s(self) -> float:
        """Return for how long the tenant asked since the last round to be left alone, seconds."""
        pause_s, self._least_pause_s = self._least_pause_s, 0.0
        return pause_s

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object that a trigger sends as its event."""
        seen = {one: found.to_document() for one, found in self.found.items() if found is not None}
        return {"schema": WAIT_SCHEMA, "deadline_at": iso(self.deadline_at), "requests": seen}


def seen_requests(event: object) -> dict[str, DownloadStatus]:
    """Return how the requests stood by a trigger's event; one that could not be asked for is not in it.

    Raises:
        InvalidDocument: it is no such event.
    """
    if not isinstance(event, Mapping) or event.get("schema") != WAIT_SCHEMA:
        raise InvalidDocument("not the end of a wait", found=event, expected=f"an object with schema {WAIT_SCHEMA}")
    requests = event.get("requests")
    if not isinstance(requests, Mapping):
        raise InvalidDocument("requests of a wait", found=requests, expected="an object")
    return {str(one): DownloadStatus.from_document(found) for one, found in requests.items()}


def documents_after(request: DownloadRequest, status: DownloadStatus | None) -> list[dict[str, Any]]:
    """Return one document for each recording of a request: a ref where its media is ready, a plan where it is not.

    Args:
        request: what was asked for.
        status: how it stands; None where that could not be learned before the deadline.
    """
    if request.request_id is None:
        return [dict(document) for document in request.documents]
    return [_after(read_ref(document), request.request_id, status) for document in request.documents]


def _after(ref: RecordingRef, request_id: str, status: DownloadStatus | None) -> dict[str, Any]:
    end = _end_of(ref.recording_id, status)
    metadata = {DOWNLOAD_FIELD: request_id, **ref.metadata}
    if end.outcome is Outcome.READY:
        return {**ref.to_document(), "has_media": True, "metadata": metadata}
    plan = SegmentPlan(
        ref.recording_id, Outcome.READY, duration_s=ref.duration_s, recorded_at=ref.recorded_at, metadata=metadata
    )
    reason = None if end.reason is None else shown(end.reason, limit=_REASON_CHARACTERS)
    return plan.ended(end.outcome, Reason("media_download", reason, "COMPLETED")).to_document()


def _end_of(recording_id: str, status: DownloadStatus | None) -> EntityEnd:
    if status is None or not status.is_ended:
        return EntityEnd(Outcome.FAILED, f"{'nothing known' if status is None else status.word} at the deadline")
    unnamed = EntityEnd(Outcome.FAILED, f"{status.word}, but not named")
    return status.entities.get(entity_id_of(recording_id), unnamed)
