from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.listing import (
    Selection,
    Window,
    batch_of,
    batches,
    bounded_metadata,
    day_before,
    listed,
    parse_lookback,
    read_ref,
)
from cxone_provider.archive.recording import RecordingRef
from tests.fakes.alive import Alive


def at(text: str) -> pendulum.DateTime:
    return pendulum.instance(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("given", "batch"),
    [
        (None, []),
        ("", []),
        (" None ", []),
        ("null", []),
        ("[]", []),
        ("call-1", ["call-1"]),
        (" call-1\n", ["call-1"]),
        (17, [17]),
        ('["a", "b"]', ["a", "b"]),
        ('{"recording_id": "a"}', [{"recording_id": "a"}]),
        ({"recording_id": "a"}, [{"recording_id": "a"}]),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_one_id_one_object_and_json_text_are_batches(given: object, batch: list[Any]) -> None:
    assert batch_of(given) == batch


@pytest.mark.parametrize("given", ['["a"', '{"a": 1, "a": 2}', "[NaN]", "[1e999]", "[" * 5000, 1.5, b"a"])
def test_what_is_no_batch_says_so(given: object) -> None:
    with pytest.raises(InvalidDocument):
        batch_of(given)


@pytest.mark.parametrize(
    ("given", "days"),
    [
        (None, 0),
        ("", 0),
        ("None", 0),
        (2, 2),
        ("2", 2),
        ("1.5", 1.5),
        ("P2D", 2),
        ("PT36H", 1.5),
        (timedelta(hours=6), 0.25),
    ],
)
def test_lookback_is_days_or_a_duration(given: object, days: float) -> None:
    assert parse_lookback(given).total_days() == days


@pytest.mark.parametrize("given", ["-1", "367", "two", "2026-11-23", "nan", "inf", "P", "1e400"])
def test_a_lookback_that_makes_no_sense_is_refused(given: object) -> None:
    with pytest.raises(InvalidSetting, match="lookback"):
        parse_lookback(given)


def test_the_day_before_is_the_last_utc_day_that_is_over() -> None:
    window = day_before(at("2026-11-23T01:30:00+03:00"))
    assert (window.start, window.end) == (at("2026-11-21T00:00:00Z"), at("2026-11-22T00:00:00Z"))
    assert day_before(at("2026-11-23T00:00:00Z")).end == at("2026-11-23T00:00:00Z")


def test_a_window_is_half_open_and_widens_backwards() -> None:
    window = Window(at("2026-11-22T00:00:00Z"), at("2026-11-23T00:00:00Z"))
    assert window.holds(window.start)
    assert not window.holds(window.end)
    assert window.widened(pendulum.duration(days=2)) == Window(at("2026-11-20T00:00:00Z"), window.end)
    with pytest.raises(InvalidSetting, match="empty"):
        Window(window.end, window.end)


def test_listed_carries_what_cannot_be_used() -> None:
    given = [
        ["a", {"recording_id": "b", "metadata": {"agent": "x"}}],
        "../c",
        5,
        None,
        {"recording_id": "d", "duration_s": -1},
    ]
    documents = list(listed(given))
    assert [document["recording_id"] for document in documents] == ["a", "b", "../c", "5", "item 5", "d"]
    assert [document.get("malformed") for document in documents] == [
        None,
        None,
        "unusable recording id",
        None,
        "unusable recording ref",
        "duration_s is out of range",
    ]
    assert list(listed(documents)) == documents, "a listing can be listed again"


def test_hostile_ids_are_carried_escaped_and_bounded() -> None:
    [control, long] = listed(["a\x1b[31m\nINFO ok", "x" * 10_000])
    assert control["recording_id"] == "a\\x1b[31m\\nINFO ok"
    assert len(json.dumps(long)) < 1000


def test_metadata_is_flat_bounded_and_fit_for_xcom() -> None:
    metadata = {
        "note": "x" * 5000,
        "nested": {"a": [1]},
        "nan": float("nan"),
        "ok": 1,
        "b\n": True,
        **{str(n): "y" * 50 for n in range(100)},
    }
    [document] = listed([{"recording_id": "a", "metadata": metadata}])
    kept = document["metadata"]
    assert kept["nested"] == '{"a": [1]}'
    assert kept["ok"] == 1
    assert kept["b\\n"] is True
    assert kept["nan"] == "NaN"
    assert len(json.dumps(document, allow_nan=False)) < 1500


def test_read_ref_gives_the_ref_or_the_cause() -> None:
    assert read_ref("a") == RecordingRef("a")
    [carried] = listed(["a b"])
    with pytest.raises(InvalidDocument, match="unusable recording id: found a b") as caught:
        read_ref(carried)
    assert caught.value.expected is not None


def test_select_takes_each_recording_once_and_leaves_out_what_the_window_does_not_hold() -> None:
    rows = [
        {"recording_id": "old", "recorded_at": "2026-11-21T23:59:59Z"},
        {"recording_id": "first", "recorded_at": "2026-11-22T00:00:00Z"},
        {"recording_id": "last", "recorded_at": "2026-11-22T23:59:59.999Z"},
        {"recording_id": "new", "recorded_at": datetime(2026, 11, 23, tzinfo=UTC).isoformat()},
        "unknown-start",
        "first",
        "a b",
    ]
    selection = Selection(listed(rows), day_before(at("2026-11-23T06:00:00Z")))
    assert [document["recording_id"] for document in selection] == ["first", "last", "unknown-start", "a b"]
    assert (selection.kept, selection.malformed, selection.duplicates, selection.outside) == (4, 1, 1, 2)


def test_a_selection_passes_each_document_on_before_the_next_is_listed_and_holds_none() -> None:
    alive = Alive()
    made = alive.documents((n % 900 for n in range(1000)), lambda number: {"recording_id": f"r{number}"})
    selection = Selection(made, day_before(at("2026-11-23T06:00:00Z")))
    assert sum(1 for _ in selection) == selection.kept == 900
    assert selection.duplicates == 100
    assert alive.most <= 3, "the one that is passed on, and those that were before it"


@pytest.mark.parametrize(("count", "size", "sizes"), [(0, 3, []), (3, 3, [3]), (7, 3, [3, 3, 1]), (2, 100, [2])])
def test_batches_keep_the_order(count: int, size: int, sizes: list[int]) -> None:
    documents = list(listed([f"r{number}" for number in range(count)]))
    made = list(batches(documents, repeat(size)))
    assert [len(batch) for batch in made] == sizes
    assert [document for batch in made for document in batch] == documents


def test_a_batch_is_made_when_it_is_asked_for() -> None:
    rest = listed(f"r{number}" for number in range(10))
    made = batches(rest, repeat(3))
    assert len(next(made)) == 3
    assert next(rest)["recording_id"] == "r3"


@pytest.mark.parametrize("count", [1, 20, 40])
def test_metadata_within_its_bytes_is_kept_whole_and_beyond_them_the_first_fields(count: int) -> None:
    metadata = {f"field {number}": "x" * 20 for number in range(count)}
    kept = bounded_metadata(metadata)
    assert list(kept) == list(metadata)[: len(kept)]
    assert sum(len(json.dumps({name: value})) for name, value in kept.items()) <= 1024
    assert len(kept) == min(count, 1024 // len(json.dumps({"field 10": "x" * 20})))
