"""The endpoints of Media Playback: contacts by master id, and single contact segments."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from urllib.parse import unquote

from cxone_provider.simulator.access.bearer import refused_bearer
from cxone_provider.simulator.answer import Answer, json_answer
from cxone_provider.simulator.api_errors import NOT_FOUND, api_error
from cxone_provider.simulator.contacts import ContactBook, KeptContact, KeptInteraction
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.playback.documents import contact_document, interaction_document
from cxone_provider.simulator.playback.links import LinkDesk
from cxone_provider.simulator.playback.quota import Quota
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import only, query_value
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.storage import STREAMABLE_STATES
from cxone_provider.simulator.tokens import TokenDesk

_CONTACTS = "/media-playback/v1/contacts"
_SEGMENT = re.compile(r"/media-playback/v1/segments/([^/]+)")
_ALL = "all"
_MEDIA_TYPES = frozenset({_ALL, "voice-only", "voice-and-screen", "chat", "email"})

Found = tuple[KeptContact, Sequence[KeptInteraction]]


class MediaPlayback:
    """Answers contacts and segments with links to their media."""

    def __init__(
        self, settings: ApiSettings, tokens: TokenDesk, contacts: ContactBook, links: LinkDesk, quota: Quota
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._contacts = contacts
        self._links = links
        self._quota = quota

    def route(self, request: Request) -> Route | None:
        """Return the route of a contact or a segment, or None."""
        path = self._settings.api_path(request.path) or ""
        match = _SEGMENT.fullmatch(path)
        if match is not None:
            return self._segment_route(unquote(match[1]), path)
        if path != _CONTACTS:
            return None
        contact_id = query_value(request, "acd-call-id")
        contact = self._contacts.find(contact_id)
        found = None if contact is None else (contact, contact.interactions)
        return self._routed(contact_id, path, found)

    def _segment_route(self, segment_id: str, path: str) -> Route:
        return self._routed(segment_id, path, self._contacts.with_segment(segment_id))

    def _routed(self, asked_id: str | None, path: str, found: Found | None) -> Route:
        respond = functools.partial(self._answer, asked_id, path, found)
        return Route(Endpoint.METADATA, asked_id, only({"GET"}, respond), None if found is None else found[0])

    def _answer(self, asked_id: str | None, path: str, found: Found | None, request: Request) -> Answer:
        refused = refused_bearer(self._tokens, request) or self._quota.refusal(path)
        if refused is not None:
            return refused
        media_type = query_value(request, "media-type") or _ALL
        if not asked_id or media_type not in _MEDIA_TYPES:
            return api_error(400, "BadRequest", "acd-call-id or media-type is missing or unknown")
        if found is None or not found[0].is_available:
            return NOT_FOUND
        contact, interactions = found
        if contact.spec.refusal is not None:
            refusal = contact.spec.refusal
            return api_error(refusal.status, refusal.internal_code, refusal.message)
        chosen = [known for known in interactions if media_type in {_ALL, known.spec.media_type}]
        return self._played(contact, chosen, request)

    def _played(self, contact: KeptContact, interactions: Sequence[KeptInteraction], request: Request) -> Answer:
        links = [self._link(known, request) for known in interactions]
        if None in links and self._settings.archived_answer == "not-found":
            return NOT_FOUND
        if (query_value(request, "isDownload") or "").lower() == "true":
            redirect = next((link for link in links if link is not None), None)
            return NOT_FOUND if redirect is None else json_answer(200, {"redirectUrl": redirect})
        items = [
            interaction_document(contact, known, self._link_fields(link))
            for known, link in zip(interactions, links, strict=True)
        ]
        return json_answer(200, contact_document(contact, items, self._settings.shapes))

    def _link_fields(self, link: str | None) -> dict[str, object]:
        return {} if link is None and self._settings.archived_answer == "no-link" else {"fileToPlayUrl": link}

    def _link(self, interaction: KeptInteraction, request: Request) -> str | None:
        """Return a new link; None while the media is archived."""
        recording = interaction.recording
        if recording.storage.observe() not in STREAMABLE_STATES:
            return None
        if interaction.spec.link is not None:
            return interaction.spec.link
        if interaction.spec.changes_with_link and self._links.given(recording.recording_id):
            recording.change_entity(0)
        return self._links.sign(recording.recording_id, request)
