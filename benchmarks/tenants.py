"""From what was measured to a tenant, and to a hundred: quota, hours, workers, money, Airflow's tables.

Every figure is a formula of settings that stand in one place. Prices are assumptions, named as such: list prices of
Amazon S3 Standard in us-east-1 as of 2026-11; put your own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

DAYS_OF_A_YEAR = 365
_GIB = 2**30
_HOURS_OF_A_DAY = 24
_S_OF_AN_HOUR = 3600
# As cxone_provider.operators.batches has it.
_BATCHES_OF_A_SIZE, _LARGEST_BATCH = 1024, 1000


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars; assumed.

    Attributes:
        per_1000_puts: PUT, POST, LIST.
        per_1000_gets: GET, HEAD.
        gib_month: a GiB stored for a month.
        gib_out: a GiB sent out of the cloud; what comes in costs nothing.
    """

    per_1000_puts: float = 0.005
    per_1000_gets: float = 0.0004
    gib_month: float = 0.023
    gib_out: float = 0.09


@dataclass(frozen=True, slots=True)
class Measured:
    """What one recording, one batch and one task take on the machine that was measured.

    Attributes:
        cpu_ms: processor for a recording, pipeline and all steps around it, verification left out.
        verify_cpu_ms: processor to read one back.
        task_s: seconds of a worker's processor to start a task; Airflow's, not measured here.
        scheduler_task_ms: scheduler's processor for a task instance.
        scheduler_share: of a core, while a run is at work.
        database_bytes: what a listed recording leaves in Airflow's tables.
    """

    cpu_ms: float = 5.0
    verify_cpu_ms: float = 0.2
    task_s: float = 3.0
    scheduler_task_ms: float = 25.0
    scheduler_share: float = 0.04
    database_bytes: float = 300


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant and how it is archived.

    Attributes:
        a_year: recordings.
        mean_bytes: of a recording; 3 minutes at 32 kbit/s.
        batch_size: recordings of a batch; doubles after each 1,024 batches.
        lookback_days: days that each run looks back, at one request of the store for each recording.
        quota_requests, quota_period_s: what the tenant allows.
        most_tasks: mapped tasks that share the batches.
    """

    a_year: int = 10_000_000
    mean_bytes: int = 720_000
    batch_size: int = 100
    lookback_days: int = 2
    quota_requests: int = 150
    quota_period_s: float = 300.0
    most_tasks: int = 16

    @property
    def a_day(self) -> int:
        """Recordings of a day."""
        return math.ceil(self.a_year / DAYS_OF_A_YEAR)

    @property
    def listed(self) -> int:
        """Recordings that a run lists: the day's and those of the look-back."""
        return self.a_day * (1 + self.lookback_days)

    @property
    def size(self) -> int:
        """Recordings of the largest batch."""
        return self._grown[1]

    @property
    def batches(self) -> int:
        """Batches of a run."""
        return self._grown[0]

    @property
    def _grown(self) -> tuple[int, int]:
        made, size, left = 0, self.batch_size, self.listed
        while left > size * _BATCHES_OF_A_SIZE:
            made, left = made + _BATCHES_OF_A_SIZE, left - size * _BATCHES_OF_A_SIZE
            size = min(2 * size, _LARGEST_BATCH)
        return made + math.ceil(left / size), size

    @property
    def tasks(self) -> int:
        """Task instances of a run: three for each share of the batches, and list, estimate, check, reconcile."""
        return 3 * min(self.batches, self.most_tasks) + 4

    @property
    def quota_hours(self) -> float:
        """Hours a day that playback requests take, one for each new recording."""
        return self.a_day / self.quota_requests * self.quota_period_s / _S_OF_AN_HOUR

    @property
    def bulk_hours(self) -> float:
        """Hours a day by bulk download: a request for a hundred and some looks at it, 15 requests in five minutes."""
        return math.ceil(self.a_day / 100) * 3 / 15 * 300 / _S_OF_AN_HOUR

    @property
    def puts(self) -> int:
        """PUT and LIST requests a day: media, audit trail, manifest, receipt; keys are told a thousand at a time."""
        return 4 * self.a_day + 3 * math.ceil(self.listed / 1000)

    @property
    def gets(self) -> int:
        """GET requests a day: validation and stream look for the manifest, the webhook for the receipt."""
        return 3 * self.listed

    @property
    def gib_a_day(self) -> float:
        """GiB that come in a day."""
        return self.a_day * self.mean_bytes / _GIB


def dollars_a_month(one: Tenant, prices: Prices, *, kept_months: int = 12) -> dict[str, float]:
    """Return what a tenant costs at the store in a month, once `kept_months` of recordings lie there."""
    month_days = DAYS_OF_A_YEAR / 12
    return {
        "PUT": one.puts * month_days / 1000 * prices.per_1000_puts,
        "GET": one.gets * month_days / 1000 * prices.per_1000_gets,
        "storage": one.gib_a_day * month_days * kept_months * prices.gib_month,
        "transfer out, were it all read": one.gib_a_day * month_days * prices.gib_out,
    }


def measured(run: Mapping[str, Any]) -> Measured:
    """Return what a run says of one recording and of one task; what it does not say stays as it is assumed."""
    around = [rows[-1]["cpu_s"] / rows[-1]["count"] for name, rows in run["steps"].items() if name not in _NOT_DAILY]
    known = Measured(
        cpu_ms=sum(around) * 1e3,
        verify_cpu_ms=run["steps"]["verify"][-1]["cpu_s"] / run["steps"]["verify"][-1]["count"] * 1e3,
    )
    if not run["scheduler"]:
        return known
    rows, waiting = run["scheduler"], run["scheduler_waiting"]
    return replace(
        known,
        scheduler_task_ms=min(row["scheduler_cpu_s"] / row["tasks"] for row in rows) * 1e3,
        scheduler_share=known.scheduler_share if waiting is None else waiting,
        database_bytes=rows[-1]["database_bytes"] / rows[-1]["count"],
    )


_NOT_DAILY = ("verify", "sweep", "console")


def tables(told: Measured, prices: Prices | None = None) -> str:
    """Return the tables of a tenant of 10 million recordings a year, of smaller and larger ones, and of a hundred."""
    prices = prices or Prices()
    tenants = [Tenant(a_year=count) for count in (100_000, 1_000_000, 10_000_000, 36_500_000)]
    return "\n\n".join([_days(tenants, told), _money(tenants, prices), _hundred(Tenant(), told, prices)])


def _days(tenants: Sequence[Tenant], told: Measured) -> str:
    head = " | ".join(f"{one.a_year:,} a year" for one in tenants)
    rows: list[tuple[str, list[str]]] = [
        ("recordings a day; listed with a look-back of 2 days", [f"{t.a_day:,}; {t.listed:,}" for t in tenants]),
        ("batches; recordings of the largest", [f"{t.batches:,}; {t.size:,}" for t in tenants]),
        ("task instances a day", [f"{t.tasks:,}" for t in tenants]),
        ("hours a day at 150 playback requests in 5 minutes", [_hours(t.quota_hours) for t in tenants]),
        ("hours a day by bulk download, 15 requests in 5 minutes", [_hours(t.bulk_hours) for t in tenants]),
        ("worker processor, hours a day", [f"{worker_hours(t, told):.2f}" for t in tenants]),
        (
            "workers' slots that are busy, on average",
            [f"{worker_hours(t, told) / _HOURS_OF_A_DAY:.3f}" for t in tenants],
        ),
        ("scheduler processor, s a day", [f"{scheduler_s(t, told):,.0f}" for t in tenants]),
        ("Airflow's tables, MiB a month", [f"{t.listed * told.database_bytes * 30 / 2**20:,.0f}" for t in tenants]),
        ("arriving, GiB a day", [f"{t.gib_a_day:,.1f}" for t in tenants]),
        ("mean over a day, Mbit/s", [f"{t.a_day * t.mean_bytes * 8 / 86_400 / 1e6:,.2f}" for t in tenants]),
    ]
    lines = ["### A tenant's day", "", f"| | {head} |", "|---" * (len(tenants) + 1) + "|"]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def worker_hours(one: Tenant, told: Measured) -> float:
    """Return the hours of one core that a day takes on workers: the recordings, and starting the tasks."""
    return (one.a_day * told.cpu_ms / 1e3 + one.tasks * told.task_s) / _S_OF_AN_HOUR


def scheduler_s(one: Tenant, told: Measured) -> float:
    """Return the scheduler's seconds of processor a day: for task instances, and while the run waits for its quota."""
    waiting_s = min(one.quota_hours, _HOURS_OF_A_DAY) * _S_OF_AN_HOUR
    return one.tasks * told.scheduler_task_ms / 1e3 + waiting_s * told.scheduler_share


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours <= _HOURS_OF_A_DAY else f"**{hours:.1f}: more than a day has**"


def _money(tenants: Sequence[Tenant], prices: Prices) -> str:
    costs = [dollars_a_month(one, prices) for one in tenants]
    lines = [
        "### A tenant's month at the store, US dollars", "",
        f"| | {' | '.join(f'{one.a_year:,} a year' for one in tenants)} |", "|---" * (len(tenants) + 1) + "|",
    ]  # fmt: skip
    return "\n".join(
        [*lines, *(f"| {name} | {' | '.join(f'{cost[name]:,.2f}' for cost in costs)} |" for name in costs[0])]
    )


def _hundred(one: Tenant, told: Measured, prices: Prices, count: int = 100) -> str:
    hours = worker_hours(one, told) * count
    rows = [
        ("recordings a day", f"{one.a_day * count:,}"),
        ("task instances a day; a minute", f"{one.tasks * count:,}; {one.tasks * count / 1440:.1f}"),
        ("worker processor, hours a day", f"{hours:,.0f}: {hours / _HOURS_OF_A_DAY:.1f} cores all day"),
        ("scheduler processor, hours a day", f"{scheduler_s(one, told) * count / _S_OF_AN_HOUR:.1f}"),
        ("Airflow's tables, GiB a month", f"{one.listed * count * told.database_bytes * 30 / _GIB:.1f}"),
        ("arriving, Mbit/s on average", f"{one.a_day * one.mean_bytes * 8 / 86_400 / 1e6 * count:,.0f}"),
        ("store, US dollars a month", f"{sum(list(dollars_a_month(one, prices).values())[:3]) * count:,.0f}"),
    ]
    lines = [f"### {count} tenants of {one.a_year:,} a year", "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows)])
