"""What a run's completeness reports come to, small enough for XCom and for an asset's event."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.completeness import Completeness

SUMMARY_SCHEMA = "cxone.completeness-summary/1"
XCOM_BUDGET_BYTES = 32 * 1024
_DAYS_TOLD = 62
_IDS_TOLD = 20
_COUNTED = ("day", "expected", "archived", "missing", "outcomes", "late", "bytes", "looked_back")


@dataclass(frozen=True, slots=True)
class CompletenessSummary:
    """All days that a run looked at.

    Attributes:
        reports: one for each day, in order.
        uris: where each is stored, by day.
    """

    reports: Sequence[Completeness]
    uris: Mapping[str, str]

    @property
    def expected(self) -> int:
        """How many recordings and contacts were expected."""
        return sum(one.expected for one in self.reports)

    @property
    def missing_ids(self) -> list[str]:
        """What is missing, of every day."""
        return [name for one in self.reports for name in one.missing_ids]

    def counts(self) -> dict[str, Any]:
        """Return the counts as a JSON object, for an asset's event: the sums, and each day's."""
        told = self.reports[-_DAYS_TOLD:]
        return {
            "schema": SUMMARY_SCHEMA,
            "run_id": self.reports[-1].run_id if self.reports else None,
            "expected": self.expected,
            "archived": sum(one.archived for one in self.reports),
            "missing": len(self.missing_ids),
            "outcomes": self._outcomes(),
            "late": sum(len(one.late_ids) for one in self.reports),
            "recordings": sum(one.recordings for one in self.reports),
            "bytes": sum(one.size_bytes for one in self.reports),
            "requests_used": self._requests_used(),
            "requests_allowed": self.reports[-1].requests_allowed if self.reports else None,
            "days": [self._day(one) for one in told],
            "days_omitted": len(self.reports) - len(told),
        }

    def to_document(self) -> dict[str, Any]:
        """Return a JSON object for XCom: the counts, and of every day as many ids as there is room for."""
        document = self.counts()
        for ids in (_IDS_TOLD, 5, 1):
            days = [
                {**one.to_document(ids=ids), "report_uri": self.uris.get(one.day)} for one in self.reports[-_DAYS_TOLD:]
            ]
            if len(json.dumps(days)) <= XCOM_BUDGET_BYTES:
                return {**document, "days": days}
        return document

    def _day(self, report: Completeness) -> dict[str, Any]:
        document = report.to_document(ids=0)
        return {**{name: document[name] for name in _COUNTED}, "report_uri": self.uris.get(report.day)}

    def _outcomes(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for one in self.reports:
            counted.update(one.outcomes)
        return dict(sorted(counted.items()))

    def _requests_used(self) -> int | None:
        told = [one.requests_used for one in self.reports if one.requests_used is not None]
        return sum(told) if told else None
