"""The archive in numbers: what is counted, and what it costs to look."""

from __future__ import annotations

import json
import tracemalloc

import pendulum
import pytest

from cxone_provider.archive.audit import AuditError
from cxone_provider.archive.completeness import Completeness
from cxone_provider.archive.errors import InvalidInput
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.verifying import Verification
from cxone_provider.console import reading as reading_module
from cxone_provider.console.days import ATTENTION_KEPT, RANKED, DaySummary
from cxone_provider.console.reading import ArchiveReader, TooLarge, parse_day
from tests.fakes.console_archive import AT, DAY, LAYOUT, ConsoleArchive, log_of

MIB = 2**20


@pytest.fixture
def archive() -> ConsoleArchive:
    return ConsoleArchive()


@pytest.fixture
def reader(archive: ConsoleArchive) -> ArchiveReader:
    return ArchiveReader(archive.store, LAYOUT)


def one_day(reader: ArchiveReader, day: pendulum.Date = DAY) -> DaySummary:
    [found] = reader.summaries(day, day)
    return found


def test_a_day_counts_each_recording_once_by_its_best_end(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_run([log_of("a", Outcome.FAILED), log_of("b"), log_of("c", Outcome.REJECTED)], name="first")
    later = AT.add(hours=1)
    archive.add_run(
        [log_of("a", finished_at=later), log_of("b", Outcome.ALREADY_ARCHIVED, finished_at=later)], name="second"
    )
    day = one_day(reader)
    assert day.outcomes == {"ARCHIVED": 2, "REJECTED": 1}
    assert (day.archived_bytes, day.transfer_ms) == (2000, 4000.0)
    assert [(one.recording_id, one.kind) for one in day.attention] == [("c", "REJECTED")]
    assert day.attention_count == 1


def test_a_later_end_replaces_an_earlier_one_of_its_rank(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_run([log_of("a", Outcome.FAILED)], name="1")
    archive.add_run([log_of("a", Outcome.NOT_FOUND, finished_at=AT.add(hours=1))], name="2")
    assert one_day(reader).outcomes == {"NOT_FOUND": 1}
    assert one_day(reader).attention_count == 0


def test_what_is_slowest_and_largest_is_ranked(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_run([log_of(f"r{n}", total_bytes=n, latency_ms=100.0 - n) for n in range(30)])
    day = one_day(reader)
    assert [one.line.recording_id for one in day.largest] == [f"r{n}" for n in range(29, 29 - RANKED, -1)]
    assert [one.line.recording_id for one in day.slowest] == [f"r{n}" for n in range(RANKED)]


def test_verifications_count_what_is_damaged(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_checks([Verification("a", 5), Verification("b", problem="another digest", error_type="DigestMismatch")])
    day = one_day(reader)
    assert (day.verified, day.damaged, day.attention_count) == (2, 1, 1)
    assert [(one.kind, one.why) for one in day.attention] == [("DAMAGED", "another digest")]


def test_completeness_tells_what_is_missing_and_what_it_cost(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_completeness(expected=10, archived=8, missing=["m1", {"recording_id": "m2"}], requests_used=90,
                             requests_allowed=150)  # fmt: skip
    told = one_day(reader).to_document()
    assert (told["expected"], told["missing"], told["requests_used"], told["requests_allowed"]) == (10, 2, 90, 150)
    assert [one.recording_id for one in one_day(reader).attention] == ["m1", "m2"]


def test_reports_are_understood_as_the_archive_writes_them(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    report = Completeness(
        str(DAY), "manual__1", AT, archived=7, missing_ids=["m"], other_ids={Outcome.DELETED: ["d"]},
        requests_used=20, requests_allowed=43_200,
    )  # fmt: skip
    archive.add_file(LAYOUT.completeness_key(report.day, report.run_id), report.to_bytes())
    told = one_day(reader).to_document()
    assert (told["expected"], told["missing"], told["requests_used"], told["requests_allowed"]) == (9, 1, 20, 43_200)
    assert [one.recording_id for one in one_day(reader).attention] == ["m"]


def test_the_newest_report_of_a_day_counts(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_completeness(name="reconcile-1", missing=0, generated_at="2026-11-26T05:00:00Z")
    archive.add_completeness(name="reconcile-2", missing=5, generated_at="2026-11-26T04:00:00Z")
    assert one_day(reader).to_document()["missing"] == 0


@pytest.mark.parametrize(
    "body",
    [b"", b"\n\n", b"not json\n", b"[1, 2]\n", b'{"schema": "cxone.of-the-future/1", "recording_id": "x"}\n',
     b'{"recording_id": 7, "schema": "cxone.audit-log/1"}\n', b"\xff\xfe\n", b'{"a":' * 5000 + b"\n"],
)  # fmt: skip
def test_lines_of_another_kind_are_passed_over_and_counted(
    archive: ConsoleArchive, reader: ArchiveReader, body: bytes
) -> None:
    good = json.dumps(log_of("a").to_document()).encode()
    archive.add_file(LAYOUT.run_key(DAY, "mixed"), body + good)
    day = one_day(reader)
    assert day.outcomes == {"ARCHIVED": 1}
    assert day.unreadable == len([line for line in body.split(b"\n") if line])


def test_a_line_without_an_end_cannot_fill_the_memory(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    good = json.dumps(log_of("a").to_document()).encode()
    archive.add_file(LAYOUT.run_key(DAY, "huge"), b'{"recording_id": "' + b"x" * (40 * MIB) + b'"}\n' + good)
    tracemalloc.start()
    day = one_day(reader)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (day.outcomes, day.unreadable) == ({"ARCHIVED": 1}, 1)
    assert peak < 10 * MIB


@pytest.mark.parametrize("name", ["notes.txt", "run.jsonl.gz", "deep/run.jsonl", "date=x/run.jsonl"])
def test_other_objects_under_runs_are_left_alone(archive: ConsoleArchive, reader: ArchiveReader, name: str) -> None:
    archive.add_file(f"cxone/runs/date=2026-11-25/{name}", b"what is this")
    archive.add_file("cxone/runs/date=2026-11-25/other.json", b'{"schema": "cxone.run-summary/1"}')
    archive.add_run([log_of("a")])
    assert one_day(reader).outcomes == {"ARCHIVED": 1}


def test_days_outside_are_neither_listed_nor_read(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    for offset in range(-3, 4):
        archive.add_run([log_of("a")], DAY.add(days=offset))
    found = reader.summaries(DAY.subtract(days=1), DAY.add(days=1))
    assert [day.day for day in found] == ["2026-11-24", "2026-11-25", "2026-11-26"]
    assert archive.store.count("stream") == 3


def test_a_second_look_reads_only_what_changed(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_run([log_of("a")], DAY)
    archive.add_run([log_of("b")], DAY.add(days=1))
    reader.summaries(DAY, DAY.add(days=1))
    archive.add_run([log_of("b"), log_of("c")], DAY.add(days=1))
    found = reader.summaries(DAY, DAY.add(days=1))
    assert [day.outcomes["ARCHIVED"] for day in found] == [1, 2]
    assert archive.store.count("stream") == 3
    assert archive.store.count("list_objects") == 2


def test_a_hundred_thousand_recordings_cost_a_request_for_each_run_and_bounded_memory() -> None:
    archive = ConsoleArchive()
    logs = [log_of(f"11223344-5566-7788-99aa-{n:012}") for n in range(1_000)]
    for number in range(100):
        archive.add_run(logs, DAY.subtract(days=number))
    reader = ArchiveReader(archive.store, LAYOUT)
    archive.store.calls.clear()
    tracemalloc.start()
    days = reader.summaries(DAY.subtract(days=99), DAY)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sum(day.outcomes["ARCHIVED"] for day in days) == 100_000
    assert {call.operation for call in archive.store.calls} == {"list_objects", "stream"}
    assert archive.store.count("list_objects") == 1
    assert archive.store.count("stream") == 100
    # what stays: some numbers and twenty lines of each day
    assert held < 4 * MIB


def test_attention_is_bounded_and_counted_whole(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_run([log_of(f"r{n}", Outcome.FAILED) for n in range(500)])
    day = one_day(reader)
    assert (len(day.attention), day.attention_count) == (ATTENTION_KEPT, 500)


def test_more_than_a_year_is_refused(reader: ArchiveReader) -> None:
    with pytest.raises(TooLarge):
        reader.summaries(DAY.subtract(years=2), DAY)


def test_a_day_too_long_to_show_is_refused_whole(
    archive: ConsoleArchive, reader: ArchiveReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_module, "MAX_ROWS_OF_A_DAY", 10)
    archive.add_run([log_of(f"r{n}") for n in range(6)], name="1")
    archive.add_run([log_of(f"s{n}") for n in range(6)], name="2")
    with pytest.raises(TooLarge):
        reader.rows(DAY)
    archive.add_run([log_of(f"t{n}") for n in range(11)], DAY.add(days=1))
    with pytest.raises(TooLarge):
        reader.rows(DAY.add(days=1))


def test_rows_are_a_line_for_each_recording_of_each_run(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_run([log_of("a"), log_of("b", Outcome.FAILED, error=AuditError("X", "why"))], name="one")
    archive.add_run([log_of("a", Outcome.ALREADY_ARCHIVED)], name="two")
    archive.add_completeness(missing=1)
    rows = reader.rows(DAY)
    assert [(line.recording_id, line.outcome, file.name) for line, file in rows] == [
        ("a", "ARCHIVED", "one"), ("b", "FAILED", "one"), ("a", "ALREADY_ARCHIVED", "two"),
    ]  # fmt: skip


def test_what_is_archived_by_now_costs_one_request_each(archive: ConsoleArchive, reader: ArchiveReader) -> None:
    archive.add_recording("a", b"media")
    archive.store.calls.clear()
    assert reader.archived(["a", "b", "../../etc", "x" * 2000]) == {"a"}
    assert {call.operation for call in archive.store.calls} == {"stat"}


@pytest.mark.parametrize("text", ["", "2026-13-01", "today", "2026-11-25T00:00:00", "../x", "2026-11-2"])
def test_a_day_is_a_date(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_day(text)
