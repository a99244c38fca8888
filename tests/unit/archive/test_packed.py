from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.packed import BLOCK_VALUES, Packed

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def packed(values: list[Any]) -> Packed:
    made = Packed()
    for value in values:
        made.append(value)
    return made


@given(st.lists(json_values, max_size=5), st.integers(0, 80))
def test_values_come_back_as_they_were_and_in_order(values: list[Any], times: int) -> None:
    made = packed(values * times)
    assert list(made) == values * times
    assert list(made) == values * times, "it can be read again"


@pytest.mark.parametrize("count", [0, 1, BLOCK_VALUES - 1, BLOCK_VALUES, BLOCK_VALUES + 1, 3 * BLOCK_VALUES])
def test_no_value_is_lost_between_blocks(count: int) -> None:
    assert list(packed(list(range(count)))) == list(range(count))


def test_what_is_alike_takes_little() -> None:
    made = Packed()
    tracemalloc.start()
    try:
        for number in range(50 * BLOCK_VALUES):
            made.append({"recording_id": str(700_000_000_000 + number), "skill": "Claims EU", "agent_name": "Ada Park"})
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes / (50 * BLOCK_VALUES) < 40, "as objects some 500 each"
