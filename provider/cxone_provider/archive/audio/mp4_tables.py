"""The boxes inside ``moov`` and ``moof`` that tell what an MP4 plays, for how long, and from how many bytes.

Tables are summed in pieces: their size costs no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.errors import CorruptAudio
from cxone_provider.archive.escaping import escaped

_CODECS = {b"mp4a": "aac", b"Opus": "opus", b"samr": "amr", b"sawb": "amr-wb", b"fLaC": "flac"}
_UNKNOWN_DURATIONS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
_MAX_TRACKS = 64
_SUMMED_RECORDS = 1024  # at once

# Flags of tfhd and trun: which optional fields are there. Fields are 4 bytes wide, the base offset 8.
_HAS_BASE_OFFSET, _HAS_DESCRIPTION, _HAS_DEFAULT_DURATION, _HAS_DEFAULT_SIZE = 0x1, 0x2, 0x8, 0x10
_HAS_DATA_OFFSET, _HAS_FIRST_FLAGS = 0x1, 0x4
_RECORD_HAS_DURATION, _RECORD_HAS_SIZE, _RECORD_FIELDS = 0x100, 0x200, 0xF00


@dataclass(slots=True)
class Track:
    """One track.

    Attributes:
        number: the track's id.
        is_sound: whether its handler is the one for sound.
        codec: as in :attr:`AudioReport.codec`.
        sample_rate_hz: samples per second and channel, or None.
        channels: 1 is mono, or None.
        timescale: units of its durations per second, or 0 while unknown.
        duration: of all samples, in units of the timescale, or None where it is marked as unknown.
        samples: how many there are, in the sense of MP4: codec frames.
        samples_bytes: size of all of them.
    """

    number: int = 0
    is_sound: bool = False
    codec: str = "none"
    sample_rate_hz: int | None = None
    channels: int | None = None
    timescale: int = 0
    duration: int | None = 0
    samples: int = 0
    samples_bytes: int = 0


@dataclass(slots=True)
class Movie:
    """What ``moov`` and the fragments say.

    Attributes:
        has_header: whether mvhd was read.
        duration_s: from mvhd, or None where it is marked as unknown; in a fragmented file of no use.
        is_fragmented: whether samples may follow in fragments.
        tracks: in the order of the file; the last is the one being read.
        defaults: duration and size of the samples of a track's fragments, by the track's id.
        fragment: the track and the defaults of the fragment being read.
    """

    has_header: bool = False
    duration_s: float | None = None
    is_fragmented: bool = False
    tracks: list[Track] = field(default_factory=list)
    defaults: dict[int, tuple[int, int]] = field(default_factory=dict)
    fragment: tuple[Track, int, int] = field(default_factory=lambda: (Track(), 0, 0))

    def begin_track(self) -> None:
        """Take what is read from here on as another track's."""
        if len(self.tracks) >= _MAX_TRACKS:
            raise CorruptAudio("an MP4 file with too many tracks", found=f"more than {_MAX_TRACKS}")
        self.tracks.append(Track())


def _uint(field_bytes: bytes) -> int:
    return int.from_bytes(field_bytes, "big")


def _take(reader: ByteReader, count: int, end_bytes: int) -> Steps[bytes]:
    if reader.offset_bytes + count > end_bytes:
        raise CorruptAudio(
            "a box that is too short for its fields",
            found=f"{end_bytes - reader.offset_bytes} bytes from offset {reader.offset_bytes}",
            expected=f"{count} bytes or more",
        )
    return (yield from reader.take_exactly(count, "a box inside moov or moof"))


def _take_times(reader: ByteReader, end_bytes: int) -> Steps[tuple[int, int]]:
    """Take what mvhd and mdhd begin with; return timescale and duration."""
    version = (yield from _take(reader, 4, end_bytes))[0]
    width = 8 if version == 1 else 4
    fields = yield from _take(reader, 3 * width + 4, end_bytes)
    timescale, duration = _uint(fields[2 * width : 2 * width + 4]), _uint(fields[2 * width + 4 :])
    if not timescale:
        raise CorruptAudio("durations in units of nothing", found=fields.hex())
    return timescale, duration


def _read_mvhd(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    timescale, duration = yield from _take_times(reader, end_bytes)
    movie.has_header = True
    movie.duration_s = None if duration in _UNKNOWN_DURATIONS else duration / timescale


def _read_trex(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    fields = yield from _take(reader, 20, end_bytes)
    if len(movie.defaults) < _MAX_TRACKS:
        movie.defaults[_uint(fields[4:8])] = _uint(fields[12:16]), _uint(fields[16:20])


def _read_tkhd(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    version = (yield from _take(reader, 4, end_bytes))[0]
    fields = yield from _take(reader, 20 if version == 1 else 12, end_bytes)
    movie.tracks[-1].number = _uint(fields[-4:])


def _read_mdhd(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    track = movie.tracks[-1]
    track.timescale, duration = yield from _take_times(reader, end_bytes)
    track.duration = None if duration in _UNKNOWN_DURATIONS else duration


def _read_hdlr(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    fields = yield from _take(reader, 12, end_bytes)
    movie.tracks[-1].is_sound = fields[8:] == b"soun"


def _read_stsd(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    """Read the first sample entry; the handler, which stands before it, tells whether it is one for sound."""
    track = movie.tracks[-1]
    if not track.is_sound:
        return
    fields = yield from _take(reader, 44, end_bytes)
    kind = fields[12:16]
    track.codec = _CODECS.get(kind, escaped(kind.decode("ascii", "backslashreplace")).strip())
    track.channels = _uint(fields[32:34]) or None
    track.sample_rate_hz = _uint(fields[40:42]) or None


def _read_stsz(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    track = movie.tracks[-1]
    fields = yield from _take(reader, 12, end_bytes)
    same_size_bytes, samples = _uint(fields[4:8]), _uint(fields[8:])
    track.samples += samples
    if same_size_bytes:
        track.samples_bytes += same_size_bytes * samples
    else:
        (sizes_bytes,) = yield from _sum_columns(reader, end_bytes, samples, columns=1)
        track.samples_bytes += sizes_bytes


def _read_tfhd(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    head = yield from _take(reader, 8, end_bytes)
    flags, number = _uint(head[1:4]), _uint(head[4:])
    duration, size_bytes = movie.defaults.get(number, (0, 0))
    passed = 8 * bool(flags & _HAS_BASE_OFFSET) + 4 * bool(flags & _HAS_DESCRIPTION)
    yield from _take(reader, passed, end_bytes)
    if flags & _HAS_DEFAULT_DURATION:
        duration = _uint((yield from _take(reader, 4, end_bytes)))
    if flags & _HAS_DEFAULT_SIZE:
        size_bytes = _uint((yield from _take(reader, 4, end_bytes)))
    track = next((track for track in movie.tracks if track.number == number), Track())
    movie.fragment = track, duration, size_bytes


def _read_trun(reader: ByteReader, end_bytes: int, movie: Movie) -> Steps[None]:
    track, duration, size_bytes = movie.fragment
    head = yield from _take(reader, 8, end_bytes)
    flags, samples = _uint(head[1:4]), _uint(head[4:])
    yield from _take(reader, 4 * bool(flags & _HAS_DATA_OFFSET) + 4 * bool(flags & _HAS_FIRST_FLAGS), end_bytes)
    sums = yield from _sum_columns(reader, end_bytes, samples, columns=(flags & _RECORD_FIELDS).bit_count())
    durations = sums.pop(0) if flags & _RECORD_HAS_DURATION else samples * duration
    sizes_bytes = sums.pop(0) if flags & _RECORD_HAS_SIZE else samples * size_bytes
    track.samples += samples
    track.samples_bytes += sizes_bytes
    track.duration = None if track.duration is None else track.duration + durations


def _sum_columns(reader: ByteReader, end_bytes: int, records: int, columns: int) -> Steps[list[int]]:
    """Sum each column of a table of 32-bit numbers."""
    record_bytes = 4 * columns
    if reader.offset_bytes + records * record_bytes > end_bytes:
        raise CorruptAudio("a table that does not fit into its box", found=f"{records} records of {record_bytes} bytes")
    sums = [0] * columns
    while records and columns:
        taken = min(records, _SUMMED_RECORDS)
        table = yield from reader.take_exactly(taken * record_bytes, "a table inside moov or moof")
        records -= taken
        for column in range(columns):
            # Bytes of the same weight are summed together, at the speed of C.
            weights = ((place, 24 - 8 * place) for place in range(4))
            sums[column] += sum(sum(table[4 * column + place :: record_bytes]) << shift for place, shift in weights)
    return sums


_Table: TypeAlias = Callable[[ByteReader, int, Movie], Steps[None]]

TABLES: dict[bytes, _Table] = {
    b"moov/mvhd": _read_mvhd,
    b"mvex/trex": _read_trex,
    b"trak/tkhd": _read_tkhd,
    b"mdia/mdhd": _read_mdhd,
    b"mdia/hdlr": _read_hdlr,
    b"stbl/stsd": _read_stsd,
    b"stbl/stsz": _read_stsz,
    b"traf/tfhd": _read_tfhd,
    b"traf/trun": _read_trun,
}
"""Readers by the names of a box's parent and of the box; they get its end, and may leave a rest unread."""
