"""Faults as data: which call of which operation breaks, and whether before or after its effect."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

When = Literal["before", "after"]


@dataclass(slots=True)
class Fault:
    """One planned failure; `skip` calls pass first.

    Attributes:
        error: what the call raises.
        when: ``after`` means that the effect happened and only the answer is lost.
        skip: calls still to let through.
    """

    error: BaseException
    when: When
    skip: int


class FaultPlan:
    """Queues of faults by operation, in the order they were planned."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Fault]] = {}

    def add(self, operation: str, error: BaseException, *, when: When, times: int, skip: int) -> None:
        """Let `skip` calls pass, then let `times` calls raise `error`."""
        queue = self._queues.setdefault(operation, deque())
        queue.extend(Fault(error, when, 0 if repeat else skip) for repeat in range(times))

    def begin(self, operation: str) -> Fault | None:
        """Count one call: raise what breaks it before its effect, return what breaks it after."""
        queue = self._queues.get(operation)
        if not queue:
            return None
        if queue[0].skip:
            queue[0].skip -= 1
            return None
        fault = queue.popleft()
        if fault.when == "before":
            raise fault.error
        return fault
