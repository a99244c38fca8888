"""Two workers on one recording: one version, whoever comes first; the other one says that it was archived already."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import TransferCancelled
from cxone_provider.archive.ports import ResumeJournal
from cxone_provider.archive.verifying import Verifier
from tests.conftest import VERSIONED_BUCKET
from tests.fakes.journal import MemoryJournal
from tests.kills.campaign import run_cases
from tests.kills.site import Store
from tests.kills.steps import RACED_STEPS, case_of
from tests.kills.trials import raced
from tests.kills.turns import TakesTurns, Turns
from tests.unit.archive.archiving_cases import CALL, LAYOUT, MEDIA_KEY, Case
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KINDS = ("an upload each", "one upload by journal", "one upload by audit trail")
RACES_OF_A_KIND = 334
STOPS_OF_A_KIND = 100
WORKERS = 2
# A worker makes some 25 calls: the one that is told to stop is told at one of the earlier ones.
CALLS_BEFORE_STOP = 20


def journals(kind: str) -> list[ResumeJournal | None]:
    """Return what both workers remember uploads in."""
    if kind == "one upload by journal":  # a task that is still alive, and its retry
        journal = MemoryJournal()
        return [journal, journal]
    return [None, None] if kind == "one upload by audit trail" else [MemoryJournal(), MemoryJournal()]


def race(case: Case, kind: str, turns: Turns, stop: threading.Event | None = None) -> Sequence[AuditLog | None]:
    """Let two workers archive one recording; return how each ended, None for one that was told to stop."""

    def work(worker: int, journal: ResumeJournal | None) -> AuditLog | None:
        ports: dict[str, Any] = {name: TakesTurns(getattr(case, name), turns, worker) for name in ("source", "store")}
        cancelled = stop if worker == 0 else None
        try:
            settings = ArchiveSettings(**case.settings)
            [log] = archive_recordings(
                [case.plan], clock=case.clock, settings=settings, journal=journal, cancelled=cancelled, **ports
            )
        except TransferCancelled:
            return None
        finally:
            turns.leave()
        return log

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, range(WORKERS), journals(kind)))


def in_memory() -> Case:
    return Case(segment_size_bytes=50_000, part_size_bytes=100_000, concurrency=1)


def check_archive(case: Case) -> None:
    assert case.store.body(MEDIA_KEY) == CALL
    assert (case.versions()[MEDIA_KEY], case.versions()[LAYOUT.manifest_key("rec")]) == (1, 1)
    assert Verifier(case.store, LAYOUT).verify("rec").intact


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_thousand_races_one_archives_and_the_other_says_that_it_is_archived(kind: str) -> None:
    ends: Counter[tuple[str, ...]] = Counter()
    for seed in range(RACES_OF_A_KIND):
        case = in_memory()
        logs = [log for log in race(case, kind, Turns(WORKERS, seed)) if log is not None]
        ends[tuple(sorted(str(log.outcome) if log.error is None else log.error.type for log in logs))] += 1
        assert len({(log.sha256, log.s3_uri, log.manifest_uri) for log in logs}) == 1
        check_archive(case)
        assert case.no_upload_left()
    assert ends == {("ALREADY_ARCHIVED", "ARCHIVED"): RACES_OF_A_KIND}


@pytest.mark.parametrize("kind", KINDS)
def test_a_worker_that_is_told_to_stop_takes_nothing_from_the_other(kind: str) -> None:
    for seed in range(STOPS_OF_A_KIND):
        case, stop = in_memory(), threading.Event()
        turns = Turns(WORKERS, seed)
        turns.at(1 + seed % CALLS_BEFORE_STOP, stop.set)
        stopped, other = race(case, kind, turns, stop)
        assert stopped is None
        assert other is not None
        assert other.success, other.error
        check_archive(case)


@pytest.mark.server
@pytest.mark.parametrize("server", ["seaweedfs", "moto"])
def test_two_processes_that_start_together_make_one_version(
    request: pytest.FixtureRequest, server: str, tmp_path: Path
) -> None:
    reached: S3Server = request.getfixturevalue(f"{server}_server")
    client: S3Client = request.getfixturevalue(f"{server}_client")
    cases = [case_of(step, seed=0, small=True) for step in RACED_STEPS]
    ended = list(run_cases(raced, cases, Store(reached, client, VERSIONED_BUCKET), tmp_path))
    assert [one.problems for one in ended] == [()] * len(cases)
    assert {tuple(sorted(one.outcomes)) for one in ended} == {("ALREADY_ARCHIVED", "ARCHIVED")}
