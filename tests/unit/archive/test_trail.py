"""The audit trail: every change of a stored line is seen, and concurrent writers lose nothing."""

from __future__ import annotations

import pytest

from cxone_provider.archive.errors import AuditBroken, StoreUnavailable
from cxone_provider.archive.trail import TrailFile, empty_trail, verify_trail
from tests.fakes.store import FakeStore

EVENTS = [{"event": "segment", "chunk_index": n, "note": "ümlaut \n"} for n in range(6)]
RAW = empty_trail("rec").extended(EVENTS).raw
LINES = RAW.splitlines(keepends=True)


def test_a_trail_verifies_to_what_was_appended() -> None:
    trail = verify_trail("rec", RAW)
    assert [event["chunk_index"] for event in trail.events] == list(range(6))
    assert trail.head == empty_trail("rec").extended(EVENTS).head
    assert trail.extended([{"event": "verified"}]).last("verified") is not None


def test_every_flipped_bit_is_seen() -> None:
    for position in range(len(RAW)):
        for bit in (0x01, 0x20, 0x80):
            forged = bytearray(RAW)
            forged[position] ^= bit
            with pytest.raises(AuditBroken):
                verify_trail("rec", bytes(forged))


@pytest.mark.parametrize("index", range(len(LINES) - 1))
def test_a_dropped_line_is_seen(index: int) -> None:
    with pytest.raises(AuditBroken, match=f"line {index + 1}"):
        verify_trail("rec", b"".join(LINES[:index] + LINES[index + 1 :]))


@pytest.mark.parametrize("index", range(len(LINES)))
def test_a_doubled_line_is_seen(index: int) -> None:
    with pytest.raises(AuditBroken, match=f"line {index + 2}"):
        verify_trail("rec", b"".join(LINES[: index + 1] + LINES[index:]))


@pytest.mark.parametrize("index", range(len(LINES) - 1))
def test_swapped_lines_are_seen(index: int) -> None:
    lines = list(LINES)
    lines[index], lines[index + 1] = lines[index + 1], lines[index]
    with pytest.raises(AuditBroken, match=f"line {index + 1}"):
        verify_trail("rec", b"".join(lines))


def test_another_recordings_trail_is_seen() -> None:
    with pytest.raises(AuditBroken, match="line 1"):
        verify_trail("other", RAW)


def test_a_cut_tail_shows_only_against_a_head_kept_elsewhere() -> None:
    cut = verify_trail("rec", b"".join(LINES[:-1]))
    assert cut.head != verify_trail("rec", RAW).head


@pytest.mark.parametrize("raw", [b"\n", b"[]\n", b"{}\n", b"\xff\n", b"[" * 100_000 + b"\n", b'{"a":NaN}\n', b"x"])
def test_what_is_no_trail_is_a_broken_one(raw: bytes) -> None:
    with pytest.raises(AuditBroken):
        verify_trail("rec", raw)


def test_a_new_trail_costs_one_request() -> None:
    store = FakeStore()
    file = TrailFile(store, "audit/rec.jsonl", "rec")
    file.append(*EVENTS)
    assert file.save().raw == RAW
    assert [call.operation for call in store.calls] == ["put"]


def test_two_workers_extend_one_trail_and_lose_nothing() -> None:
    store = FakeStore()
    one, other = (TrailFile(store, "audit/rec.jsonl", "rec") for _ in range(2))
    one.append({"by": "one"})
    other.append({"by": "other"})
    one.save()
    other.save()
    one.append({"by": "one again"})
    one.save()
    trail = verify_trail("rec", store.body("audit/rec.jsonl"))
    assert [event["by"] for event in trail.events] == ["one", "other", "one again"]


def test_a_write_whose_answer_was_lost_is_not_written_twice() -> None:
    store = FakeStore()
    file = TrailFile(store, "audit/rec.jsonl", "rec")
    file.append({"by": "one"})
    store.fail_next("put", StoreUnavailable("no answer"), when="after")
    with pytest.raises(StoreUnavailable):
        file.save()
    file.save()
    assert len(verify_trail("rec", store.body("audit/rec.jsonl")).events) == 1


def test_a_forged_trail_is_not_extended() -> None:
    store = FakeStore()
    file = TrailFile(store, "audit/rec.jsonl", "rec")
    file.append(*EVENTS)
    file.save()
    store.tamper("audit/rec.jsonl", RAW.replace(b"segment", b"segmend", 1))
    later = TrailFile(store, "audit/rec.jsonl", "rec")
    later.append({"event": "verified"})
    with pytest.raises(AuditBroken):
        later.save()
