"""The boxes inside ``moov`` that tell what an MP4 plays, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.errors import CorruptAudio

_CODECS = {b"mp4a": "aac", b"Opus": "opus", b"samr": "amr", b"sawb": "amr-wb", b"fLaC": "flac"}
_UNKNOWN_DURATIONS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_ENTRY_HEADER_BYTES = 8
_SAMPLE_ENTRY_BYTES = 36
_SUMMED_AT_ONCE_BYTES = 4 * 4096


@dataclass(slots=True)
class Track:
    """One track of a movie.

    Attributes:
        is_sound: whether its handler is the one for sound.
        codec: as in :attr:`AudioReport.codec`.
        sample_rate_hz: samples per second and channel, or None.
        channels: 1 is mono, or None.
        samples: samples in the sense of MP4: codec frames; None before they were counted.
        samples_bytes: size of all of them.
    """

    is_sound: bool = False
    codec: str = "unknown"
    sample_rate_hz: int | None = None
    channels: int | None = None
    samples: int | None = None
    samples_bytes: int = 0


def _take_fields(reader: ByteReader, count: int, end_bytes: int, kind: str) -> Steps[bytes]:
    if reader.offset_bytes + count > end_bytes:
        raise CorruptAudio(
            f"a {kind} box that is too short",
            found=f"{end_bytes - reader.offset_bytes} bytes",
            expected=f"{count} bytes or more",
        )
    return (yield from reader.take_exactly(count, f"the {kind} box"))


def read_movie_duration_s(reader: ByteReader, end_bytes: int) -> Steps[float | None]:
    """Read mvhd; return the movie's duration in seconds, or None where it is marked as unknown.

    Raises:
        CorruptAudio: too short, or time runs in units of nothing.
    """
    version = (yield from _take_fields(reader, 4, end_bytes, "mvhd"))[0]
    width = 8 if version == 1 else 4  # bytes of a time and of a duration
    fields = yield from _take_fields(reader, 3 * width + 4, end_bytes, "mvhd")
    timescale = int.from_bytes(fields[2 * width : 2 * width + 4], "big")
    duration = int.from_bytes(fields[2 * width + 4 :], "big")
    if not timescale:
        raise CorruptAudio("an mvhd box with impossible numbers", found=fields.hex())
    return None if duration in _UNKNOWN_DURATIONS else duration / timescale


def read_handler(reader: ByteReader, end_bytes: int, track: Track) -> Steps[None]:
    """Read hdlr into `track`."""
    fields = yield from _take_fields(reader, 12, end_bytes, "hdlr")
    track.is_sound = fields[8:] == b"soun"


def read_sample_entry(reader: ByteReader, end_bytes: int, track: Track) -> Steps[None]:
    """Read the first entry of stsd into `track`, which must know its handler by then."""
    fields = yield from _take_fields(reader, 16, end_bytes, "stsd")
    kind = fields[12:]
    track.codec = _CODECS.get(kind, kind.decode("ascii", "backslashreplace").strip())
    if track.is_sound:
        entry = yield from _take_fields(reader, _SAMPLE_ENTRY_BYTES - _ENTRY_HEADER_BYTES, end_bytes, "stsd")
        track.channels = int.from_bytes(entry[16:18], "big") or None
        track.sample_rate_hz = int.from_bytes(entry[24:26], "big") or None


def sum_sample_sizes(reader: ByteReader, end_bytes: int, track: Track) -> Steps[None]:
    """Sum the sizes of all samples of stsz into `track`.

    Raises:
        CorruptAudio: the table is longer than its box.
    """
    fields = yield from _take_fields(reader, 12, end_bytes, "stsz")
    same_size_bytes, samples = int.from_bytes(fields[4:8], "big"), int.from_bytes(fields[8:], "big")
    track.samples = samples
    if same_size_bytes:
        track.samples_bytes = same_size_bytes * samples
        return
    if reader.offset_bytes + 4 * samples > end_bytes:
        raise CorruptAudio("more samples than their table has room for", found=f"{samples} samples")
    left_bytes = 4 * samples
    while left_bytes:
        piece = yield from reader.take_exactly(min(left_bytes, _SUMMED_AT_ONCE_BYTES), "the stsz box")
        left_bytes -= len(piece)
        track.samples_bytes += sum(sum(piece[place::4]) << (24 - 8 * place) for place in range(4))
