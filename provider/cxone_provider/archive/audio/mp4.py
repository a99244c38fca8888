"""MP4 and M4A (ISO/IEC 14496-12): boxes that tile the file, and a ``moov`` that is read wherever it stands.

Top-level boxes must follow each other up to the last byte. The sizes of all samples, summed, must fit into the media
data: that also sees a cut where ``mdat`` reaches "to the end of the file", or between a fragment's ``moof`` and its
``mdat``. Media data is counted, not read.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxone_provider.archive.audio.mp4_tables import TABLES, Movie, Track
from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio

_HEADER_BYTES = 8
_SIZE_IS_REST = 0
_SIZE_IS_LONG = 1
_MAX_BOXES = 1_000_000
"""Days of one-second fragments, and few enough that a file of empty boxes is given up in seconds."""

# Which boxes are entered in which: a fixed depth, however deep a hostile file nests them.
_ENTERED: dict[bytes, tuple[bytes, ...]] = {
    b"moov": (b"trak", b"mvex"),
    b"trak": (b"mdia",),
    b"mdia": (b"minf",),
    b"minf": (b"stbl",),
    b"moof": (b"traf",),
}


@dataclass(frozen=True, slots=True)
class _Box:
    """A box whose header has been read; `end_bytes` is None where it reaches to the end of the file."""

    kind: bytes
    end_bytes: int | None


def verify_mp4(reader: ByteReader) -> Steps[AudioReport]:
    """Walk an MP4 file.

    Raises:
        CorruptAudio: boxes that do not tile the file or their parent, or impossible numbers in moov.
        TruncatedAudio: the file ends inside a box, without moov, or with less media than it describes.
    """
    return _Walk(reader).walk()


class _Walk:
    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._movie = Movie()
        self._has_moov = False
        self._boxes = 0
        self._media_bytes = 0

    def walk(self) -> Steps[AudioReport]:
        """Walk all top-level boxes."""
        while (yield from self._reader.peek(1)):
            box = yield from self._open_box(parent_end_bytes=None)
            start = self._reader.offset_bytes
            if box.kind in (b"moov", b"moof"):
                yield from self._read_index(box)
            yield from self._leave_box(box)
            self._media_bytes += self._reader.offset_bytes - start if box.kind == b"mdat" else 0
        return self._report()

    def _open_box(self, parent_end_bytes: int | None) -> Steps[_Box]:
        start = self._reader.offset_bytes
        header = yield from self._reader.take_exactly(_HEADER_BYTES, "the header of a box")
        size_bytes, kind = int.from_bytes(header[:4], "big"), header[4:]
        if size_bytes == _SIZE_IS_LONG:
            long_size = yield from self._reader.take_exactly(8, "the header of a box")
            # A long size counts its own header at least: 0 is wrong there, and does not mean "to the end".
            size_bytes = int.from_bytes(long_size, "big") or _SIZE_IS_LONG
        is_rest = size_bytes == _SIZE_IS_REST and parent_end_bytes is None
        end_bytes = start + size_bytes
        is_inside = parent_end_bytes is None or end_bytes <= parent_end_bytes
        self._boxes += 1
        if not (is_rest or end_bytes >= self._reader.offset_bytes) or not is_inside or not _is_printable(kind):
            raise CorruptAudio("no box where the one before it ends", found=f"{header!r} at offset {start}")
        if self._boxes > _MAX_BOXES:
            raise CorruptAudio("an MP4 file of nothing but boxes", found=f"{self._boxes} by offset {start}")
        return _Box(kind, None if is_rest else end_bytes)

    def _leave_box(self, box: _Box) -> Steps[None]:
        if box.end_bytes is None:
            yield from self._reader.skip_to_end()
        else:
            yield from self._reader.skip_exactly(box.end_bytes - self._reader.offset_bytes, f"the box {box.kind!r}")

    def _read_index(self, box: _Box) -> Steps[None]:
        if box.end_bytes is None or (box.kind == b"moov" and self._has_moov):
            what = "an index without a size" if box.end_bytes is None else "a second moov box"
            raise CorruptAudio(what, found=f"{box.kind!r} before offset {self._reader.offset_bytes}")
        self._has_moov = self._has_moov or box.kind == b"moov"
        yield from self._read_children(box.kind, box.end_bytes)

    def _read_children(self, parent: bytes, parent_end_bytes: int) -> Steps[None]:
        while self._reader.offset_bytes < parent_end_bytes:
            box = yield from self._open_box(parent_end_bytes)
            end_bytes = parent_end_bytes if box.end_bytes is None else box.end_bytes
            if box.kind in _ENTERED.get(parent, ()):
                self._begin(box.kind)
                yield from self._read_children(box.kind, end_bytes)
            elif read_table := TABLES.get(parent + b"/" + box.kind):
                yield from read_table(self._reader, end_bytes, self._movie)
            yield from self._leave_box(box)

    def _begin(self, kind: bytes) -> None:
        if kind == b"trak":
            self._movie.begin_track()
        elif kind == b"mvex":
            self._movie.is_fragmented = True

    def _report(self) -> AudioReport:
        movie = self._movie
        self._check_media()
        track = next((track for track in movie.tracks if track.is_sound), Track())
        duration_s = movie.duration_s
        if movie.is_fragmented:
            duration_s = track.duration / track.timescale if track.duration and track.timescale else None
        return AudioReport("mp4", track.codec, duration_s, track.sample_rate_hz, track.channels, track.samples or None)

    def _check_media(self) -> None:
        tracks = self._movie.tracks
        if not self._has_moov:
            raise TruncatedAudio("the file ends before its moov box", found=f"{self._reader.offset_bytes} bytes")
        if not self._movie.has_header or not tracks:
            raise CorruptAudio("a moov box without an mvhd or a track in it", found=f"{len(tracks)} tracks")
        described_bytes = sum(track.samples_bytes for track in tracks)
        if described_bytes > self._media_bytes:
            raise TruncatedAudio(
                "the file has less media data than it describes",
                found=f"{self._media_bytes} bytes",
                expected=f"{described_bytes} bytes",
            )


def _is_printable(kind: bytes) -> bool:
    return all(0x20 <= character < 0x7F or character == 0xA9 for character in kind)
