"""The object store behind the links: it answers as S3 does, and takes no bearer token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import unquote

from cxone_provider.simulator.answer import Answer, Octets
from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.contacts import ContactBook, KeptContact, KeptInteraction
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.faults import Fault
from cxone_provider.simulator.media import Media
from cxone_provider.simulator.playback.links import BUCKET, STORE_PREFIX, LinkDesk, Verdict
from cxone_provider.simulator.representation import ANY_TYPE, CONTENT_TYPES, represented
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import only

_CODES = {412: "PreconditionFailed", 416: "InvalidRange"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that is no contact's media, and which faults strike requests for it."""

    content_type: str
    media: Media
    endpoint: Endpoint


# Objects that are no contact's media, by key; None where there is no such object.
Objects = Callable[[str], StoredObject | None]


class MediaStore:
    """Answers requests under :data:`.links.STORE_PREFIX`."""

    def __init__(self, contacts: ContactBook, links: LinkDesk, clock: Clock, others: Objects) -> None:
        self._contacts = contacts
        self._links = links
        self._clock = clock
        self._others = others

    def route(self, request: Request) -> Route | None:
        """Return the route of a request for an object, or None."""
        if not request.path.startswith(STORE_PREFIX):
            return None
        bucket, _, quoted_key = request.path.removeprefix(STORE_PREFIX).partition("/")
        key = unquote(quoted_key) if bucket == BUCKET else ""
        found = self._contacts.with_recording(key)
        subject = None if found is None else _Subject(*found)
        other = self._others(key)
        endpoint = Endpoint.MEDIA if other is None else other.endpoint

        def respond(asked: Request) -> Answer:
            return self._answer(key, asked)

        return Route(endpoint, key if found else None, only({"GET", "HEAD"}, respond), subject)

    def _answer(self, key: str, request: Request) -> Answer:
        refused = self._refusal(request)
        if refused is not None:
            return refused
        found = self._object(key)
        if found is None:
            return xml_error(404, "NoSuchKey", "The specified key does not exist.")
        return represented(request, found[1], found[0], self._clock.now(), _refuse)

    def _refusal(self, request: Request) -> Answer | None:
        if request.header("authorization") is not None:
            return xml_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        verdict = self._links.verdict(request)
        if verdict is Verdict.UNSIGNED:
            return xml_error(403, "AccessDenied", "Access Denied")
        # The method is part of what an object store signs.
        if verdict is Verdict.FORGED or request.method != "GET":
            return xml_error(403, "SignatureDoesNotMatch", "The request signature we calculated does not match")
        if verdict is Verdict.EXPIRED:
            now = f"<ServerTime>{self._clock.now():%Y-%m-%dT%H:%M:%SZ}</ServerTime>"
            return xml_error(403, "AccessDenied", "Request has expired", now)
        return None

    def _object(self, key: str) -> tuple[str, Media] | None:
        found = self._contacts.with_recording(key)
        if found is None:
            other = self._others(key)
            return None if other is None else (other.content_type, other.media)
        rendition = found[1].recording.media(None)
        return None if rendition is None else (CONTENT_TYPES.get(rendition[0], ANY_TYPE), rendition[1])


class _Subject:
    """What faults strike and change: the interaction's recording, with the contact's faults after its own."""

    def __init__(self, contact: KeptContact, interaction: KeptInteraction) -> None:
        self._contact = contact
        self._recording = interaction.recording

    def striking(self, endpoint: Endpoint, request: Request) -> list[Fault]:
        """Count the request in both scripts and return the faults that strike it."""
        return self._recording.striking(endpoint, request) + self._contact.striking(endpoint, request)

    def change_entity(self, size_change_bytes: int) -> None:
        """Make the one recording another version."""
        self._recording.change_entity(size_change_bytes)


def xml_error(status: int, code: str, message: str, more: str = "") -> Answer:
    """Return an error as S3 writes it; `more` is XML that follows the message."""
    document = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>'
    body = f"{document}{more}</Error>".encode()
    return Answer(status, (("Content-Type", "application/xml"),), (Octets(body),))


def _refuse(status: int, code: str, message: str) -> Answer:
    return xml_error(status, _CODES.get(status, code), message)
