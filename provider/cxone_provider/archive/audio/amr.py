"""AMR and AMR-WB (RFC 4867, storage format, one channel): one frame of 20 ms after the other."""

from __future__ import annotations

from collections.abc import Mapping

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio, UnknownAudio

_NARROWBAND, _WIDEBAND = b"#!AMR\n", b"#!AMR-WB\n"
_FRAMES_PER_S = 50
_A_FRAME = "the last AMR frame"


def _lengths(speech_bytes: dict[int, int]) -> dict[int, int]:
    """Return frame lengths by header byte: zero, four bits of frame type, one of quality, two of padding."""
    return {kind << 3 | quality << 2: 1 + size for kind, size in speech_bytes.items() for quality in (0, 1)}


# Comfort noise is 8 or 9, lost and empty frames 14 and 15.
_NARROWBAND_LENGTHS = _lengths({0: 12, 1: 13, 2: 15, 3: 17, 4: 19, 5: 20, 6: 26, 7: 31, 8: 5, 15: 0})
_WIDEBAND_LENGTHS = _lengths({0: 17, 1: 23, 2: 32, 3: 36, 4: 40, 5: 46, 6: 50, 7: 58, 8: 60, 9: 5, 14: 0, 15: 0})


def verify_amr(reader: ByteReader) -> Steps[AudioReport]:
    """Walk an AMR file.

    Raises:
        UnknownAudio: more than one channel.
        CorruptAudio: a byte that heads no frame.
        TruncatedAudio: the file ends inside a frame, or before the first.
    """
    signature = yield from reader.take_exactly(len(_NARROWBAND), "the signature")
    is_wideband = signature != _NARROWBAND
    if is_wideband:
        signature += yield from reader.take_exactly(len(_WIDEBAND) - len(_NARROWBAND), "the signature")
        if signature != _WIDEBAND:
            raise UnknownAudio("AMR of an unknown kind", found=signature, expected="AMR or AMR-WB, one channel")
    frames = yield from _walk_file(reader, _WIDEBAND_LENGTHS if is_wideband else _NARROWBAND_LENGTHS)
    rate_hz = 16_000 if is_wideband else 8_000
    return AudioReport("amr", "amr-wb" if is_wideband else "amr", frames / _FRAMES_PER_S, rate_hz, 1, frames)


def _walk_file(reader: ByteReader, lengths: Mapping[int, int]) -> Steps[int]:
    frames = 0
    while header := (yield from reader.peek(1)):
        length = lengths.get(header[0])
        if length is None:
            raise CorruptAudio(
                "no AMR frame where the one before it ends", found=f"{header!r} at offset {reader.offset_bytes}"
            )
        yield from reader.skip_exactly(length, _A_FRAME)
        begun, span_bytes = _walk_window(reader.window(), lengths)
        yield from reader.skip_exactly(span_bytes, _A_FRAME)
        frames += 1 + begun
    if not frames:
        raise TruncatedAudio("the file ends before the first AMR frame")
    return frames


def _walk_window(window: memoryview, lengths: Mapping[int, int]) -> tuple[int, int]:
    frames = position = 0
    while position < len(window) and (length := lengths.get(window[position])):
        position += length
        frames += 1
    return frames, position
