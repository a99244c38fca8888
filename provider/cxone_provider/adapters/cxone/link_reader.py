"""Media behind links: each is asked for by its own link, and a refused one is made anew once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import requests

from cxone_provider.adapters.cxone.link_book import Interactions, LinkBook
from cxone_provider.adapters.cxone.links import REFUSED, LinkSession, refused_link
from cxone_provider.adapters.cxone.media import ChunkSigning, SegmentFetch
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.whole import body_headers, body_of
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody

_UNSIGNED = ChunkSigning("X-Unsigned", None)  # object stores sign no ranges


class LinkReader:
    """Reads medias whose locators are links.

    Args:
        settings: the tenant: time-outs, retries, and where links may lead.
        clock: waits.
        makes: tells the interactions of a contact anew, with new links.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings, clock: Clock, makes: Interactions) -> None:
        self._settings = settings
        self._clock = clock
        self._session = LinkSession(settings)
        self._links = LinkBook(makes, settings)

    def hold(self, media: Media) -> None:
        """Take the media's own link, which is new, in place of any that was made for it before."""
        self._links.forget(media)

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
        self._session.close()

    @contextmanager
    def _ask(self, media: Media, sent: list[int], headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Yield a store's answer; a refused link is made anew, and tried once more when it is a new one."""
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
