from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cxone_provider.adapters.quality import check_plans
from cxone_provider.archive.plan import Reason, Segment, SegmentPlan
from cxone_provider.archive.recording import Outcome
from tests.unit.adapters.quality_cases import plan


@dataclass(frozen=True, slots=True)
class BrokenPlan(SegmentPlan):
    """A plan that yields the segments it is given."""

    given: tuple[tuple[int, int, int], ...] = ()

    def segments(self) -> Iterator[Segment]:
        return (Segment(*one) for one in self.given)


def test_plans_cover_their_sizes_exactly() -> None:
    plans = [plan(), plan("b", 0), plan("c", 1), plan("d", 5 * 2**40, segment_size_bytes=512 * 2**20)]
    report = check_plans(plans)
    assert (report.success, report.reasons) == (True, {})
    segments = 4 + 0 + 1 + 10_240
    assert report.statistics["rows"] == segments + len(plans)


@pytest.mark.parametrize(
    ("segments", "reasons"),
    [
        ([(0, 0, 256), (1, 300, 512)], [Reason("no_gap", 300, 256)]),
        ([(0, 0, 256), (1, 200, 456), (2, 456, 512)], [Reason("no_overlap", 200, 256), Reason("segment_count", 3, 2)]),
        ([(0, 0, 256), (1, 256, 500)], [Reason("covers_size", 500, 512)]),
        ([(0, 0, 256), (1, 256, 513)], [Reason("max_segment_bytes", 257, 256), Reason("covers_size", 513, 512)]),
        ([(0, 0, 256), (2, 256, 512)], [Reason("segment_index", 2, 1)]),
        ([(0, 1, 256), (1, 256, 512)], [Reason("no_gap", 1, 0)]),
        (
            [(0, 0, 256), (1, 256, 256), (2, 256, 512)],
            [Reason("min_segment_bytes", 0, 1), Reason("segment_count", 3, 2)],
        ),
        ([], [Reason("covers_size", 0, 512), Reason("segment_count", 0, 2)]),
    ],
)
def test_a_hole_an_overlap_or_a_missing_end_is_always_seen(
    segments: list[tuple[int, int, int]], reasons: list[Reason]
) -> None:
    broken = BrokenPlan("call-1", Outcome.READY, 256, size_bytes=512, given=tuple(segments))
    report = check_plans([plan("good"), broken])
    assert (report.success, report.reasons) == (False, {"call-1": reasons})


@pytest.mark.parametrize("max_rows", [1, 2, 4])
def test_a_plan_that_is_checked_in_several_runs_gets_the_same_reasons(max_rows: int) -> None:
    broken = BrokenPlan("call-1", Outcome.READY, 256, size_bytes=512, given=((0, 0, 256), (1, 300, 500)))
    report = check_plans([plan("good"), broken], max_rows=max_rows)
    assert report.reasons == {"call-1": [Reason("no_gap", 300, 256), Reason("covers_size", 500, 512)]}
    assert (report.statistics["rows"], len(report.results)) == (8, -(-8 // max_rows))


def test_plans_that_ended_and_plans_of_unknown_size_are_counted() -> None:
    ended = plan("ended", 2**40, segment_size_bytes=1, outcome=Outcome.REJECTED)
    report = check_plans([ended, plan("unknown", None), plan()])
    assert report.success
    counted = {name: count for name, count in report.statistics.items() if name.startswith("plans")}
    assert counted == {"plans": 3, "plans_checked": 1, "plans_ended": 1, "plans_of_unknown_size": 1}
    nothing_yet = check_plans([plan(size_bytes=None)])
    assert (nothing_yet.success, nothing_yet.results) == (True, ())


def test_no_plan_at_all_is_not_a_pass() -> None:
    report = check_plans([])
    assert not report.success
    assert report.failed_rules[0].example == Reason("row_count", 0, 1)
