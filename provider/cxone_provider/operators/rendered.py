"""Typed values out of templated fields: a rendered template is text, and an absent value is the text ``None``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import pendulum

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.listing import Window
from cxone_provider.archive.recording import parse_time

_T = TypeVar("_T")
_NOTHING = frozenset({"", "none", "null"})
_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def given(value: _T) -> _T | None:
    """Return `value`, or None where it is nothing: None itself, or what a template makes of it."""
    return None if isinstance(value, str) and value.strip().lower() in _NOTHING else value


def text(value: object, name: str) -> str:
    """Return text that must be there.

    Raises:
        InvalidSetting: nothing is given, or not text.
    """
    present = given(value)
    if not isinstance(present, str):
        raise InvalidSetting(f"{name} is missing", found=present, expected="text")
    return present.strip()


def optional_text(value: object, name: str) -> str | None:
    """Return text or None.

    Raises:
        InvalidSetting: it is something else.
    """
    return None if given(value) is None else text(value, name)


def whole_number(value: object, name: str, *, least: int, most: int) -> int:
    """Return a whole number in bounds, both included.

    Raises:
        InvalidSetting: nothing is given, not a whole number, or out of bounds.
    """
    number = int(value) if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise InvalidSetting(f"unusable {name}", found=value, expected=f"a whole number from {least} to {most}")
    return number


def share(value: object, name: str) -> float:
    """Return a share, 0 to 1.

    Raises:
        InvalidSetting: nothing is given, no number, or out of bounds.
    """
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
    except ValueError:
        number = -1.0  # the one error below names what was found
    if not 0 <= number <= 1:
        raise InvalidSetting(f"unusable {name}", found=value, expected="a number from 0 to 1")
    return number


def flag(value: object, name: str) -> bool:
    """Return a truth value; nothing is False.

    Raises:
        InvalidSetting: it is no truth value.
    """
    if isinstance(value, bool):
        return value
    if given(value) is None:
        return False
    if isinstance(value, str) and value.strip().lower() in _FLAGS:
        return _FLAGS[value.strip().lower()]
    raise InvalidSetting(f"unusable {name}", found=value, expected="true or false")


def choice(value: object, name: str, choices: tuple[str, ...]) -> str:
    """Return one of `choices`.

    Raises:
        InvalidSetting: it is none of them.
    """
    if isinstance(value, str) and value.strip() in choices:
        return value.strip()
    raise InvalidSetting(f"unusable {name}", found=value, expected=" or ".join(choices))


def mapping(value: object, name: str) -> Mapping[str, Any] | None:
    """Return an object, given as one or as JSON text, or None.

    Raises:
        InvalidSetting: it is neither.
    """
    present = given(value)
    try:
        document = json.loads(present) if isinstance(present, str) else present
    except ValueError:
        document = present  # the one error below names what was found
    if document is None or isinstance(document, Mapping):
        return document
    raise InvalidSetting(f"unusable {name}", found=value, expected="a dict or a JSON object")


def moment(value: object, name: str) -> pendulum.DateTime | None:
    """Return a time in UTC, or None.

    Raises:
        InvalidDocument: it is no time.
    """
    return parse_time(given(value), name)


def text_or_mapping(value: object, name: str) -> Mapping[str, Any] | str | None:
    """Return a name or path as text, an object given as one or as JSON text, or None.

    Raises:
        InvalidSetting: it is none of these.
    """
    present = given(value)
    if isinstance(present, str) and not present.lstrip().startswith("{"):
        return present.strip()
    return mapping(present, name)


def window(value: object) -> Window:
    """Return the window that was handed over a deferral, as its start and end.

    Raises:
        InvalidDocument: it is none.
    """
    times = value if isinstance(value, (list, tuple)) and len(value) == 2 else (None, None)
    start, end = (moment(one, "window") for one in times)
    if start is None or end is None:
        raise InvalidDocument("window of a deferred listing", found=value, expected="start and end")
    return Window(start, end)
