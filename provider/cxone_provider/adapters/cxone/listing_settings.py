"""What differs between tenants when they are asked which recordings they have.

The connection's extra holds them as ``listing``, and an operator's argument of that name can change some of them. What
the vendor's documents leave open is a setting here, so that nothing is guessed in code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cxone_provider.archive.errors import InvalidSetting

MAX_PAGE_SIZE = 10_000
_CONTACTS_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,2}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
_ORDER = re.compile(r"[A-Za-z]{1,50}(?: (?:asc|desc))?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ListingSettings:
    """How one tenant lists.

    Attributes:
        contacts_version: version in the path of completed contacts, e.g. ``27.0``.
        page_size: contacts asked for at once, 2 to 10,000.
        media_type_id: the kind of contact that is listed; 4 is a phone call. None lists every kind.
        order_by: how the tenant is to sort; None sends no order.
        check_total: whether a listing that holds fewer contacts than the tenant counted fails.
        entity_name: what Data Extraction is asked for.
        entity_version: its version, as text.
        whole_days: whether Data Extraction is asked for days (UTC, rounded outwards) or for moments.
        recorded_statuses: values of ``Voice Recording Status`` that say that there is media.
        unrecorded_statuses: values that say that there is none: those contacts cost no further request.
        time_zone: of times in the extraction that name none.
        time_format: of times in the extraction, as :func:`datetime.datetime.strptime` takes it; None for ISO 8601.
    """

    contacts_version: str = "27.0"
    page_size: int = 1000
    media_type_id: str | None = "4"
    order_by: str | None = "contactId"
    check_total: bool = True
    entity_name: str = "recording-interaction-metadata"
    entity_version: str = "7"
    whole_days: bool = True
    recorded_statuses: frozenset[str] = frozenset({"success", "available"})
    unrecorded_statuses: frozenset[str] = frozenset()
    time_zone: str = "UTC"
    time_format: str | None = None

    def changed(self, given: Mapping[str, Any]) -> ListingSettings:
        """Return the settings with what `given` says; None and empty text change nothing.

        Raises:
            InvalidSetting: an unknown name, or a value that makes no sense.
        """
        known = {one.name for one in fields(self)}
        told = {name: value for name, value in given.items() if value is not None and value != ""}
        for name in told:
            if name not in known:
                hint = f"Known are {', '.join(sorted(known))}."
                raise InvalidSetting("unknown field of listing", found=str(name), hint=hint)
        return replace(self, **{name: _READERS[name](value, f"listing: {name}") for name, value in told.items()})


def _contacts_version(value: object, name: str) -> str:
    text = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    if isinstance(text, str):
        text = text.strip().removeprefix("v")
        text = f"{text}.0" if _DIGITS.fullmatch(text) else text
        if _CONTACTS_VERSION.fullmatch(text):
            return text
    raise InvalidSetting(name, found=value, expected="a version such as 27.0")


def _page_size(value: object, name: str) -> int:
    number = int(value) if isinstance(value, str) and _DIGITS.fullmatch(value.strip()) else value
    if type(number) is not int or not 2 <= number <= MAX_PAGE_SIZE:
        raise InvalidSetting(name, found=value, expected=f"a whole number from 2 to {MAX_PAGE_SIZE}")
    return number


def _media_type_id(value: object, name: str) -> str | None:
    text = str(value).strip().lower()
    if text == "all":
        return None
    if isinstance(value, bool) or not _DIGITS.fullmatch(text):
        raise InvalidSetting(name, found=value, expected="a number, or all")
    return text


def _order_by(value: object, name: str) -> str | None:
    text = str(value).strip()
    if text.lower() == "none":
        return None
    if not _ORDER.fullmatch(text):
        raise InvalidSetting(name, found=value, expected="a field, with asc or desc behind it, or none")
    return text


def _word(value: object, name: str) -> str:
    text = str(value).strip()
    if isinstance(value, (str, int)) and not isinstance(value, bool) and _WORD.fullmatch(text):
        return text
    raise InvalidSetting(name, found=value, expected="letters, digits and . _ -")


def _flag(value: object, name: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
        return value.strip().lower() == "true"
    raise InvalidSetting(name, found=value, expected="true or false")


def _statuses(value: object, name: str) -> frozenset[str]:
    words = [value] if isinstance(value, str) else value
    if isinstance(words, Sequence) and all(isinstance(word, str) and 0 < len(word) <= 100 for word in words):
        return frozenset(status_word(word) for word in words)
    raise InvalidSetting(name, found=value, expected="a list of values as the tenant writes them")


def _time_zone(value: object, name: str) -> str:
    try:
        return ZoneInfo(str(value).strip()).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidSetting(name, found=value, expected="e.g. UTC or America/Denver") from error


def _time_format(value: object, name: str) -> str:
    if isinstance(value, str) and "%" in value and value.isprintable() and len(value) <= 100:
        return value
    raise InvalidSetting(name, found=value, expected="a format such as %m/%d/%Y %I:%M:%S %p")


def status_word(value: str) -> str:
    """Return a status as it is compared: case and surrounding blanks do not count."""
    return value.strip().lower()


_READERS: Mapping[str, Callable[[object, str], Any]] = {
    "contacts_version": _contacts_version,
    "page_size": _page_size,
    "media_type_id": _media_type_id,
    "order_by": _order_by,
    "check_total": _flag,
    "entity_name": _word,
    "entity_version": _word,
    "whole_days": _flag,
    "recorded_statuses": _statuses,
    "unrecorded_statuses": _statuses,
    "time_zone": _time_zone,
    "time_format": _time_format,
}
