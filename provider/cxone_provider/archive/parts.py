"""How a recording is cut into S3 parts: whole segments, legal sizes, and no more parts than S3 takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.plan import Segment

MIN_PART_BYTES = 5 * 2**20
MAX_PART_BYTES = 5 * 2**30
MAX_PARTS = 10_000
DEFAULT_PART_SIZE_BYTES = 8 * 2**20


def checked_part_size(value: object) -> int:
    """Return `value` if S3 takes it as the size of every part but the last.

    Raises:
        InvalidSetting: not a whole number from 5 MiB to 5 GiB.
    """
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value)  # a rendered template is text
    if isinstance(value, bool) or not isinstance(value, int) or not MIN_PART_BYTES <= value <= MAX_PART_BYTES:
        raise InvalidSetting(
            "unusable part_size_bytes", found=value, expected=f"{MIN_PART_BYTES} to {MAX_PART_BYTES}, a whole number"
        )
    return value


def smallest_part_size(size_bytes: int) -> int:
    """Return the smallest legal part size, in whole MiB, for a recording of `size_bytes`."""
    needed = max(MIN_PART_BYTES, -(-size_bytes // MAX_PARTS))
    return -(-needed // 2**20) * 2**20


@dataclass(frozen=True, slots=True)
class PartLayout:
    """Parts of equal size, each made of whole segments.

    The size of a part is a setting and never grows with the recording: it is what bounds memory.

    Attributes:
        segment_size_bytes: size of every segment but the last.
        part_size_bytes: size a part must reach; rounded up to whole segments.
    """

    segment_size_bytes: int
    part_size_bytes: int

    @property
    def segments_per_part(self) -> int:
        """Segments in every part but the last."""
        return -(-self.part_size_bytes // self.segment_size_bytes)

    @property
    def unit_bytes(self) -> int:
        """Size of every part but the last."""
        return self.segments_per_part * self.segment_size_bytes

    def count(self, size_bytes: int) -> int:
        """Return the number of parts.

        Raises:
            InvalidSetting: S3 does not take that many.
        """
        count = -(-size_bytes // self.unit_bytes)
        if count > MAX_PARTS:
            raise InvalidSetting(
                "the recording needs more parts than S3 takes", found=f"{count} parts of {self.unit_bytes} bytes",
                expected=f"at most {MAX_PARTS}",
                hint=f"Set part_size_bytes to at least {smallest_part_size(size_bytes)}.",
            )  # fmt: skip
        return count

    def size_of(self, number: int, size_bytes: int) -> int:
        """Return the size of part `number` (from 1) of a recording of `size_bytes`."""
        return min(self.unit_bytes, size_bytes - (number - 1) * self.unit_bytes)

    def segments(self, number: int, size_bytes: int | None) -> Iterator[Segment]:
        """Yield the segments of part `number`; of a recording of unknown size, those of a full part."""
        first = (number - 1) * self.segments_per_part
        end = number * self.unit_bytes if size_bytes is None else size_bytes
        for index in range(first, first + self.segments_per_part):
            start = index * self.segment_size_bytes
            if start >= end:
                return
            yield Segment(index, start, min(start + self.segment_size_bytes, end))
