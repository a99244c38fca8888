"""A webhook receiver for demos: takes whatever is posted and shows it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime

from cxone_provider.simulator.answer import Answer, error_answer
from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.request import Headers, Request, header_value
from cxone_provider.simulator.request_log import redacted

_KEPT_DELIVERIES = 10_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST to the receiver.

    Attributes:
        at: when it had arrived, timezone-aware.
        headers: as sent, credentials replaced by a short hash.
        body: decoded as UTF-8; undecodable bytes are replaced.
    """

    at: datetime
    path: str
    headers: Headers
    body: str

    def header(self, name: str) -> str | None:
        """Return the first value of a header, or None."""
        return header_value(self.headers, name)

    def as_json(self) -> dict[str, object]:
        """Return the delivery as a JSON object; headers are a list of pairs."""
        return {**asdict(self), "at": self.at.isoformat()}


class WebhookReceiver:
    """Keeps the latest ten thousand deliveries. Safe under threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._deliveries: deque[Delivery] = deque(maxlen=_KEPT_DELIVERIES)

    def receive(self, request: Request) -> Answer:
        """Keep a POST and answer 204."""
        if request.method != "POST":
            return error_answer(405, "method_not_allowed", "allowed: POST").with_header("Allow", "POST")
        body = request.body.decode("utf-8", "replace")
        delivery = Delivery(self._clock.now(), request.path, redacted(request.headers), body)
        with self._lock:
            self._deliveries.append(delivery)
        return Answer(204)

    def deliveries(self) -> list[Delivery]:
        """Return what arrived, in order."""
        with self._lock:
            return list(self._deliveries)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._deliveries.clear()
