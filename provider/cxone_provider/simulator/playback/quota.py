"""A number of requests per period, counted over a sliding window for the whole tenant."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from cxone_provider.simulator.answer import Answer, json_answer
from cxone_provider.simulator.clock import Clock

_KEPT_EVENTS = 1_000_000


@dataclass(frozen=True, slots=True)
class QuotaEvent:
    """A request that counted, or one that was refused."""

    at: datetime
    accepted: bool


class Quota:
    """Counts requests, and refuses those over the limit. Safe under threads.

    Args:
        limit: requests in any window of `period_s`; 0 is without limit.
        enforced: False counts and refuses nothing.
        retry_after: whether a refusal says when to come back.
    """

    def __init__(self, clock: Clock, limit: int, period_s: float, *, enforced: bool, retry_after: bool) -> None:
        self.limit = limit
        self.period_s = period_s
        self._clock = clock
        self._enforced = enforced
        self._retry_after = retry_after
        self._lock = threading.Lock()
        self._window: deque[datetime] = deque()
        self._events: deque[QuotaEvent] = deque(maxlen=_KEPT_EVENTS)
        self._used = self._refused = self._most = 0

    @property
    def used(self) -> int:
        """How many requests were accepted since the start or the last reset."""
        return self._used

    @property
    def refused(self) -> int:
        """How many were refused."""
        return self._refused

    @property
    def most_in_window(self) -> int:
        """The most requests that were accepted within any one period."""
        return self._most

    @property
    def timeline(self) -> list[QuotaEvent]:
        """The latest million requests, in order."""
        with self._lock:
            return list(self._events)

    def refusal(self, route: str) -> Answer | None:
        """Count a request; return 429 ``{message, route}`` when it is over the limit, else None."""
        with self._lock:
            now = self._clock.now()
            oldest = self._oldest_within(now)
            if oldest is not None:
                self._refused += 1
                self._events.append(QuotaEvent(now, accepted=False))
                return self._throttled(route, (oldest - now).total_seconds() + self.period_s)
            self._used += 1
            self._window.append(now)
            self._most = max(self._most, len(self._window))
            self._events.append(QuotaEvent(now, accepted=True))
            return None

    def as_json(self) -> dict[str, object]:
        """Return the counters as a JSON object."""
        return {
            "limit": self.limit,
            "period_s": self.period_s,
            "used": self.used,
            "refused": self.refused,
            "most_in_window": self.most_in_window,
        }

    def reset(self) -> None:
        """Count from zero."""
        with self._lock:
            self._window.clear()
            self._events.clear()
            self._used = self._refused = self._most = 0

    def _oldest_within(self, now: datetime) -> datetime | None:
        """Return the request that must leave the window before another is accepted; None when there is room."""
        begins = now - timedelta(seconds=self.period_s)
        while self._window and self._window[0] <= begins:
            self._window.popleft()
        is_full = self._enforced and 0 < self.limit <= len(self._window)
        return self._window[0] if is_full else None

    def _throttled(self, route: str, wait_s: float) -> Answer:
        answer = json_answer(429, {"message": "Too many requests", "route": route})
        return answer.with_header("Retry-After", str(math.ceil(wait_s))) if self._retry_after else answer
