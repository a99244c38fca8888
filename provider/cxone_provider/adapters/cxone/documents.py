"""Strict reading of the JSON that CXone answers with: what does not fit the contract never gets further.

Every error is an UnexpectedAnswer that names the field and shows the value escaped and bounded.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

from cxone_provider.archive.errors import InvalidDocument, UnexpectedAnswer, shown
from cxone_provider.archive.recording import (
    RecordingDescription,
    RecordingRef,
    parse_duration_s,
    parse_size_bytes,
)

MAX_DOCUMENT_BYTES = 2**20
_MAX_DEPTH = 64
_MAX_TEXT = 64
_EXCERPT_BYTES = 80
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)

T = TypeVar("T")


def parse_object(body: bytes, what: str, *, secret: bool = False) -> dict[str, Any]:
    """Return the JSON object in `body`.

    Args:
        body: UTF-8, with or without a byte order mark.
        what: names the document in errors, e.g. ``metadata``.
        secret: the body may hold a token, so errors show nothing of it.

    Raises:
        UnexpectedAnswer: not JSON, nested too deeply, a key twice, NaN or a number that no float holds, no object.
    """
    found = f"{len(body)} bytes" if secret else shown(body[:_EXCERPT_BYTES].decode("utf-8", "replace"))
    problem = None
    try:
        document = _loaded(body)
    except ValueError as error:
        # Raised outside this block: a decoder's error holds the whole body, and with it a token.
        document, problem = None, str(error)
    if problem is not None:
        raise UnexpectedAnswer(f"{what} is not usable JSON ({problem})", found=found)
    if not isinstance(document, dict):
        raise UnexpectedAnswer(f"{what} is not a JSON object", found=found)
    return document


def _loaded(body: bytes) -> Any:
    text = body.decode("utf-8-sig")
    _check_depth(text)
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)


def parse_description(document: Mapping[str, Any], ref: RecordingRef) -> RecordingDescription:
    """Return what the metadata document of ``recording-v2`` says of the recording that `ref` asked for.

    Raises:
        UnexpectedAnswer: a field is missing, of the wrong type, out of range, or about another recording.
    """
    _check_id(document, ref.recording_id)
    return RecordingDescription(
        recording_id=ref.recording_id,
        format=_lower(_optional_text(document, "format")),
        size_bytes=_checked(parse_size_bytes, document, "size"),
        duration_s=_checked(parse_duration_s, document, "duration"),
        status=_optional_text(document, "status"),
        storage_state=_required_text(document, "storageState").lower(),
        recorded_at=ref.recorded_at,
        metadata=dict(ref.metadata),
    )


def _check_id(document: Mapping[str, Any], recording_id: str) -> None:
    value = document.get("id")
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or value != recording_id:
        raise _unfit("id", document.get("id"), expected=recording_id)


def _checked(parse: Callable[[object, str], T], document: Mapping[str, Any], name: str) -> T:
    try:
        return parse(document.get(name), name)
    except InvalidDocument as error:
        raise _unfit(name, document.get(name), expected=error.expected) from error


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _required_text(document, name)


def _required_text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT or not value.isprintable():
        raise _unfit(name, value, expected=f"1 to {_MAX_TEXT} printable characters")
    return value


def _lower(value: str | None) -> str | None:
    return None if value is None else value.lower()


def _unfit(name: str, value: object, *, expected: object) -> UnexpectedAnswer:
    return UnexpectedAnswer(f"metadata field {name}", found=shown(value), expected=expected)


def _check_depth(text: str) -> None:
    # The parser recurses in C; a limit of our own does not depend on how much stack a thread has.
    depth = 0
    for character in _STRING.sub("", text):
        if character in "[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
        elif character in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands twice")
    return document


def _refuse_constant(token: str) -> NoReturn:
    raise ValueError(f"{token} is no number")


def _finite(token: str) -> float:
    number = float(token)
    if not math.isfinite(number):
        raise ValueError("a number is out of range")
    return number
