"""Columns of a table that has a row for each recording of a day: a row takes as little as the suite lets it."""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

_PRESENCE = "expect_column_values_to_not_be_null"
_PATTERN = "expect_column_values_to_match_regex"
_PLAIN_ARGUMENTS = frozenset({"column", "mostly", "row_condition", "condition_parser", "regex"})
# What these look at is named in their arguments. One's own kind of expectation may look at anything.
_NAMING = (
    "expect_column_",
    "expect_compound_columns_",
    "expect_multicolumn_",
    "expect_select_column_",
    "expect_table_column",
    "expect_table_row_count",
)
_FEW = 32  # values that a column of words has, outcomes for instance

Passes = Callable[[str], bool]


class NumberColumn(Sequence[Any]):
    """Numbers, eight bytes each; what a float does not hold exactly is held beside them as it is."""

    def __init__(self) -> None:
        self._values = array("d")
        self._odd: dict[int, float | str] = {}

    def append(self, value: float | str | None) -> None:
        """Add a cell: a number, None, or text where a number should be and is not."""
        number = math.nan if value is None or isinstance(value, str) else float(value)
        if value is not None and number != value:
            self._odd[len(self._values)] = value
        self._values.append(number)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, row: Any) -> Any:
        return self._odd.get(row, self._values[row])

    def __iter__(self) -> Iterator[Any]:
        return map(self.__getitem__, range(len(self)))


class TextColumn:
    """Texts; equal words are held once, and of values that break no rule the first one stands for all.

    Args:
        passes: tells whether a value breaks no rule whatever else it says, so that nothing shows it; None where each
            value counts, see :func:`passing_values`.

    Attributes:
        values: the cells.
    """

    def __init__(self, passes: Passes | None = None) -> None:
        self.values: list[str | None] = []
        self._passes = passes
        self._passing: str | None = None
        self._words: dict[str, str] = {}

    def append(self, value: str | None) -> None:
        """Add a cell."""
        self.values.append(None if value is None else self._held(value))

    def _held(self, value: str) -> str:
        if self._passes is not None and self._passes(value):
            self._passing = value if self._passing is None else self._passing
            return self._passing
        if len(self._words) < _FEW:
            return self._words.setdefault(value, value)
        return self._words.get(value, value)


def passing_values(document: Mapping[str, Any], names: Collection[str]) -> dict[str, Passes]:
    """Return, for columns of which a suite asks no more than presence and patterns, whether a value passes these.

    Results tell of values that break a rule, and how many do not; which ones do not, nothing tells. So one that passes
    may stand for another.

    Args:
        document: the suite.
        names: text columns.
    """
    expectations: Sequence[Mapping[str, Any]] = document["expectations"]
    if not all(str(one.get("type")).startswith(_NAMING) for one in expectations):
        return {}
    patterns: dict[str, list[str]] = {name: [] for name in names}
    counting = "".join(map(_named, expectations))
    for one in filter(_is_plain, expectations):
        if "regex" in one["kwargs"]:
            patterns.setdefault(one["kwargs"]["column"], []).append(one["kwargs"]["regex"])
    return {name: _passes(patterns[name]) for name in names if name not in counting and _usable(patterns[name])}


def _is_plain(expectation: Mapping[str, Any]) -> bool:
    kwargs = expectation.get("kwargs")
    if not isinstance(kwargs, Mapping) or not isinstance(kwargs.get("column"), str):
        return False
    if expectation["type"] == _PATTERN:
        return kwargs.keys() <= _PLAIN_ARGUMENTS and isinstance(kwargs.get("regex"), str)
    return bool(expectation["type"] == _PRESENCE and kwargs.keys() <= _PLAIN_ARGUMENTS - {"regex"})


def _named(expectation: Mapping[str, Any]) -> str:
    """Return, as text, all by which an expectation may name a column whose values count."""
    kwargs = expectation.get("kwargs")
    if isinstance(kwargs, Mapping) and _is_plain(expectation):
        return json.dumps([value for name, value in kwargs.items() if name == "row_condition"], default=str)
    return json.dumps([kwargs, expectation.get("meta")], default=str)


def _usable(patterns: Sequence[str]) -> bool:
    try:
        return all(map(re.compile, patterns))
    except re.error:
        return False


def _passes(patterns: Sequence[str]) -> Passes:
    searches = [re.compile(pattern).search for pattern in patterns]
    # Engines of patterns agree on ASCII; which one looks is the data frame's choice.
    return lambda value: value.isascii() and all(search(value) is not None for search in searches)
