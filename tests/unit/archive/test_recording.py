"""Ids and refs, also as hostile callers write them."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import InvalidDocument, InvalidRecordingId, shown
from cxone_provider.archive.recording import RecordingRef, as_list, checked_recording_id, parse_ref

HOSTILE_IDS = [
    "", " ", ".", "..", "../x", "a/b", "a\\b", "%2e%2e", "?x=1", "#x", "a b", "a\x00b", "a\r\nHost: evil", "x" * 129,
    "x" * 10_000, "réc", "\u202eabc", "{{ 7*7 }}", "a\n", "\uff11\uff12",
]  # fmt: skip


@pytest.mark.parametrize("value", [*HOSTILE_IDS, None, True, 1.5, b"abc"])
def test_an_unusable_id_is_named_escaped_and_bounded(value: object) -> None:
    with pytest.raises(InvalidRecordingId) as caught:
        checked_recording_id(value)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize("value", ["a", "rec-1", "0192", "A.b_c~d:e-f", "1234567.2", "x" * 128, "a..b"])
def test_a_usable_id_is_returned_as_it_is(value: str) -> None:
    assert checked_recording_id(value) == value


def test_a_ref_of_a_listing_keeps_what_it_tells() -> None:
    ref = parse_ref(
        {"recording_id": 17, "recorded_at": "2026-11-22T10:00:00+02:00", "duration_s": 3, "has_media": True,
         "metadata": {"skill": "x"}}
    )  # fmt: skip
    assert ref == RecordingRef("17", pendulum.datetime(2026, 11, 22, 8), 3, has_media=True, metadata={"skill": "x"})
    assert parse_ref(ref.to_document()) == ref


@pytest.mark.parametrize(
    "change",
    [{"recorded_at": "no time"}, {"recorded_at": 5}, {"duration_s": -1}, {"duration_s": float("inf")},
     {"duration_s": "3"}, {"has_media": "yes"}, {"metadata": "text"}, {"recorded_at": "P1D"},
     {"recorded_at": "now"}, {"recorded_at": "10:00"}],
)  # fmt: skip
def test_a_ref_with_a_wrong_field_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        parse_ref({"recording_id": "a", **change})


@pytest.mark.parametrize("value", [None, 1.5, True, ["a"], object()])
def test_what_is_no_ref_is_refused(value: object) -> None:
    with pytest.raises(InvalidDocument, match="unusable recording ref"):
        parse_ref(value)


@pytest.mark.parametrize(
    ("given", "count"),
    [(None, 0), ([], 0), ("a", 1), (5, 1), ({"recording_id": "a"}, 1), (["a", "b"], 2), (iter(["a"]), 1)],
)
def test_one_is_a_batch_of_one(given: object, count: int) -> None:
    assert len(as_list(given)) == count


def test_shown_values_fit_one_line() -> None:
    assert shown("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert shown("x" * 500, limit=10) == "xxxxxxxxxx… (500 characters)"
