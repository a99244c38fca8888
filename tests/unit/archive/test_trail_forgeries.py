"""A trail of a thousand lines, forged in every way there is: whatever was changed is seen, and where.

A line is checked by its own bytes, its place and the hash of the one before, so a flip shows in its own line or in the
next. The exhaustive test checks these two where they lie; the sampled ones check the whole file each time.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.errors import AuditBroken
from cxone_provider.archive.trail import Trail, _chained, empty_trail, origin, verify_trail

LINES = 1000
EVENTS = [
    {
        "event": "segment",
        "timestamp": f"2026-11-23T10:{number // 60:02}:{number % 60:02}.123456Z",
        "chunk_index": number,
        "bytes_read": 262_144,
        "range": f"{number * 262_144}-{(number + 1) * 262_144 - 1}",
        "status": "success",
        "attempts": 1,
        "latency_ms": 12.345,
        "sha256": f"{number:064x}",
        "signature": "verified",
    }
    for number in range(LINES)
]
TRAIL: Trail = empty_trail("rec").extended(EVENTS)
RAW = TRAIL.raw
STORED = RAW.splitlines(keepends=True)
SAMPLE = random.Random(20261123)


def is_broken(raw: bytes) -> bool:
    try:
        verify_trail("rec", raw)
    except AuditBroken:
        return True
    return False


def shows_in_place(forged: bytes, index: int) -> bool:
    """Tell whether two lines, the first of them number `index`, do not hang on the line before them."""
    prev = str(TRAIL.events[index - 1]["hash"]) if index else origin("rec")
    try:
        list(_chained(forged, index, prev))
    except AuditBroken:
        return True
    return False


def flipped(raw: bytes, position: int, mask: int) -> bytes:
    forged = bytearray(raw)
    forged[position] ^= mask
    return bytes(forged)


def dropped(index: int) -> list[bytes]:
    return STORED[:index] + STORED[index + 1 :]


def doubled(index: int) -> list[bytes]:
    return STORED[: index + 1] + STORED[index:]


def swapped(index: int) -> list[bytes]:
    return [*STORED[:index], STORED[index + 1], STORED[index], *STORED[index + 2 :]]


def test_the_trail_is_as_large_as_the_goal_says() -> None:
    assert verify_trail("rec", RAW).head == TRAIL.head
    assert 400_000 <= len(RAW) <= 500_000


def test_sampled_flips_of_the_whole_file_are_seen() -> None:
    for position in SAMPLE.sample(range(len(RAW)), 150):
        mask = SAMPLE.randrange(1, 256)
        assert is_broken(flipped(RAW, position, mask)), (position, mask)


@pytest.mark.parametrize("index", [0, LINES // 2, LINES - 1])
def test_every_flipped_bit_of_a_line_is_seen(index: int) -> None:
    lines = b"".join(STORED[index : index + 2])
    assert not shows_in_place(lines, index)
    for position in range(len(STORED[index])):
        for bit in range(8):
            assert shows_in_place(flipped(lines, position, 1 << bit), index), (position, bit)


@pytest.mark.parametrize("forge", [dropped, doubled, swapped])
def test_sampled_lines_that_were_moved_are_seen_where_they_were(forge: Callable[[int], list[bytes]]) -> None:
    for index in [0, *SAMPLE.sample(range(1, LINES - 2), 40), LINES - 2]:
        with pytest.raises(AuditBroken, match=f"breaks at line {index + (2 if forge is doubled else 1)}:"):
            verify_trail("rec", b"".join(forge(index)))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_flipped_byte_of_the_whole_trail_is_seen() -> None:
    flips = 0
    for index in range(LINES):
        lines = b"".join(STORED[index : index + 2])
        for position in range(len(STORED[index])):
            mask = 1 + (position * 31 + index) % 255
            assert shows_in_place(flipped(lines, position, mask), index), (index, position)
            flips += 1
    assert flips == len(RAW)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("forge", [dropped, doubled, swapped])
def test_every_line_that_was_moved_is_seen(forge: Callable[[int], list[bytes]]) -> None:
    # The last line cannot be swapped; dropping it cuts the tail, which only a head kept elsewhere shows.
    for index in range(LINES - 1):
        assert is_broken(b"".join(forge(index))), index


def rewritten(line: bytes, **changes: Any) -> bytes:
    """Return a line with other values, serialised as a careless forger would."""
    return json.dumps({**json.loads(line), **changes}, sort_keys=True, separators=(",", ":")).encode() + b"\n"


FIRST = STORED[0]
HASH = TRAIL.events[0]["hash"]
FIELD = f'"hash":"{HASH}",'.encode()
SAME_MEANING = {
    "the hash first": b"{" + FIELD + FIRST.replace(FIELD, b"")[1:],
    "the hash last": FIRST.replace(FIELD, b"").replace(b"}\n", b"," + FIELD[:-1] + b"}\n"),
    "the hash one name later": FIRST.replace(FIELD, b"").replace(b'"prev"', FIELD + b'"prev"'),
    "the hash twice": FIRST.replace(FIELD, FIELD + FIELD),
    "another hash in front": FIRST.replace(FIELD, b'"hash":"' + b"0" * 64 + b'",' + FIELD),
    "the hash escaped": FIRST.replace(b'"hash"', b'"\\u0068ash"'),
    "a surrogate for a hash": FIRST.replace(str(HASH).encode(), b"\\ud800"),
    "a space": FIRST.replace(b'":', b'": ', 1),
    "a space at the end": FIRST.replace(b"\n", b" \n"),
    "a carriage return": FIRST.replace(b"\n", b"\r\n"),
    "an empty line": b"\n" + FIRST,
    "a mark of byte order": b"\xef\xbb\xbf" + FIRST,
    "another number of the same value": FIRST.replace(b'"seq":0', b'"seq":0.0'),
    "a name twice": FIRST.replace(b'"attempts":1', b'"attempts":1,"attempts":1'),
    "no hash": FIRST.replace(FIELD, b""),
    "null for a hash": rewritten(FIRST, hash=None),
    "an array": b"[" + FIRST[:-1] + b"]\n",
    "text behind it": FIRST.replace(b"\n", b"{}\n"),
}


@pytest.mark.parametrize("forged", SAME_MEANING.values(), ids=SAME_MEANING)
def test_what_means_nearly_the_same_is_not_the_same(forged: bytes) -> None:
    assert forged != FIRST
    assert is_broken(forged + b"".join(STORED[1:3]))


@given(start=st.integers(0, 2000), length=st.integers(0, 700), put=st.binary(max_size=40), end=st.booleans())
def test_any_cut_and_paste_is_seen_or_cuts_the_tail(start: int, length: int, put: bytes, end: bool) -> None:
    raw = b"".join(STORED[:5])
    forged = raw[:start] + put + (b"" if end else raw[start + length :])
    cuts = {TRAIL.cut(lines).raw for lines in range(6)}
    assert is_broken(forged) is (forged not in cuts)


@given(whole=st.permutations(STORED[:5]), lines=st.integers(0, 5))
def test_lines_in_any_other_order_are_seen(whole: list[bytes], lines: int) -> None:
    forged = b"".join(whole[:lines])
    assert is_broken(forged) is (forged != TRAIL.cut(lines).raw)
