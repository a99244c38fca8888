"""Recordings that were made ready in bulk: found by the request that their plan names, read where they were put."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from cxone_provider.archive.downloads import DOWNLOAD_FIELD, DownloadStatus, entity_id_of
from cxone_provider.archive.errors import UnexpectedAnswer
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media, SegmentRead, WholeBody
from cxone_provider.archive.recording import Outcome, RecordingDescription, RecordingRef, checked_recording_id

Ask = Callable[[str], DownloadStatus]
"""Returns how a request stands, by its id; one request to the tenant."""


class DownloadPlace(Protocol):
    """Where the media of requests lies. Its errors are those of a recording source."""

    def resolve(self, recording_id: str, request_id: str, status: DownloadStatus) -> Sequence[Media]:
        """Return every file of a recording as ``{recording_id}.{n}``, each with an identity; at least one."""

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`."""

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the media, or the rest of it, in one request."""

    def close(self) -> None:
        """Release connections; may be called twice."""


class DownloadedSource:
    """Media of Media Download; implements :class:`cxone_provider.archive.ports.RecordingSource`.

    Describing costs no request: what the tenant made ready is settled by the media. Resolving asks once for each
    request how it stands, however many recordings it was for.

    Args:
        ask: returns how a request stands.
        place: where the media lies.
        close: releases what `ask` uses.
    """

    def __init__(self, ask: Ask, place: DownloadPlace, close: Callable[[], None]) -> None:
        self._ask = ask
        self._place = place
        self._close = close
        self._lock = threading.Lock()
        self._seen: dict[str, DownloadStatus] = {}

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return what the listing says; only the media tells the rest.

        Raises:
            InvalidRecordingId: the id cannot be used.
        """
        return RecordingDescription(
            recording_id=checked_recording_id(ref.recording_id), format=None, size_bytes=None,
            duration_s=ref.duration_s, status=None, storage_state=None, recorded_at=ref.recorded_at,
            metadata=dict(ref.metadata), settled_by_media=True,
        )  # fmt: skip

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return every file of a recording as ``{recording_id}.{n}``.

        Raises:
            UnexpectedAnswer: it is not ready any more, or its media is not where the tenant says.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable.
        """
        recording_id = checked_recording_id(plan.recording_id)
        request_id = request_of(plan.metadata)
        if request_id is None:
            raise UnexpectedAnswer("the plan names no media download", found=recording_id, expected=DOWNLOAD_FIELD)
        status = self._status(request_id)
        end = status.entities.get(entity_id_of(recording_id))
        if not status.is_ended or end is None or end.outcome is not Outcome.READY:
            found = status.word if end is None else end.reason
            raise UnexpectedAnswer(f"media of {recording_id} is not ready by its request", found=found)
        return self._place.resolve(recording_id, request_id, status)

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        return self._place.read_segment(media, segment, buffer)

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the whole media, or the rest of it, in one request; contract in the port."""
        return self._place.open_whole(media, start)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._place.close()
        self._close()

    def _status(self, request_id: str) -> DownloadStatus:
        with self._lock:
            if request_id not in self._seen:
                self._seen[request_id] = self._ask(request_id)
            return self._seen[request_id]


def request_of(metadata: Mapping[str, Any]) -> str | None:
    """Return the request by which a recording was made ready, or None."""
    request_id = metadata.get(DOWNLOAD_FIELD)
    return request_id if isinstance(request_id, str) else None
