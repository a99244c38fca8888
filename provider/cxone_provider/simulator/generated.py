"""Recordings of any size without a file: a PCM WAV whose samples are a long block, repeated."""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.media import Digested, quoted_tag

# A prime: no two segments of a recording that start at different multiples of a round size hold the same bytes.
_PERIOD_BYTES = 1_048_573
_SAMPLE_BYTES = 2
_LARGEST_RIFF_BYTES = 2**32 - 1
_ALIGNMENT_BYTES = 4
_MAX_CHANNELS = 2


@dataclass(frozen=True, slots=True)
class Pcm:
    """16-bit linear PCM.

    Raises:
        ScenarioError: a rate or a number of channels that is not supported.
    """

    sample_rate_hz: int = 8000
    channels: int = 2

    def __post_init__(self) -> None:
        if not 1 <= self.channels <= _MAX_CHANNELS or not 1 <= self.sample_rate_hz <= 768_000:
            raise ScenarioError("a generated recording has 1 or 2 channels and a sample rate from 1 to 768000 Hz")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample on every channel."""
        return _SAMPLE_BYTES * self.channels

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second."""
        return self.frame_bytes * self.sample_rate_hz


class GeneratedWav(Digested):
    """A valid WAV of exactly `size_bytes`; the same size and format give the same bytes everywhere.

    Past 4 GiB it is RF64, whose sizes have 64 bits.

    Raises:
        ScenarioError: a size that has no room for a header, or is not a multiple of four.
    """

    def __init__(self, size_bytes: int, pcm: Pcm, modified_at: datetime) -> None:
        super().__init__(size_bytes, modified_at)
        self._header = _header(size_bytes, pcm)
        self._pcm = pcm
        if size_bytes < len(self._header) or size_bytes % _ALIGNMENT_BYTES:
            raise ScenarioError(f"generated_bytes is {size_bytes}; a multiple of 4 from {len(self._header)} is needed")

    @property
    def duration_s(self) -> float:
        """Length of the audio."""
        return (self.size_bytes - len(self._header)) / self._pcm.bytes_per_s

    @property
    def etag(self) -> str:
        """A tag made from what determines every byte, so that gigabytes need not be hashed for it."""
        return quoted_tag(hashlib.sha256(b"generated %d " % self.size_bytes + self._header).digest())

    def blocks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Yield views of the header and of the repeated block."""
        header_bytes = len(self._header)
        if start < header_bytes:
            yield self._header[start:stop]
            start = header_bytes
        samples = _doubled_period()
        while start < stop:
            phase = (start - header_bytes) % _PERIOD_BYTES
            taken = min(_PERIOD_BYTES, stop - start)
            yield samples[phase : phase + taken]
            start += taken


@functools.cache
def _doubled_period() -> memoryview:
    """Return the block twice in a row, so that every stretch of one period is one slice."""
    return memoryview(hashlib.shake_128(b"cxone simulator").digest(_PERIOD_BYTES) * 2)


def _header(size_bytes: int, pcm: Pcm) -> bytes:
    """Return everything before the samples (RIFF by Microsoft, RF64 by EBU Tech 3306)."""
    form = struct.pack(
        "<4sIHHIIHH",
        b"fmt ",
        16,
        1,
        pcm.channels,
        pcm.sample_rate_hz,
        pcm.bytes_per_s,
        pcm.frame_bytes,
        8 * _SAMPLE_BYTES,
    )
    if size_bytes <= _LARGEST_RIFF_BYTES:
        data_bytes = max(size_bytes - 44, 0)
        data = struct.pack("<4sI", b"data", data_bytes)
        return struct.pack("<4sI4s", b"RIFF", 36 + data_bytes, b"WAVE") + form + data
    data_bytes = size_bytes - 80
    unknown = _LARGEST_RIFF_BYTES
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, size_bytes - 8, data_bytes, data_bytes // pcm.frame_bytes, 0)
    return struct.pack("<4sI4s", b"RF64", unknown, b"WAVE") + sizes + form + struct.pack("<4sI", b"data", unknown)
