"""Parts are legal for S3, made of whole segments, and cover the recording exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.parts import MIN_PART_BYTES, PartLayout, checked_part_size, smallest_part_size

MIB = 2**20


@pytest.mark.parametrize(
    ("segment", "part", "unit"),
    [
        (8 * MIB, 8 * MIB, 8 * MIB),
        (2**18, 8 * MIB, 8 * MIB),
        (3 * MIB, 5 * MIB, 6 * MIB),
        (64 * MIB, 8 * MIB, 64 * MIB),
    ],
)
def test_a_part_is_whole_segments_and_never_too_small(segment: int, part: int, unit: int) -> None:
    assert PartLayout(segment, part).unit_bytes == unit


@given(st.integers(1, 5000), st.integers(1, 50), st.integers(1, 200))
def test_parts_cover_the_recording_without_gap_or_overlap(size: int, segment: int, part: int) -> None:
    layout = PartLayout(segment, part)
    position, index = 0, 0
    for number in range(1, layout.count(size) + 1):
        segments = list(layout.segments(number, size))
        assert sum(s.size_bytes for s in segments) == layout.size_of(number, size)
        for one in segments:
            assert (one.start, one.index) == (position, index)
            position, index = one.stop, index + 1
    assert position == size


@pytest.mark.parametrize("size", [1, 80 * 2**30, 5 * 2**40])
def test_the_smallest_part_size_is_legal_for_every_size(size: int) -> None:
    part = smallest_part_size(size)
    assert part >= MIN_PART_BYTES
    assert -(-size // part) <= 10_000


def test_a_recording_with_too_many_parts_names_the_setting_to_change() -> None:
    with pytest.raises(InvalidSetting, match="part_size_bytes to at least 550502400"):
        PartLayout(8 * MIB, 8 * MIB).count(5 * 2**40)


@pytest.mark.parametrize("value", [0, -1, 5_000_000, True, "8MiB", 6 * 2**30, None, 1.0])
def test_a_part_size_s3_would_refuse_is_refused_first(value: object) -> None:
    with pytest.raises(InvalidSetting, match="part_size_bytes"):
        checked_part_size(value)


def test_a_rendered_template_is_a_part_size() -> None:
    assert checked_part_size("8388608") == 8 * MIB
