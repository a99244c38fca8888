"""MPEG audio layer III frame headers and the frame counts that encoders declare.

ISO/IEC 11172-3 and 13818-3, and the unofficial MPEG-2.5. A header is 32 bits; its first 24 decide the length of the
frame, so lengths are looked up by those 24 bits as one number.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

HEADER_BYTES = 4

_HEADER = struct.Struct(">I")
_SYNC = 0xFFE000
_LAYER_III = 0b01
_MPEG1, _MPEG2, _MPEG2_5 = 0b11, 0b10, 0b00
_SAMPLE_RATES_HZ = {
    _MPEG1: (44_100, 48_000, 32_000),
    _MPEG2: (22_050, 24_000, 16_000),
    _MPEG2_5: (11_025, 12_000, 8_000),
}
_MPEG1_KBITS_S = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBITS_S = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MONO = 0b11
_UNKNOWN_COUNTS = (0, 0xFFFFFFFF)  # written by encoders that could not seek back


@dataclass(frozen=True, slots=True)
class StreamKind:
    """What all frames of one stream have in common.

    Attributes:
        sample_rate_hz: samples per second and channel.
        samples: samples per frame and channel.
        is_mpeg1: MPEG-1, not MPEG-2 or 2.5.
        lengths: bytes of a frame, header included, by the first 24 bits of its header; no other headers are valid.
    """

    sample_rate_hz: int
    samples: int
    is_mpeg1: bool
    lengths: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class DeclaredCounts:
    """What a Xing, Info or VBRI frame says of the frames after it.

    Attributes:
        frames: their number, or None.
        size_bytes: bytes of the stream, or None.
    """

    frames: int | None
    size_bytes: int | None


def _stream_kind(version: int, rate_index: int) -> StreamKind:
    rate_hz = _SAMPLE_RATES_HZ[version][rate_index]
    samples, kbits_s = (1152, _MPEG1_KBITS_S) if version == _MPEG1 else (576, _MPEG2_KBITS_S)
    lengths = {}
    for bitrate_index, padding, private, unprotected in product(range(1, 15), (0, 1), (0, 1), (0, 1)):
        key = _SYNC | version << 11 | _LAYER_III << 9 | unprotected << 8
        key |= bitrate_index << 4 | rate_index << 2 | padding << 1 | private
        lengths[key] = samples // 8 * 1000 * kbits_s[bitrate_index - 1] // rate_hz + padding
    return StreamKind(rate_hz, samples, version == _MPEG1, lengths)


_KINDS = [_stream_kind(version, rate_index) for version, rate_index in product(_SAMPLE_RATES_HZ, range(3))]
_KIND_OF = {key: kind for kind in _KINDS for key in kind.lengths}
_FREE_FORMAT = {key & ~0xF0 for key in _KIND_OF}


def header_key(header: bytes) -> int:
    """Return the 24 bits that decide a frame's length."""
    return int.from_bytes(header[:3], "big")


def stream_kind_of(header: bytes) -> StreamKind | None:
    """Return the kind of stream that a frame header belongs to, or None if it is no layer III header."""
    return _KIND_OF.get(header_key(header))


def is_free_format(header: bytes) -> bool:
    """Whether a header leaves the bit rate open: the length of such frames cannot be computed."""
    return header_key(header) in _FREE_FORMAT


def is_frame_header(beginning: bytes) -> bool:
    """Whether a file that begins so can be layer III without a tag before it."""
    return len(beginning) >= HEADER_BYTES and (stream_kind_of(beginning) is not None or is_free_format(beginning))


def channels_of(header: bytes) -> int:
    """Return 1 for mono, else 2."""
    return 1 if header[3] >> 6 == _MONO else 2


def walk_frames(window: memoryview, lengths: Mapping[int, int]) -> tuple[int, int]:
    """Walk the frames at the beginning of `window`: header to header, without a look at what is between.

    Returns:
        how many frames begin in the window, and the offset behind the last of them, which may lie past the window.
    """
    frames = position = 0
    last = len(window) - HEADER_BYTES
    header_at, length_of = _HEADER.unpack_from, lengths.get
    while position <= last:
        length = length_of(header_at(window, position)[0] >> 8)
        if length is None:
            break
        position += length
        frames += 1
    return frames, position


def declared_counts(frame: bytes, kind: StreamKind) -> DeclaredCounts | None:
    """Return what a stream's first frame declares, or None if it is an ordinary frame with sound.

    A Xing or Info header stands where the sound would begin, behind the side information; a VBRI header 32 bytes
    behind the frame header.
    """
    is_stereo = channels_of(frame) == 2
    side_info_bytes = (32 if is_stereo else 17) if kind.is_mpeg1 else (17 if is_stereo else 9)
    checksum_bytes = 0 if frame[1] & 1 else 2
    # Encoders disagree on whether a checksum moves the header.
    for start in {HEADER_BYTES + side_info_bytes, HEADER_BYTES + side_info_bytes + checksum_bytes}:
        if frame[start : start + 4] in (b"Xing", b"Info"):
            return _xing_counts(frame[start + 4 : start + 16])
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        size_bytes, frames = struct.unpack_from(">II", frame, 46)
        return DeclaredCounts(_known(frames), _known(size_bytes))
    return None


def _xing_counts(fields: bytes) -> DeclaredCounts:
    if len(fields) < 12:  # a frame too short for counts
        return DeclaredCounts(None, None)
    flags, *counts = struct.unpack(">III", fields)
    has_frames, has_size = flags & 1, flags & 2
    frames = _known(counts.pop(0)) if has_frames else None
    return DeclaredCounts(frames, _known(counts.pop(0)) if has_size else None)


def _known(count: int) -> int | None:
    return None if count in _UNKNOWN_COUNTS else count
