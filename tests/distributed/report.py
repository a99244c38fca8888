"""What a run found, as Markdown: printed, and kept in ``docs/distributed.md`` between two marks."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.distributed.bare import Bare
from tests.distributed.cluster import POOL_SLOTS, SETTINGS, SLOTS
from tests.distributed.figures import Table
from tests.distributed.pace import Pace
from tests.distributed.proof import Proof
from tests.distributed.spent import AIRFLOW

DOCUMENT = Path(__file__).parents[2] / "docs" / "distributed.md"
BEGIN, END = "<!-- one run of `make distributed` begins -->", "<!-- one run of `make distributed` ends -->"
_TABLES_SHOWN = 12
_CELERY = ("apache-airflow", "apache-airflow-providers-celery", "celery", "redis", "great-expectations")


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run of the command.

    Attributes:
        command: that was given.
        proof: how the disturbed day ended.
        bare: the pipeline without Airflow.
        paces: with one worker and with two.
        took_s: all of it.
        load: of the machine before it.
        programs: what PostgreSQL and Redis call themselves.
    """

    command: str
    proof: Proof
    bare: Bare
    paces: Sequence[Pace]
    took_s: float
    load: float
    programs: Sequence[str]

    def text(self) -> str:
        """Return the section."""
        parts = [self._head(), _checks(self.proof), _unrest(self.proof), _again(self.proof), _paces(self)]
        parts += [_tables(self.proof), _xcom(self.proof)]
        return "\n\n".join(parts) + "\n"

    def _head(self) -> str:
        now, memory_gib = datetime.now(UTC), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        versions = ", ".join(f"{name} {version(name)}" for name in _CELERY)
        count, broken = len(self.proof.day.recordings), len(self.proof.broken)
        return (
            f"`{self.command}` on {now:%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, {memory_gib:.0f} GiB, Python "
            f"{platform.python_version()}, machine load before it {self.load:.1f}; {self.took_s / 60:.0f} minutes. "
            f"{versions}; {', '.join(self.programs)}. {SLOTS} slots for each worker, {POOL_SLOTS} in the pool. "
            f"**{count:,} recordings, {self.proof.day.size_bytes / 2**20:,.0f} MiB; "
            f"{len(self.proof.checks)} checks, {broken} broken.**"
        )


def written(document: str, section: str) -> str:
    """Return the page with this run in place of the one before."""
    before, _, rest = document.partition(BEGIN)
    return f"{before}{BEGIN}\n{section}{END}{rest.partition(END)[2]}"


def _lines(head: str, rows: Iterator[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|---" * columns + "|", *rows])


def _checks(proof: Proof) -> str:
    rows = (
        f"| {check.what} | {_shown(check.found)} | {_shown(check.expected)}{'' if check.holds else ' **broken**'} |"
        for check in proof.checks
    )
    return "### What held\n\n" + _lines("| what | found | must be |", rows)


def _shown(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _unrest(proof: Proof) -> str:
    told = proof.unrest
    tries = "; ".join(f"stream task {index}: {', then '.join(states)}" for index, states in proof.tries.items())
    rows = [
        f"| triggerer killed while a listing waited in it | its successor looked {told.looks_after} more times |",
        f"| {told.worker} killed at {len(told.killed)} stream tasks | missed after {told.noticed_s:.0f} s; {tries} |",
        f"| scheduler killed | {told.scheduler_s:.0f} s until its successor had a task started |",
        f"| messages not confirmed in time | {proof.redelivered} given out again by Redis, and nothing done twice |",
    ]
    return "### What was done to it\n\n" + _lines("| what | then |", iter(rows))


def _again(proof: Proof) -> str:
    told, quota = proof.asked, proof.quota
    most = told.most_in(quota.period_s)
    again = (
        f"{_extra(told.playback)} contacts were asked for again, {_extra(told.media)} media fetched again, "
        f"{_extra(told.announced)} announcements repeated under the same id"
    )
    rewritten = ", ".join(f"{count} in `{kind}/`" for kind, count in sorted(proof.rewritten.items())) or "none"
    return (
        f"### What it cost\n\n{again}. Keys with more than one version: {rewritten}. "
        f"The tenant took {len(told.times):,} playback requests, at most {most:,} in any {quota.period_s:g} s "
        f"of the {quota.requests:,} that it allows ({most / quota.requests:.0%}). "
        f"The batches took {proof.batches_s:.0f} s: {len(proof.day.recordings) / proof.batches_s * 60:,.0f} recordings "
        f"a minute, disturbed as they were; the run {proof.whole_s:.0f} s."
    )


def _extra(counts: Mapping[str, int]) -> int:
    return sum(counts.values()) - len(counts)


def _paces(report: Report) -> str:
    bare = report.bare
    each_ms, alone_ms = bare.took_s / bare.recordings * 1e3, bare.cpu_s / bare.recordings * 1e3
    head = "| | recordings | a minute | each, ms | processor, ms each | of it Airflow's, ms | run, s |"
    alone = f"{bare.recordings:,} | {bare.recordings / bare.took_s * 60:,.0f} | {each_ms:.0f} | {alone_ms:.1f}"
    rows = [f"| no Airflow, one process | {alone} | | |"]
    for one in report.paces:
        cpu_ms = sum(one.spent_s.get(name, 0.0) for name in AIRFLOW) / one.recordings * 1e3
        workers = f"{one.workers} worker{'s' if one.workers > 1 else ''}"
        rows.append(
            f"| {workers} | {one.recordings:,} | {one.per_minute:,.0f} | {60e3 / one.per_minute:.0f} | {cpu_ms:.1f} | "
            f"{cpu_ms - alone_ms:.1f} | {one.whole_s:.0f} |"
        )
    return f"### Pace\n\n{_lines(head, iter(rows))}\n\n{_spent(report.paces)}"


def _spent(paces: Sequence[Pace]) -> str:
    names = sorted({name for one in paces for name in one.spent_s}, key=lambda name: -paces[-1].spent_s.get(name, 0))
    titles = " | ".join(f"{one.workers} w., ms each | {one.workers} w., MiB" for one in paces)
    rows = (
        f"| {name} | "
        + " | ".join(
            f"{one.spent_s.get(name, 0) / one.recordings * 1e3:.1f} | {one.memory_mib.get(name, 0):,}" for one in paces
        )
        + " |"
        for name in names
    )
    return _lines(f"| processor and most memory of | {titles} |", rows)


def _tables(proof: Proof) -> str:
    count, none = len(proof.day.recordings), Table(0, 0)
    grown = {
        name: (
            table.rows - proof.before.get(name, none).rows,
            table.size_bytes - proof.before.get(name, none).size_bytes,
        )
        for name, table in proof.after.items()
    }
    shown = sorted(grown, key=lambda name: -grown[name][1])[:_TABLES_SHOWN]
    rows = [
        f"| `{name}` | {proof.after[name].rows:,} | {proof.after[name].size_bytes / 1024:,.0f} | {grown[name][0]:,} | "
        f"{grown[name][1] / 1024:,.0f} |"
        for name in shown
    ]
    size, more = sum(table.size_bytes for table in proof.after.values()), sum(bytes_ for _, bytes_ in grown.values())
    rows.append(f"| **all** | | {size / 1024:,.0f} | | {more / 1024:,.0f} |")
    return (
        "### Airflow's tables after it\n\n"
        + _lines("| table | rows | KiB | rows of the run | KiB of the run |", iter(rows))
        + f"\n\n{more / count:,.0f} bytes of database for each recording of the run, indexes included."
    )


def _xcom(proof: Proof) -> str:
    ran = {one.task_id: one for one in proof.tasks}
    rows = (
        f"| `{one.task_id}` | {ran[one.task_id].count:,} | {ran[one.task_id].mean_s:.1f} | "
        f"{ran[one.task_id].longest_s:.1f} | {one.rows:,} | {one.size_bytes:,} | {one.largest_bytes:,} |"
        for one in proof.xcom
        if one.task_id in ran
    )
    size = sum(one.size_bytes for one in proof.xcom)
    head = "| task | instances | mean s | longest s | XComs | bytes | largest |"
    each = size / len(proof.day.recordings)
    return f"### XCom\n\n{_lines(head, rows)}\n\n{size:,} bytes in all, {each:,.0f} for each recording."


def settings_table() -> str:
    """Return what this cluster sets, as a table for the page."""
    rows = (f"| `{name}` | `{value}` |" for name, value in SETTINGS.items())
    return _lines("| setting | here |", rows)
