"""What the Media Download API answers, strictly. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cxone_provider.adapters.media_download.settings import MediaDownloadSettings
from cxone_provider.archive.downloads import DownloadStatus, EntityEnd
from cxone_provider.archive.errors import UnexpectedAnswer, shown
from cxone_provider.archive.recording import RECORDING_ID_PATTERN, Outcome

_WAITING = frozenset({"PENDING", "IN_PROGRESS"})
_ENDED = frozenset({"COMPLETED", "FAILED"})
_REASON_CHARACTERS = 120


def parse_request_id(document: Mapping[str, Any]) -> str:
    """Return the id of a request that was taken.

    Raises:
        UnexpectedAnswer: there is none.
    """
    value = document.get("requestId")
    if type(value) is int:
        value = str(value)
    if isinstance(value, str) and RECORDING_ID_PATTERN.fullmatch(value):
        return value
    raise UnexpectedAnswer(
        "requestId of a media download", found=shown(value), expected="an id of up to 128 characters"
    )


def parse_status(document: Mapping[str, Any], settings: MediaDownloadSettings) -> DownloadStatus:
    """Return how a request stands; nothing of where the media lies is shown.

    Raises:
        UnexpectedAnswer: a field does not have the form that the API's description gives it.
    """
    word = document.get("status")
    if not isinstance(word, str) or word not in _WAITING | _ENDED:
        raise UnexpectedAnswer("status of a media download", found=shown(word), expected=", ".join(_WAITING | _ENDED))
    if word in _WAITING:
        return DownloadStatus(word, is_ended=False)
    entities = document.get("entities")
    if not isinstance(entities, list) or not all(isinstance(one, Mapping) for one in entities):
        raise UnexpectedAnswer("entities of a media download", found=type(entities).__name__, expected="a list")
    ends = dict(_entity(one, settings, request_failed=word == "FAILED") for one in entities)
    return DownloadStatus(word, is_ended=True, entities=ends, location=document.get("downloadLocation"))


def _entity(
    entity: Mapping[str, Any], settings: MediaDownloadSettings, *, request_failed: bool
) -> tuple[str, EntityEnd]:
    entity_id, word, reason = entity.get("entityId"), entity.get("status"), entity.get("failureReason")
    if type(entity_id) is int:
        entity_id = str(entity_id)
    if not isinstance(entity_id, str) or not RECORDING_ID_PATTERN.fullmatch(entity_id):
        raise UnexpectedAnswer("entityId of a media download", found=shown(entity_id), expected="an id")
    if word == "COMPLETED" and not request_failed:
        return entity_id, EntityEnd(Outcome.READY)
    told = reason if isinstance(reason, str) and reason else f"status {word}"
    return entity_id, EntityEnd(settings.outcome_of(told), shown(told, limit=_REASON_CHARACTERS))
