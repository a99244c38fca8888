"""A trail of a thousand lines, forged in every way there is: whatever was changed is seen, and where.

A line is checked by its own bytes, its place and the hash of the one before, so a flip shows in its own line or in the
next. The exhaustive test checks these two where they lie; the sampled ones check the whole file each time.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

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
