"""The CSV of an extraction: headers as people write them, rows that are merged, lines that cannot be used."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from cxone_provider.adapters.cxone.extraction_csv import MAX_LINE_CHARACTERS, merge_rows
from cxone_provider.adapters.cxone.legs import MergedLegs
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.archive.errors import UnexpectedAnswer
from tests.fakes.extraction import HEADER, csv_of, row


def read(body: bytes, *, step: int = 7, **options: Any) -> list[dict[str, Any]]:
    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    legs = MergedLegs()
    merge_rows(pieces(), legs, ListingSettings().changed(options))
    return list(legs.documents())


@pytest.mark.parametrize("step", [1, 2, 3, 5, 64, 10_000])
def test_pieces_may_end_anywhere(step: int) -> None:
    body = csv_of(row(agent="Zoë, “the first”"), row(acd="4712", disposition='said "yes"'.replace('"', "'")))
    found = read(body, step=step)
    assert [ref["recording_id"] for ref in found] == ["4711", "4712"]
    assert found[0]["metadata"]["agent_name"] == "Zoë, “the first”"


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_is_no_part_of_the_first_header(bom: bytes) -> None:
    assert read(csv_of(row(), bom=bom))[0]["recording_id"] == "4711"


@pytest.mark.parametrize(
    "header", ["ACD Call ID", "acd call id", "ACD Call ID (Master Contact ID)", "ACD Call IDs", " ACD Call ID… "]
)
def test_the_id_is_found_by_the_beginning_of_its_header(header: str) -> None:
    assert read(csv_of(row(), header=(header, *HEADER[1:])))[0]["recording_id"] == "4711"


def test_a_header_of_the_very_name_goes_before_one_that_begins_with_it() -> None:
    header = ("Disposition Notes", "ANIMAL", *HEADER)
    [found] = read(csv_of(["a note", "cat", *row()], header=header))
    assert found["metadata"]["disposition"] == "Sold"
    assert found["metadata"]["ani"] == "+15550100"


def test_columns_may_stand_anywhere_and_most_may_be_missing() -> None:
    body = csv_of(["2026-11-22T10:00:00Z", "x", "4711"], header=("Start Date", "Whatever", "ACD Call ID"))
    assert read(body) == [
        {
            "recording_id": "4711",
            "recorded_at": "2026-11-22T10:00:00Z",
            "duration_s": None,
            "has_media": None,
            "metadata": {},
        }
    ]


def test_segments_of_one_call_become_one_ref() -> None:
    rows = [
        row(segment="s-2", start="2026-11-22T10:10:00Z", end="2026-11-22T10:20:00Z", agent="Eve", voice="No"),
        row(acd="9"),
        row(segment="s-1", start="2026-11-22T10:00:00Z", end="2026-11-22T10:10:00Z"),
    ]
    first, second = read(csv_of(*rows), unrecorded_statuses=["no"])
    assert (first["recording_id"], second["recording_id"]) == ("4711", "9")
    assert (first["recorded_at"], first["duration_s"]) == ("2026-11-22T10:00:00Z", 1200.0)
    assert first["has_media"] is True
    assert first["metadata"]["agent_name"] == "Sam Agent"
    assert first["metadata"]["legs"] == 2


@pytest.mark.parametrize(
    ("statuses", "has_media"),
    [
        (["Success"], True), (["success "], True), (["AVAILABLE"], True), (["Not recorded"], False),
        (["not recorded", "Success"], True), (["Not recorded", "Not recorded"], False), (["Pending"], None),
        ([""], None),
        (["Not recorded", "Pending"], None),
    ],
)  # fmt: skip
def test_a_status_says_whether_there_is_media(statuses: list[str], has_media: bool | None) -> None:
    [found] = read(csv_of(*(row(voice=status) for status in statuses)), unrecorded_statuses=["Not Recorded"])
    assert found["has_media"] is has_media


def test_no_status_says_that_there_is_none_unless_the_tenant_s_words_are_set() -> None:
    [found] = read(csv_of(row(voice="Not recorded")))
    assert found["has_media"] is None


@pytest.mark.parametrize(
    ("options", "text", "recorded_at"),
    [
        ({}, "2026-11-22 10:00:00", "2026-11-22T10:00:00Z"),
        ({}, "2026-11-22T10:00:00.123+01:00", "2026-11-22T09:00:00.123000Z"),
        ({"time_zone": "America/Denver"}, "2026-11-22 10:00:00", "2026-11-22T17:00:00Z"),
        ({"time_zone": "America/Denver"}, "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
        ({"time_format": "%m/%d/%Y %I:%M:%S %p"}, "11/22/2026 03:04:05 PM", "2026-11-22T15:04:05Z"),
        (
            {"time_format": "%d.%m.%Y %H:%M", "time_zone": "Europe/Berlin"},
            "22.11.2026 10:00",
            "2026-11-22T09:00:00Z",
        ),
    ],
)
def test_times_are_read_as_the_tenant_writes_them(options: dict[str, Any], text: str, recorded_at: str) -> None:
    [found] = read(csv_of(row(start=text, end="")), **options)
    assert found["recorded_at"] == recorded_at


MALFORMED: list[tuple[list[str], str, str]] = [
    (row(acd=""), "unusable recording id", "line 2"),
    (row(acd=" "), "unusable recording id", "line 2"),
    (row(acd="../x"), "unusable recording id", "line 2"),
    (row(acd="4711/1"), "unusable recording id", "line 2"),
    (row(acd="4711 4712"), "unusable recording id", "line 2"),
    (row(acd="47,11"), "unusable recording id", "line 2"),
    (row(acd="x" * 129), "unusable recording id", "line 2"),
    (row(acd="47\n11"), "unusable recording id", "line 3"),
    (row(acd="é"), "unusable recording id", "line 2"),
    (row()[:-1], "fields in the line", "line 2"),
    ([*row(), "one more"], "fields in the line", "line 2"),
    (["4711"], "fields in the line", "line 2"),
    ([" "], "fields in the line", "line 2"),
    (row(acd="8", start=""), "Start Date is empty", "8"),
    (row(acd="8", start="yesterday"), "Start Date is not a time", "8"),
    (row(acd="8", start="now"), "Start Date is not a time", "8"),
    (row(acd="8", start="10:00"), "Start Date is not a time", "8"),
    (row(acd="8", start="11/22/2026 10:00:00 AM"), "Start Date is not a time", "8"),
    (row(acd="8", start="2026-02-30T10:00:00Z"), "Start Date is not a time", "8"),
    (row(acd="8", start="P1D"), "Start Date is not a time", "8"),
    (row(acd="8", end="later"), "End Date is not a time", "8"),
    (row(acd="8", end="2026-11-22T25:00:00Z"), "End Date is not a time", "8"),
]


@pytest.mark.parametrize(("bad", "what", "named"), MALFORMED)
def test_a_line_that_cannot_be_used_is_carried_by_name_and_stops_no_other(
    bad: list[str], what: str, named: str
) -> None:
    good, carried = read(csv_of(bad, row()))
    assert good["recording_id"] == "4711"
    assert carried["recording_id"] == named
    assert what in carried["malformed"]


@pytest.mark.parametrize("time_format", ["%m/%d/%Y", "%H:%M"])
def test_a_time_of_another_form_than_the_one_that_was_set_is_named(time_format: str) -> None:
    [carried] = read(csv_of(row()), time_format=time_format)
    assert carried["malformed"] == "Start Date is not a time"
    assert carried["expected"] == time_format


def test_a_line_without_anything_is_passed_over() -> None:
    assert len(read(csv_of(row()) + b"\r\n\r\n" + b"\r\n".join(csv_of(row(acd="5")).splitlines()[1:]))) == 2


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"<html><body>expired</body></html>", "a column of the extraction is missing"),
        (b'{"error": "expired"}', "a column of the extraction is missing"),
        (csv_of(row(), header=("Contact", *HEADER[1:])), "a column of the extraction is missing"),
        (csv_of(row(), header=(*HEADER[:2], "Begin", *HEADER[3:])), "expected Start Date"),
        (csv_of(row(), header=("ID of ACD Call ID", *HEADER[1:])), "expected ACD Call ID"),
        (csv_of(row()).decode().encode("utf-16"), "not UTF-8"),
        (csv_of(row()) + b"\xff\xff,x\r\n", "not UTF-8"),
        (csv_of(row()) + b"\xc3", "not UTF-8"),
        (csv_of(row()) + b'"4712,never closed', "not CSV"),
        (csv_of(row()) + b'"47"12,x\r\n', "not CSV"),
        (csv_of(row()) + b"x" * 300_000, "too long"),
        (csv_of(row()) + b'"' + b"x\n" * 100_000, "not CSV"),
        (csv_of(row()) + b"47\r12,x\r\n", "not CSV"),
    ],
)
def test_what_is_no_extraction_at_all_is_refused(body: bytes, what: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=what):
        read(body, step=65_536)


def test_a_long_line_is_not_held() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield b"x" * 65_536

    with pytest.raises(UnexpectedAnswer, match="too long"):
        merge_rows(endless(), MergedLegs(), ListingSettings())
    assert taken <= MAX_LINE_CHARACTERS // 65_536 + 1


def test_memory_is_that_of_the_contacts_not_of_the_rows() -> None:
    header, line = csv_of(row()).split(b"\r\n")[:2]
    lines = [line.replace(b"4711", str(number).encode()) + b"\r\n" for number in range(50)]

    def extraction() -> Iterator[bytes]:
        yield header + b"\r\n"
        for _ in range(300):
            yield b"".join(lines)

    legs = MergedLegs()
    tracemalloc.start()
    try:
        merge_rows(extraction(), legs, ListingSettings())
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    found = list(legs.documents())
    assert (len(found), found[0]["metadata"]["legs"]) == (50, 300)
    assert peak_bytes < 500_000, "fifteen thousand rows are more than two million bytes"


def test_metadata_stays_inside_its_budget() -> None:
    [found] = read(csv_of(row(agent="n" * 5000, skill="s" * 5000, disposition="d" * 5000)))
    assert len(str(found)) < 1500
