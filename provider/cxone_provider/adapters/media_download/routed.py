"""A tenant's recordings and those it made ready in bulk, behind one port: what names a request is read from there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from cxone_provider.adapters.cxone.sources import TenantSource
from cxone_provider.adapters.media_download.source import DownloadedSource, request_of
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media, RecordingSource, SegmentRead, WholeBody
from cxone_provider.archive.recording import RecordingDescription, RecordingRef

_MARK = "media-download:"


class RoutedSource:
    """Implements :class:`cxone_provider.adapters.cxone.sources.TenantSource`.

    Args:
        tenant: everything that names no request.
        open_downloads: opens what was made ready in bulk; called once it is needed.
    """

    def __init__(self, tenant: TenantSource, open_downloads: Callable[[], DownloadedSource]) -> None:
        self._tenant = tenant
        self._open_downloads = open_downloads
        self._downloads: DownloadedSource | None = None
        self._lock = threading.Lock()

    @property
    def requests_used(self) -> int:
        """Requests so far that count against the tenant's quota of playback; bulk has a quota of its own."""
        return self._tenant.requests_used

    def check(self) -> str:
        """Fetch a token and return the API's base URL; touches no recording."""
        return self._tenant.check()

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return what the source says of one recording; contract in the port."""
        return self._tenant.describe(ref) if request_of(ref.metadata) is None else self._opened().describe(ref)

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return the files behind a plan; contract in the port."""
        if request_of(plan.metadata) is None:
            return self._tenant.resolve(plan)
        return [replace(media, locator=_MARK + media.locator) for media in self._opened().resolve(plan)]

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        source, own = self._reader_of(media)
        return source.read_segment(own, segment, buffer)

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the whole media, or the rest of it, in one request; contract in the port."""
        source, own = self._reader_of(media)
        return source.open_whole(own, start)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._tenant.close()
        if self._downloads is not None:
            self._downloads.close()

    def _reader_of(self, media: Media) -> tuple[RecordingSource, Media]:
        own = media.locator.removeprefix(_MARK)
        return (self._tenant if own == media.locator else self._opened()), replace(media, locator=own)

    def _opened(self) -> DownloadedSource:
        with self._lock:
            if self._downloads is None:
                self._downloads = self._open_downloads()
            return self._downloads
