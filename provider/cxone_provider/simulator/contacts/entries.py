"""Contacts of an index or scenario file: JSON objects whose fields are those of :mod:`.model`, by the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from cxone_provider.simulator.contacts.model import Contact, Interaction, Participant, Refusal, Segment, Stage
from cxone_provider.simulator.entries import file_media
from cxone_provider.simulator.errors import ScenarioError, unknown_name

Made = TypeVar("Made")
Read = Callable[[object], object]


def parse_contacts(documents: object, folder: Path) -> list[Contact]:
    """Return the contacts of a list of JSON objects; files are looked up in `folder`.

    ``id`` is the contact's id, ``file`` or ``generated_bytes`` an interaction's source; every other field is called as
    in :class:`.Contact` and the classes it is made of.

    Raises:
        ScenarioError: an unknown field, a value that does not fit, or a file that is not there or not in the folder.
    """
    return [_contact(document, folder) for document in _list(documents, "contacts")]


def _contact(document: object, folder: Path) -> Contact:
    interactions = partial(_each, "interactions", partial(_interaction, folder))
    return _made(Contact, document, {**_CONTACT, "interactions": interactions}, {"id": "contact_id"})


def _interaction(folder: Path, document: object) -> Interaction:
    given = _mapping(document, "an interaction")
    if ("file" in given) == ("generated_bytes" in given):
        raise ScenarioError(f"an interaction needs either file or generated_bytes: {document!r}")
    fields: dict[str, Read] = {**_INTERACTION, "file": partial(_file, folder), "generated_bytes": _whole}
    return _made(Interaction, given, fields, {"file": "source", "generated_bytes": "source"})


def _made(
    kind: Callable[..., Made], document: object, fields: Mapping[str, Read], renamed: Mapping[str, str] | None = None
) -> Made:
    """Return a dataclass made of an object whose fields are read one by one."""
    name = getattr(kind, "__name__", "object").lower()
    values: dict[str, object] = {}
    for key, value in _mapping(document, f"a {name}").items():
        if key not in fields:
            raise unknown_name(f"field of a {name}", key, fields)
        try:
            values[(renamed or {}).get(key, key)] = fields[key](value)
        except _Unfit as error:
            raise ScenarioError(f"{key} of a {name} is {value!r}; {error} is needed") from None
    try:
        return kind(**values)
    except TypeError:
        raise ScenarioError(f"a {name} lacks a field it needs: {document!r}; there are: {', '.join(fields)}") from None


class _Unfit(Exception):
    """A value of another type; the text says which is needed."""


def _mapping(document: object, name: str) -> Mapping[str, object]:
    if isinstance(document, Mapping):
        return document
    raise ScenarioError(f"{name} is an object, not {document!r}")


def _list(document: object, name: str) -> list[object]:
    if isinstance(document, list):
        return document
    raise ScenarioError(f"{name} are a list, not {document!r}")


def _each(name: str, read: Read, value: object) -> tuple[object, ...]:
    return tuple(read(item) for item in _list(value, name))


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise _Unfit("text")


def _number(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LONGEST_S:
        return value
    raise _Unfit(f"a number from 0 to {_LONGEST_S}")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _Unfit("a whole number")


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _Unfit("true or false")


def _time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(_text(value))
    except ValueError:
        raise _Unfit("ISO 8601") from None


def _unread(value: object) -> object:
    """Return what another part of the simulator checks."""
    return value


def _file(folder: Path, value: object) -> Path:
    name = _text(value)
    file_media(folder, name)
    return folder / name


def _refusal(value: object) -> Refusal:
    return _made(Refusal, value, {"status": _status, "internal_code": _text, "message": _text})


def _status(value: object) -> int:
    if _number(value) in range(100, 1000):
        return _whole(value)
    raise _Unfit("a status from 100 to 999")


_LONGEST_S = 10**9
_STAGE: Mapping[str, Read] = {"stage_type": _text, "start_s": _number, "end_s": _number}
_SEGMENT: Mapping[str, Read] = {
    **dict.fromkeys(("segment_id", "agent_id", "agent_name", "skill", "recording_status"), _text),
    "start_s": _number,
    "end_s": _number,
}
_PARTICIPANT: Mapping[str, Read] = {
    "participant_type": _text,
    "participant_id": _text,
    "channel": _whole,
    "stages": partial(_each, "stages", partial(_made, Stage, fields=_STAGE)),
}
_INTERACTION: Mapping[str, Read] = {
    "format": _text,
    "media_type": _text,
    "started_at": _time,
    "duration_s": _number,
    "participants": partial(_each, "participants", partial(_made, Participant, fields=_PARTICIPANT)),
    "segments": partial(_each, "segments", partial(_made, Segment, fields=_SEGMENT)),
    "storage_state": _unread,
    "link": _text,
    "changes_with_link": _truth,
    "faults": _unread,
}
_CONTACT: Mapping[str, Read] = {
    "id": _text,
    "contact_ids": partial(_each, "contact_ids", _text),
    "started_at": _time,
    "duration_s": _number,
    **dict.fromkeys(("agent_id", "agent_name", "skill", "direction", "disposition", "ani", "dnis"), _text),
    "is_logged": _truth,
    "listed_at": _time,
    "available_at": _time,
    "refusal": _refusal,
    "faults": _unread,
}
# for the documentation
CONTACT_FIELDS = frozenset(_CONTACT) | {"interactions"}
INTERACTION_FIELDS = frozenset(_INTERACTION) | {"file", "generated_bytes"}
