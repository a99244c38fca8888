"""Faults of time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

from cxone_provider.simulator.answer import Answer, Pace
from cxone_provider.simulator.dialect import Exchange
from cxone_provider.simulator.faults.fault import Fault, PositiveCount, Seconds


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """Silence before the answer."""

    name: ClassVar[str] = "delay"
    seconds: Annotated[Seconds, "how long"]

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Wait first."""
        del exchange
        return answer.delivered(replace(answer.delivery, delay_s=self.seconds))


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """The body comes in small pieces."""

    name: ClassVar[str] = "drip"
    block_bytes: Annotated[PositiveCount, "bytes at a time"] = 1
    interval_s: Annotated[Seconds, "seconds between two pieces"] = 1.0

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Slow the body down."""
        del exchange
        return answer.delivered(replace(answer.delivery, body_pace=Pace(self.block_bytes, self.interval_s)))


@dataclass(frozen=True, slots=True)
class SlowHeaders(Fault):
    """The head comes in small pieces."""

    name: ClassVar[str] = "slow_headers"
    block_bytes: Annotated[PositiveCount, "bytes at a time"] = 1
    interval_s: Annotated[Seconds, "seconds between two pieces"] = 1.0

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Slow the head down."""
        del exchange
        return answer.delivered(replace(answer.delivery, head_pace=Pace(self.block_bytes, self.interval_s)))


FAULTS: tuple[type[Fault], ...] = (Delay, Drip, SlowHeaders)
