"""Values from outside on their way into logs: one line, bounded, without card numbers; ids stay what they are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.errors import ArchiveError, InvalidDocument, UnexpectedAnswer
from cxone_provider.archive.escaping import escaped, masked, shown
from cxone_provider.archive.plan import Reason, SegmentPlan
from tests.security.cards import card_numbers, luhn_digit

CARD = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CARD, "************1111"),
        ("5500 0000 0000 0004", "**** **** **** 0004"),
        ("5500-0000-0000-0004", "****-****-****-0004"),
        ("3400 000000 00009", "**** ****** *0009"),
        ("30000000000004", "**********0004"),
        ("4222222222222", "*********2222"),
        ("4111 1111 1111 1111 123", "**** **** **** 1111 123"),
        ("6304000000000000000", "***************0000"),
        (f"paid with {CARD}.", "paid with ************1111."),
        (f"card{CARD}x", "card************1111x"),
        (f"agent_{CARD}_x", "agent_************1111_x"),
        (f"{CARD},{CARD}", "************1111,************1111"),
        ("\u0664111111111111111", "************1111"),  # the first digit is Arabic
    ],
)
def test_a_card_number_shows_its_last_four_digits(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert shown(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # not by Luhn
        "411111111117",  # 12 digits
        "41111111111111111110",  # 20 digits
        f"{'ab' * 12}{CARD}{'cd' * 12}",  # a hexadecimal digest
        f"0.{CARD}",
        "4111 1111-1111 1111",
        "8388608-16777215",
        "bytes 0-262143/262144",
        "+49 30 901820",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert masked(text) == text


@given(
    card_numbers(), st.sampled_from(["", " ", "x: ", "(", "=", "\n", "\x1b[31m"]), st.sampled_from(["", ".", ")", "\t"])
)
def test_no_card_number_is_ever_shown(number: str, before: str, after: str) -> None:
    digits = re.sub(r"\D", "", number)
    for text in (
        shown(f"{before}{number}{after}"),
        str(UnexpectedAnswer("metadata field status", found=f"{before}{number}{after}", expected=number)),
        str(Reason("status", number, f"{number}{after}")),
        AuditError.of(InvalidDocument("a document", found={"note": number})).message,
        str(ArchiveError("a number", found=int(digits))),
    ):
        assert digits not in re.sub(r"\D", "", text), text


@given(card_numbers(), st.integers(0, 40))
def test_a_card_number_at_the_limit_is_not_cut_into_view(number: str, limit: int) -> None:
    shown_digits = re.sub(r"\D", "", shown(number, limit=limit).partition("…")[0])
    assert len(shown_digits) <= 4


@given(card_numbers())
def test_an_id_stays_what_it_is(number: str) -> None:
    recording_id = number.replace(" ", "-")
    assert escaped(recording_id) == recording_id


@given(st.text(), st.integers(1, 300))
def test_what_is_shown_is_one_bounded_line(text: str, limit: int) -> None:
    for line in (shown(text, limit=limit), escaped(text, limit=limit)):
        assert line.isprintable()
        assert len(line) <= 10 * limit + 40


def test_luhns_digit_is_that_of_known_cards() -> None:
    assert luhn_digit("411111111111111") == "1"
    assert luhn_digit("550000000000000") == "4"


@pytest.mark.parametrize("hostile", ["a\nb", "a\x1b[2J", "a\r[2026-11-23] INFO ok", "\u202eevil", "x" * 10**6])
def test_documents_of_other_tasks_give_ids_fit_for_a_log(hostile: str) -> None:
    plan = {**SegmentPlan("a", SegmentPlan.from_document(_PLAN).outcome).to_document(), "recording_id": hostile}
    log = {**AuditLog.from_document(_LOG).to_document(), "recording_id": hostile}
    for recording_id in (SegmentPlan.from_document(plan).recording_id, AuditLog.from_document(log).recording_id):
        assert recording_id.isprintable()
        assert len(recording_id) < 200


_PLAN: dict[str, Any] = {
    "schema": "cxone.segment-plan/1", "recording_id": "a", "outcome": "READY", "reasons": [], "format": None,
    "size_bytes": None, "segment_size_bytes": 100, "segment_count": None, "duration_s": None, "storage_state": None,
    "etag": None, "recorded_at": None, "metadata": {},
}  # fmt: skip
_LOG: dict[str, Any] = {
    "schema": "cxone.audit-log/1", "recording_id": "a", "outcome": "FAILED", "started_at": "2026-11-23T10:00:00Z",
    "finished_at": "2026-11-23T10:00:01Z", "total_bytes": 0, "chunks_processed": 0, "latency_ms": 0, "error": None,
    "audit_entries": [],
}  # fmt: skip
