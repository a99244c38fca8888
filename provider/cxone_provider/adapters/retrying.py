"""When a request is sent again, how long is waited before, and when that ends.

One policy serves every HTTP adapter. An adapter raises :class:`TryAgain` around the typed error that stands if no
further try is left; every other exception ends the call at once.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from email.utils import parsedate_to_datetime
from typing import TypeVar

import pendulum
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from cxone_provider.archive.errors import ArchiveError, InvalidSetting
from cxone_provider.archive.ports import Clock

DEFAULT_RETRY_AFTER_S = 5.0
_SECONDS = re.compile(r"[0-9]+", re.ASCII)
_DATE = re.compile(r"[A-Z][A-Za-z0-9,: -]{5,63}", re.ASCII)
_SECONDS_DIGITS = 9  # more than thirty years either way; longer numbers are not worth parsing

T = TypeVar("T")


class TryAgain(Exception):
    """One try failed in a way that another one can mend.

    Args:
        error: what the call raises when no try is left.
        wait_s: how long the server asked to wait, in seconds; None for the policy's own backoff.
    """

    def __init__(self, error: ArchiveError, *, wait_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait_s = wait_s


def parse_http_date(value: str) -> pendulum.DateTime | None:
    """Return the time of any of the three HTTP date forms (RFC 9110 §5.6.7) in UTC, or None if it is none of them."""
    if not _DATE.fullmatch(value.strip()):
        return None
    try:
        return pendulum.instance(parsedate_to_datetime(value.strip()), tz="UTC").in_timezone("UTC")
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def parse_retry_after_s(value: str | None, now: pendulum.DateTime) -> float | None:
    """Return the seconds, at least 0, that a ``Retry-After`` asks for (RFC 9110 §10.2.3); None if it is unusable."""
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text) if len(text) <= _SECONDS_DIGITS else math.inf
    at = parse_http_date(text)
    return None if at is None else max(0.0, (at - now).total_seconds())


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of one call: requests, waits and time in all.

    The wait after try `n` is drawn evenly from 0 to ``min(max_delay_s, base_delay_s * 2**(n-1))`` (full jitter),
    unless the server names one.

    Attributes:
        attempts: requests at most, the first one included.
        base_delay_s: upper bound of the first backoff, seconds.
        max_delay_s: upper bound of every backoff, seconds.
        max_retry_after_s: longest wait that a server can ask for, seconds; longer ones are cut to it.
        deadline_s: a wait that would end later than this after the call began is not begun.
        random: returns numbers from 0 up to 1.
    """

    attempts: int = 8
    base_delay_s: float = 0.5
    max_delay_s: float = 30.0
    max_retry_after_s: float = 300.0
    deadline_s: float = 900.0
    random: Callable[[], float] = field(default=random.random, repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or not 1 <= self.attempts <= 100:
            raise InvalidSetting("retry attempts", found=self.attempts, expected="a whole number from 1 to 100")
        for name in (f.name for f in fields(self) if f.name.endswith("_s")):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 <= value <= 86_400:
                raise InvalidSetting(f"retry {name}", found=value, expected="seconds from 0 to 86400")

    def call(self, attempt: Callable[[], T], clock: Clock) -> T:
        """Return what `attempt` returns, calling it again after each :class:`TryAgain` within the bounds.

        Raises:
            ArchiveError: the error inside the last TryAgain.
            TransferCancelled: cancelled while waiting.
        """
        began_s = clock.monotonic_s()
        try:
            return attempt()  # nearly always the only one; what repeats costs more than a small request
        except TryAgain as error:
            first: list[TryAgain] = [error]

        def again() -> T:
            if first:
                raise first.pop()
            return attempt()

        def exhausted(state: RetryCallState) -> bool:
            woken_s = clock.monotonic_s() - began_s + state.upcoming_sleep
            return state.attempt_number >= self.attempts or woken_s > self.deadline_s

        retrying = Retrying(
            retry=retry_if_exception_type(TryAgain),
            wait=self._wait_s,
            stop=exhausted,
            sleep=clock.sleep,
            reraise=True,
        )
        try:
            return retrying(again)
        except TryAgain as last:
            spent_s = clock.monotonic_s() - began_s
            last.error.add_note(f"given up after {retrying.statistics['attempt_number']} tries in {spent_s:.1f} s")
            raise last.error from last.__cause__

    def _wait_s(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, TryAgain) and failure.wait_s is not None:
            return min(max(0.0, failure.wait_s), self.max_retry_after_s)
        # The exponent is bounded because 2.0**1024 overflows and any delay is capped long before.
        ceiling_s = min(self.max_delay_s, self.base_delay_s * 2.0 ** min(state.attempt_number - 1, 60))
        return self.random() * ceiling_s
