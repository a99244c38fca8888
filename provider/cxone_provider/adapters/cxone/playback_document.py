"""The answer of Media Playback, read strictly: one contact's interactions, their times, links and sidecar metadata.

Three shapes are documented, and any mix of them is read: the contact inside ``value``, its list as ``Interactions``,
and items inside ``{"Interaction": …}``. An error names the field and shows the value; a link is never shown.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pendulum

from cxone_provider.adapters.cxone.playback_fields import a_list, an_object, unfit
from cxone_provider.adapters.cxone.playback_sidecar import sidecar_of
from cxone_provider.archive.errors import InvalidDocument, UnexpectedAnswer
from cxone_provider.archive.recording import iso, parse_duration_s, parse_time

_MAX_INTERACTIONS = 1000
_MAX_TEXT = 128
_WORDS = re.compile(r"[a-z]+", re.ASCII)
_IDENTITY_DIGITS = 32


@dataclass(frozen=True, slots=True)
class Interaction:
    """One interaction of a contact.

    Attributes:
        media_type: the API's own word, lower case, e.g. ``voice-only``.
        recorded_at: its start.
        duration_s: end minus start, seconds; None where no end is told.
        link: where its media is, as it was answered; a secret. None where there is none.
        identity: the same in two answers exactly where they mean the same interaction.
        metadata: what is worth keeping in the manifest.
    """

    media_type: str
    recorded_at: pendulum.DateTime
    duration_s: float | None
    link: str | None = field(repr=False)
    identity: str
    metadata: Mapping[str, Any]

    @property
    def has_voice(self) -> bool:
        """Whether its media is, or holds, a voice recording."""
        return "voice" in _WORDS.findall(self.media_type)


def parse_contact(document: Mapping[str, Any]) -> Sequence[Interaction]:
    """Return the voice interactions of a playback answer by their start, then by their identity; empty for none.

    Args:
        document: the whole answer.

    Raises:
        UnexpectedAnswer: a field is missing, of the wrong type, or out of range; or two interactions are so alike that
            nothing would tell later which one is archived.
    """
    voices = [voice for voice in _interactions(_contact(document)) if voice.has_voice]
    voices.sort(key=lambda one: (one.recorded_at, one.identity))
    for before, after in pairwise(voices):
        if before.identity == after.identity:
            raise UnexpectedAnswer(
                "two interactions of a contact cannot be told apart", found=f"{iso(after.recorded_at)} twice",
                expected="another start, end or contact segment for each",
            )  # fmt: skip
    return voices


def _contact(document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "value" not in document:
        return document
    return an_object(document["value"], "value")


def _interactions(contact: Mapping[str, Any]) -> Sequence[Interaction]:
    names = [name for name in ("interactions", "Interactions") if contact.get(name) is not None]
    if len(names) != 1:
        raise unfit("interactions", " and ".join(names) or None, expected="one list of interactions")
    items = a_list(contact[names[0]], names[0])
    if len(items) > _MAX_INTERACTIONS:
        raise unfit(names[0], f"{len(items)} items", expected=f"at most {_MAX_INTERACTIONS}")
    return [_interaction(item, f"{names[0]}[{index}]") for index, item in enumerate(items)]


def _interaction(item: object, where: str) -> Interaction:
    outer = an_object(item, where)
    if set(outer) == {"Interaction"}:
        where = f"{where}.Interaction"
        outer = an_object(outer["Interaction"], where)
    data = an_object(outer.get("data", {}), f"{where}.data")
    media_type = _text(outer.get("mediaType"), f"{where}.mediaType").lower()
    recorded_at = _time(outer, data, "startTime", where)
    if recorded_at is None:
        raise unfit(f"{where}.startTime", None, expected="ISO 8601")
    ended_at = _time(outer, data, "endTime", where)
    segments = a_list(data.get("segmentsDataList"), f"{where}.data.segmentsDataList")
    return Interaction(
        media_type=media_type,
        recorded_at=recorded_at,
        duration_s=_duration_s(recorded_at, ended_at, f"{where}.endTime"),
        link=_link(data.get("fileToPlayUrl"), f"{where}.data.fileToPlayUrl"),
        identity=_identity(media_type, recorded_at, ended_at, segments),
        metadata={"media_type": media_type, **sidecar_of(data, segments, f"{where}.data")},
    )


def _identity(
    media_type: str, began_at: pendulum.DateTime, ended_at: pendulum.DateTime | None, segments: Sequence[object]
) -> str:
    # The API gives an interaction no id. Times and contact segments stay as they are once a contact is over; its link,
    # its participants' names and its place in the list may not.
    ids = sorted(str(one.get("segmentId")) for one in segments if isinstance(one, Mapping))
    named = json.dumps([media_type, iso(began_at), iso(ended_at), ids])
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:_IDENTITY_DIGITS]


def _time(outer: Mapping[str, Any], data: Mapping[str, Any], name: str, where: str) -> pendulum.DateTime | None:
    value = outer.get(name) if outer.get(name) is not None else data.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        raise unfit(f"{where}.{name}", value, expected="ISO 8601")
    try:
        return parse_time(value, name)
    except InvalidDocument as error:
        raise unfit(f"{where}.{name}", value, expected=error.expected) from error


def _duration_s(began_at: pendulum.DateTime, ended_at: pendulum.DateTime | None, where: str) -> float | None:
    if ended_at is None:
        return None
    try:
        return parse_duration_s((ended_at - began_at).total_seconds(), "duration")
    except InvalidDocument as error:
        raise unfit(where, iso(ended_at), expected=f"at or soon after {iso(began_at)}") from error


def _link(value: object, where: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise unfit(where, type(value).__name__, expected="a link")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT or not value.isprintable():
        raise unfit(where, value, expected=f"1 to {_MAX_TEXT} printable characters")
    return value
