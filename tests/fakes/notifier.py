"""The archive's webhook in memory, with the receiver's answers as data."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cxone_provider.archive.errors import DeliveryFailed, DeliveryRefused
from cxone_provider.archive.ports import Clock, Delivery
from tests.fakes.clock import FakeClock

Answer: TypeAlias = int | Literal["broken"]


@dataclass(frozen=True, slots=True)
class Posted:
    """One request as the receiver saw it."""

    webhook_id: str
    body: bytes


class FakeNotifier:
    """Implements :class:`cxone_provider.archive.ports.Notifier`.

    Args:
        answers: statuses, or ``broken`` for a connection that breaks; 204 when there are no more.
        attempts: requests of one delivery at most.
        clock: time of the deliveries.

    Attributes:
        posted: every request, in order.
    """

    def __init__(self, *answers: Answer, attempts: int = 6, clock: Clock | None = None) -> None:
        self._answers = deque(answers)
        self._attempts = attempts
        self._clock = clock or FakeClock()
        self._lock = threading.Lock()
        self._gone = False
        self.posted: list[Posted] = []

    def deliver(self, webhook_id: str, body: bytes) -> Delivery:
        status: Answer = "broken"
        with self._lock:
            for attempt in range(1, self._attempts + 1):
                status = self._post(webhook_id, body)
                if status != "broken" and 200 <= status < 300:
                    return Delivery(status, attempt, self._clock.now())
                if status != "broken" and status < 500 and status not in {408, 425, 429}:
                    self._gone = status == 410
                    raise DeliveryRefused("webhook refused", found=status, expected="2xx")
            raise DeliveryFailed("webhook not delivered", found=status, expected="2xx")

    def _post(self, webhook_id: str, body: bytes) -> Answer:
        if self._gone:
            return 410
        self.posted.append(Posted(webhook_id, body))
        return self._answers.popleft() if self._answers else 204
