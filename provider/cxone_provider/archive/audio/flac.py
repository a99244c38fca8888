"""Native FLAC (RFC 9639): metadata blocks, then frames that are found by their headers.

Frames carry no length, so headers are searched for; a header counts when its checksum is right and it goes on at the
very sample where the frame before it ended. What is reached so must be the number of samples in STREAMINFO.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio

_STREAMINFO_BYTES = 34
_MAX_METADATA_BLOCKS = 4096
_SCANNED_AT_ONCE_BYTES = 1 << 15
_MAX_HEADER_BYTES = 16
_SYNCS = (b"\xff\xf8", b"\xff\xf9")  # all blocks of one size, headers count frames; or any size, headers count samples
_BLOCK_SAMPLES = (
    {1: 192} | {code: 576 << (code - 2) for code in range(2, 6)} | {code: 256 << (code - 8) for code in range(8, 16)}
)
_BLOCK_FIELD_BYTES = {6: 1, 7: 2}
_RATE_FIELD_BYTES = {12: 1, 13: 2, 14: 2}
_MAX_CHANNEL_CODE = 10


def _checksum_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
        table.append(value)
    return tuple(table)


_CHECKSUM = _checksum_table()


@dataclass(frozen=True, slots=True)
class _StreamInfo:
    block_samples: int
    sample_rate_hz: int
    channels: int
    samples: int  # per channel; 0 where the encoder did not know


@dataclass(slots=True)
class _Walk:
    info: _StreamInfo
    sync: bytes
    frames: int = 0
    samples: int = 0


def verify_flac(reader: ByteReader) -> Steps[AudioReport]:
    """Walk a FLAC file.

    Raises:
        CorruptAudio: metadata that breaks the rules, no frame behind it, or more samples than declared.
        TruncatedAudio: the file ends inside metadata, or frames are missing.
    """
    yield from reader.skip_exactly(4, "the signature")
    info = yield from _read_metadata(reader)
    sync = yield from reader.peek(2)
    if len(sync) < 2:
        raise TruncatedAudio("the file ends before the first FLAC frame")
    if sync not in _SYNCS:
        raise CorruptAudio("no FLAC frame behind the metadata", found=sync)
    walk = _Walk(info, sync)
    yield from _scan(reader, walk)
    _check_samples(walk)
    duration_s = walk.samples / info.sample_rate_hz
    return AudioReport("flac", "flac", duration_s, info.sample_rate_hz, info.channels, walk.frames)


def _read_metadata(reader: ByteReader) -> Steps[_StreamInfo]:
    info = None
    for _ in range(_MAX_METADATA_BLOCKS):
        header = yield from reader.take_exactly(4, "a FLAC metadata block")
        size_bytes = int.from_bytes(header[1:], "big")
        if info is None:
            if header[0] & 0x7F or size_bytes != _STREAMINFO_BYTES:
                raise CorruptAudio("FLAC without STREAMINFO", found=header.hex())
            info = _parse_streaminfo((yield from reader.take_exactly(size_bytes, "STREAMINFO")))
        else:
            yield from reader.skip_exactly(size_bytes, "a FLAC metadata block")
        if header[0] & 0x80:
            return info
    raise CorruptAudio("a FLAC file of nothing but metadata blocks", found=f"{_MAX_METADATA_BLOCKS} blocks")


def _parse_streaminfo(body: bytes) -> _StreamInfo:
    packed = int.from_bytes(body[10:18], "big")  # 20 bits of rate, 3 of channels, 5 of sample size, 36 of samples
    info = _StreamInfo(
        block_samples=int.from_bytes(body[2:4], "big"),
        sample_rate_hz=packed >> 44,
        channels=(packed >> 41 & 0b111) + 1,
        samples=packed & (1 << 36) - 1,
    )
    if not info.sample_rate_hz or not info.block_samples:
        raise CorruptAudio("a STREAMINFO with impossible numbers", found=body[:18].hex())
    return info


def _scan(reader: ByteReader, walk: _Walk) -> Steps[None]:
    rest = b""
    while piece := (yield from reader.take(_SCANNED_AT_ONCE_BYTES)):
        window = rest + piece
        # A header that may go on in the next piece is left to it.
        complete = len(window) - _MAX_HEADER_BYTES if len(piece) == _SCANNED_AT_ONCE_BYTES else len(window)
        for start in _positions(window, walk.sync, complete):
            _meet_header(walk, window[start : start + _MAX_HEADER_BYTES])
        rest = window[complete:]


def _positions(window: bytes, sync: bytes, end: int) -> Iterator[int]:
    start = window.find(sync)
    while 0 <= start < end:
        yield start
        start = window.find(sync, start + 1)


def _meet_header(walk: _Walk, header: bytes) -> None:
    found = _parse_frame_header(header, walk.info.block_samples)
    if found and found[0] == walk.samples:
        walk.frames += 1
        walk.samples += found[1]


def _parse_frame_header(header: bytes, block_samples: int) -> tuple[int, int] | None:
    """Return the first sample of a frame and how many samples it has, or None if this heads no frame."""
    if len(header) < 6 or header[3] & 1 or header[3] >> 4 > _MAX_CHANNEL_CODE:
        return None
    block_code, rate_code = header[2] >> 4, header[2] & 0xF
    number, position = _coded_number(header)
    field_end = position + _BLOCK_FIELD_BYTES.get(block_code, 0)
    end = field_end + _RATE_FIELD_BYTES.get(rate_code, 0)
    if not block_code or rate_code == 0xF or number is None or not _checksum_fits(header, end):
        return None
    samples = _BLOCK_SAMPLES.get(block_code) or int.from_bytes(header[position:field_end], "big") + 1
    return (number if header[1] & 1 else number * block_samples), samples


def _coded_number(header: bytes) -> tuple[int | None, int]:
    """Return the number at byte 4, coded like UTF-8 but up to 36 bits, or None; and the position behind it."""
    first = header[4]
    length = 8 - (first ^ 0xFF).bit_length() or 1
    more = header[5 : 4 + length]
    if first & 0xC0 == 0x80 or length > 7 or len(more) < length - 1 or any(byte & 0xC0 != 0x80 for byte in more):
        return None, 4
    number = first & (0x7F >> (length if length > 1 else 0))
    for byte in more:
        number = number << 6 | byte & 0x3F
    return number, 4 + length


def _checksum_fits(header: bytes, end: int) -> bool:
    value = 0
    for byte in header[:end]:
        value = _CHECKSUM[value ^ byte]
    return end < len(header) and value == header[end]


def _check_samples(walk: _Walk) -> None:
    declared = walk.info.samples or walk.samples
    if walk.samples == declared and walk.frames:
        return
    error = TruncatedAudio if walk.samples < declared or not walk.frames else CorruptAudio
    raise error(
        "the FLAC frames that follow each other do not make up the samples in STREAMINFO",
        found=f"{walk.samples} samples in {walk.frames} frames",
        expected=f"{declared} samples",
    )
