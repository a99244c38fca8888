"""Recordings by the dialect ``media-playback``: one request for a contact's links, and the media behind each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import requests

from cxone_provider.adapters.cxone.link_book import LinkBook
from cxone_provider.adapters.cxone.links import REFUSED, LinkSession, refused_link
from cxone_provider.adapters.cxone.media import ChunkSigning, SegmentFetch
from cxone_provider.adapters.cxone.playback_api import PlaybackApi
from cxone_provider.adapters.cxone.playback_document import Interaction
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.adapters.cxone.whole import body_headers, body_of
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody
from cxone_provider.archive.recording import RecordingDescription, RecordingRef, checked_recording_id

_UNSIGNED = ChunkSigning("X-Unsigned", None)  # object stores sign no ranges


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
        self._clock = clock
        self._api = TenantApi(settings, clock, on_token=on_token)
        self._playback = PlaybackApi(self._api)
        self._session = LinkSession(settings)
        self._links = LinkBook(self._playback, settings)

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
            single_request=True,
        )  # fmt: skip
        self._links.forget(media)
        return media

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        sent: list[int] = []
        fetch = SegmentFetch(
            media, segment, buffer, partial(self._ask, media, sent), partial(self._refused, media), _UNSIGNED
        )
        self._settings.retries.call(fetch.advance, self._clock)
        return fetch.result(len(sent))

    @contextmanager
    def open_whole(self, media: Media, start: int = 0) -> Iterator[WholeBody]:
        """Ask for the whole media, or the rest of it, in one request; opening is retried, reading is not."""
        headers = body_headers(media, start)

        def attempt() -> tuple[WholeBody, ExitStack]:
            with ExitStack() as stack:
                answer = stack.enter_context(self._ask(media, [], headers))
                return body_of(answer, media, start, partial(self._refused, media)), stack.pop_all()

        body, stack = self._settings.retries.call(attempt, self._clock)
        with stack:
            yield body

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._api.close()
        self._session.close()

    @contextmanager
    def _ask(self, media: Media, sent: list[int], headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Yield a store's answer; a refused link costs one playback request and is tried once more when it is new."""
        link = self._links.link(media)
        sent.append(1)
        with self._session.get(link, headers) as answer:
            if answer.status_code not in REFUSED:
                self._links.answered(media, link, answer.status_code)
                yield answer
                return
            refusal = self._refused(media, answer)
        link = self._links.renewed(media, link, refusal)
        sent.append(1)
        with self._session.get(link, headers) as answer:
            if answer.status_code in REFUSED:
                raise self._refused(media, answer)
            self._links.answered(media, link, answer.status_code)
            yield answer

    def _refused(self, media: Media, answer: requests.Response) -> Exception:
        return refused_link(answer, f"media of {media.recording_id}", self._clock.now())
