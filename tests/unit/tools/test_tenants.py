"""What is told of a tenant follows from its settings alone."""

from __future__ import annotations

import pytest

from benchmarks.exponents import exponent, faults
from benchmarks.tenants import Measured, Prices, Tenant, dollars_a_month, scheduler_s, tables, worker_hours


@pytest.mark.parametrize(
    ("a_year", "lookback_days", "day", "listed", "size", "batches", "tasks"),
    [
        (365, 0, 1, 1, 100, 1, 7),
        (1_000_000, 0, 2_740, 2_740, 100, 28, 52),
        (10_000_000, 2, 27_398, 82_194, 100, 822, 52),
        (36_500_000, 2, 100_000, 300_000, 200, 2_012, 52),
    ],
)
def test_a_day_in_batches(
    a_year: int, lookback_days: int, day: int, listed: int, size: int, batches: int, tasks: int
) -> None:
    one = Tenant(a_year=a_year, lookback_days=lookback_days)
    assert (one.a_day, one.listed, one.size, one.batches, one.tasks) == (day, listed, size, batches, tasks)


def test_hours_at_the_quota() -> None:
    full = Tenant(a_year=43_200 * 365)
    assert full.quota_hours == pytest.approx(24)
    assert Tenant().quota_hours == pytest.approx(15.22, abs=0.01)
    assert full.bulk_hours == pytest.approx(432 * 3 / 15 / 12)


def test_a_month_at_the_store() -> None:
    one = Tenant(a_year=365_000, mean_bytes=2**30, lookback_days=0)
    prices = Prices(per_1000_puts=1.0, per_1000_gets=0.5, gib_month=0.02, gib_out=0.1)
    month = 365 / 12
    assert dollars_a_month(one, prices, kept_months=1) == pytest.approx(
        {
            "PUT": 4.003 * month,
            "GET": 1.5 * month,
            "storage": 1000 * month * 0.02,
            "transfer out, were it all read": 1000 * month * 0.1,
        }
    )


def test_workers_move_recordings_and_start_tasks() -> None:
    one = Tenant(a_year=36_500, lookback_days=0)
    assert worker_hours(one, Measured(cpu_ms=36, task_s=36)) == pytest.approx(0.001 + 7 * 0.01)


def test_the_scheduler_looks_while_a_run_waits_for_its_quota() -> None:
    one = Tenant(a_year=43_200 * 365, lookback_days=0)
    assert scheduler_s(one, Measured(scheduler_task_ms=10, scheduler_share=0.01)) == pytest.approx(0.52 + 864)


def test_more_than_a_day_has_is_told() -> None:
    assert "**55.6: more than a day has**" in tables(Measured())


def rows(counts: list[int], power: float, what: str = "cpu_s") -> list[dict[str, float]]:
    return [{"count": count, what: 0.01 * count**power, "database_bytes": 0, "tasks": 0} for count in counts]


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_an_exponent_is_the_lines_slope(power: float) -> None:
    assert exponent(rows([10, 100, 1000, 10_000], power), "cpu_s") == pytest.approx(power)


def test_what_is_too_little_has_no_exponent() -> None:
    assert exponent(rows([100, 1000], 0.1), "cpu_s") is None
    assert exponent(rows([10, 100], 1.0), "cpu_s") is None


def test_what_grows_faster_than_it_may_is_named() -> None:
    counts = [100, 1000, 10_000]
    run = {
        "steps": {
            "verify": rows(counts, 1.0),
            "estimate": rows(counts, 1.3),
            "stream": rows(counts, 0.6, "xcom_largest_bytes"),
        },
        "scheduler": rows([1000, 10_000], 1.5, "scheduler_cpu_s"),
    }
    assert faults(run) == [
        "cpu_s of estimate grows by 1.30, at most 1.1",
        "xcom_largest_bytes of stream grows by 0.60, at most 0.1",
        "scheduler_cpu_s of Airflow grows by 1.50, at most 1.1",
    ]
