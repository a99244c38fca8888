"""Processes that share nothing keep one quota together; ``make quota`` measures how close they come to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.quota.crowd import Crowd, run, steady_share

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.server
def test_several_processes_stay_inside_one_quota() -> None:
    # A machine that stalls makes each slot's request late by more than scaled time forgives: one of each is left room.
    outcome = run(Crowd(requests=48, stated=44, period_s=5, slots=4, seconds=7))
    assert outcome.refused == 0
    assert outcome.accepted == outcome.sent
    assert outcome.accepted >= 44, "a period's worth was asked for"


@pytest.mark.server
def test_the_tenant_would_have_refused_more() -> None:
    """Without this, that nothing is refused would prove nothing: three slots, and a connection that says one."""
    outcome = run(Crowd(requests=30, period_s=1.5, slots=3, seconds=3, parallel_tasks=1))
    assert outcome.refused > 0
    assert outcome.accepted + outcome.refused == outcome.sent


def test_the_steady_span_leaves_beginning_and_end_out() -> None:
    crowd = Crowd(requests=10, period_s=10)
    evenly = [MIDNIGHT + timedelta(seconds=second) for second in range(101)]
    assert steady_share(evenly, crowd) == pytest.approx(1.0)
    assert steady_share(evenly[::2], crowd) == pytest.approx(0.5)
    assert steady_share(evenly[:15], crowd) == 0
    assert steady_share([], crowd) == 0
