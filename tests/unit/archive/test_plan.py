"""The segment plan: arithmetic of ranges, and a document that stays small."""

from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.plan import MAX_PLAN_BYTES, Reason, SegmentPlan, checked_segment_size
from cxone_provider.archive.recording import Outcome


def ready(**changes: Any) -> SegmentPlan:
    values: dict[str, Any] = {"segment_size_bytes": 4, "size_bytes": 10}
    return SegmentPlan(**{"recording_id": "r-1", "outcome": Outcome.READY, **values, **changes})


@pytest.mark.parametrize(
    ("size_bytes", "segment_size_bytes", "ranges"),
    [
        (0, 4, []),
        (1, 4, ["bytes=0-0"]),
        (4, 4, ["bytes=0-3"]),
        (5, 4, ["bytes=0-3", "bytes=4-4"]),
        (3, 1, ["bytes=0-0", "bytes=1-1", "bytes=2-2"]),
    ],
)
def test_ranges_are_inclusive_only_in_the_header(size_bytes: int, segment_size_bytes: int, ranges: list[str]) -> None:
    plan = ready(size_bytes=size_bytes, segment_size_bytes=segment_size_bytes)
    assert [segment.range_header for segment in plan.segments()] == ranges
    assert plan.segment_count == len(ranges)


def test_segments_of_an_unresolved_plan_are_an_error() -> None:
    plan = ready(size_bytes=None)
    assert plan.segment_count is None
    with pytest.raises(InvalidDocument, match="not known yet"):
        list(plan.segments())


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "1e3", "", None, 2**40, "-4"])
def test_a_segment_size_that_cannot_be_is_refused(value: object) -> None:
    with pytest.raises(InvalidSetting, match="segment_size_bytes"):
        checked_segment_size(value)


def test_a_rendered_template_is_a_segment_size() -> None:
    assert checked_segment_size(" 262144 ") == 262144


def test_a_document_reads_back_as_the_same_plan() -> None:
    plan = ready(
        reasons=(Reason("duration", 4000, 3600),),
        outcome=Outcome.REJECTED,
        format="mp3",
        duration_s=12.5,
        storage_state="available",
        etag='"x"',
        recorded_at=pendulum.datetime(2026, 11, 22, 7),
        metadata={"skill": "billing"},
        requested_format="mp3",
    )
    assert SegmentPlan.from_document(json.loads(json.dumps(plan.to_document()))) == plan


@pytest.mark.parametrize("size_bytes", [1, 2**30, 5 * 2**40])
def test_a_plan_is_under_two_kib_however_large_the_recording_and_its_metadata(size_bytes: int) -> None:
    plan = ready(
        recording_id="\N{SPEAKER}" * 10_000,
        segment_size_bytes=1,
        size_bytes=size_bytes,
        reasons=tuple(Reason(f"rule-{n}", "v" * 10_000, "l" * 10_000) for n in range(50)),
        metadata={f"key-{n}": "m" * 100 for n in range(500)},
        storage_state="s" * 5000,
    )
    document = plan.to_document()
    assert len(json.dumps(document)) < MAX_PLAN_BYTES
    assert document["reasons_omitted"] == 50 - len(document["reasons"])
    assert 2 <= len(document["reasons"]) < 50
    assert document["metadata_omitted"] == 500 - len(document["metadata"])


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "cxone.segment-plan/2"},
        {"outcome": "DONE"},
        {"size_bytes": -1},
        {"size_bytes": True},
        {"size_bytes": "10"},
        {"segment_count": 4},
        {"segment_size_bytes": 0},
        {"duration_s": float("nan")},
        {"recorded_at": "yesterday"},
        {"recording_id": ""},
        {"metadata": []},
        {"reasons": ["no"]},
    ],
)
def test_a_document_that_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        SegmentPlan.from_document({**ready().to_document(), **change})


@pytest.mark.parametrize("document", [None, "plan", [], 3, {}])
def test_what_is_no_plan_is_refused(document: object) -> None:
    with pytest.raises(InvalidDocument, match="not a segment plan"):
        SegmentPlan.from_document(document)
