"""A process that dies between any two calls, and the try after it: one version, whole evidence, one part again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from cxone_provider.archive.errors import SourceUnavailable, UploadVanished
from cxone_provider.archive.ports import Part, StoredObject
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.trail import verify_trail
from tests.fakes.clock import FakeClock
from tests.fakes.faults import When
from tests.fakes.journal import MemoryJournal
from tests.fakes.store import FakeStore, Operation
from tests.unit.archive.archiving_cases import CALL, LAYOUT, MEDIA_KEY, OTHER_CALL, Case

SEGMENTS_PER_PART = 3
STORE_CALLS: tuple[Operation, ...] = ("read", "put", "create_upload", "put_part", "complete_upload")


class Killed(BaseException):
    """Stands for a process that is gone: no cleanup runs."""


def kill_points() -> list[tuple[bool, Operation, When, int]]:
    """Every store call of a whole run, before and after its effect, with a journal and without."""
    points: list[tuple[bool, Operation, When, int]] = []
    moments: tuple[When, When] = ("before", "after")
    for journalled in (True, False):
        case = Case(concurrency=1)
        case.run(MemoryJournal() if journalled else None)
        made = [call.operation for call in case.store.calls]
        points += [
            (journalled, name, when, nth) for name in STORE_CALLS for when in moments for nth in range(made.count(name))
        ]
    # Without a journal the second put finds the trail that the first one opened: it has no effect to be killed after.
    points.remove((False, "put", "after", 1))
    return points


@pytest.mark.parametrize(("journalled", "operation", "when", "nth"), kill_points())
def test_a_kill_at_any_call_is_healed_by_the_next_try(
    journalled: bool, operation: Operation, when: When, nth: int
) -> None:
    case, journal = Case(concurrency=1), MemoryJournal() if journalled else None
    case.store.fail_next(operation, Killed(), when=when, skip=nth)
    with pytest.raises(Killed):
        case.run(journal)
    log = case.run(journal)
    assert log.success, log.error
    assert case.store.body(MEDIA_KEY) == CALL
    assert case.versions()[MEDIA_KEY] == 1
    assert case.versions()[LAYOUT.manifest_key("rec")] == 1
    trail = verify_trail("rec", case.store.body(LAYOUT.audit_key("rec")))
    assert {event["chunk_index"] for event in trail.events if event["event"] == "segment"} == set(range(15))
    twice = len(case.fetched()) - len(set(case.fetched()))
    assert twice <= SEGMENTS_PER_PART


@pytest.mark.parametrize("segment", range(15))
def test_a_kill_while_fetching_costs_at_most_one_part(segment: int) -> None:
    case, journal = Case(concurrency=1), MemoryJournal()

    def kill(index: int) -> None:
        if index == segment:
            raise Killed

    case.source.before_segment = kill
    with pytest.raises(Killed):
        case.run(journal)
    case.source.before_segment = lambda index: None
    log = case.run(journal)
    assert log.outcome is Outcome.ARCHIVED
    assert case.store.body(MEDIA_KEY) == CALL
    assert len(case.fetched()) - len(set(case.fetched())) <= SEGMENTS_PER_PART
    assert case.no_upload_left()


def failed_with_parts_stored(case: Case, journal: MemoryJournal) -> None:
    """Let a try fail in a way that another can mend, with the first parts stored."""
    case.source.script("rec", 10, [SourceUnavailable("down")])
    log = case.run(journal, keep_unfinished=True)
    assert log.error is not None
    assert log.error.retryable


def test_a_failure_that_can_be_mended_keeps_its_parts_for_the_next_try() -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    failed_with_parts_stored(case, journal)
    fetched_before = len(case.fetched())
    log = case.run(journal)
    assert log.outcome is Outcome.ARCHIVED
    assert case.fetched()[fetched_before:] == list(range(9, 15))
    assert [entry.status for entry in log.entries] == ["read-back"] * 9 + ["success"] * 6
    assert case.store.body(MEDIA_KEY) == CALL


def test_an_unfinished_upload_of_another_entity_is_not_gone_on_with() -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    failed_with_parts_stored(case, journal)
    case.recording.content, case.recording.etag = OTHER_CALL, '"v2"'
    log = case.run(journal)
    assert log.outcome is Outcome.ARCHIVED
    assert case.store.body(MEDIA_KEY) == OTHER_CALL
    assert case.no_upload_left()


@pytest.mark.parametrize("change", [{"segment_size_bytes": 30_000}, {"part_size_bytes": 80_000}])
def test_an_upload_that_is_cut_otherwise_is_not_gone_on_with(change: dict[str, Any]) -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    failed_with_parts_stored(case, journal)
    if "segment_size_bytes" in change:
        case.plan = replace(case.plan, segment_size_bytes=change["segment_size_bytes"])
        log = case.run(journal)
    else:
        log = case.run(journal, **change)
    assert log.outcome is Outcome.ARCHIVED
    assert case.store.body(MEDIA_KEY) == CALL


@pytest.mark.parametrize("state", [{}, {"key": 1}, {"upload_id": "x", "key": "y"}])
def test_a_journal_that_holds_something_else_is_ignored(state: dict[str, object]) -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    journal.save("rec", state)
    assert case.run(journal).outcome is Outcome.ARCHIVED


def test_a_part_that_changed_in_the_store_is_never_published_as_archived() -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    case.source.script("rec", 14, [SourceUnavailable("down")])
    case.run(journal, keep_unfinished=True)
    [upload] = case.store.uploads("")
    forged = bytes(60_000)
    case.store.put_part(upload.key, upload.upload_id, 2, memoryview(forged), hashlib.sha256(forged).digest())
    log = case.run(journal)
    assert log.outcome is Outcome.FAILED
    assert LAYOUT.manifest_key("rec") not in case.store.objects


def test_the_answer_to_complete_may_be_lost() -> None:
    case = Case()
    case.store.fail_next("complete_upload", UploadVanished("404 to the repeated call"), when="after")
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.versions()[MEDIA_KEY] == 1


@pytest.mark.parametrize("shared", [False, True], ids=["an upload each", "one upload for both"])
def test_two_workers_make_one_version_and_the_loser_says_so(shared: bool) -> None:
    case, started, journal = Case(concurrency=1), threading.Event(), MemoryJournal()

    def overtake(index: int) -> None:
        if index == 14 and not started.is_set():
            started.set()
            assert case.run(journal if shared else MemoryJournal()).outcome is Outcome.ARCHIVED

    case.source.before_segment = overtake
    log = case.run(journal)
    assert log.outcome is Outcome.ALREADY_ARCHIVED, log.error
    assert case.versions()[MEDIA_KEY] == 1
    assert case.versions()[LAYOUT.manifest_key("rec")] == 1
    assert case.no_upload_left()


def test_an_upload_that_somebody_removes_meanwhile_is_begun_again() -> None:
    case, removed = Case(concurrency=1), threading.Event()

    def remove(index: int) -> None:
        if index == 10 and not removed.is_set():
            removed.set()
            [upload] = case.store.uploads("")
            case.store.abort_upload(upload.key, upload.upload_id)

    case.source.before_segment = remove
    log = case.run(MemoryJournal())
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.store.body(MEDIA_KEY) == CALL
    assert case.no_upload_left()


class LaxStore(FakeStore):
    """A store whose conditional Complete has several winners, as some have."""

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> StoredObject:
        """Complete without looking."""
        del if_absent
        return super().complete_upload(key, upload_id, parts)


class SlowStore(LaxStore):
    """One worker's view of a bucket, in which Complete waits until it may go on."""

    def __init__(self, shared: LaxStore, may_complete: threading.Event) -> None:
        super().__init__(min_part_bytes=1)
        self.__dict__.update(shared.__dict__)
        self.may_complete = may_complete

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> StoredObject:
        """Wait, then complete."""
        assert self.may_complete.wait(30)
        return super().complete_upload(key, upload_id, parts, if_absent=if_absent)


def test_who_verified_first_publishes_also_where_the_store_lets_both() -> None:
    shared, may_complete = LaxStore(min_part_bytes=1), threading.Event()
    first, second = Case(concurrency=1), Case(concurrency=1)
    first.store, second.store = SlowStore(shared, may_complete), shared
    outcomes: list[Outcome] = []
    worker = threading.Thread(target=lambda: outcomes.append(first.run(MemoryJournal()).outcome))
    worker.start()
    while not any(call.operation == "put" for call in shared.calls):
        assert worker.is_alive()

    class UntilFirstIsDone(FakeClock):
        def sleep(self, seconds: float) -> None:
            may_complete.set()
            worker.join(30)
            super().sleep(seconds)

    second.clock = UntilFirstIsDone("2026-11-22T06:00:05Z", tick_s=0.001)
    assert second.run(MemoryJournal()).outcome is Outcome.ALREADY_ARCHIVED
    assert outcomes == [Outcome.ARCHIVED]
    assert len(shared.objects[MEDIA_KEY]) == 1
    assert list(shared.uploads("")) == []


def test_a_worker_that_verified_and_died_is_not_waited_for_long() -> None:
    case = Case(concurrency=1)
    case.store.fail_next("complete_upload", Killed())
    with pytest.raises(Killed):
        case.run(MemoryJournal())
    assert case.run(MemoryJournal()).outcome is Outcome.ARCHIVED
    assert 0 < sum(case.clock.sleeps) <= 20
    assert case.versions()[MEDIA_KEY] == 1
