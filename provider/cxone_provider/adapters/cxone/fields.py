"""Reading the fields of a connection: each value is of its kind, or an InvalidSetting names the field.

`given` is always the connection's extra without its empty fields. A secret's value is never in an error.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from cxone_provider.archive.errors import InvalidSetting

E = TypeVar("E", bound=StrEnum)


def invalid(name: str, *, found: object, expected: str, hint: str | None = None) -> InvalidSetting:
    """Return the error of a connection's field."""
    return InvalidSetting(f"connection field {name}", found=found, expected=expected, hint=hint)


def refuse_unknown(given: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Check that `given` has no other names than `known`: a misspelt ``stream_secret`` would switch checks off unseen.

    Raises:
        InvalidSetting: names the neighbour of the unknown name.
    """
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name)[:50], known, 1)
            hint = f"Is it {near[0]}?" if near else f"Known are {', '.join(known)}."
            raise InvalidSetting(f"unknown field in {where}", found=str(name), hint=hint)


def choice(given: Mapping[str, Any], name: str, kind: type[E], default: E) -> E:
    """Return one member of an enumeration."""
    value = given.get(name, default)
    if value not in [str(member) for member in kind]:
        raise invalid(name, found=value, expected=" or ".join(kind))
    return kind(value)


def an_object(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a JSON object, which some forms store as text; empty where there is none."""
    value = given.get(name, {})
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise invalid(name, found=type(given[name]).__name__, expected="a JSON object")
    return dict(value)


def number(document: Mapping[str, Any], name: str, low: float, high: float, *, where: str = "") -> float:
    """Return a number that must be there, from `low` to `high`; `where` names the object it stands in."""
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        what = f"{where}: {name}" if where else f"connection field {name}"
        raise InvalidSetting(what, found=value, expected=f"a number from {low:g} to {high:g}")
    return value


def whole(given: Mapping[str, Any], name: str, low: int, high: int, default: int) -> int:
    """Return a whole number from `low` to `high`."""
    value = given.get(name, default)
    if type(value) is not int or not low <= value <= high:
        raise invalid(name, found=value, expected=f"a whole number from {low} to {high}")
    return value


def flag(given: Mapping[str, Any], name: str) -> bool:
    """Return a truth value, False where there is none."""
    value = given.get(name, False)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise invalid(name, found=value, expected="true or false")


def text(given: Mapping[str, Any], name: str) -> str | None:
    """Return printable text, or None."""
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise invalid(name, found=value, expected="text")
    return value


def texts(given: Mapping[str, Any], name: str, default: Sequence[str]) -> Sequence[str]:
    """Return a list of texts, `default` for an empty one; one text may hold several with commas or spaces between."""
    value = given.get(name) or default
    items = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(items, (list, tuple)) or not items or not all(isinstance(item, str) for item in items):
        raise invalid(name, found=value, expected="a list of texts")
    return [item.strip() for item in items]


def matching(given: Mapping[str, Any], name: str, pattern: re.Pattern[str], expected: str, default: str) -> str:
    """Return text of a form."""
    value = given.get(name, default)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise invalid(name, found=value, expected=expected)
    return value


def required(value: object, name: str, meaning: str) -> str:
    """Return text that must be there; what it holds is never shown."""
    if value is None or value == "" or (isinstance(value, str) and not value.strip()):
        raise invalid(name, found="nothing", expected=meaning)
    if not isinstance(value, str):
        raise invalid(name, found=type(value).__name__, expected=meaning)
    return value
