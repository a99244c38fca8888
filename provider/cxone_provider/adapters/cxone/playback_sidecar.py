"""What a playback answer tells of an interaction beside its media: who spoke on which channel, and what was masked.

Only named fields are kept, each of them bounded: an answer can hold links, and grows with the contact. Names inside
participants and contact segments beyond the documented ones differ by tenant; what is not there is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cxone_provider.adapters.cxone.playback_fields import a_list, an_object, unfit
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.recording import iso, parse_time

MAX_PARTICIPANTS = 50
MAX_STAGES = 100
MAX_SEGMENTS = 100
_MAX_TEXT = 256
_KEPT_STAGES = ("MASK", "HOLD")  # where the recording is silent on purpose
_CALL_FIELDS = ("direction", "skill", "disposition")


def sidecar_of(data: Mapping[str, Any], segments: Sequence[object], where: str) -> dict[str, Any]:
    """Return the sidecar metadata of one interaction.

    Args:
        data: the interaction's ``data``.
        segments: its contact segments.
        where: path of `data`, for errors.

    Returns:
        ``direction``, ``skill``, ``disposition`` where they are told; ``participants``, each with ``type``, ``id``,
        ``channel`` and its MASK and HOLD ``stages``; ``contact_segments``; and how many of the last two were left out.

    Raises:
        UnexpectedAnswer: a field is not of its kind.
    """
    legs = [_leg(item, f"{where}.segmentsDataList[{at}]") for at, item in enumerate(segments[:MAX_SEGMENTS])]
    spoken = a_list(data.get("participantDataList"), f"{where}.participantDataList")
    people = [
        _participant(item, f"{where}.participantDataList[{at}]") for at, item in enumerate(spoken[:MAX_PARTICIPANTS])
    ]
    return {
        **_call(data, legs, where),
        "participants": people,
        "contact_segments": legs,
        **_omitted("participants", len(spoken) - len(people)),
        **_omitted("contact_segments", len(segments) - len(legs)),
    }


def _call(data: Mapping[str, Any], legs: Sequence[Mapping[str, Any]], where: str) -> dict[str, Any]:
    """Return what is told of the call as a whole, else by the first of its legs that tells it."""
    told = _kept(data, {name: name for name in _CALL_FIELDS}, where)
    by_leg = ((name, leg[name]) for leg in reversed(legs) for name in _CALL_FIELDS if name in leg)
    return {**dict(by_leg), **told}


def _participant(item: object, where: str) -> dict[str, Any]:
    person = an_object(item, where)
    stages = a_list(person.get("voiceStages"), f"{where}.voiceStages")
    named = [_stage(stage, f"{where}.voiceStages[{at}]") for at, stage in enumerate(stages)]
    kept = [stage for stage in named if stage["type"] in _KEPT_STAGES]
    names = {"participantType": "type", "participantId": "id", "channel": "channel"}
    return {
        **_kept(person, names, where),
        "stages": kept[:MAX_STAGES],
        **_omitted("stages", len(kept) - MAX_STAGES),
    }


def _stage(item: object, where: str) -> dict[str, Any]:
    stage = an_object(item, where)
    kind = stage.get("stageType")
    if not isinstance(kind, str):
        raise unfit(f"{where}.stageType", kind, expected="text")
    return {"type": kind.upper(), **_times(stage, where)}


def _leg(item: object, where: str) -> dict[str, Any]:
    segment = an_object(item, where)
    names = {"segmentId": "id", "agentId": "agent_id", **{name: name for name in _CALL_FIELDS}}
    return {**_kept(segment, names, where), **_times(segment, where)}


def _times(document: Mapping[str, Any], where: str) -> dict[str, str | None]:
    times = {"startTime": "started_at", "endTime": "ended_at"}
    return {name: _time(document[told], f"{where}.{told}") for told, name in times.items() if document.get(told)}


def _time(value: object, where: str) -> str | None:
    if not isinstance(value, str):
        raise unfit(where, value, expected="ISO 8601")
    try:
        return iso(parse_time(value, where))
    except InvalidDocument as error:
        raise unfit(where, value, expected=error.expected) from error


def _kept(document: Mapping[str, Any], names: Mapping[str, str], where: str) -> dict[str, Any]:
    values = {name: _scalar(document.get(told), f"{where}.{told}") for told, name in names.items()}
    return {name: value for name, value in values.items() if value not in (None, "")}


def _scalar(value: object, where: str) -> str | int | float | None:
    """Return text or a number; text is bounded, and what holds a link is left out."""
    if isinstance(value, str):
        return None if "://" in value else value[:_MAX_TEXT]
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 2**63):
        return value
    raise unfit(where, type(value).__name__, expected="text or a number")


def _omitted(name: str, count: int) -> dict[str, int]:
    return {f"{name}_omitted": count} if count > 0 else {}
