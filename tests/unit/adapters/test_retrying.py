"""Backoff, Retry-After and the bounds of one call."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.retrying import RetryPolicy, TryAgain, parse_http_date, parse_retry_after_s
from cxone_provider.archive.errors import (
    AccessDenied,
    InvalidSetting,
    RateLimited,
    SourceUnavailable,
    TransferCancelled,
)
from tests.fakes.clock import FakeClock

NOW = pendulum.datetime(2026, 11, 22, 6, 0, 0, tz="UTC")


def attempt_of(outcomes: Iterable[Exception | str]) -> Callable[[], str]:
    """Return a function that raises or returns the next outcome at each call."""
    queue = iter(outcomes)

    def attempt() -> str:
        outcome = next(queue)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return attempt


def broken(wait_s: float | None = None) -> TryAgain:
    return TryAgain(SourceUnavailable("503"), wait_s=wait_s)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Sun, 22 Nov 2026 06:00:30 GMT", 30.0),
        ("Sunday, 22-Nov-26 06:00:30 GMT", 30.0),
        ("Sun Nov 22 06:00:30 2026", 30.0),
        ("Sun Nov  1 06:00:30 2026", 0.0),
        ("Sun, 22 Nov 2026 05:00:00 GMT", 0.0),
        ("9999999999", math.inf),
        ("9" * 10_000, math.inf),
        (None, None),
        ("", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("abc", None),
        ("NaN", None),
        ("inf", None),
        ("1e3", None),
        ("٣", None),
        ("5, 7", None),
        ("Sun, 32 Nov 2026 06:00:30 GMT", None),
        ("Sun, 22 Nov 99999 06:00:30 GMT", None),
        ("Mon" + " " * 10_000, None),
        ("x" * 10_240, None),
    ],
)
def test_reads_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after_s(value, NOW) == seconds


@given(st.text() | st.from_regex(r"\A[A-Z][A-Za-z0-9,: -]{5,60}\Z"))
def test_any_retry_after_is_a_wait_or_nothing(value: str) -> None:
    seconds = parse_retry_after_s(value, NOW)
    assert seconds is None or seconds >= 0


@given(st.datetimes(min_value=pendulum.naive(1970, 1, 1), max_value=pendulum.naive(2068, 12, 31)))
def test_reads_every_time_in_all_three_forms(moment: pendulum.DateTime) -> None:
    at = pendulum.instance(moment.replace(microsecond=0), tz="UTC")
    assert parse_http_date(at.format("ddd, DD MMM YYYY HH:mm:ss [GMT]")) == at
    assert parse_http_date(at.format("dddd, DD-MMM-YY HH:mm:ss [GMT]")) == at
    assert parse_http_date(at.format("ddd MMM") + f" {at.day:2d} " + at.format("HH:mm:ss YYYY")) == at


def test_returns_the_first_good_answer_without_waiting() -> None:
    clock = FakeClock()
    assert RetryPolicy().call(attempt_of(["ok"]), clock) == "ok"
    assert clock.sleeps == []


def test_backs_off_exponentially_with_full_jitter() -> None:
    clock = FakeClock()
    policy = RetryPolicy(attempts=6, base_delay_s=1, max_delay_s=6, random=lambda: 0.5)
    outcomes: list[Exception | str] = [broken(), broken(), broken(), broken(), broken(), "ok"]
    assert policy.call(attempt_of(outcomes), clock) == "ok"
    assert clock.sleeps == [0.5, 1.0, 2.0, 3.0, 3.0]


@given(st.floats(0, 1, exclude_max=True))
def test_no_backoff_is_longer_than_the_maximum(fraction: float) -> None:
    clock = FakeClock()
    policy = RetryPolicy(attempts=100, max_delay_s=4, deadline_s=86_400, random=lambda: fraction)
    with pytest.raises(SourceUnavailable):
        policy.call(attempt_of([broken()] * 100), clock)
    assert len(clock.sleeps) == 99
    assert all(0 <= s <= 4 for s in clock.sleeps)


def test_the_server_decides_the_wait_within_the_maximum() -> None:
    clock = FakeClock()
    outcomes: list[Exception | str] = [broken(7.0), broken(math.inf), broken(-3.0), broken(0.0), "ok"]
    RetryPolicy(max_retry_after_s=60).call(attempt_of(outcomes), clock)
    assert clock.sleeps == [7.0, 60.0, 0.0, 0.0]


def test_raises_the_last_error_when_attempts_run_out() -> None:
    clock = FakeClock()
    policy = RetryPolicy(attempts=3, random=lambda: 0.0)
    last = TryAgain(RateLimited("429"))
    with pytest.raises(RateLimited) as raised:
        policy.call(attempt_of([broken(), broken(), last, "never"]), clock)
    assert raised.value.__notes__ == ["given up after 3 tries in 0.0 s"]
    assert len(clock.sleeps) == 2


def test_does_not_begin_a_wait_that_would_pass_the_deadline() -> None:
    clock = FakeClock()
    policy = RetryPolicy(attempts=100, deadline_s=20)
    with pytest.raises(SourceUnavailable):
        policy.call(attempt_of([broken(9.0)] * 100), clock)
    assert clock.sleeps == [9.0, 9.0]


def test_time_spent_in_the_tries_counts_against_the_deadline() -> None:
    clock = FakeClock()

    def slow() -> str:
        clock.pass_s(15)
        raise broken(1.0)

    with pytest.raises(SourceUnavailable):
        RetryPolicy(deadline_s=20).call(slow, clock)
    assert clock.sleeps == [1.0]


def test_other_errors_end_the_call_at_once() -> None:
    clock = FakeClock()
    with pytest.raises(AccessDenied):
        RetryPolicy().call(attempt_of([AccessDenied("403"), "never"]), clock)
    assert clock.sleeps == []


def test_keeps_the_cause() -> None:
    cause = OSError("reset")

    def attempt() -> str:
        raise broken() from cause

    with pytest.raises(SourceUnavailable) as raised:
        RetryPolicy(attempts=1).call(attempt, FakeClock())
    assert raised.value.__cause__ is cause


def test_cancelling_ends_the_wait() -> None:
    clock = FakeClock()
    clock.cancelled.set()
    with pytest.raises(TransferCancelled):
        RetryPolicy().call(attempt_of([broken(), "never"]), clock)


@pytest.mark.parametrize(
    "settings",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 2.0},
        {"attempts": 101},
        {"base_delay_s": -1},
        {"max_delay_s": math.nan},
        {"max_retry_after_s": math.inf},
        {"deadline_s": "60"},
        {"deadline_s": True},
    ],
)
def test_refuses_bounds_that_make_no_sense(settings: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting, match="retry"):
        RetryPolicy(**settings)  # type: ignore[arg-type]  # wrong types are the point
