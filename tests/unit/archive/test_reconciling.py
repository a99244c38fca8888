from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.completeness import Completeness
from cxone_provider.archive.errors import InvalidDocument, SourceUnavailable, StoreUnavailable
from cxone_provider.archive.expecting import expectations
from cxone_provider.archive.listing import Window, listed
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.reconciling import reconcile, store_report
from cxone_provider.archive.recording import Outcome
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import LAYOUT as ARCHIVE
from tests.unit.archive.contact_cases import CONTACT, CONTENTS, STARTS, ContactCase
from tests.unit.archive.reconciling_cases import (
    DAY,
    DAY_BEFORE,
    LAYOUT,
    NOW,
    START,
    commit,
    commit_contact,
    entry,
    log,
    ref,
    run_of,
)

EARLIER = START.subtract(hours=2)


def reports(
    store: FakeStore, documents: list[Any], logs: Sequence[AuditLog] = (), **run: Any
) -> dict[str, Completeness]:
    expected = expectations(listed(documents))
    return {one.day: one for one in reconcile(expected, logs, store, LAYOUT, run_of(**run))}


def report(store: FakeStore, documents: list[Any], logs: Sequence[AuditLog] = (), **run: Any) -> Completeness:
    [only] = reports(store, documents, logs, **run).values()
    return only


def archive_of(*names: str) -> FakeStore:
    """Return an archive of recordings that were committed before the run."""
    store = FakeStore(now=lambda: NOW.subtract(days=1))
    for name in names:
        commit(store, name)
    return store


def test_each_expected_recording_is_archived_or_ended_or_missing() -> None:
    documents = [ref("a"), ref("b"), ref("c"), ref("d"), ref("e", has_media=False), ref("../x")]
    logs = [log("a"), log("b", Outcome.NOT_FOUND), log("c", Outcome.FAILED), log("not listed", Outcome.FAILED)]
    found = report(archive_of("a"), documents, logs)
    assert (found.day, found.expected, found.archived, found.missing_ids) == (DAY, 6, 1, ("d",))
    assert found.other_ids == {
        Outcome.NOT_FOUND: ("b",), Outcome.FAILED: ("c",), Outcome.NO_RECORDING: ("e",), Outcome.REJECTED: ("../x",),
    }  # fmt: skip


@pytest.mark.parametrize("outcome", [Outcome.ARCHIVED, Outcome.ALREADY_ARCHIVED])
def test_what_a_task_calls_archived_is_missing_without_its_manifest(outcome: Outcome) -> None:
    store = archive_of("a")
    store.put(LAYOUT.media_key("b", START, "mp3"), b"bytes", ObjectAttributes("audio/mpeg"))
    found = report(store, [ref("a"), ref("b")], [log("a", outcome), log("b", outcome)])
    assert (found.archived, found.missing_ids, found.unproven_ids) == (1, ("b",), ("b",))


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_FOUND, Outcome.NO_RECORDING])
def test_what_has_a_manifest_is_archived_whatever_tasks_say(outcome: Outcome) -> None:
    found = report(archive_of("a"), [ref("a", has_media=False)], [log("a", outcome)])
    assert (found.archived, found.outcomes, found.missing) == (1, {}, 0)


def test_without_any_audit_log_the_archive_alone_tells() -> None:
    found = report(archive_of("a"), [ref("a"), ref("b")])
    assert (found.archived, found.missing_ids, found.requests_used, found.size_bytes) == (1, ("b",), None, 1000)


def test_a_contact_counts_once_and_its_recordings_are_listed() -> None:
    store = archive_of("7.1", "7.2")
    commit_contact(store, "7")
    found = report(store, [ref("7"), ref("7")], [log("7.1"), log("7.2")])
    assert (found.expected, found.archived, found.recordings, found.size_bytes) == (1, 1, 2, 2000)
    assert found.contacts == {"7": ("7.1", "7.2")}


def test_a_contact_that_is_archived_in_part_is_not_archived() -> None:
    store = archive_of("7.1", "8.1")
    found = report(store, [ref("7"), ref("8")], [log("7.1"), log("7.2", Outcome.FAILED), log("8.1")])
    assert found.other_ids == {Outcome.FAILED: ("7",)}
    assert (found.missing_ids, found.partial_ids, found.unproven_ids) == (("8",), ("8",), ("8",))


def test_bytes_come_from_audit_logs_and_else_from_the_media() -> None:
    store = archive_of("a", "b")
    commit(store, "elsewhere", 77, recorded_at=START.add(days=9))
    found = report(store, [ref("a"), ref("b"), ref("elsewhere")], [log("a", total_bytes=5)])
    assert (found.size_bytes, found.bytes_unknown) == (1005, 1)


def test_a_contact_s_later_recordings_lie_with_their_own_day() -> None:
    case = ContactCase()
    logs = case.run()
    documents = [ref(CONTACT, STARTS["leg-a"])]
    run = run_of(window=Window(STARTS["leg-a"].start_of("day"), STARTS["leg-a"].add(days=1).start_of("day")))
    for told in (logs, []):
        [found] = reconcile(expectations(listed(documents)), told, case.store, ARCHIVE, run)
        assert found.contacts == {CONTACT: (f"{CONTACT}.1", f"{CONTACT}.2")}
        assert (found.archived, found.missing, found.recordings) == (1, 0, 2)
        assert (found.size_bytes, found.bytes_unknown) == (sum(map(len, CONTENTS.values())), 0)


def test_a_contact_that_failed_in_part_is_told_by_its_failure_and_archived_once_it_is_whole() -> None:
    case = ContactCase()
    case.source.script(f"{CONTACT}.2", 3, [SourceUnavailable("down")])
    expected, run = expectations(listed([ref(CONTACT, STARTS["leg-a"])])), run_of()
    [failed, _] = reconcile(expected, case.run(), case.store, ARCHIVE, run)
    assert (failed.archived, failed.other_ids) == (0, {Outcome.FAILED: (CONTACT,)})
    [whole, _] = reconcile(expected, case.run(), case.store, ARCHIVE, run)
    assert (whole.archived, whole.recordings, whole.outcomes) == (1, 2, {})


def test_what_has_no_start_counts_for_the_last_day_and_is_told() -> None:
    store = archive_of()
    commit(store, "a", 10, recorded_at=None)
    found = report(store, [ref("a", None), ref("b", None)])
    assert (found.day, found.archived, found.missing, found.undated, found.size_bytes) == (DAY, 1, 1, 2, 10)


def test_every_day_of_the_window_has_a_report_and_so_has_an_earlier_one_that_was_listed() -> None:
    window = Window(START, START.add(days=2, hours=1))
    found = reports(archive_of("a"), [ref("a"), ref("old", EARLIER)], window=window)
    assert [(day, one.expected, one.looked_back) for day, one in found.items()] == [
        (DAY_BEFORE, 1, True), (DAY, 1, False), ("2026-11-23", 0, False), ("2026-11-24", 0, False),
    ]  # fmt: skip


def test_a_recording_of_an_earlier_day_that_this_run_archived_is_late() -> None:
    store = archive_of("on-time")
    commit(store, "told", recorded_at=EARLIER)
    documents = [ref("on-time", EARLIER), ref("told", EARLIER), ref("missing", EARLIER), ref("today")]
    found = reports(store, documents, [log("on-time", Outcome.ALREADY_ARCHIVED), log("told"), log("today")])
    assert found[DAY_BEFORE].late_ids == ("told",)
    assert found[DAY].late_ids == ()


def test_what_a_task_s_first_try_archived_is_late_as_well() -> None:
    store = FakeStore(now=lambda: NOW.subtract(minutes=10))
    commit(store, "first-try", recorded_at=EARLIER)
    documents, logs = [ref("first-try", EARLIER)], [log("first-try", Outcome.ALREADY_ARCHIVED)]
    assert reports(store, documents, logs)[DAY_BEFORE].late_ids == ("first-try",)
    assert reports(store, documents, logs, started_at=None)[DAY_BEFORE].late_ids == ()


def test_late_arrivals_are_kept_from_run_to_run() -> None:
    store = archive_of()
    commit(store, "late", recorded_at=EARLIER)
    documents = [ref("late", EARLIER)]
    first = reports(store, documents, [log("late")])[DAY_BEFORE]
    assert store_report(first, store, LAYOUT) == "s3://archive/p/runs/date=2026-11-21/reconcile-run.json"
    second = reports(store, documents, [log("late", Outcome.ALREADY_ARCHIVED)], run_id="next")[DAY_BEFORE]
    assert second.late_ids == ("late",)
    of_the_day_itself = reports(
        store, documents, run_id="again", window=Window(START.subtract(days=1), START), started_at=None
    )
    assert of_the_day_itself[DAY_BEFORE].late_ids == ("late",)


@pytest.mark.parametrize("raw", [b"{", b"{}"])
def test_an_earlier_report_that_is_none_is_an_error_that_says_where(raw: bytes) -> None:
    store = archive_of("a")
    store.put(LAYOUT.completeness_key(DAY, "x"), raw, ObjectAttributes("application/json"))
    with pytest.raises(
        InvalidDocument, match="s3://archive/p/runs/date=2026-11-22/reconcile-… holds what is no report"
    ):
        report(store, [ref("a")])


def test_requests_are_counted_as_far_as_they_are_told() -> None:
    documents = [ref(name) for name in ("all-told", "omitted", "had", "rejected", "unasked")]
    documents[-1]["has_media"] = False
    logs = [
        log("all-told", entries=(entry(0, attempts=3), entry(1))),
        log("omitted", entries_omitted=2),
        log("had", Outcome.ALREADY_ARCHIVED),
        log("rejected", Outcome.REJECTED),
        log("unasked", Outcome.NO_RECORDING),
    ]
    store = archive_of("all-told", "omitted", "had")
    assert report(store, documents, logs).requests_used == (1 + 4) + (1 + 2) + 1
    of_quota = report(store, documents, logs, every_request_counts=False, requests_allowed=43_200)
    assert (of_quota.requests_used, of_quota.requests_allowed) == (2, 43_200)


def test_a_day_of_ten_thousand_costs_some_twenty_requests() -> None:
    store = FakeStore(now=lambda: NOW)
    documents = []
    for number in range(10_000):
        commit(store, f"{400_000_000 + number}", 1)
        documents.append(ref(f"{400_000_000 + number}"))
    store.calls.clear()
    found = report(store, documents)
    assert (found.expected, found.archived, found.size_bytes) == (10_000, 10_000, 10_000)
    assert len(store.calls) == 2 * 11 + 1


def test_an_archive_that_cannot_be_listed_is_no_report() -> None:
    store = archive_of("a")
    store.fail_next("list_objects", StoreUnavailable("503"))
    with pytest.raises(StoreUnavailable):
        report(store, [ref("a")])


def test_a_window_that_ends_at_midnight_does_not_touch_the_next_day() -> None:
    assert run_of().days == [DAY]
    assert run_of(window=Window(START, pendulum.datetime(2026, 11, 23, 0, 0, 1))).days == [DAY, "2026-11-23"]
