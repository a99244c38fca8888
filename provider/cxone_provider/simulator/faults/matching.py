"""When a fault strikes: by occurrence, by endpoint, by place in the recording."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.faults.fault import Fault
from cxone_provider.simulator.request import Request


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault and the requests it strikes.

    Attributes:
        on: the endpoint, or None for any.
        at: the first matching request that is struck, counted from 1.
        every: from `at` on, every so many matching requests.
        times: how many requests are struck; None is without end.
        segment_start: only media requests whose range starts at this byte.
        covers: only media requests whose range holds this byte.
    """

    fault: Fault
    on: Endpoint | None
    at: int = 1
    every: int = 1
    times: int | None = 1
    segment_start: int | None = None
    covers: int | None = None

    def concerns(self, endpoint: Endpoint, request: Request) -> bool:
        """Return whether the request is one that this rule counts."""
        if self.on is not None and self.on is not endpoint:
            return False
        if self.segment_start is None and self.covers is None:
            return True
        start, stop = request.asked_range()
        starts_there = self.segment_start in {None, start}
        covers_it = self.covers is None or (start <= self.covers and (stop is None or self.covers < stop))
        # The answer to HEAD holds no byte.
        return endpoint is Endpoint.MEDIA and request.method != "HEAD" and starts_there and covers_it

    def strikes(self, occurrence: int) -> bool:
        """Return whether the n-th matching request (from 1) is struck."""
        strike, offset = divmod(occurrence - self.at, self.every)
        return strike >= 0 and offset == 0 and (self.times is None or strike < self.times)


class Script:
    """The rules of one recording, or of the tenant, and how far each has counted. Safe under threads."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules: tuple[Rule, ...] = ()
        self._seen: list[int] = []
        self.replace(rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules, in the order in which they act."""
        with self._lock:
            return self._rules

    def replace(self, rules: Iterable[Rule]) -> None:
        """Take other rules; all counting starts again."""
        with self._lock:
            self._rules = tuple(rules)
            self._seen = [0] * len(self._rules)

    def striking(self, endpoint: Endpoint, request: Request) -> list[Fault]:
        """Count the request and return the faults that strike it."""
        with self._lock:
            return [rule.fault for index, rule in enumerate(self._rules) if self._count(index, rule, endpoint, request)]

    def _count(self, index: int, rule: Rule, endpoint: Endpoint, request: Request) -> bool:
        if not rule.concerns(endpoint, request):
            return False
        self._seen[index] += 1
        return rule.strikes(self._seen[index])
