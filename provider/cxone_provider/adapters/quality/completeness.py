"""The days of a completeness report: whether what was expected is archived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cxone_provider.adapters.quality.report import QualityReport
from cxone_provider.adapters.quality.suite import suite_document
from cxone_provider.adapters.quality.table import Table
from cxone_provider.adapters.quality.validation import report_of
from cxone_provider.archive.completeness import Completeness
from cxone_provider.archive.recording import Outcome

_COLUMNS = (
    "expected", "archived", "other", "missing", "accounted", "unproven", "partial", "failed", "late", "recordings",
    "bytes", "bytes_unknown", "undated", "requests_used", "requests_allowed",
)  # fmt: skip


def check_completeness(
    reports: Sequence[Completeness],
    suite: Mapping[str, Any] | str | Path | None = None,
    *,
    max_missing: int = 0,
    min_expected: int = 1,
) -> QualityReport:
    """Check the days of a run: something was expected, all of it is accounted for, and no more is missing than may be.

    Columns: text ``day``; numbers ``expected``, ``archived``, ``other``, ``missing``, ``accounted`` (their sum),
    ``unproven``, ``partial``, ``failed``, ``late``, ``recordings``, ``bytes``, ``bytes_unknown``, ``undated``,
    ``requests_used``, ``requests_allowed``. Parameters: ``max_missing`` and ``min_expected``, of all days together.

    Args:
        reports: one for each day. None at all is not a pass.
        suite: a suite of one's own; None for the shipped one.
        max_missing: how many may be missing.
        min_expected: how many must be expected; 0 where an empty expectation is allowed.

    Raises:
        InvalidSetting: the suite cannot be read or run.
    """
    rows = [_numbers(report) for report in reports]
    table = Table(
        text={"day": [report.day for report in reports]},
        numbers={name: [row[name] for row in rows] for name in _COLUMNS},
        items=range(len(reports)),
    )
    return report_of(
        suite_document("completeness", suite),
        [table],
        recording_ids=[report.day for report in reports],
        parameters={"max_missing": max_missing, "min_expected": min_expected},
    )


def _numbers(report: Completeness) -> dict[str, float | None]:
    other = sum(report.outcomes.values())
    return {
        "expected": report.expected,
        "archived": report.archived,
        "other": other,
        "missing": report.missing,
        "accounted": report.archived + other + report.missing,
        "unproven": len(report.unproven_ids),
        "partial": len(report.partial_ids),
        "failed": len(report.other_ids.get(Outcome.FAILED, ())),
        "late": len(report.late_ids),
        "recordings": report.recordings,
        "bytes": report.size_bytes,
        "bytes_unknown": report.bytes_unknown,
        "undated": report.undated,
        "requests_used": report.requests_used,
        "requests_allowed": report.requests_allowed,
    }
