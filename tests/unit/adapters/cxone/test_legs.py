"""Contacts whose legs lie far apart, and a day that is longer than what is merged at once."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.cxone import legs as module
from cxone_provider.adapters.cxone.legs import Leg, MergedLegs
from cxone_provider.archive.errors import InvalidDocument

START = pendulum.datetime(2026, 11, 22, 10)
MANY = 10_000


def leg(name: str, minute: int = 0, **metadata: Any) -> Leg:
    started_at = START.add(minutes=minute)
    return Leg(name, started_at, started_at.add(seconds=61.5), has_media=True, metadata=metadata)


def merged(legs: Iterable[Leg]) -> MergedLegs:
    made = MergedLegs()
    for one in legs:
        made.add(one)
    return made


def day(count: int) -> Iterable[Leg]:
    details = {"agent_name": "Ada Park", "skill": "Claims EU", "direction": "inbound", "dnis": "+15550199"}
    return (
        leg(str(700_000_000_000 + number), number // 1000, ani=f"+1555{number:06}", **details)
        for number in range(count)
    )


@pytest.mark.parametrize("at_once", [1, 2, 3, 256])
def test_legs_are_merged_however_far_apart_they_lie(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    monkeypatch.setattr(module, "_LAST_CONTACTS", at_once)
    made = merged([
        leg("a", 5, skill="late", team="x"), leg("b"), leg("c"), leg("a", 0, skill="early"), leg("d"), leg("b", 3),
        leg("e"), leg("a", 9, ani="1"),
    ])  # fmt: skip
    found = {ref["recording_id"]: ref for ref in made.documents()}
    assert sorted(found) == ["a", "b", "c", "d", "e"]
    assert found["a"] == {
        "recording_id": "a", "recorded_at": "2026-11-22T10:00:00Z", "duration_s": 601.5, "has_media": True,
        "metadata": {"skill": "early", "team": "x", "ani": "1", "legs": 3},
    }  # fmt: skip
    assert [ref["metadata"].get("legs") for name, ref in sorted(found.items())] == [3, 2, None, None, None]
    assert list(made.documents()) == list(made.documents()), "they can be read again"


def test_contacts_come_in_the_order_of_the_listing() -> None:
    assert [ref["recording_id"] for ref in merged(day(1000)).documents()] == [one.recording_id for one in day(1000)]


def test_times_are_told_to_the_microsecond() -> None:
    started_at = pendulum.datetime(2026, 11, 22, 10, 0, 0, 123456)
    [ref] = merged([Leg("a", started_at, started_at.add(microseconds=900_001))]).documents()
    assert (ref["recorded_at"], ref["duration_s"]) == ("2026-11-22T10:00:00.123456Z", 0.900001)
    assert [one["recorded_at"] for one in merged([Leg("a")]).documents()] == [None]


def test_a_row_that_cannot_be_used_counts_once_and_only_where_no_other_names_its_contact() -> None:
    made = merged(day(1000))
    known = next(iter(day(1))).recording_id
    for name in ("x", known, "x"):
        made.refuse(name, InvalidDocument(f"{name} is no contact"))
    assert [ref for ref in made.documents() if "malformed" in ref] == [
        {"recording_id": "x", "malformed": "x is no contact", "found": None, "expected": None}
    ]


def test_a_day_that_waits_takes_little_of_each_contact() -> None:
    made = MergedLegs()
    tracemalloc.start()
    try:
        for one in day(MANY):
            made.add(one)
        held_bytes, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        assert sum(1 for _ in made.documents()) == MANY
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes / MANY < 200, "as objects some 1,500 each"
    assert peak_bytes < held_bytes + 2**20, "telling them takes no more"
