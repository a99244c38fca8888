"""A media that asks for one request: read by one, continued where it broke, resumed from what is stored."""

from __future__ import annotations

import hashlib
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from cxone_provider.archive.errors import (
    DigestMismatch,
    RangeIgnored,
    SourceUnavailable,
    StoreUnavailable,
    UnexpectedAnswer,
)
from cxone_provider.archive.media import Media
from cxone_provider.archive.one_request import ContinuedBody
from cxone_provider.archive.ports import Part
from cxone_provider.archive.recording import Outcome
from tests.fakes.journal import MemoryJournal
from tests.fakes.source import WHOLE, FakeBody
from tests.unit.archive.archiving_cases import CALL, LAYOUT, MEDIA_KEY, OTHER_CALL, Case


def starts(case: Case) -> list[int | None]:
    """Return where each request for the media began."""
    return [call.start for call in case.source.calls_of("whole")]


@pytest.mark.parametrize("concurrency", [1, 3, 8])
@pytest.mark.parametrize("part_size_bytes", [20_000, 60_000, 2**20])
@pytest.mark.parametrize("size_bytes", [None, -1])
def test_one_request_brings_the_whole(concurrency: int, part_size_bytes: int, size_bytes: int | None) -> None:
    case = Case(
        single_request=True, concurrency=concurrency, part_size_bytes=part_size_bytes, size_bytes=size_bytes
    )  # fmt: skip
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.store.body(MEDIA_KEY) == CALL
    assert log.sha256 == hashlib.sha256(CALL).hexdigest()
    assert [call.operation for call in case.source.calls] == ["resolve", "whole"]
    assert [entry.range for entry in log.entries][:2] == ["0-19999", "20000-39999"]
    assert len(log.entries) == 15
    assert case.no_upload_left()


@pytest.mark.parametrize("cuts", [[1], [19_999], [100_000], [100_000, 150_000, 281_155], [60_000, 120_000, 180_000]])
def test_after_a_break_only_the_rest_is_asked_for(cuts: list[int]) -> None:
    case = Case(single_request=True)
    case.source.cut_whole("rec", cuts)
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert case.store.body(MEDIA_KEY) == CALL
    assert starts(case) == [0, *cuts]
    assert sum(entry.attempts for entry in log.entries) == 15 + len(cuts)
    assert case.versions()[MEDIA_KEY] == 1


def test_breaks_that_bring_nothing_end_within_bounds_and_leave_what_is_stored_for_the_next_try() -> None:
    case, journal = Case(single_request=True), MemoryJournal()
    case.source.cut_whole("rec", [130_000] * 9)
    log = case.run(journal, keep_unfinished=True)
    assert log.error is not None
    assert (log.outcome, log.error.type, log.error.retryable) == (Outcome.FAILED, "ShortBody", True)
    assert starts(case) == [0, 130_000, 130_000, 130_000]
    case.source.cut_whole("rec", [])
    case.source._cuts.clear()
    log = case.run(journal)
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert starts(case)[4:] == [120_000]
    assert [entry.status for entry in log.entries] == ["read-back"] * 6 + ["success"] * 9
    assert case.store.body(MEDIA_KEY) == CALL
    assert case.no_upload_left()


@pytest.mark.parametrize("trait", [{"etag": None}, {"digested": True}])
def test_a_rest_that_cannot_be_joined_safely_is_not_asked_for(trait: dict[str, Any]) -> None:
    case = Case(single_request=True, **trait)
    case.source.cut_whole("rec", [100_000])
    assert case.run().outcome is Outcome.ARCHIVED
    assert starts(case) == [0, 0]
    assert case.store.body(MEDIA_KEY) == CALL
    assert case.no_upload_left()


def test_a_server_that_ignores_ranges_is_asked_for_the_whole_again() -> None:
    case = Case(single_request=True, ranges=False)
    case.source.cut_whole("rec", [100_000])
    assert case.run().outcome is Outcome.ARCHIVED
    assert starts(case) == [0, 100_000, 0]
    assert case.store.body(MEDIA_KEY) == CALL


def test_bytes_that_do_not_fit_their_digest_are_asked_for_again_from_the_first() -> None:
    case = Case(single_request=True)
    case.source.script("rec", WHOLE, [DigestMismatch("damaged")])
    assert case.run().outcome is Outcome.ARCHIVED
    assert starts(case) == [0, 0]


def test_an_entity_that_changed_before_the_rest_starts_over_as_the_new_one() -> None:
    case = Case(single_request=True, size_bytes=None)
    changed = threading.Event()
    case.source.cut_whole("rec", [100_000])
    enter = case.source._next

    def change(*args: Any, **kwargs: Any) -> Any:
        if len(starts(case)) == 1 and not changed.is_set():
            changed.set()
            case.recording.content, case.recording.etag = OTHER_CALL, '"v2"'
        return enter(*args, **kwargs)

    case.source._next = change  # type: ignore[method-assign]  # the tenant changes between two requests
    log = case.run(MemoryJournal())
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert starts(case) == [0, 100_000, 0]
    assert case.store.body(MEDIA_KEY) == OTHER_CALL
    assert case.no_upload_left()


def test_an_unfinished_upload_of_another_entity_is_not_gone_on_with() -> None:
    case, journal = Case(single_request=True), MemoryJournal()
    case.source.cut_whole("rec", [130_000] * 9)
    case.run(journal, keep_unfinished=True)
    case.source._cuts.clear()
    case.recording.content, case.recording.etag = OTHER_CALL, '"v2"'
    assert case.run(journal).outcome is Outcome.ARCHIVED
    assert case.store.body(MEDIA_KEY) == OTHER_CALL
    assert case.no_upload_left()


def test_an_upload_that_ranges_began_is_finished_by_one_request_for_the_rest() -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    case.source.script("rec", 10, [SourceUnavailable("down")])
    case.run(journal, keep_unfinished=True)
    case.recording.single_request = True
    log = case.run(journal)
    assert log.outcome is Outcome.ARCHIVED, log.error
    assert starts(case) == [180_000]
    assert case.store.body(MEDIA_KEY) == CALL


def test_an_upload_that_one_request_began_is_finished_by_ranges() -> None:
    case, journal = Case(single_request=True, concurrency=1), MemoryJournal()
    case.source.cut_whole("rec", [130_000] * 9)
    case.run(journal, keep_unfinished=True)
    case.recording.single_request = False
    assert case.run(journal).outcome is Outcome.ARCHIVED
    assert case.fetched() == list(range(6, 15))
    assert case.store.body(MEDIA_KEY) == CALL


def test_an_upload_with_every_part_costs_no_request() -> None:
    case, journal = Case(single_request=True, concurrency=1), MemoryJournal()
    case.store.fail_next("complete_upload", StoreUnavailable("503"))
    case.run(journal, keep_unfinished=True)
    assert case.run(journal).outcome is Outcome.ARCHIVED
    assert starts(case) == [0]
    assert case.store.body(MEDIA_KEY) == CALL


def test_signed_chunks_are_read_by_ranges_all_the_same() -> None:
    case = Case(single_request=True, signed=True)
    log = case.run()
    assert log.outcome is Outcome.ARCHIVED
    assert starts(case) == []
    assert {entry.signature for entry in log.entries} == {"verified"}


@pytest.mark.parametrize("concurrency", [1, 3])
@pytest.mark.parametrize("nth", [0, 1, 3])
def test_a_part_that_cannot_be_stored_stops_the_reading(concurrency: int, nth: int) -> None:
    case = Case(single_request=True, concurrency=concurrency)
    case.store.fail_next("put_part", StoreUnavailable("503"), skip=nth)
    log = case.run()
    assert log.error is not None
    assert log.error.type == "StoreUnavailable"
    assert case.nothing_published()
    assert case.no_upload_left()


def test_parts_are_stored_while_the_next_ones_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    case, second_is_read = Case(single_request=True, concurrency=2), threading.Event()
    put_part, readinto = case.store.put_part, FakeBody.readinto

    def wait_for_the_second(key: str, upload_id: str, number: int, body: memoryview, sha256: bytes) -> Part:
        assert second_is_read.wait(30), "nothing is read while a part is stored"
        return put_part(key, upload_id, number, body, sha256)

    def tell(body: FakeBody, buffer: memoryview) -> int:
        count = readinto(body, buffer)
        if body.position > 60_000:
            second_is_read.set()
        return count

    case.store.put_part = wait_for_the_second  # type: ignore[method-assign]  # a slow store
    monkeypatch.setattr(FakeBody, "readinto", tell)
    assert case.run().outcome is Outcome.ARCHIVED


@pytest.mark.parametrize("concurrency", [1, 4])
def test_memory_is_bounded_by_the_same_setting(concurrency: int) -> None:
    case = Case(single_request=True, concurrency=concurrency, part_size_bytes=20_000)
    discarded = case.store.put_part

    def forget(key: str, upload_id: str, number: int, body: memoryview, sha256: bytes) -> Any:
        return discarded(key, upload_id, number, body[:1], hashlib.sha256(body[:1]).digest())

    case.store.put_part = forget  # type: ignore[method-assign]  # a store that keeps next to nothing
    tracemalloc.start()
    case.run()
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < (concurrency + 2) * 20_000 + 500_000


def test_a_kill_between_two_segments_is_no_result_and_leaves_no_upload() -> None:
    case, cancelled = Case(single_request=True), threading.Event()
    put_part = case.store.put_part

    def stop(*args: Any, **kwargs: Any) -> Any:
        cancelled.set()
        return put_part(*args, **kwargs)

    case.store.put_part = stop  # type: ignore[method-assign]  # the kill comes with the first part
    with pytest.raises(Exception, match="stopped"):
        case.run(cancelled=cancelled)
    assert case.nothing_published()
    assert case.no_upload_left()
    assert LAYOUT.manifest_key("rec") not in case.store.objects


def test_the_rest_needs_the_tag_of_the_first_answer() -> None:
    case = Case()
    with pytest.raises(RangeIgnored), case.source.open_whole(Media("rec"), 10):
        pytest.fail("opened")


def test_an_answer_that_cannot_be_agreed_on_is_hung_up_on_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    case, hung_up = Case(length_told=False), list[int]()
    opened = case.source.open_whole

    @contextmanager
    def watched(media: Media, start: int = 0) -> Iterator[FakeBody]:
        with opened(media, start) as body, ExitStack() as stack:
            stack.callback(hung_up.append, start)
            yield body

    monkeypatch.setattr(case.source, "open_whole", watched)
    body = ContinuedBody(case.source, Media("rec"), case.clock, start=0, progress_bytes=1)
    with pytest.raises(UnexpectedAnswer, match="never tells the size"):
        body.__enter__()
    assert hung_up == [0]


def test_parts_behind_a_missing_one_are_not_stored_again() -> None:
    case, journal = Case(concurrency=1), MemoryJournal()
    case.source.script("rec", 10, [SourceUnavailable("down")])
    case.run(journal, keep_unfinished=True)
    [upload] = case.store._open.values()
    del upload.parts[2]
    case.recording.single_request = True
    before = case.store.count("put_part")
    assert case.run(journal).outcome is Outcome.ARCHIVED
    assert starts(case) == [60_000]
    assert case.store.count("put_part") - before == 3
    assert case.store.body(MEDIA_KEY) == CALL
