"""What the Media Download API may answer, and what is refused by name and shows no link."""

from __future__ import annotations

from typing import Any

import pytest

from cxone_provider.adapters.media_download.settings import MediaDownloadSettings, media_download_settings
from cxone_provider.adapters.media_download.status import parse_request_id, parse_status
from cxone_provider.archive.errors import UnexpectedAnswer
from cxone_provider.archive.recording import Outcome

SECRET = "https://store.example/x?X-Amz-Signature=canary"


def ended(*entities: Any, status: str = "COMPLETED") -> dict[str, Any]:
    return {"status": status, "entities": list(entities), "downloadLocation": SECRET}


def entity(entity_id: object, status: str = "COMPLETED", reason: object = None) -> dict[str, Any]:
    return {"entityId": entity_id, "status": status, "failureReason": reason}


@pytest.mark.parametrize(("value", "expected"), [("r-1", "r-1"), (17, "17")])
def test_a_request_has_an_id(value: object, expected: str) -> None:
    assert parse_request_id({"requestId": value}) == expected


@pytest.mark.parametrize("value", [None, "", "a/b", "..", True, 1.5, "x" * 129, ["r"]])
def test_what_cannot_be_an_id_is_refused(value: object) -> None:
    with pytest.raises(UnexpectedAnswer):
        parse_request_id({"requestId": value})


@pytest.mark.parametrize("word", ["PENDING", "IN_PROGRESS"])
def test_a_request_that_goes_on_says_nothing_of_its_entities(word: str) -> None:
    status = parse_status({"status": word, "entities": None}, MediaDownloadSettings())
    assert (status.word, status.is_ended, status.entities) == (word, False, {})


def test_every_entity_has_its_own_end() -> None:
    document = ended(entity("1"), entity(2), entity("3", "FAILED", "Playback lock"), entity("4", "PENDING"))
    status = parse_status(document, MediaDownloadSettings())
    assert {one: (end.outcome, end.reason) for one, end in status.entities.items()} == {
        "1": (Outcome.READY, None),
        "2": (Outcome.READY, None),
        "3": (Outcome.LOCKED, "Playback lock"),
        "4": (Outcome.FAILED, "status PENDING"),
    }
    assert "canary" not in repr(status)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("NOT_FOUND", Outcome.NOT_FOUND), ("NotFound", Outcome.NOT_FOUND), ("no media", Outcome.NO_RECORDING),
        ("LOCKED", Outcome.LOCKED), ("ARCHIVED", Outcome.IN_COLD_STORAGE), ("Cold-Storage", Outcome.IN_COLD_STORAGE),
        ("DELETED", Outcome.DELETED), ("the recording was not found", Outcome.FAILED), (None, Outcome.FAILED),
        (7, Outcome.FAILED), ("", Outcome.FAILED),
    ],
)  # fmt: skip
def test_a_reason_is_taken_by_its_whole_word(reason: object, outcome: Outcome) -> None:
    [end] = parse_status(ended(entity("1", "FAILED", reason)), MediaDownloadSettings()).entities.values()
    assert end.outcome is outcome


def test_a_tenants_own_words_can_be_set() -> None:
    settings = media_download_settings({"failure_reasons": {"E-1234": "LOCKED", "NOT_FOUND": "FAILED"}})
    outcomes = [settings.outcome_of(word) for word in ("e1234", "NOT_FOUND", "ARCHIVED")]
    assert outcomes == [Outcome.LOCKED, Outcome.FAILED, Outcome.IN_COLD_STORAGE]


def test_of_a_request_that_failed_nothing_is_ready() -> None:
    status = parse_status(
        ended(entity("1"), entity("2", "FAILED", "DELETED"), status="FAILED"), MediaDownloadSettings()
    )
    assert [end.outcome for end in status.entities.values()] == [Outcome.FAILED, Outcome.DELETED]


@pytest.mark.parametrize(
    "document",
    [
        {}, {"status": "DONE"}, {"status": None}, {"status": ["COMPLETED"]}, {"status": "COMPLETED"},
        {"status": "COMPLETED", "entities": {}}, ended("1"), ended(entity("a/b")), ended(entity(None)),
        ended(entity(True)),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_shows_no_link(document: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer) as raised:
        parse_status(document, MediaDownloadSettings())
    assert "canary" not in str(raised.value)
