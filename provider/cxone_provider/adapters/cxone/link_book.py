"""The links of the medias that are being read, and how an expired one is made anew."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from copy import copy
from typing import Protocol

from cxone_provider.adapters.cxone.links import Link, checked_link
from cxone_provider.adapters.cxone.playback_document import Interaction
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.archive.errors import ArchiveError, MediaWithheld, RecordingNotFound
from cxone_provider.archive.ports import Media

_HONOURED = (200, 206, 412, 416)


class Interactions(Protocol):
    """Whoever knows a contact's interactions, each with a link that is new."""

    def interactions(self, recording_id: str) -> Sequence[Interaction]:
        """Return them, by a request to the tenant.

        Raises:
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """


class _Held:
    """The link of one media; it may be made anew, but not again before the one that was made has worked."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.lock = threading.Lock()
        self.renewable = True
        self.failure: ArchiveError | None = None


class LinkBook:
    """The links of a source's medias; a refused one is resolved again once, however many readers were refused.

    Args:
        playback: makes new links.
        settings: where links may lead.
    """

    def __init__(self, playback: Interactions, settings: CXoneSettings) -> None:
        self._playback = playback
        self._settings = settings
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def forget(self, media: Media) -> None:
        """Let the media's own link, which is new, take the place of any that was made for it before."""
        with self._lock:
            self._held.pop(media.recording_id, None)

    def link(self, media: Media) -> Link:
        """Return the link that is good now, as far as is known.

        Raises:
            MediaWithheld: the interaction has no link.
            UnexpectedAnswer: the link may not be followed.
        """
        return self._holding(media).link

    def answered(self, media: Media, link: Link, status: int) -> None:
        """Take note of what a link was answered with: one behind which the store looked at the media works."""
        held = self._holding(media)
        if held.link == link and status in _HONOURED:
            held.renewable = True

    def renewed(self, media: Media, refused: Link, refusal: Exception) -> Link:
        """Return a link in place of a refused one, by one playback request or by none where another reader has it.

        Raises:
            what `refusal` is: the refused link was itself new.
            the errors of :meth:`Interactions.interactions` and of :meth:`link`, to every reader the same one.
        """
        held = self._holding(media)
        with held.lock:
            if held.link != refused:
                return held.link
            if not held.renewable:
                raise refusal
            if held.failure is not None:
                raise copy(held.failure)
            try:
                held.link, held.renewable = self._resolved(media), False
            except ArchiveError as error:
                held.failure = copy(error)
                raise
            return held.link

    def _holding(self, media: Media) -> _Held:
        with self._lock:
            held = self._held.get(media.recording_id)
            if held is None:
                held = self._held[media.recording_id] = _Held(self._checked(media.locator, media))
            return held

    def _resolved(self, media: Media) -> Link:
        contact_id = media.recording_id.rpartition(".")[0]
        for interaction in self._playback.interactions(contact_id):
            if interaction.identity == media.identity:
                return self._checked(interaction.link or "", media)
        raise RecordingNotFound(f"{media.recording_id} is no longer among the interactions of its contact")

    def _checked(self, locator: str, media: Media) -> Link:
        if not locator:
            raise MediaWithheld(
                f"no link to the media of {media.recording_id}", found="an interaction without one",
                hint="It may be archived, locked, or not ready yet.",
            )  # fmt: skip
        return checked_link(locator, self._settings)
