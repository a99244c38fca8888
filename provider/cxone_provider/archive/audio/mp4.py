"""MP4 and M4A (ISO/IEC 14496-12): boxes that tile the file, and a ``moov`` that is read wherever it stands.

Top-level boxes must follow each other up to the last byte. The sizes of all samples, summed, must fit into the media
data: that also sees a cut where the ``mdat`` box says "up to the end of the file". Media data is counted, not read;
``moov`` is walked box by box, with the table of sample sizes summed in pieces, so its size costs no memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxone_provider.archive.audio.mp4_tables import (
    Track,
    read_handler,
    read_movie_duration_s,
    read_sample_entry,
    sum_sample_sizes,
)
from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio

_HEADER_BYTES = 8
_SIZE_IS_REST = 0
_SIZE_IS_LONG = 1
_MAX_BOXES = 1_000_000
"""Days of one-second fragments, and few enough that a file of empty boxes is given up in seconds."""

# Which box is entered in which: a fixed depth, however deep a hostile file nests them.
_ENTERED = {b"moov": b"trak", b"trak": b"mdia", b"mdia": b"minf", b"minf": b"stbl"}
_TRACK_TABLES = {b"mdia/hdlr": read_handler, b"stbl/stsd": read_sample_entry, b"stbl/stsz": sum_sample_sizes}


@dataclass(slots=True)
class _Box:
    """A box whose header has been read; `end_bytes` is None where it reaches to the end of the file."""

    kind: bytes
    end_bytes: int | None


class _Movie:
    """The walk through one file, and what it has learned."""

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader
        self._boxes = 0
        self._has_moov = False
        self._has_fragments = False
        self._duration_s: float | None = None
        self._media_bytes = 0
        self._tracks: list[Track] = []

    def walk(self) -> Steps[AudioReport]:
        """Walk all top-level boxes."""
        while (yield from self._reader.peek(1)):
            box = yield from self._open_box(parent_end_bytes=None)
            start = self._reader.offset_bytes
            if box.kind == b"moov":
                yield from self._read_moov(box)
            yield from self._leave_box(box)
            self._media_bytes += self._reader.offset_bytes - start if box.kind == b"mdat" else 0
        return self._report()

    def _open_box(self, parent_end_bytes: int | None) -> Steps[_Box]:
        start = self._reader.offset_bytes
        header = yield from self._reader.take_exactly(_HEADER_BYTES, "the header of a box")
        size_bytes, kind = int.from_bytes(header[:4], "big"), header[4:]
        if size_bytes == _SIZE_IS_LONG:
            long_size = yield from self._reader.take_exactly(8, "the header of a box")
            # Such a size counts at least its own header; anything less must not pass for a size up to the end.
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

    def _read_moov(self, box: _Box) -> Steps[None]:
        if self._has_moov or box.end_bytes is None:
            what = "a second moov box" if self._has_moov else "a moov box without a size"
            raise CorruptAudio(what, found=f"before offset {self._reader.offset_bytes}")
        self._has_moov = True
        yield from self._read_children(box.kind, box.end_bytes)

    def _read_children(self, parent: bytes, parent_end_bytes: int) -> Steps[None]:
        while self._reader.offset_bytes < parent_end_bytes:
            box = yield from self._open_box(parent_end_bytes)
            end_bytes = parent_end_bytes if box.end_bytes is None else box.end_bytes
            if box.kind == _ENTERED.get(parent):
                if box.kind == b"trak":
                    self._tracks.append(Track())
                yield from self._read_children(box.kind, end_bytes)
            else:
                yield from self._read_leaf(parent + b"/" + box.kind, end_bytes)
            yield from self._leave_box(box)

    def _read_leaf(self, path: bytes, end_bytes: int) -> Steps[None]:
        if path == b"moov/mvhd":
            self._duration_s = yield from read_movie_duration_s(self._reader, end_bytes)
        elif path == b"moov/mvex":
            self._has_fragments = True
        elif path in _TRACK_TABLES:
            yield from _TRACK_TABLES[path](self._reader, end_bytes, self._tracks[-1])

    def _report(self) -> AudioReport:
        if not self._has_moov:
            raise TruncatedAudio("the file ends before its moov box", found=f"{self._reader.offset_bytes} bytes")
        described_bytes = sum(track.samples_bytes for track in self._tracks)
        if described_bytes > self._media_bytes:
            raise TruncatedAudio(
                "the file has less media data than moov describes",
                found=f"{self._media_bytes} bytes",
                expected=f"{described_bytes} bytes",
            )
        # A fragmented file tells its duration fragment by fragment, and moov says 0.
        duration_s = self._duration_s or (None if self._has_fragments else self._duration_s)
        track = next((track for track in self._tracks if track.is_sound), None) or Track(codec="none")
        return AudioReport("mp4", track.codec, duration_s, track.sample_rate_hz, track.channels, track.samples)


def _is_printable(kind: bytes) -> bool:
    return all(0x20 <= character < 0x7F or character == 0xA9 for character in kind)


def verify_mp4(reader: ByteReader) -> Steps[AudioReport]:
    """Walk an MP4 file.

    Raises:
        CorruptAudio: boxes that do not tile the file or their parent, or impossible numbers in moov.
        TruncatedAudio: the file ends inside a box, without moov, or with less media than moov describes.
    """
    return _Movie(reader).walk()
