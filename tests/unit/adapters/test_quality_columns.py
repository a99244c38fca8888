"""What a row of a run's table takes, and that nobody can tell what is not held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.quality import QualityReport, RunCheck, build_data_docs, runs
from cxone_provider.adapters.quality.columns import NumberColumn, TextColumn, passing_values
from cxone_provider.adapters.quality.suite import suite_document
from cxone_provider.adapters.quality.table import Table, plain
from cxone_provider.adapters.quality.validation import report_of
from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.recording import Outcome
from tests.fakes.passing import Passing
from tests.unit.adapters.quality_cases import SHA256, audit_log, expectation, suite_of

NAMES = ("recording_id", "outcome", "s3_uri", "manifest_uri", "audit_uri", "sha256", "success", "error_type")
VALUES = st.one_of(
    st.none(), st.floats(allow_nan=False), st.integers(-(2**63), 2**63), st.text(max_size=5), st.booleans()
)


@given(st.lists(VALUES, max_size=20))
def test_a_number_is_shown_and_judged_as_if_it_were_held_itself(values: list[Any]) -> None:
    column = NumberColumn()
    for value in values:
        column.append(value)
    assert [plain(value) for value in column] == [plain(value) for value in values]
    held, itself = (Table({}, {"n": numbers}, range(len(values))).frame()["n"].tolist() for numbers in (column, values))
    assert [*map(repr, held)] == [*map(repr, itself)]


def test_of_the_shipped_rules_only_the_id_needs_a_text_of_each_recording() -> None:
    check = RunCheck()
    for number in range(1000):
        check.add(audit_log(f"call-{number}", s3_uri=f"s3://archive/{number}", sha256=f"{number:064x}"))
    texts = {
        name: {id(value) for value in column.values} for name, column in check._text.items()
    }  # what is held is what this is about
    assert {name: len(held) for name, held in texts.items()} == {**dict.fromkeys(NAMES, 1), "recording_id": 1000}


@pytest.mark.parametrize(
    ("rule", "whole"),
    [
        (expectation("column_values_to_not_be_null", column="s3_uri"), False),
        (expectation("column_values_to_match_regex", column="s3_uri", regex="^s3"), False),
        (expectation("column_values_to_match_regex", column="s3_uri", regex="("), True),
        (expectation("column_values_to_match_regex", column="s3_uri", regex={"$PARAMETER": "x"}), True),
        (expectation("column_values_to_be_unique", column="s3_uri"), True),
        (expectation("compound_columns_to_be_unique", column_list=["outcome", "s3_uri"]), True),
        (expectation("column_values_to_not_be_null", column="outcome", row_condition='col("s3_uri")'), True),
        (expectation("column_pair_values_to_be_equal", meta={"value_column": "s3_uri"}, column_A="a"), True),
        (expectation("house_to_stand"), True),
        ({**expectation("x"), "type": None}, True),
    ],
)
def test_a_column_is_held_whole_where_a_rule_looks_at_its_values(rule: dict[str, Any], whole: bool) -> None:
    assert ("s3_uri" not in passing_values(suite_of(rule), NAMES)) is whole


def test_what_breaks_a_rule_is_held_as_it_is_and_so_is_what_engines_may_see_differently() -> None:
    rule = expectation("column_values_to_match_regex", column="s3_uri", regex=r"^\w+$")
    column = TextColumn(passing_values(suite_of(rule), ["s3_uri"])["s3_uri"])
    for value in ("a", "b", None, "no!", "é", "c"):
        column.append(value)
    assert column.values == ["a", "a", None, "no!", "é", "a"]


def nasty_logs() -> list[dict[str, Any]]:
    """Return audit logs of which every field takes every odd value somewhere, and more that are good."""
    odd: list[Any] = [None, "", "x", "é", "ABC" * 30, 0, -1, 1.5, 2**53 + 1, math.nan, True, [], {"a": 1}, "call-1"]
    fields = [name for name in audit_log() if name != "schema"]
    bad = [{**audit_log(f"{name}-{number}"), name: value} for name in fields for number, value in enumerate(odd)]
    return [audit_log(), *bad, *(audit_log(f"call-{n}", outcome) for n, outcome in enumerate(Outcome))]


def plainly(logs: Iterable[Mapping[str, Any]], suite: Any) -> QualityReport:
    """Return the check of a table of all cells as they are."""
    rows = [runs._row(log, {}) for log in logs]  # the cells are the same, only their holding differs
    numbers = ("total_bytes", "chunks_processed", "latency_ms", "agreed_bytes", "entry_bytes", "entry_count")
    table = Table(
        {name: [row[name] for row in rows] for name in NAMES}, {name: [row[name] for row in rows] for name in numbers},
        range(len(rows)),
    )  # fmt: skip
    ids = [row["recording_id"] or "(no recording_id)" for row in rows]
    return report_of(suite_document("archive_run", suite), [table], recording_ids=ids)


OWN = suite_of(
    expectation("column_values_to_match_regex", column="manifest_uri", regex="[0-9]", mostly=0.9),
    expectation("column_values_to_match_regex", column="audit_uri", regex=r"\d\Z", severity="warning"),
    expectation("column_value_lengths_to_be_between", column="sha256", min_value=64, max_value=64),
    expectation("column_values_to_be_unique", column="s3_uri"),
    expectation("column_values_to_not_be_null", column="error_type"),
)


@pytest.mark.parametrize("suite", [None, OWN])
@pytest.mark.filterwarnings("ignore")  # Great Expectations warns itself
def test_the_rules_find_what_they_find_in_a_table_of_all_cells(suite: Any) -> None:
    logs = nasty_logs()
    check = RunCheck(lambda: suite)
    for log in logs:
        check.add(log)
    found, expected = check.report(), plainly(logs, suite)
    assert found.to_document() == expected.to_document()
    assert (found.findings, found.recording_ids) == (expected.findings, expected.recording_ids)
    assert [_told(one) for one in found.results] == [_told(one) for one in expected.results]


def _told(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a result of the library without the ids that it makes up."""
    return [{**one, "expectation_config": {**one["expectation_config"], "id": ""}} for one in result["results"]]


def test_no_document_is_held() -> None:
    passing = Passing()
    assert runs.check_run(passing.documents(audit_log(f"call-{number}") for number in range(300))).success
    assert (passing.handed, passing.alive) == (300, 0)
    assert passing.most_alive <= 2


def test_a_suite_that_cannot_be_read_is_told_of_by_the_report_and_nothing_before_it() -> None:
    def suite() -> str:
        raise InvalidSetting("unusable run_suite")

    for check in (RunCheck(suite), RunCheck(lambda: "/no/such/suite.json")):
        check.add(audit_log())
        with pytest.raises(InvalidSetting):
            check.report()
    with pytest.raises(InvalidDocument, match="not an audit log"):
        RunCheck().add(None)


def test_data_docs_show_what_breaks_a_rule(tmp_path: Any) -> None:
    check = RunCheck()
    check.add(audit_log("a", sha256=SHA256))
    check.add(audit_log("b", sha256="not-a-digest"))
    build_data_docs([check.report()], str(tmp_path))
    pages = "".join(page.read_text() for page in tmp_path.rglob("*.html"))
    assert "not-a-digest" in pages
