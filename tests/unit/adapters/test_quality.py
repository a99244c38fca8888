from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.quality import build_data_docs, check_plans, check_run
from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.plan import Reason
from cxone_provider.archive.policy import ArchivePolicy
from tests.unit.adapters.quality_cases import NOW, audit_log, checked, expectation, plan, row, suite_of

PROVIDER = Path(__file__).resolve().parents[3] / "provider"


def test_importing_the_package_imports_neither_great_expectations_nor_pandas() -> None:
    code = (
        "import sys; import cxone_provider.adapters.quality as quality; "
        "print(sorted({'great_expectations', 'pandas', 'numpy'} & sys.modules.keys()))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=PROVIDER, capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"


def test_a_check_is_quiet_and_writes_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GX_ANALYTICS_ENABLED", "true")
    monkeypatch.chdir(tmp_path)
    assert checked(row()).success
    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"


def test_a_good_batch_passes() -> None:
    report = checked(row(), row(recording_id="call-2", format="mp3"))
    assert (report.success, report.reasons, report.warnings, report.failed_rules) == (True, {}, {}, [])
    assert report.statistics == {"recordings": 2, "rows": 2, "rules": 10, "broken_rules": 0}
    assert str(report) == "recording_metadata passed"


def test_every_failed_rule_is_mapped_to_its_recording_with_value_and_limit() -> None:
    report = checked(
        row(),
        row(recording_id="long", duration_s=4000.5, storage_state="Archived"),
        row(recording_id="empty", size_bytes=0),
        row("mp4", recording_id="transcode"),
    )
    assert not report.success
    assert report.reasons == {
        "long": [Reason("storage_state", "archived", "available, stored"), Reason("max_duration_s", 4000.5, 3600)],
        "empty": [Reason("min_size_bytes", 0, 1)],
        "transcode": [Reason("requested_format", "mp4", "mp3, wav")],
    }
    assert [report.reasons_at(position) != [] for position in range(4)] == [False, True, True, True]


def test_the_policys_numbers_are_the_limits_and_no_retention_is_no_rule() -> None:
    old = row(recorded_at=NOW.subtract(days=31), size_bytes=11)
    policy = ArchivePolicy(retention=pendulum.duration(days=30), max_size_bytes=10)
    assert checked(old, row(recorded_at=None, size_bytes=1), policy=policy).failed_rules != []
    assert checked(old, policy=policy).reasons["call-1"] == [
        Reason("max_size_bytes", 11, 10),
        Reason("max_age_s", 31 * 86_400, 30 * 86_400),
    ]
    assert checked(old).success
    assert checked(row(recorded_at=None)).success


def test_an_empty_batch_is_not_a_pass() -> None:
    for report in (checked(), checked(suite=suite_of(expectation("column_values_to_be_unique", column="status")))):
        assert not report.success
        assert report.reasons == {}
        assert [rule.example for rule in report.failed_rules] == [Reason("row_count", 0, 1)]
        assert report.to_document()["failed_rules"][0]["recording_id"] is None


def test_recordings_with_the_same_id_are_told_apart_by_position() -> None:
    report = checked(row(), row(size_bytes=0), row(), row(duration_s=0))
    assert report.reasons == {"call-1": [Reason("min_size_bytes", 0, 1), Reason("min_duration_s", 0, "> 0")]}
    assert [len(report.reasons_at(position)) for position in range(4)] == [0, 1, 0, 1]


def test_hostile_values_break_their_rule_and_nothing_else() -> None:
    cases: list[tuple[dict[str, Any], str, object]] = [
        ({"duration_s": math.nan}, "min_duration_s", "nan"),
        ({"duration_s": math.inf}, "max_duration_s", 2**63),
        ({"size_bytes": -math.inf}, "min_size_bytes", -(2**63)),
        ({"size_bytes": 10**400}, "max_size_bytes", 2**63),
        ({"size_bytes": "12"}, "min_size_bytes", "12"),
        ({"storage_state": "x" * 10_000}, "storage_state", "x" * 60),
        ({"status": "done\x00\x1b[2J\n"}, "status", r"done\x00\x1b[2j"),
        ({"format": "<script>alert(1)</script>"}, "format", "<script>alert(1)</script>"),
    ]
    report = checked(row(), *(row(**changes) for changes, _, _ in cases))
    found = [[(reason.rule, reason.value) for reason in report.reasons_at(n)] for n in range(1, len(cases) + 1)]
    assert found == [[(rule, value)] for _, rule, value in cases]
    json.dumps([report.to_document(), *report.results], allow_nan=False)


def test_a_row_that_lacks_a_column_is_an_invalid_document() -> None:
    with pytest.raises(InvalidDocument, match=r"row 1 .* size_bytes"):
        checked(row(), {name: value for name, value in row().items() if name != "size_bytes"})


def test_the_document_of_a_large_broken_batch_is_small_and_counts_what_it_leaves_out() -> None:
    report = checked(*(row(recording_id=f"call-{n}", status="é" * 999, size_bytes=0) for n in range(2000)))
    document = report.to_document()
    text = json.dumps(document, allow_nan=False)
    assert len(text) < 48 * 1024
    assert len(document["reasons"]) + document["reasons_omitted"] == len(report.reasons) == 2000
    assert len(json.dumps(report.results)) < 64 * 1024
    assert len(str(report)) < 1000


def test_data_docs_are_built_of_all_results_and_show_values_as_text(tmp_path: Path) -> None:
    evil = '<script>alert(1)</script>"${x} $PARAMETER'
    reports = [
        checked(row(), row(recording_id="evil", status=evil, duration_s=math.inf)),
        check_plans([plan(), plan("b")], max_rows=3),
        check_run([audit_log(recording_id=evil, s3_uri=evil)]),
    ]
    index = build_data_docs(reports, tmp_path / "docs")
    pages = [page.read_text() for page in index.parent.rglob("validations/**/*.html")]
    assert "recording_metadata" in index.read_text()
    assert len(pages) == sum(len(report.results) for report in reports) == 6
    assert not any("<script>alert" in page for page in [*pages, index.read_text()])
    assert any("&lt;script&gt;alert(1)" in page for page in pages)


def test_data_docs_that_cannot_be_written_are_an_invalid_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidSetting, match="cannot be written"):
        build_data_docs([checked(row())], tmp_path / "file" / "docs")
