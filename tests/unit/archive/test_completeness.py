from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cxone_provider.archive.completeness import Completeness, parse_completeness, table_of
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.recording import Outcome
from cxone_provider.console.completeness import parse_completeness as as_the_console_reads_it
from tests.unit.archive.reconciling_cases import DAY, NOW

REPORT = Completeness(
    day=DAY,
    run_id="scheduled__2026-11-23",
    generated_at=NOW,
    archived=9_990,
    missing_ids=("m1", "m2", "m3"),
    unproven_ids=("m1",),
    partial_ids=("m2",),
    other_ids={Outcome.REJECTED: ("r1", "r2"), Outcome.NO_RECORDING: ("n1",)},
    late_ids=("l1",),
    contacts={"7": ("7.1", "7.2")},
    recordings=9_991,
    size_bytes=123_456_789,
    bytes_unknown=1,
    undated=4,
    requests_used=9_993,
    requests_allowed=43_200,
    looked_back=True,
)


def test_the_stored_document_is_read_back_as_it_was() -> None:
    assert parse_completeness(REPORT.to_bytes()) == REPORT
    empty = Completeness(DAY, "run", NOW)
    assert parse_completeness(empty.to_bytes()) == empty


def test_the_document_tells_counts_and_ids() -> None:
    document = REPORT.to_document()
    assert document["schema"] == "cxone.completeness/1"
    assert (document["day"], document["run_id"], document["generated_at"]) == (
        DAY, "scheduled__2026-11-23", "2026-11-23T06:00:00Z",
    )  # fmt: skip
    assert (document["expected"], document["archived"], document["missing"], document["late"]) == (9996, 9990, 3, 1)
    assert document["outcomes"] == {"NO_RECORDING": 1, "REJECTED": 2}
    assert document["other_ids"] == {"NO_RECORDING": ["n1"], "REJECTED": ["r1", "r2"]}
    assert (document["bytes"], document["requests_used"], document["requests_allowed"]) == (123_456_789, 9_993, 43_200)


def test_a_bounded_document_keeps_the_counts_and_is_no_report() -> None:
    bounded = REPORT.to_document(ids=1)
    assert bounded["missing_ids"] == ["m1"]
    assert bounded["missing"] == 3
    assert bounded["contacts"] == {"7": ["7.1"]}
    with pytest.raises(InvalidDocument, match="expected of a completeness report is not what its ids come to"):
        Completeness.from_document(bounded)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"schema": "cxone.completeness/2"}, "not a completeness report"),
        ({"day": None}, "day of a completeness report"),
        ({"generated_at": None}, "generated_at"),
        ({"archived": -1}, "archived of a completeness report"),
        ({"archived": True}, "archived of a completeness report"),
        ({"archived": 9_991}, "expected of a completeness report is not what its ids come to"),
        ({"missing_ids": "m1"}, "missing_ids of a completeness report"),
        ({"missing_ids": [1]}, "missing_ids of a completeness report"),
        ({"other_ids": []}, "other_ids of a completeness report"),
        ({"other_ids": {"LOST": ["a"]}}, "outcome of a completeness report"),
        ({"outcomes": {}}, "outcomes of a completeness report is not"),
        ({"late": 0}, "late of a completeness report is not"),
        ({"requests_used": "many"}, "requests_used of a completeness report"),
    ],
)
def test_what_is_no_report_is_refused_by_field(change: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidDocument, match=cause):
        Completeness.from_document({**REPORT.to_document(), **change})


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 100_000, b"[]", b"\xff"])
def test_bytes_that_are_no_report_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_completeness(raw)


def test_another_day_s_report_is_refused() -> None:
    assert REPORT.of_day(DAY) is REPORT
    with pytest.raises(InvalidDocument, match="another day's"):
        REPORT.of_day("2026-11-23")


def test_the_console_understands_it() -> None:
    told = as_the_console_reads_it(REPORT.to_bytes(), DAY)
    assert told is not None
    assert (told.day, told.expected, told.archived, told.missing, told.missing_ids) == (
        DAY, 9996, 9990, 3, ("m1", "m2", "m3"),
    )  # fmt: skip
    assert (told.requests_used, told.requests_allowed) == (9_993, 43_200)


def test_the_same_report_is_the_same_bytes() -> None:
    turned = replace(REPORT, other_ids=dict(reversed([*REPORT.other_ids.items()])))
    assert turned.to_bytes() == REPORT.to_bytes()
    assert json.loads(REPORT.to_bytes())["day"] == DAY


def test_the_table_can_be_read() -> None:
    assert table_of([REPORT, Completeness("2026-11-23", "run", NOW)], ids_shown=2).splitlines() == [
        "day           expected  archived   other  missing   late             bytes  requests, at least",
        "2026-11-22       9,996     9,990       3        3      1      123,456,789+  9,993 of 43,200",
        "2026-11-23           0         0       0        0      0                 0  unknown",
        "  2026-11-22  missing: m1, m2 and 1 more",
        "  2026-11-22  called archived, without a manifest: m1",
        "  2026-11-22  archived in part: m2",
        "  2026-11-22  NO_RECORDING: n1",
        "  2026-11-22  REJECTED: r1, r2",
        "  2026-11-22  late: l1",
    ]
