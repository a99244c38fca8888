from __future__ import annotations

import json
from itertools import repeat
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.listing import listed
from cxone_provider.archive.planning import plan_of_error
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.run_report import line_of, parse_run, report_of_run
from tests.fakes.passing import Passing

NOW = pendulum.datetime(2026, 11, 23, 6)


def log_of(recording_id: str, outcome: Outcome, *, total_bytes: int = 0, message: str | None = None) -> dict[str, Any]:
    error = None if message is None else AuditError("ShortBody", message, retryable=True)
    return AuditLog(recording_id, outcome, NOW, NOW, total_bytes=total_bytes, error=error).to_document()


def test_counts_bytes_and_failures_are_told() -> None:
    logs = [
        log_of("a", Outcome.ARCHIVED, total_bytes=1_000_000),
        log_of("b", Outcome.ARCHIVED, total_bytes=234),
        log_of("c", Outcome.ALREADY_ARCHIVED, total_bytes=7),
        log_of("d", Outcome.FAILED, message="fewer bytes than declared"),
    ]
    report = report_of_run(logs, [], NOW)
    assert report.outcomes == {"ALREADY_ARCHIVED": 1, "ARCHIVED": 2, "FAILED": 1}
    assert report.archived_bytes == 1_000_234
    assert report.failed_ids == ["d"]
    table = str(report)
    assert "1,000,234" in table
    assert "d  FAILED  ShortBody: fewer bytes than declared" in table


def test_what_was_listed_and_never_ended_has_failed() -> None:
    recordings = list(listed(["a", "lost", "contact", "bad id", "x" * 10_000, {"recording_id": "\x1b[0m"}]))
    unusable = [plan_of_error(ref["recording_id"], InvalidDocument("malformed")) for ref in recordings[3:]]
    logs = [log_of(name, Outcome.ARCHIVED) for name in ("a", "contact.0", "contact.1")]
    logs += [log_of(plan.recording_id, plan.outcome) for plan in unusable]
    taken: list[AuditLog] = []
    report = report_of_run(logs, recordings, NOW, [taken.append])
    assert (report.failed_ids, report.unfinished) == (["lost"], 1)
    assert taken[-1].recording_id == "lost"
    assert taken[-1].error is not None
    assert taken[-1].error.retryable


def test_a_run_is_stored_as_one_line_per_recording() -> None:
    stored: list[bytes] = []
    logs = [log_of("a", Outcome.ARCHIVED), log_of("b", Outcome.NOT_FOUND)]
    report = report_of_run(logs, ["a", "b", "c"], NOW, [lambda log: stored.append(line_of(log))])
    lines = [json.loads(line) for line in b"".join(stored).splitlines()]
    assert [(line["recording_id"], line["outcome"]) for line in lines] == [
        ("a", "ARCHIVED"),
        ("b", "NOT_FOUND"),
        ("c", "FAILED"),
    ]
    assert report.to_document()["recordings"] == 3


def test_the_table_stays_readable_however_many_failed() -> None:
    report = report_of_run([log_of(f"r{n}", Outcome.FAILED, message="x") for n in range(500)], [], NOW)
    assert len(str(report).splitlines()) < 60
    assert "and 450 more" in str(report)


def test_what_is_no_audit_log_is_refused() -> None:
    with pytest.raises(InvalidDocument, match="not an audit log"):
        report_of_run([{"recording_id": "a"}], [], NOW)


def test_what_ended_well_passes_through() -> None:
    passing, taken = Passing(), 0

    def take(log: AuditLog) -> None:
        nonlocal taken
        taken += 1
        assert passing.handed == (taken if taken <= 500 else 1001), "each is handed on before the next is read"

    logs = passing.documents(log_of(f"r{number}", Outcome.ARCHIVED, total_bytes=1) for number in range(500))
    refs = passing.documents({"recording_id": f"r{number}"} for number in range(501))
    report = report_of_run(logs, refs, NOW, [take])
    assert (report.recordings, report.outcomes) == (501, {"ARCHIVED": 500, "FAILED": 1})
    assert (taken, passing.handed, passing.alive) == (501, 1001, 0)
    assert passing.most_alive <= 2


@given(st.lists(st.sampled_from(["a", "b", "é", "c" * 90]), max_size=8), st.integers(1, 400))
def test_a_run_s_file_is_read_in_pieces_however_it_is_cut(names: list[str], piece_bytes: int) -> None:
    logs = [AuditLog.from_document(log_of(name, Outcome.ARCHIVED)) for name in names]
    whole = b"".join(map(line_of, logs))
    pieces = [whole[start : start + piece_bytes] for start in range(0, len(whole), piece_bytes)]
    assert list(parse_run(pieces)) == logs
    assert list(parse_run([piece.replace(b"\n", b"\r\n") for piece in pieces])) == logs
    assert list(parse_run([whole.removesuffix(b"\n")])) == logs


def test_a_line_is_told_of_before_the_next_piece_is_read() -> None:
    pieces = iter([line_of(AuditLog(name, Outcome.ARCHIVED, NOW, NOW)) for name in "abc"])
    assert next(parse_run(pieces)).recording_id == "a"
    assert len(list(pieces)) == 2


@pytest.mark.parametrize("raw", [b"{", b"\n", b"[]\n", b"\xff\n", b'{"schema": "x"}\n', b"[" * 100_000])
def test_what_is_no_run_s_file_is_refused(raw: bytes) -> None:
    good = line_of(AuditLog("a", Outcome.ARCHIVED, NOW, NOW))
    with pytest.raises(InvalidDocument):
        list(parse_run([good, raw]))


def test_a_line_that_does_not_end_is_not_read_to_its_end() -> None:
    endless = repeat(b"x" * 2**18)
    with pytest.raises(
        InvalidDocument, match=r"too long: found over 1,310,720 bytes, expected at most 1,048,576 bytes"
    ):
        list(parse_run(endless))
