from __future__ import annotations

import pytest

from cxone_provider.archive.errors import InvalidInput
from cxone_provider.console.caching import WeightedCache
from cxone_provider.console.completeness import parse_completeness
from cxone_provider.console.spans import MAX_PIECE_BYTES, SpanNotSatisfiable, span_of
from cxone_provider.console.table import Selection, cell_text


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None), ("", None), ("bytes=", None), ("bytes=-", None), ("items=0-5", None), ("bytes=0-5,7-9", None),
        ("bytes=9-3", None), ("bytes=a-b", None), ("bytes=\u0661-", None), ("bytes=0-0", range(1)),
        ("bytes=0-9", range(10)), ("bytes=90-", range(90, 100)), ("bytes=90-500", range(90, 100)),
        ("bytes=-10", range(90, 100)), ("bytes=-500", range(100)),
    ],
)  # fmt: skip
def test_ranges_are_read_as_the_rfc_says(header: str | None, expected: range | None) -> None:
    assert span_of(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9999999999999999999-"])
def test_ranges_behind_the_end_are_not_satisfiable(header: str) -> None:
    with pytest.raises(SpanNotSatisfiable):
        span_of(header, 100)


def test_a_piece_is_bounded_whatever_is_asked() -> None:
    assert span_of("bytes=5-", 10**12) == range(5, 5 + MAX_PIECE_BYTES)
    assert span_of(f"bytes=-{10**11}", 10**12) == range(10**12 - 10**11, 10**12 - 10**11 + MAX_PIECE_BYTES)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "|x", "%x", "\t=1", "\r=1", "\n=1", "   =1", "\uff1d1"])
def test_text_that_a_spreadsheet_would_run_is_text(value: str) -> None:
    assert cell_text(value) == f"'{value}"


@pytest.mark.parametrize(("value", "expected"), [(None, ""), (-5, "-5"), (1.5, "1.5"), ("a=b", "a=b"), ("", "")])
def test_other_cells_stay_as_they_are(value: object, expected: str) -> None:
    assert cell_text(value) == expected


@pytest.mark.parametrize("asked", [{"sort": "x"}, {"page": 0}, {"page": 10**7}, {"page_size": 0}, {"page_size": 201}])
def test_a_selection_has_bounds(asked: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Selection(**asked)  # type: ignore[arg-type]  # wrong values are what is tested


def test_a_cache_never_weighs_more_than_its_limit() -> None:
    cache: WeightedCache[str] = WeightedCache(10, len)
    made: list[str] = []

    def make(value: str) -> str:
        made.append(value)
        return value

    for value in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb", "x" * 11, "x" * 11):
        assert cache.get(value, lambda value=value: make(value)) == value  # type: ignore[misc]  # bound at once
        assert cache.total <= 10
    assert made == ["aaaa", "bbbb", "cccc", "bbbb", "x" * 11, "x" * 11]


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"schema": "other"}', b"\xff", b"[" * 100_000])
def test_what_is_no_completeness_report_is_none(raw: bytes) -> None:
    assert parse_completeness(raw, "2026-11-25") is None


def test_a_report_with_fields_of_other_kinds_tells_what_it_can() -> None:
    raw = b'{"schema": "cxone.completeness/1", "day": "soon", "expected": -4, "missing": true, "archived": {"a": 1}}'
    told = parse_completeness(raw, "2026-11-25")
    assert told is not None
    assert (told.day, told.expected, told.missing, told.archived) == ("2026-11-25", None, None, 1)
