"""What validation found in everything that one task took, and when the task fails for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context

from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.validating import Validation
from cxone_provider.operators.running import some_of, tries_left

log = logging.getLogger(__name__)
GOING_ON = frozenset({Outcome.READY, Outcome.ALREADY_ARCHIVED})


@dataclass(slots=True)
class Verdict:
    """The validation of one batch or of several.

    Attributes:
        plans: how many recordings there are.
        passing: ids of those that another try may get a plan for.
        broken: data rules that a batch as a whole breaks.
        ended: the recordings that cannot be archived, in words.
    """

    plans: int = 0
    passing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def add(self, validation: Validation) -> None:
        """Count a batch in."""
        self.plans += len(validation.plans)
        self.passing += validation.passing
        self.broken += (
            str(rule)
            for findings in validation.findings
            for rule in findings.failed_rules
            if rule.recording_id is None and rule.severity == "critical"
        )
        self.ended += (_in_words(plan) for plan in validation.plans if plan.outcome not in GOING_ON)

    def check(self, on_rejected: str, context: Context) -> None:
        """Fail the task where it may not go on.

        Raises:
            AirflowException: recordings could not be asked for, and there is another try.
            AirflowFailException: a batch as a whole breaks its rules, or a recording cannot be archived and
                `on_rejected` is ``fail``.
        """
        if self.passing and tries_left(context):
            raise AirflowException(
                f"{len(self.passing)} of {self.plans} recordings could not be asked for: {some_of(self.passing)}"
            )
        if self.broken:
            raise AirflowFailException(f"The batch as a whole breaks its data rules: {'; '.join(self.broken)}")
        if self.ended and on_rejected == "fail":
            raise AirflowFailException(
                f"{len(self.ended)} of {self.plans} recordings cannot be archived: {' | '.join(self.ended)}"
            )


def cold_in(validation: Validation) -> list[str]:
    """Return the ids of what lies in cold storage."""
    return [plan.recording_id for plan in validation.plans if plan.outcome is Outcome.IN_COLD_STORAGE]


def is_refused_for_good(validations: Iterable[Validation]) -> bool:
    """Tell whether a recording ended in a way that neither waiting nor another try can mend."""
    return any(
        plan.outcome not in GOING_ON
        and plan.outcome is not Outcome.IN_COLD_STORAGE
        and plan.recording_id not in validation.passing
        for validation in validations
        for plan in validation.plans
    )


def tell(validation: Validation) -> None:
    """Log what was found in a batch: doubles, rules, and what does not go on."""
    if validation.duplicates:
        log.warning("%d recordings were named twice and are planned once", validation.duplicates)
    for findings in validation.findings:
        log.info("%s", findings)
    for plan in validation.plans:
        if plan.outcome not in GOING_ON:
            log.warning("%s", _in_words(plan))


def _in_words(plan: SegmentPlan) -> str:
    return f"{plan.recording_id} is {plan.outcome}: {'; '.join(str(reason) for reason in plan.reasons)}"
