from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

import pytest

from cxone_provider.adapters.quality.suite import suite_document
from cxone_provider.adapters.quality.validation import great_expectations
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.plan import Reason
from tests.unit.adapters.quality_cases import checked, expectation, row, suite_of

SHIPPED = ("recording_metadata", "segment_plan", "archive_run", "completeness")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_suites_are_suites_as_great_expectations_writes_them(name: str) -> None:
    document = suite_document(name, None)
    written = great_expectations().ExpectationSuite(**document).to_json_dict()
    assert document["name"] == name
    kept = [{key: one[key] for key in document["expectations"][0]} for one in written["expectations"]]
    assert kept == document["expectations"]
    rules = [one["meta"]["rule"] for one in kept]
    assert len(rules) == len(set(rules)) >= 8


def test_an_own_suite_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    own = suite_of(
        expectation("column_values_to_be_in_set", meta={"rule": "wav_only"}, column="format", value_set=["wav"]),
        expectation("column_values_to_be_between", column="duration_s", min_value={"$PARAMETER": "max_duration_s"}),
        expectation("column_values_to_match_regex", "warning", column="recording_id", regex="^agent"),
        expectation("column_mean_to_be_between", "info", {"limit": "big"}, column="size_bytes", min_value=1e9),
        expectation("compound_columns_to_be_unique", column_list=["format", "status"]),
    )
    path.write_text(json.dumps(own))
    for suite in (own, path, str(path)):
        report = checked(row(), row(recording_id="b", format="mp3"), row(recording_id="c"), suite=suite)
        assert report.reasons["b"] == [
            Reason("wav_only", "mp3", "wav"),
            Reason("expect_column_values_to_be_between(duration_s)", 20, 3600),
        ]
        unique = report.reasons["call-1"][1]
        assert (unique.rule, unique.value) == (
            "expect_compound_columns_to_be_unique(['format', 'status'])",
            "wav, completed",
        )
        assert report.warnings["c"] == [Reason("expect_column_values_to_match_regex(recording_id)", "c", "^agent")]
        assert [(rule.severity, rule.recordings) for rule in report.failed_rules] == [
            ("critical", 1),
            ("critical", 3),
            ("critical", 2),
            ("warning", 3),
            ("info", 0),
        ]
        assert report.failed_rules[-1].example == Reason("expect_column_mean_to_be_between(size_bytes)", 320_044, "big")


def test_warnings_fail_nothing() -> None:
    own = suite_of(expectation("column_values_to_be_in_set", "warning", column="format", value_set=["mp3"]))
    report = checked(row(), suite=own)
    assert (report.success, report.reasons, list(report.warnings)) == (True, {}, ["call-1"])


def test_a_suite_that_great_expectations_wrote_with_ids_can_be_run() -> None:
    own = suite_of(expectation("column_values_to_be_unique", column="recording_id"))
    own["id"] = own["expectations"][0]["id"] = "0a1b2c3d-0000-4000-8000-000000000000"
    assert checked(row(), suite=own).success


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ({}, "suite without a usable name"),
        ({"name": "../../docs"}, "suite without a usable name"),
        ({"name": "own"}, "suite without expectations"),
        (suite_of(), "suite without expectations"),
        (suite_of("expect_something"), "expectation 0 of"),
        (suite_of({"kwargs": {}}), "unusable expectation"),
        (suite_of({"type": 7, "kwargs": {}}), "unusable expectation"),
        (suite_of({"type": "expect_column_values_to_be_unique"}), "unusable expectation"),
        (suite_of(expectation("nonsense")), "expect_nonsense not found"),
        (suite_of(expectation("column_values_to_be_unique")), "field required"),
        (suite_of(expectation("column_values_to_be_unique", "loud", column="status")), "loud"),
        (suite_of(expectation("column_values_to_be_unique", meta=[1], column="status")), "meta"),
        (suite_of(expectation("column_values_to_be_unique", column="nope")), "columns out of.*nope"),
        (suite_of(expectation("column_values_to_match_regex", column="status", regex="(")), "cannot be evaluated"),
        (suite_of(expectation("column_values_to_be_between", column="status", min_value=1)), "cannot be evaluated"),
        (
            suite_of(expectation("column_values_to_be_between", column="age_s", min_value={"$PARAMETER": "min"})),
            r"parameters out of: formats, max_age_s.*\$PARAMETER min",
        ),
    ],
)  # fmt: skip
def test_a_malformed_suite_is_an_invalid_setting_that_says_what(suite: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSetting, match=message):
        checked(row(), suite=suite)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), ("", "not JSON"), ("[" * 100_000, "not JSON"), ("[]", "is not a suite")],
)
def test_a_suite_file_that_is_none_is_an_invalid_setting(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "own.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidSetting, match=message):
        checked(row(), suite=path)


def test_a_suite_file_is_read_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_bytes(b" " * (2**20 + 1))
    with pytest.raises(InvalidSetting, match="too large"):
        checked(row(), suite=path)


@pytest.mark.parametrize("collects", [True, False])
def test_the_import_leaves_garbage_collection_as_it_was(*, collects: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if collects else gc.disable)()
        great_expectations()
        assert gc.isenabled() is collects
    finally:
        (gc.enable if before else gc.disable)()
