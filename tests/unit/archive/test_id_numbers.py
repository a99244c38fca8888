from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive import id_numbers
from cxone_provider.archive.id_numbers import IdNumbers

names = st.one_of(st.sampled_from(["", "a", "b", "\ud800", "1" * 200]), st.text(max_size=5))
numbers = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.tuples(st.sampled_from(["put", "swap", "get"]), names, numbers), max_size=60))
def test_it_is_a_dictionary_of_numbers(steps: list[tuple[str, str, int]]) -> None:
    told, known = IdNumbers(), dict[str, int]()
    for step, name, number in steps:
        if step == "put":
            assert told.put(name, number) is (name not in known)
            known.setdefault(name, number)
        elif step == "swap":
            assert told.swap(name, number) == known.get(name)
            known[name] = number
        assert told.get(name) == known.get(name)
        assert (name in told, len(told)) == (name in known, len(known))


def test_it_counts_how_often_an_id_came() -> None:
    told = IdNumbers()
    assert [told.count(name) for name in "abacaa"] == [1, 1, 2, 1, 3, 4]
    assert [told.get(name) for name in "abcd"] == [4, 1, 1, None]


def test_ids_of_one_bucket_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_numbers, "_BUCKETS", 1)
    told = IdNumbers()
    for number in range(2000):
        assert told.put(str(number), number)
    assert [told.get(str(number)) for number in range(2001)] == [*range(2000), None]


def test_digits_across_two_records_are_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    class Digest:
        def __init__(self, name: bytes, digest_size: int) -> None:
            self.name = name.ljust(digest_size, b"0")

        def digest(self) -> bytes:
            return self.name

    monkeypatch.setattr(id_numbers, "_BUCKETS", 1)
    monkeypatch.setattr(id_numbers, "blake2b", Digest)
    told = IdNumbers()
    told.put("a" * 16, int.from_bytes(b"a" * 8, "little"))
    assert "b" not in told
    told.put("a" * 8 + "b" * 8, 2)
    told.put("b" * 8 + "c" * 8, 3)
    assert [told.get(name) for name in ("a" * 8 + "b" * 8, "b" * 8 + "c" * 8)] == [2, 3]
    assert told.get("b" * 8 + "\2" + "\0" * 7) is None


def test_an_id_takes_some_thirty_bytes() -> None:
    told = IdNumbers()
    tracemalloc.start()
    try:
        for number in range(50_000):
            told.put(f"7000000{number:05}", number)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes / len(told) < 48, "24 of the record, and a share of 4,096 buckets"
