from __future__ import annotations

import json
import math
from typing import Any

import pytest

from cxone_provider.adapters.quality import QualityReport, check_run
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.plan import Reason
from cxone_provider.archive.recording import Outcome
from tests.unit.adapters.quality_cases import SHA256, audit_log


def test_a_run_of_every_good_end_passes() -> None:
    ends = [end for end in Outcome if end not in {Outcome.READY, Outcome.FAILED}]
    logs = [audit_log(f"call-{end}", end) for end in ends]
    logs[1]["chunks_processed"] = 0
    logs[0]["audit_entries"] = [{"bytes_read": 250}] * 4
    report = check_run(logs, sizes={f"call-{Outcome.ARCHIVED}": 1000, f"call-{Outcome.NOT_FOUND}": 5, "other": None})
    assert (report.success, report.reasons, report.warnings) == (True, {}, {})


ENDS = ", ".join(end for end in Outcome if end is not Outcome.READY)
BROKEN_LOGS: list[tuple[dict[str, Any], Reason]] = [
    ({"total_bytes": 0}, Reason("total_bytes", 0, 1)),
    ({"total_bytes": None}, Reason("total_bytes_known", None, "a number of bytes")),
    ({"total_bytes": "many"}, Reason("total_bytes", "many", 1)),
    ({"sha256": None}, Reason("sha256_known", None, "64 hexadecimal digits")),
    ({"sha256": SHA256.upper()}, Reason("sha256", SHA256.upper(), "64 hexadecimal digits")),
    ({"sha256": SHA256 + "\n"}, Reason("sha256", SHA256 + r"\n", "64 hexadecimal digits")),
    ({"sha256": SHA256[1:]}, Reason("sha256", SHA256[1:], "64 hexadecimal digits")),
    ({"s3_uri": None}, Reason("s3_uri_known", None, "an object's URI")),
    ({"s3_uri": "https://archive/x"}, Reason("s3_uri", "https://archive/x", "s3://bucket/key")),
    ({"manifest_uri": None}, Reason("manifest_uri_known", None, "a manifest's URI")),
    ({"chunks_processed": 0}, Reason("chunks_processed", 0, 1)),
    ({"chunks_processed": None}, Reason("chunks_known", None, "a number of chunks")),
    ({"latency_ms": -1}, Reason("latency_ms", -1, 0)),
    ({"latency_ms": math.nan}, Reason("latency_ms", "nan", 0)),
    ({"success": False}, Reason("archived_is_success", "false", "true")),
    ({"audit_entries": [{"bytes_read": 250}] * 3}, Reason("entry_bytes", 750, 1000)),
    ({"audit_entries": [{}] * 4}, Reason("entry_bytes", -1, 1000)),
    ({"audit_entries": [{"bytes_read": 1000}]}, Reason("entry_count", 1, 4)),
    ({"outcome": "READY"}, Reason("success_is_archived", "true", "false")),
    ({"outcome": "DONE"}, Reason("outcome", "DONE", ENDS)),
    ({"outcome": None}, Reason("outcome_known", None, "an outcome")),
]


@pytest.fixture(scope="module")
def broken_run() -> QualityReport:
    return check_run([audit_log(), *({**audit_log(f"log-{n}"), **log} for n, (log, _) in enumerate(BROKEN_LOGS))])


@pytest.mark.parametrize("number", range(len(BROKEN_LOGS)))
def test_an_archived_recording_without_its_proof_fails_the_run(broken_run: QualityReport, number: int) -> None:
    expected = BROKEN_LOGS[number][1]
    assert expected in broken_run.reasons[f"log-{number}"]
    assert "call-1" not in broken_run.reasons


def test_entries_that_were_left_out_prove_nothing_and_break_nothing() -> None:
    assert check_run([audit_log(audit_entries=[{"bytes_read": 1}], audit_entries_omitted=3)]).success


def test_the_archived_bytes_are_the_agreed_ones() -> None:
    logs = [audit_log("a"), audit_log("b"), audit_log("c", Outcome.ALREADY_ARCHIVED)]
    report = check_run(logs, sizes={"a": 1001, "b": 1000, "c": 7})
    assert report.reasons == {"a": [Reason("agreed_bytes", 1000, 1001)]}


def test_a_recording_that_is_in_the_run_twice_fails_it() -> None:
    report = check_run([audit_log(), audit_log("b"), audit_log()])
    assert report.reasons == {"call-1": [Reason("unique_recording_id", "call-1", "once in a run")]}
    assert report.reasons_at(2) == report.reasons_at(0) != report.reasons_at(1)


def test_a_failed_recording_is_a_warning() -> None:
    report = check_run([audit_log(), audit_log("b", Outcome.FAILED)])
    assert (report.success, report.warnings) == (
        True,
        {"b": [Reason("not_failed", "FAILED", "any outcome but FAILED")]},
    )


def test_logs_of_any_shape_end_in_a_report_or_a_named_error() -> None:
    report = check_run([{}, {"recording_id": "x" * 10_000, "outcome": "\x00" * 10_000, "error": 7}])
    assert not report.success
    assert "(no recording_id)" in report.reasons
    json.dumps(report.to_document(), allow_nan=False)
    with pytest.raises(InvalidDocument, match="not an audit log"):
        check_run([None])  # type: ignore[list-item]  # what an upstream task may hand on


def test_no_audit_log_is_not_a_pass() -> None:
    report = check_run([])
    assert not report.success
    assert str(report) == "archive_run failed: row_count: found 0, limit 1"


def test_the_recordings_of_a_contact_are_in_a_run_once_each() -> None:
    logs = [audit_log(f"4711.{number}") for number in (1, 2, 10)]
    assert check_run([*logs, audit_log("4712", Outcome.NO_RECORDING)]).success
    doubled = check_run([*logs, audit_log("4711.2", Outcome.ALREADY_ARCHIVED)])
    assert not doubled.success
    assert set(doubled.reasons) == {"4711.2"}
