"""MP3: every frame from the first to the last, with nothing between them but tags.

The walk goes from header to header. Bytes that belong to no frame and no tag are not tolerated at all: they are what a
lost, doubled or zeroed block leaves behind. Files that were concatenated with their tags are walked part by part.
"""

from __future__ import annotations

from dataclasses import dataclass

from cxone_provider.archive.audio.mp3_frames import (
    HEADER_BYTES,
    DeclaredCounts,
    StreamKind,
    channels_of,
    declared_counts,
    header_key,
    is_free_format,
    stream_kind_of,
    walk_frames,
)
from cxone_provider.archive.audio.mp3_tags import pass_tags
from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.errors import AudioError, CorruptAudio, TruncatedAudio, UnknownAudio

MIN_CHAINED_FRAMES = 3
"""Headers that must follow each other before bytes count as MP3; a shorter file must end with a whole frame."""

_A_FRAME = "the last MP3 frame"


@dataclass(slots=True)
class _Part:
    """Frames without a tag between them. `frames` leaves out the one that only declares counts."""

    frames: int = 0
    size_bytes: int = 0
    declaring_bytes: int = 0
    declared: DeclaredCounts | None = None


def verify_mp3(reader: ByteReader) -> Steps[AudioReport]:
    """Walk an MP3 file: tags, frames, tags.

    Raises:
        UnknownAudio: no chain of layer III frames at the beginning, or frames of free format.
        CorruptAudio: something else than frames and tags, or more frames than declared.
        TruncatedAudio: the file ends inside a frame or tag, or with fewer frames than declared.
    """
    yield from pass_tags(reader)
    header = yield from reader.peek(HEADER_BYTES)
    kind = stream_kind_of(header)
    if kind is None:
        raise _no_first_frame(header, reader.offset_bytes)
    frames = yield from _walk_parts(reader, kind)
    duration_s = frames * kind.samples / kind.sample_rate_hz
    return AudioReport("mp3", "mp3", duration_s, kind.sample_rate_hz, channels_of(header), frames)


def _walk_parts(reader: ByteReader, kind: StreamKind) -> Steps[int]:
    frames = 0
    while True:
        part = yield from _walk_part(reader, kind)
        tags = yield from pass_tags(reader)
        header = yield from reader.peek(HEADER_BYTES)
        if header and not (tags and header_key(header) in kind.lengths):
            chained = frames + part.frames + bool(part.declared)
            raise _no_next_frame(header, reader.offset_bytes, chained)
        _check_declared(part)
        frames += part.frames
        if not header:
            return frames


def _walk_part(reader: ByteReader, kind: StreamKind) -> Steps[_Part]:
    part = _Part()
    start = reader.offset_bytes
    header = yield from reader.peek(HEADER_BYTES)
    first = yield from reader.take_exactly(kind.lengths[header_key(header)], _A_FRAME)
    part.declared = declared_counts(first, kind)
    part.declaring_bytes = len(first) if part.declared else 0
    part.frames = 0 if part.declared else 1
    part.frames += yield from _walk_on(reader, kind)
    part.size_bytes = reader.offset_bytes - start
    return part


def _walk_on(reader: ByteReader, kind: StreamKind) -> Steps[int]:
    frames = 0
    while True:
        # Most frames are walked here, a whole piece at a time; single steps only bridge the pieces' edges.
        begun, span_bytes = walk_frames(reader.window(), kind.lengths)
        yield from reader.skip_exactly(span_bytes, _A_FRAME)
        header = yield from reader.peek(HEADER_BYTES)
        length = kind.lengths.get(header_key(header)) if len(header) == HEADER_BYTES else None
        frames += begun
        if length is None:
            return frames
        yield from reader.skip_exactly(length, _A_FRAME)
        frames += 1


def _check_declared(part: _Part) -> None:
    declared = part.declared
    if declared is None or declared.frames is None or declared.frames == part.frames:
        return
    # Some encoders count the declaring frame too, or miss the last one; then the size they declare settles it.
    sizes = (part.size_bytes, part.size_bytes - part.declaring_bytes)
    if abs(declared.frames - part.frames) == 1 and declared.size_bytes in sizes:
        return
    error = TruncatedAudio if part.frames < declared.frames else CorruptAudio
    raise error(
        "the MP3 does not have the frames that its first frame declares",
        found=f"{part.frames} frames, {part.size_bytes} bytes",
        expected=f"{declared.frames} frames, {declared.size_bytes or 'unknown'} bytes",
    )


def _no_first_frame(header: bytes, offset_bytes: int) -> AudioError:
    if len(header) < HEADER_BYTES:
        return TruncatedAudio("the file ends before the first MP3 frame", found=f"{offset_bytes + len(header)} bytes")
    if is_free_format(header):
        return UnknownAudio(
            "MP3 of free format, whose frames tell no length",
            found=header.hex(),
            expected="a frame header with a bit rate",
            hint="Request another format, e.g. wav.",
        )
    return UnknownAudio("no MP3 frame behind the tag", found=f"{header!r} at offset {offset_bytes}")


def _no_next_frame(header: bytes, offset_bytes: int, chained: int) -> AudioError:
    found = f"{header!r} at offset {offset_bytes}"
    if len(header) < HEADER_BYTES:
        return TruncatedAudio(f"the file ends inside the header of {_A_FRAME}", found=found)
    if chained < MIN_CHAINED_FRAMES:
        return UnknownAudio("bytes that look like one MP3 frame, but no other follows", found=found)
    return CorruptAudio("the chain of MP3 frames breaks", found=found, expected="a frame, a tag or the end")
