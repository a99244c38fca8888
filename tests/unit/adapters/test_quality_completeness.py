from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cxone_provider.adapters.quality import check_completeness
from cxone_provider.archive.completeness import Completeness
from cxone_provider.archive.plan import Reason
from cxone_provider.archive.recording import Outcome
from tests.unit.adapters.quality_cases import expectation, suite_of
from tests.unit.archive.reconciling_cases import DAY, NOW

WHOLE = Completeness(
    DAY, "run", NOW, archived=10, recordings=11, size_bytes=1000, requests_used=10, requests_allowed=43_200
)
EMPTY = Completeness(DAY, "run", NOW)


def test_a_day_that_is_archived_whole_passes() -> None:
    report = check_completeness([WHOLE, replace(WHOLE, day="2026-11-21", requests_used=None, requests_allowed=None)])
    assert (report.success, report.failed_rules) == (True, [])
    assert report.statistics["rules"] == 10


@pytest.mark.parametrize(
    ("change", "rule", "success"),
    [
        ({"missing_ids": ("a", "b", "c")}, "missing", False),
        ({"missing_ids": ("a",), "unproven_ids": ("a",)}, "unproven", False),
        ({"other_ids": {Outcome.FAILED: ("a",)}}, "not_failed", True),
        ({"bytes_unknown": 1}, "bytes_known", True),
        ({"requests_used": 43_201}, "requests_within_quota", True),
    ],
)
def test_what_is_not_as_it_should_be_breaks_its_rule(change: dict[str, Any], rule: str, success: bool) -> None:
    report = check_completeness([replace(WHOLE, **change)], max_missing=2)
    assert [one.rule for one in report.failed_rules] == [rule]
    assert report.success is success


def test_what_is_missing_is_counted_over_all_days() -> None:
    days = [replace(WHOLE, day=f"2026-11-{day}", missing_ids=("a",)) for day in (20, 21, 22)]
    assert check_completeness(days, max_missing=3).success
    [broken] = check_completeness(days, max_missing=2).failed_rules
    assert broken.example == Reason("missing", 3, 2)


def test_an_empty_expectation_is_no_pass_unless_it_is_allowed() -> None:
    assert [one.rule for one in check_completeness([EMPTY]).failed_rules] == ["something_expected"]
    assert check_completeness([EMPTY], min_expected=0).success
    assert not check_completeness([]).success


def test_a_day_that_is_told_twice_is_no_report() -> None:
    assert [one.rule for one in check_completeness([WHOLE, WHOLE]).failed_rules] == ["unique_day"]


def test_a_suite_of_ones_own_sees_the_same_columns() -> None:
    own = suite_of(
        expectation("column_values_to_be_between", column="late", max_value=0, meta={"rule": "on time"}),
        expectation("column_sum_to_be_between", column="missing", max_value={"$PARAMETER": "max_missing"}),
    )
    assert check_completeness([WHOLE], own).success
    report = check_completeness([replace(WHOLE, late_ids=("a",))], own)
    assert report.reasons == {DAY: [Reason("on time", 1, 0)]}
