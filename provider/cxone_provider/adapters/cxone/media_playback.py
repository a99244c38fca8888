"""Recordings by the dialect ``media-playback``: one request for a contact's links, and the media behind each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from cxone_provider.adapters.cxone.link_reader import LinkReader
from cxone_provider.adapters.cxone.playback_api import PlaybackApi
from cxone_provider.adapters.cxone.playback_document import Interaction
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody
from cxone_provider.archive.recording import RecordingDescription, RecordingRef, checked_recording_id


class MediaPlaybackSource:
    """A tenant that speaks ``media-playback``; implements :class:`cxone_provider.archive.ports.RecordingSource`.

    Args:
        settings: the tenant.
        clock: waits, paces requests, and measures token lifetimes.
        on_token: told every token of every kind before it is used, so that whoever writes the logs can hide it.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings, clock: Clock, *, on_token: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._api = TenantApi(settings, clock, on_token=on_token)
        self._playback = PlaybackApi(self._api)
        self._reader = LinkReader(settings, clock, self._playback)

    @property
    def requests_used(self) -> int:
        """Requests so far that count against the tenant's quota."""
        return self._playback.budget.requests_used

    def check(self) -> str:
        """Fetch a token and return the API's base URL: shows that both are right, and touches no recording.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        return self._api.check()

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return what the listing says, without a request; of a bare id, what one playback request tells.

        Raises:
            InvalidRecordingId: before any request.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        recording_id = checked_recording_id(ref.recording_id)
        recorded_at, duration_s = ref.recorded_at, ref.duration_s
        if not (ref.metadata or recorded_at or duration_s is not None):
            found = self._playback.interactions(recording_id)
            recorded_at = found[0].recorded_at if found else None
            duration_s = found[0].duration_s if len(found) == 1 else None
        return RecordingDescription(
            recording_id=recording_id, format=None, size_bytes=None, duration_s=duration_s, status=None,
            storage_state=None, recorded_at=recorded_at, metadata=dict(ref.metadata), settled_by_media=True,
        )  # fmt: skip

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return every voice interaction of a contact as ``{contact_id}.{n}``, by one playback request.

        Raises:
            InvalidRecordingId: before any request.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        contact_id = checked_recording_id(plan.recording_id)
        found = self._playback.interactions(contact_id)
        return [self._media(contact_id, number, one) for number, one in enumerate(found, start=1)]

    def _media(self, contact_id: str, number: int, interaction: Interaction) -> Media:
        media = Media(
            recording_id=f"{contact_id}.{number}", locator=interaction.link or "", identity=interaction.identity,
            recorded_at=interaction.recorded_at, duration_s=interaction.duration_s, metadata=interaction.metadata,
            single_request=True, duration_tolerance_s=self._settings.duration_tolerance_s,
        )  # fmt: skip
        self._reader.hold(media)
        return media

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        return self._reader.read_segment(media, segment, buffer)

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the whole media, or the rest of it, in one request; opening is retried, reading is not."""
        return self._reader.open_whole(media, start)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._api.close()
        self._reader.close()
