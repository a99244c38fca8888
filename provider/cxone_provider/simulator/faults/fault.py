"""What every fault has: a name, fields with their meaning, and three moments to act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from cxone_provider.simulator.answer import Answer
from cxone_provider.simulator.dialect import Endpoint, Exchange


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the largest value that a field may have."""

    low: int
    high: int | None = None

    def admits(self, value: object) -> bool:
        """Return whether the value is a number within the bounds."""
        return isinstance(value, (int, float)) and value >= self.low and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        """Return the bounds in words."""
        return f"from {self.low}" if self.high is None else f"from {self.low} to {self.high}"


Count = Annotated[int, Bounds(0)]
PositiveCount = Annotated[int, Bounds(1)]
Seconds = Annotated[float, Bounds(0)]
StatusCode = Annotated[int, Bounds(100, 999)]
# Thirty years either way: a date has a first and a last one.
DateShift = Annotated[int, Bounds(-(10**9), 10**9)]


class Fault:
    """One thing that goes wrong; the subclass's docstring is its documentation.

    Subclasses are frozen dataclasses. Each field is ``Annotated`` with one sentence that says what it means.

    Attributes:
        name: how scripts call it.
        on: the endpoint it is meant for unless a script says otherwise.
    """

    name: ClassVar[str]
    on: ClassVar[Endpoint] = Endpoint.MEDIA

    @property
    def touches_byte(self) -> int | None:
        """The recording's byte that a request must cover for the fault to show; None when any will do."""
        return None

    def prepare(self, exchange: Exchange) -> None:
        """Act before the endpoint answers: change the request or the tenant."""

    def intercept(self, exchange: Exchange) -> Answer | None:
        """Answer in place of the endpoint, which then never sees the request; None lets it answer."""
        del exchange
        return None

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Act on the answer: return the one to send."""
        del exchange
        return answer
