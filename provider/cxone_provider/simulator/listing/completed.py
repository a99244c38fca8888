"""Completed contacts: a page of a list, by start date or by what has been updated since."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import datetime

from cxone_provider.simulator.access.bearer import refused_bearer
from cxone_provider.simulator.answer import Answer, json_answer
from cxone_provider.simulator.api_errors import api_error
from cxone_provider.simulator.contacts import ContactBook, KeptContact
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.listing.dates import parsed_date
from cxone_provider.simulator.playback.documents import timestamp
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import only, query_value
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.tokens import TokenDesk

_PATH = re.compile(r"/incontactapi/services/v\d{1,3}\.\d{1,3}/contacts/completed")
_WHOLE = re.compile(r"[0-9]{1,9}")
_MOST = 10_000
_VOICE = 4
_MEDIA_TYPE_IDS = {"chat": 3, "email": 1}
_OLDER = {"contactStartDate": "contactStart", "fromAddress": "fromAddr", "toAddress": "toAddr"}

Row = dict[str, object]


class _BadQuery(Exception):
    """A query parameter that makes no sense; the text says which."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for. None is without a limit."""

    start: datetime | None
    end: datetime | None
    updated_since: datetime | None
    media_type_id: int | None
    top: int
    skip: int
    order_by: str
    is_descending: bool

    def holds(self, contact: KeptContact) -> bool:
        """Return whether the contact is among those asked for."""
        return (
            contact.is_listed
            and (self.start is None or contact.started_at >= self.start)
            and (self.end is None or contact.started_at < self.end)
            and (self.updated_since is None or contact.updated_at >= self.updated_since)
            and self.media_type_id in {None, _media_type_id(contact)}
        )


class CompletedContacts:
    """Answers ``contacts/completed`` of any version."""

    def __init__(self, settings: ApiSettings, tokens: TokenDesk, contacts: ContactBook) -> None:
        self._settings = settings
        self._tokens = tokens
        self._contacts = contacts

    def route(self, request: Request) -> Route | None:
        """Return the route of the list, or None."""
        path = self._settings.api_path(request.path)
        return Route(Endpoint.LISTING, None, only({"GET"}, self._answer)) if _PATH.fullmatch(path or "") else None

    def _answer(self, request: Request) -> Answer:
        refused = refused_bearer(self._tokens, request)
        if refused is not None:
            return refused
        try:
            asked = _asked(request)
            rows = [self._row(contact, one) for contact in self._found(asked) for one in contact.contact_ids]
            ordered = _ordered(rows, asked)
        except _BadQuery as error:
            return api_error(400, "BadRequest", str(error))
        page = ordered[asked.skip : asked.skip + asked.top]
        spelled = [self._spelled(row) for row in page]
        return json_answer(200, {"totalRecords": len(rows), "completedContacts": spelled}) if page else Answer(204)

    def _found(self, asked: _Asked) -> list[KeptContact]:
        return [contact for contact in self._contacts.contacts() if asked.holds(contact)]

    def _row(self, contact: KeptContact, contact_id: str) -> Row:
        spec = contact.spec
        first_name, _, last_name = spec.agent_name.partition(" ")
        as_id = functools.partial(_as_id, numeric=self._settings.completed_numeric_ids)
        return {
            "contactId": as_id(contact_id),
            "masterContactId": as_id(spec.contact_id),
            "contactStartDate": timestamp(contact.started_at),
            "lastUpdateTime": timestamp(contact.updated_at),
            "totalDurationSeconds": contact.duration_s,
            "agentId": as_id(spec.agent_id),
            "firstName": first_name,
            "lastName": last_name,
            "skillName": spec.skill,
            "fromAddress": spec.ani,
            "toAddress": spec.dnis,
            "isOutbound": spec.direction == "outbound",
            "isLogged": spec.is_logged,
            "mediaTypeId": _media_type_id(contact),
            "primaryDispositionName": spec.disposition,
        }

    def _spelled(self, row: Row) -> Row:
        if self._settings.completed_spelling == "current":
            return row
        return {_OLDER.get(name, name): value for name, value in row.items()}


def _asked(request: Request) -> _Asked:
    order_by, _, direction = (query_value(request, "orderBy") or "contactStartDate").partition(" ")
    if direction.lower() not in {"", "asc", "desc"}:
        raise _BadQuery(f"orderBy has the direction {direction!r}")
    top = _count(request, "top", _MOST)
    if top is None or not 1 <= top <= _MOST:
        raise _BadQuery(f"top is from 1 to {_MOST}")
    asked = _Asked(
        start=_date(request, "startDate"),
        end=_date(request, "endDate", is_end=True),
        updated_since=_date(request, "updatedSince"),
        media_type_id=_count(request, "mediaTypeId", None),
        top=top,
        skip=_count(request, "skip", 0) or 0,
        order_by=next((now for now, older in _OLDER.items() if older == order_by), order_by),
        is_descending=direction.lower() == "desc",
    )
    if asked.start is None and asked.updated_since is None:
        raise _BadQuery("startDate or updatedSince is needed")
    return asked


def _date(request: Request, name: str, *, is_end: bool = False) -> datetime | None:
    text = query_value(request, name)
    moment = None if text is None else parsed_date(text, is_end=is_end)
    if text is not None and moment is None:
        raise _BadQuery(f"{name} is not ISO 8601")
    return moment


def _count(request: Request, name: str, default: int | None) -> int | None:
    text = query_value(request, name)
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        raise _BadQuery(f"{name} is not a count")
    return int(text)


def _ordered(rows: list[Row], asked: _Asked) -> list[Row]:
    if any(asked.order_by not in row for row in rows):
        raise _BadQuery(f"orderBy names no field: {asked.order_by!r}")
    by_id = sorted(rows, key=lambda row: str(row["contactId"]))
    return sorted(by_id, key=lambda row: _sortable(row[asked.order_by]), reverse=asked.is_descending)


def _sortable(value: object) -> tuple[float, str]:
    return (value, "") if isinstance(value, (int, float)) else (0, str(value))


def _as_id(text: str, *, numeric: bool) -> str | int:
    return int(text) if numeric and _WHOLE.fullmatch(text) else text


def _media_type_id(contact: KeptContact) -> int:
    kinds = [known.spec.media_type for known in contact.interactions]
    return _MEDIA_TYPE_IDS.get(kinds[0], _VOICE) if kinds else _VOICE
