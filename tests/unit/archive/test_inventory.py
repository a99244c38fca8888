from __future__ import annotations

import pendulum
import pytest

from cxone_provider.archive.inventory import Holding, holdings, media_sizes
from tests.fakes.store import FakeStore
from tests.unit.archive.reconciling_cases import LAYOUT, START, commit, commit_contact

NOW = pendulum.datetime(2026, 1, 2, 3, 4, 5)


def asked(store: FakeStore) -> int:
    return store.count("list_objects")


def test_what_has_a_manifest_is_archived_and_what_has_none_is_not() -> None:
    store = FakeStore()
    for name in ("a", "c", "z"):
        commit(store, name)
    assert holdings(store, LAYOUT, ["a", "b", "c"]) == {
        "a": Holding(archived=True, recordings=["a"], committed_at=NOW),
        "c": Holding(archived=True, recordings=["c"], committed_at=NOW),
    }


def test_a_contact_holds_its_recordings_in_their_order() -> None:
    store = FakeStore()
    for name in ("7.10", "7.2", "7.1", "7", "71", "7x.1"):
        commit(store, name)
    assert holdings(store, LAYOUT, ["7"])["7"] == Holding(
        archived=True, recordings=["7.1", "7.2", "7.10"], committed_at=NOW
    )


def test_a_contact_without_its_own_manifest_is_not_archived() -> None:
    store = FakeStore()
    commit(store, "7.1")
    assert holdings(store, LAYOUT, ["7", "8"]) == {"7": Holding(archived=False, recordings=["7.1"])}


def test_a_recording_that_is_listed_itself_is_not_its_contact_s() -> None:
    store = FakeStore()
    commit_contact(store, "7")
    commit(store, "7.1")
    found = holdings(store, LAYOUT, ["7", "7.1"])
    assert {name: held.recordings for name, held in found.items()} == {"7": ["7"], "7.1": ["7.1"]}


@pytest.mark.parametrize("name", ["a:b", "..x", ".hidden", "~", "a.b.c", "a-b", "A"])
def test_odd_ids_are_found_under_their_encoded_names(name: str) -> None:
    store = FakeStore()
    for other in ("a", "a.b", "zz", name):
        commit(store, other)
    assert list(holdings(store, LAYOUT, [name])) == [name]


def test_ids_that_follow_each_other_cost_one_request_for_a_thousand() -> None:
    store = FakeStore()
    for number in range(12_000):
        commit_contact(store, f"{400_000_000 + number}")
    wanted = [f"{400_000_000 + number}" for number in range(1000, 11_000)]
    assert len(holdings(store, LAYOUT, wanted)) == 10_000
    assert asked(store) == 11


def test_scattered_ids_cost_no_more_than_one_request_each() -> None:
    store = FakeStore()
    for number in range(5000):
        commit_contact(store, f"{number:05}")
    assert len(holdings(store, LAYOUT, ["00000", "02500", "04999"])) == 3
    assert asked(store) == 3


def test_an_archive_that_is_empty_costs_one_request() -> None:
    store = FakeStore()
    assert holdings(store, LAYOUT, [f"{number}" for number in range(5000)]) == {}
    assert asked(store) == 1
    assert holdings(store, LAYOUT, []) == {}
    assert asked(store) == 1


def test_a_contact_of_more_recordings_than_a_page_is_read_to_its_end() -> None:
    store = FakeStore()
    for number in range(1, 2501):
        commit_contact(store, f"7.{number}")
    commit_contact(store, "7")
    assert len(holdings(store, LAYOUT, ["7"])["7"].recordings) == 2500
    assert asked(store) == 3


def test_sizes_are_those_of_the_media_in_the_folder_of_their_day() -> None:
    store = FakeStore()
    commit(store, "a", 11)
    commit(store, "7.1", 12)
    commit(store, "undated", 13, recorded_at=None)
    commit(store, "other-day", 14, recorded_at=START.add(days=1))
    wanted = {"a": START, "7.1": START, "undated": None, "other-day": START, "gone": START}
    assert media_sizes(store, LAYOUT, wanted) == {"a": 11, "7.1": 12, "undated": 13}
