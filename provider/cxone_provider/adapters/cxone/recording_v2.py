"""Recordings by the dialect ``recording-v2``: metadata and ranged downloads under one base URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from urllib.parse import quote

from cxone_provider.adapters.cxone.documents import parse_description
from cxone_provider.adapters.cxone.media import ChunkSigning, SegmentFetch
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.adapters.cxone.whole import body_headers, body_of
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody
from cxone_provider.archive.recording import RecordingDescription, RecordingRef, checked_recording_id


class RecordingV2Source:
    """A tenant that speaks ``recording-v2``; implements :class:`cxone_provider.archive.ports.RecordingSource`.

    Args:
        settings: the tenant.
        clock: waits, and measures token lifetimes.
        on_token: told every token of every kind before it is used, so that whoever writes the logs can hide it.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings, clock: Clock, *, on_token: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._api = TenantApi(settings, clock, on_token=on_token)
        self._signing = ChunkSigning(settings.stream_signature_header, settings.stream_secret)

    @property
    def requests_used(self) -> int:
        """Requests so far that count against the tenant's quota: this dialect has none."""
        return 0

    def check(self) -> str:
        """Fetch a token and return the API's base URL: shows that both are right, and touches no recording.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        return self._api.check()

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return the recording's metadata, by one GET.

        Raises:
            InvalidRecordingId: before any request.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        recording_id = checked_recording_id(ref.recording_id)
        call = Call(f"/api/v2/recording/{quote(recording_id, safe='')}", self._settings.timeouts.metadata_s)
        refuse = partial(self._api.refused, subject=f"metadata of {recording_id}")
        return parse_description(self._api.document(call, "metadata", refuse), ref)

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return the one file behind a plan; costs no request."""
        recording_id = checked_recording_id(plan.recording_id)
        return (Media(recording_id, plan.requested_format, plan.size_bytes, plan.etag),)

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        call = self._download(media)
        refuse = partial(self._api.refused, subject=f"media of {media.recording_id}")
        fetch = SegmentFetch(media, segment, buffer, partial(self._api.ask, call), refuse, self._signing)
        self._settings.retries.call(fetch.advance, self._clock)
        return fetch.result(call.requests)

    @contextmanager
    def open_whole(self, media: Media, start: int = 0) -> Iterator[WholeBody]:
        """Ask for the whole media, or the rest of it, in one request; opening is retried, reading is not."""
        call = self._download(media)
        headers = body_headers(media, start)
        refuse = partial(self._api.refused, subject=f"media of {media.recording_id}")

        def attempt() -> tuple[WholeBody, ExitStack]:
            with ExitStack() as stack:
                answer = stack.enter_context(self._api.ask(call, headers))
                return body_of(answer, media, start, refuse), stack.pop_all()

        body, stack = self._settings.retries.call(attempt, self._clock)
        with stack:
            yield body

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._api.close()

    def _download(self, media: Media) -> Call:
        recording_id = checked_recording_id(media.recording_id)
        params = None if media.requested_format is None else {"format": media.requested_format}
        path = f"/api/v2/recording/download/{quote(recording_id, safe='')}"
        return Call(path, self._settings.timeouts.media_s, params)
