"""What a check found: for every input its broken rules, and what Data Docs are built from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxone_provider.archive.errors import shown
from cxone_provider.archive.plan import Reason

REPORT_SCHEMA = "cxone.quality-report/1"
CRITICAL = "critical"
_RECORDINGS_BUDGET_BYTES = 16 * 1024
_RULES_SHOWN = 50
_RULES_IN_WORDS = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule; `item` is the position of the input that breaks it, None for a rule of the whole table."""

    item: int | None
    severity: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class FailedRule:
    """One rule that did not hold.

    Attributes:
        rule: its name.
        severity: ``critical``, ``warning`` or ``info``.
        recordings: how many inputs broke it; 0 for a rule of the whole batch.
        example: the first case: value and limit.
        recording_id: whose value that is; None for a rule of the whole batch.
    """

    rule: str
    severity: str
    recordings: int
    example: Reason
    recording_id: str | None

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "severity": self.severity,
            "recordings": self.recordings,
            "recording_id": self.recording_id,
            **self.example.to_document(),
        }

    def __str__(self) -> str:
        whose = "" if self.recording_id is None else f" ({self.recordings} recordings, first {self.recording_id})"
        return f"{self.example}{whose}"


@dataclass(frozen=True, slots=True)
class QualityReport:
    """The end of one check.

    Attributes:
        suite: name of the suite.
        success: no critical rule is broken, and there was something to check.
        recording_ids: id of every input, by position.
        findings: every broken rule of every input.
        statistics: counts: inputs, rows, rules evaluated and broken, what was left out.
        results: Great Expectations' validation results as JSON objects, bounded, for :func:`build_data_docs`.
    """

    suite: str
    success: bool
    recording_ids: Sequence[str]
    findings: Sequence[Finding] = field(repr=False)
    statistics: Mapping[str, int]
    results: Sequence[Mapping[str, Any]] = field(repr=False, default=())

    @property
    def reasons(self) -> dict[str, list[Reason]]:
        """Critical reasons by recording id; equal ids share one list, recordings without a reason have none."""
        return self._by_id(critical=True)

    @property
    def warnings(self) -> dict[str, list[Reason]]:
        """Reasons of lower severity by recording id; they fail nothing."""
        return self._by_id(critical=False)

    def reasons_at(self, position: int) -> list[Reason]:
        """Return the critical reasons of one input, told apart from others of the same id."""
        return [found.reason for found in self.findings if found.item == position and found.severity == CRITICAL]

    @property
    def failed_rules(self) -> list[FailedRule]:
        """Every rule that did not hold, critical ones first."""
        grouped: dict[tuple[str, str], list[Finding]] = {}
        for found in self.findings:
            grouped.setdefault((found.severity, found.reason.rule), []).append(found)
        rules = [self._failed_rule(severity, group) for (severity, _), group in grouped.items()]
        return sorted(rules, key=lambda rule: rule.severity != CRITICAL)

    def to_document(self) -> dict[str, Any]:
        """Return a JSON object for XCom, under 48 KiB however large the batch; what is left out is counted."""
        rules = self.failed_rules
        reasons = self.reasons
        kept = _bounded(reasons)
        return {
            "schema": REPORT_SCHEMA,
            "suite": shown(self.suite),
            "success": self.success,
            "statistics": dict(self.statistics),
            "failed_rules": [rule.to_document() for rule in rules[:_RULES_SHOWN]],
            "failed_rules_omitted": max(0, len(rules) - _RULES_SHOWN),
            "reasons": kept,
            "reasons_omitted": len(reasons) - len(kept),
        }

    def __str__(self) -> str:
        """Return one line for a log or an error: the suite, and the rules that did not hold."""
        rules = [str(rule) for rule in self.failed_rules]
        more = f"; and {len(rules) - _RULES_IN_WORDS} more" if len(rules) > _RULES_IN_WORDS else ""
        broken = f": {'; '.join(rules[:_RULES_IN_WORDS])}{more}" if rules else ""
        return f"{shown(self.suite)} {'passed' if self.success else 'failed'}{broken}"

    def _by_id(self, *, critical: bool) -> dict[str, list[Reason]]:
        found: dict[str, list[Reason]] = {}
        for finding in self.findings:
            if finding.item is not None and (finding.severity == CRITICAL) is critical:
                reasons = found.setdefault(self.recording_ids[finding.item], [])
                if finding.reason not in reasons:
                    reasons.append(finding.reason)
        return found

    def _failed_rule(self, severity: str, group: Sequence[Finding]) -> FailedRule:
        first = group[0]
        items = {found.item for found in group if found.item is not None}
        recording_id = None if first.item is None else self.recording_ids[first.item]
        return FailedRule(first.reason.rule, severity, len(items), first.reason, recording_id)


def _bounded(reasons: Mapping[str, Sequence[Reason]]) -> dict[str, list[dict[str, Any]]]:
    kept: dict[str, list[dict[str, Any]]] = {}
    budget = _RECORDINGS_BUDGET_BYTES
    for recording_id, broken in reasons.items():
        documents = [reason.to_document() for reason in broken[:_RULES_SHOWN]]
        budget -= len(json.dumps({recording_id: documents}))
        if budget < 0:
            break
        kept[recording_id] = documents
    return kept
