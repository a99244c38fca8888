"""Media of Media Download behind links: ``downloadLocation`` holds them, or is itself a link to a list of them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pendulum

from cxone_provider.adapters.cxone.answers import read_document
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.link_reader import LinkReader
from cxone_provider.adapters.cxone.links import LinkSession, checked_link, refused_link
from cxone_provider.adapters.cxone.playback_document import Interaction
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.media_download.source import Ask
from cxone_provider.archive.downloads import DownloadStatus, entity_id_of
from cxone_provider.archive.errors import UnexpectedAnswer
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody

_SUBJECT = "list of downloaded media"
_MAX_NAME = 200
_EPOCH = pendulum.datetime(1970, 1, 1, tz="UTC")  # a list of links tells no starts


class LinkPlace:
    """Links of requests; implements :class:`~.source.DownloadPlace`.

    A link that has expired is made anew by asking once more how its request stands.

    Args:
        settings: the tenant: where links may lead, time-outs, retries.
        ask: returns how a request stands.
        clock: waits.
    """

    def __init__(self, settings: CXoneSettings, ask: Ask, clock: Clock) -> None:
        self._settings = settings
        self._ask = ask
        self._clock = clock
        self._session = LinkSession(settings)
        self._reader = LinkReader(settings, clock, self)
        self._lock = threading.Lock()
        self._requests: dict[str, str] = {}
        self._listed: dict[str, Mapping[str, Sequence[Interaction]]] = {}

    def resolve(self, recording_id: str, request_id: str, status: DownloadStatus) -> Sequence[Media]:
        """Return every file of a recording, in the order of their names."""
        with self._lock:
            self._requests[recording_id] = request_id
            if request_id not in self._listed:
                self._listed[request_id] = self._files(status.location)
            files = self._listed[request_id].get(entity_id_of(recording_id), ())
        if not files:
            raise UnexpectedAnswer(f"no link for {recording_id} where its request {request_id} says")
        return [self._media(recording_id, number, file) for number, file in enumerate(files, start=1)]

    def _media(self, recording_id: str, number: int, file: Interaction) -> Media:
        media = Media(f"{recording_id}.{number}", locator=file.link or "", identity=file.identity, single_request=True)
        self._reader.hold(media)
        return media

    def interactions(self, recording_id: str) -> Sequence[Interaction]:
        """Return a recording's files with new links; contract in :class:`~.link_book.Interactions`."""
        status = self._ask(self._requests[recording_id])
        return self._files(status.location).get(entity_id_of(recording_id), ())

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`."""
        return self._reader.read_segment(media, segment, buffer)

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the media, or the rest of it, in one request."""
        return self._reader.open_whole(media, start)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._session.close()
        self._reader.close()

    def _files(self, location: object) -> Mapping[str, Sequence[Interaction]]:
        """Return the files by entity, in the order of their names."""
        names = self._settings.media_download.links
        document: Any = location
        if isinstance(location, str):
            document = parse_object(self._fetched(location), _SUBJECT, secret=True)
        listed = document.get(names.files) if isinstance(document, Mapping) else document
        if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
            raise UnexpectedAnswer(
                "downloadLocation holds no list of links", found=type(listed).__name__,
                expected=f"objects with {names.entity}, {names.name} and {names.url}",
                hint="Set location and the names of the fields in media_download.",
            )  # fmt: skip
        files: dict[str, list[Interaction]] = {}
        for one in listed:
            files.setdefault(str(one.get(names.entity)), []).append(self._file(one))
        return {entity: sorted(of_one, key=lambda file: file.identity) for entity, of_one in files.items()}

    def _file(self, listed: Mapping[str, Any]) -> Interaction:
        names = self._settings.media_download.links
        name, url = listed.get(names.name), listed.get(names.url)
        if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME or not name.isprintable():
            raise UnexpectedAnswer(f"{names.name} in a {_SUBJECT}", found=type(name).__name__, expected="a file's name")
        link = checked_link(url, self._settings)
        return Interaction("voice", _EPOCH, None, link.url, name, {})

    def _fetched(self, location: str) -> bytes:
        link = checked_link(location, self._settings)

        def attempt() -> bytes:
            with self._session.get(link, {"Accept": "application/json"}) as answer:
                if answer.status_code != 200:
                    raise refused_link(answer, _SUBJECT, self._clock.now())
                return read_document(answer, _SUBJECT)

        return self._settings.retries.call(attempt, self._clock)
