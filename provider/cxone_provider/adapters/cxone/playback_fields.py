"""Fields of a playback answer: each is of its kind, or an error names it by its path, e.g. ``interactions[0].data``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cxone_provider.archive.errors import UnexpectedAnswer, shown

_LINK_MARKS = ("://", "?", "=")


def an_object(value: object, where: str) -> Mapping[str, Any]:
    """Return a JSON object; null is an empty one."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise unfit(where, type(value).__name__, expected="an object")
    return value


def a_list(value: object, where: str) -> Sequence[Any]:
    """Return a JSON list; null is an empty one."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise unfit(where, type(value).__name__, expected="a list")
    return value


def unfit(where: str, value: object, *, expected: object) -> UnexpectedAnswer:
    """Return the error of a field; it shows no value that could be a link, which is a secret wherever it stands."""
    return UnexpectedAnswer(f"playback field {where}", found=_without_links(value), expected=expected)


def _without_links(value: object) -> str:
    if isinstance(value, str):
        return "text like a link" if any(mark in value for mark in _LINK_MARKS) else shown(value)
    return type(value).__name__ if isinstance(value, (Mapping, list)) else shown(value)
