from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.errors import InvalidDocument, StoreUnavailable
from cxone_provider.archive.growing import PART_BYTES, GrowingObject
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore
from tests.fakes.store import FakeStore, Operation

KEY = "p/runs/date=2026-11-23/run.jsonl"


def at(store: FakeStore, key: str = KEY) -> Callable[[], tuple[ObjectStore, str]]:
    return lambda: (store, key)


def grown(store: FakeStore, lines: list[bytes], part_bytes: int = 4) -> None:
    with GrowingObject(at(store), part_bytes) as growing:
        for line in lines:
            if line == b"not an audit log":
                raise InvalidDocument("not an audit log")
            growing.write(line)
        growing.finish()


@given(st.lists(st.binary(max_size=9), max_size=12), st.integers(1, 20))
def test_what_was_written_is_what_is_stored(lines: list[bytes], part_bytes: int) -> None:
    store = FakeStore(min_part_bytes=1)
    grown(store, lines, part_bytes)
    assert store.body(KEY) == b"".join(lines)
    assert store.objects[KEY][-1].attributes.content_type == "application/x-ndjson"
    assert list(store.uploads("")) == []
    assert store.count("put") + store.count("complete_upload") == 1


def test_little_is_one_request_and_much_is_one_for_each_part() -> None:
    little, much = FakeStore(), FakeStore()
    grown(little, [b"x" * (PART_BYTES - 1)], PART_BYTES)
    assert [call.operation for call in little.calls] == ["put"]
    grown(much, [b"x" * 2**20] * 20, PART_BYTES)
    assert [call.operation for call in much.calls] == [
        "uploads", "create_upload", "put_part", "put_part", "put_part", "complete_upload",
    ]  # fmt: skip
    assert [len(much.body(KEY)), much.count("put")] == [20 * 2**20, 0]


def test_nobody_is_asked_where_it_goes_before_there_is_something_to_store() -> None:
    asked: list[str] = []

    def place() -> tuple[ObjectStore, str]:
        asked.append(KEY)
        return FakeStore(min_part_bytes=1), KEY

    with GrowingObject(place, 4) as growing:
        growing.write(b"abc")
        assert asked == []
        growing.write(b"d")
        growing.write(b"efgh")
    assert asked == [KEY]


@pytest.mark.parametrize("fault", ["put_part", "complete_upload", None])
def test_what_is_not_finished_leaves_nothing_behind(fault: Operation | None) -> None:
    store = FakeStore(min_part_bytes=1)
    if fault is not None:
        store.fail_next(fault, StoreUnavailable("503"), skip=fault == "put_part")
    lines = [b"abcd", b"efgh"] if fault else [b"abcd", b"efgh", b"not an audit log"]
    with pytest.raises((StoreUnavailable, InvalidDocument)):
        grown(store, lines)
    assert store.keys() == []
    assert list(store.uploads("")) == []


def test_a_store_that_does_not_clean_up_hides_nothing() -> None:
    store = FakeStore(min_part_bytes=1)
    store.fail_next("abort_upload", StoreUnavailable("503"))
    with pytest.raises(InvalidDocument):
        grown(store, [b"abcd", b"not an audit log"])


def test_what_a_killed_try_left_is_removed_and_nothing_else() -> None:
    store = FakeStore(min_part_bytes=1)
    others = [f"{KEY}.verify", "p/recordings/date=2026-11-22/a.mp3"]
    for key in (KEY, *others):
        store.create_upload(key, ObjectAttributes("application/x-ndjson"))
    grown(store, [b"abcd", b"e"])
    assert store.body(KEY) == b"abcde"
    assert [left.key for left in store.uploads("p/")] == sorted(others)


def test_a_run_s_file_takes_the_place_of_an_earlier_try_s() -> None:
    store = FakeStore(min_part_bytes=1)
    grown(store, [b"abcd", b"e"])
    grown(store, [b"x"])
    assert (store.body(KEY), len(store.objects[KEY])) == (b"x", 2)
