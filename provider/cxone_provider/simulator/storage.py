"""Storage states that change over requests and time."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.errors import ScenarioError, unknown_name

STREAMABLE_STATES = frozenset({"available", "stored"})
_LONGEST_PHASE_S = 10**9
_PHASE_FIELDS = frozenset({"state", "for_requests", "for_s"})


@dataclass(frozen=True, slots=True)
class Phase:
    """A state, and when it ends; without an end it lasts.

    Attributes:
        for_requests: ends after so many metadata and media requests.
        for_s: ends so many seconds after it began.
    """

    state: str
    for_requests: int | None = None
    for_s: float | None = None


class StateTimeline:
    """Walks through phases. The first begins with the first request; the last lasts. Safe under threads."""

    def __init__(self, phases: Sequence[Phase], clock: Clock) -> None:
        self._phases = tuple(phases)
        self._clock = clock
        self._lock = threading.Lock()
        self._index = 0
        self._requests = 0
        self._began_at: datetime | None = None

    def observe(self) -> str:
        """Count a request and return the state it meets."""
        with self._lock:
            self._pass_time()
            state = self._phases[self._index].state
            self._count_request()
            return state

    def current(self) -> str:
        """Return the state without counting a request."""
        with self._lock:
            if self._began_at is not None:
                self._pass_time()
            return self._phases[self._index].state

    def _pass_time(self) -> None:
        now = self._clock.now()
        began_at = self._began_at or now
        self._began_at = began_at
        while (for_s := self._phases[self._index].for_s) is not None and not self._is_last():
            # Each phase begins where the one before ended, not when somebody happened to look.
            ends_at = began_at + timedelta(seconds=for_s)
            if now < ends_at:
                return
            began_at = ends_at
            self._enter_next(began_at)

    def _count_request(self) -> None:
        self._requests += 1
        limit = self._phases[self._index].for_requests
        if limit is not None and self._requests >= limit and not self._is_last():
            self._enter_next(self._clock.now())

    def _is_last(self) -> bool:
        return self._index == len(self._phases) - 1

    def _enter_next(self, began_at: datetime) -> None:
        self._index += 1
        self._requests = 0
        self._began_at = began_at


def parse_phases(document: object) -> tuple[Phase, ...]:
    """Return the phases of ``"available"`` or ``[{"state", "for_requests" | "for_s"}, …]``.

    Raises:
        ScenarioError: another shape.
    """
    if isinstance(document, str):
        return (Phase(document),)
    if not isinstance(document, Sequence) or not document:
        raise ScenarioError(f"storageState is a state or a list of phases, not {document!r}")
    return tuple(_parse_phase(phase) for phase in document)


def _parse_phase(document: object) -> Phase:
    if not isinstance(document, Mapping) or not isinstance(document.get("state"), str):
        raise ScenarioError(
            f'a phase of storageState is {{"state": …, "for_requests" or "for_s": …}}, not {document!r}'
        )
    for name in document:
        if name not in _PHASE_FIELDS:
            raise unknown_name("field of a storageState phase", name, _PHASE_FIELDS)
    return Phase(document["state"], _for_requests(document.get("for_requests")), _for_s(document.get("for_s")))


def _for_requests(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ScenarioError(f"for_requests is {value!r}; a count from 1 is needed")


def _for_s(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= _LONGEST_PHASE_S:
        return value
    raise ScenarioError(f"for_s is {value!r}; seconds from 0 to {_LONGEST_PHASE_S} are needed")
