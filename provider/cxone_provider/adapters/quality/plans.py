"""Segment plans as the transfer will follow them: every segment that a plan yields is a row."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cxone_provider.adapters.quality.report import QualityReport
from cxone_provider.adapters.quality.suite import suite_document
from cxone_provider.adapters.quality.table import Table, text_or_none
from cxone_provider.adapters.quality.validation import report_of
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome

MAX_ROWS = 100_000
NUMBER_COLUMNS = (
    "segment_index", "position", "start", "stop", "previous_stop", "length_bytes", "segment_size_bytes",
    "covered_bytes", "size_bytes", "yielded_count", "segment_count",
)  # fmt: skip


def check_plans(
    plans: Sequence[SegmentPlan], suite: Mapping[str, Any] | str | Path | None = None, *, max_rows: int = MAX_ROWS
) -> QualityReport:
    """Check that the segments of every READY plan leave no gap, do not overlap and cover the size exactly.

    A row per segment has ``segment_index``, ``position`` (from 0), ``start``, ``stop``, ``previous_stop``,
    ``length_bytes`` and ``segment_size_bytes``. A closing row per plan has ``covered_bytes`` (the last stop),
    ``size_bytes``, ``yielded_count`` and ``segment_count``. All rows have ``recording_id``; other cells are empty.

    Plans that ended, and plans whose size only the media will tell, have no segments to look at: they are counted in
    ``statistics`` (``plans_ended``, ``plans_of_unknown_size``). No plan at all is not a pass.

    Args:
        plans: the plans of a batch.
        suite: a suite of one's own; None for the shipped one.
        max_rows: rows of one validation run; bounds memory, not what is checked.

    Raises:
        InvalidSetting: the suite cannot be read or run.
    """
    document = suite_document("segment_plan", suite)
    ready = [plan.outcome is Outcome.READY for plan in plans]
    checked = [plan.size_bytes is not None and is_ready for plan, is_ready in zip(plans, ready, strict=True)]
    counts = {
        "plans": len(plans),
        "plans_checked": sum(checked),
        "plans_ended": len(plans) - sum(ready),
        "plans_of_unknown_size": sum(ready) - sum(checked),
    }
    recording_ids = [plan.recording_id for plan in plans]
    if plans and not any(checked):
        return QualityReport(
            document["name"], success=True, recording_ids=recording_ids, findings=(), statistics=counts
        )
    report = report_of(document, _tables(plans, checked, max_rows), recording_ids=recording_ids)
    return replace(report, statistics={**report.statistics, **counts})


@dataclass(slots=True)
class _Rows:
    """Rows of one table, column by column, eight bytes a cell."""

    recording_ids: list[str | None] = field(default_factory=list)
    items: array[int] = field(default_factory=lambda: array("q"))
    numbers: dict[str, array[float]] = field(default_factory=lambda: {name: array("d") for name in NUMBER_COLUMNS})

    def add(self, item: int, recording_id: str | None, **cells: int | None) -> None:
        self.recording_ids.append(recording_id)
        self.items.append(item)
        for name, column in self.numbers.items():
            value = cells.get(name)
            column.append(math.nan if value is None else value)

    def table(self) -> Table:
        return Table(text={"recording_id": self.recording_ids}, numbers=self.numbers, items=self.items)


def _tables(plans: Sequence[SegmentPlan], checked: Sequence[bool], max_rows: int) -> Iterator[Table]:
    rows = _Rows()
    for item, plan in enumerate(plans):
        if not checked[item]:
            continue
        for cells in _cells(plan):
            rows.add(item, text_or_none(plan.recording_id), **cells)
            if len(rows.items) >= max_rows:
                yield rows.table()
                rows = _Rows()
    if rows.items or not plans:
        yield rows.table()


def _cells(plan: SegmentPlan) -> Iterator[dict[str, int | None]]:
    previous_stop = position = 0
    for position, segment in enumerate(plan.segments(), start=1):
        yield {
            "segment_index": segment.index,
            "position": position - 1,
            "start": segment.start,
            "stop": segment.stop,
            "previous_stop": previous_stop,
            "length_bytes": segment.size_bytes,
            "segment_size_bytes": plan.segment_size_bytes,
        }
        previous_stop = segment.stop
    yield {
        "covered_bytes": previous_stop,
        "size_bytes": plan.size_bytes,
        "yielded_count": position,
        "segment_count": plan.segment_count,
    }
