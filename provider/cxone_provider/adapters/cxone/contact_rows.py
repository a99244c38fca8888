"""Strict reading of what *completed contacts* answers: pages, and the rows in them, in both of their spellings.

A page that does not fit the contract ends the listing. A row that does not is one contact's own trouble: its error
names the field and shows the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pendulum

from cxone_provider.adapters.cxone.legs import Leg
from cxone_provider.archive.errors import InvalidDocument, UnexpectedAnswer, shown
from cxone_provider.archive.recording import MAX_DURATION_S, checked_recording_id, parse_time

_MAX_COUNT = 10**9
_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?", re.ASCII)
_TRUTH = {"true": True, "false": False, "1": True, "0": False}
_TEXT_CHARACTERS = 256
# What a version calls it, the newer name first; compared without case, for contactID has been seen too.
_TEXTS = {
    "agent_id": ("agentid",),
    "skill": ("skillname",),
    "ani": ("fromaddress", "fromaddr"),
    "dnis": ("toaddress", "toaddr"),
    "disposition": ("primarydispositionname", "primarydispositionid"),
    "media_type": ("mediatypename", "mediatype"),
    "team": ("teamname",),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer.

    Attributes:
        total: contacts that the tenant counts in all; 0 in an answer without a body, which is also what follows the
            last page.
        rows: the contacts of this page, not read yet.
    """

    total: int
    rows: Sequence[Any]


def parse_page(document: Mapping[str, Any]) -> Page:
    """Return the page in a 200 answer.

    Raises:
        UnexpectedAnswer: no usable ``totalRecords``, or no list of ``completedContacts``.
    """
    total = document.get("totalRecords")
    count = int(total) if isinstance(total, str) and _DIGITS.fullmatch(total) else total
    if type(count) is not int or not 0 <= count <= _MAX_COUNT:
        raise UnexpectedAnswer("totalRecords of completed contacts", found=shown(total), expected="a whole number")
    rows = document.get("completedContacts")
    if not isinstance(rows, list):
        raise UnexpectedAnswer("completedContacts", found=shown(rows), expected="a list")
    return Page(count, rows)


def contact_id_of(row: object) -> str:
    """Return what tells a row from the others: its own contact id.

    Raises:
        InvalidDocument, InvalidRecordingId: it has none that can be used.
    """
    return _id(_cells(row), "contactId")


def master_id_of(row: object) -> str:
    """Return the id that a row's recording is archived under: its master contact's, its own where it names none.

    Raises:
        InvalidDocument, InvalidRecordingId: as for :func:`contact_id_of`.
    """
    return _master_id(_cells(row))


def parse_leg(row: object) -> Leg:
    """Return the leg that a row tells of.

    Raises:
        InvalidDocument, InvalidRecordingId: a field is missing, of another type, or out of range.
    """
    cells = _cells(row)
    _id(cells, "contactId")
    started_at = _time(cells, "contactStartDate", "contactStart")
    if started_at is None:
        raise InvalidDocument("contactStartDate is missing", expected="ISO 8601")
    duration_s = _seconds(cells, "totalDurationSeconds")
    ended_at = None if duration_s is None else started_at.add(seconds=duration_s)
    return Leg(_master_id(cells), started_at, ended_at, _truth(cells, "isLogged"), _metadata(cells))


def _cells(row: object) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidDocument("a completed contact", found=row, expected="an object")
    cells = {name.lower(): value for name, value in row.items()}
    if len(cells) != len(row):
        raise InvalidDocument("a completed contact has a field twice", found=sorted(row), expected="each name once")
    return cells


def _master_id(cells: Mapping[str, Any]) -> str:
    return _id(cells, "contactId" if cells.get("mastercontactid") in (None, "") else "masterContactId")


def _id(cells: Mapping[str, Any], name: str) -> str:
    value = cells.get(name.lower())
    if type(value) is int and value > 0:
        value = str(value)
    if not isinstance(value, str) or value.strip("0") == "":
        raise InvalidDocument(f"{name} of a completed contact", found=value, expected="an id")
    return checked_recording_id(value)


def _time(cells: Mapping[str, Any], *names: str) -> pendulum.DateTime | None:
    name = next((name for name in names if cells.get(name.lower()) is not None), names[0])
    value = cells.get(name.lower())
    if value is not None and not isinstance(value, str):
        raise InvalidDocument(f"{name} is not a time", found=value, expected="ISO 8601 text")
    return parse_time(value, name)


def _seconds(cells: Mapping[str, Any], name: str) -> float | None:
    value = cells.get(name.lower())
    if value is None:
        return None
    number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise InvalidDocument(f"{name} is not a number of seconds", found=value, expected="a number")
    if not 0 <= number <= MAX_DURATION_S:
        raise InvalidDocument(f"{name} is out of range", found=value, expected=f"0 to {MAX_DURATION_S} s")
    return number


def _truth(cells: Mapping[str, Any], name: str) -> bool | None:
    value = cells.get(name.lower())
    if value is None or value == "":
        return None
    word = str(value).lower() if isinstance(value, (bool, str)) or type(value) is int else ""
    if word not in _TRUTH:
        raise InvalidDocument(f"{name} of a completed contact", found=value, expected="true or false")
    return _TRUTH[word]


def _metadata(cells: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {name: _text(cells, spellings) for name, spellings in _TEXTS.items()}
    outbound = _truth(cells, "isOutbound")
    found["direction"] = None if outbound is None else ("outbound" if outbound else "inbound")
    # Of a completed contact, these are the agent's.
    parts = [_text(cells, (name,)) for name in ("firstname", "lastname")]
    found["agent_name"] = " ".join(part for part in parts if part)
    return {name: value for name, value in found.items() if value}


def _text(cells: Mapping[str, Any], spellings: Sequence[str]) -> str | None:
    value = next((cells[name] for name in spellings if cells.get(name) is not None), None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InvalidDocument(f"{spellings[0]} of a completed contact", found=value, expected="text or a number")
    return str(value).strip()[:_TEXT_CHARACTERS]
