"""WAV: RIFF, RIFX (big-endian), RF64 and BW64, walked chunk by chunk to the end of the file.

Sound is counted, not read. Where a writer could not seek back to fill in how much sound there is, everything behind
the header of the ``data`` chunk is sound, and only its duration and the total size can tell whether it is all there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.audio.wav_codecs import FMT_MAX_BYTES, ByteOrder, WaveFormat, parse_wave_format
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio

RIFF_IDS = (b"RIFF", b"RIFX", b"RF64", b"BW64")

_SIZES_IN_DS64 = (b"RF64", b"BW64")
_DS64_BYTES = 28
_SIZE_UNKNOWN = (0, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
SIZES_UNKNOWN = (*_SIZE_UNKNOWN, 0xFFFF1000, 0x7FFFF000)
"""Sizes of sound that writers put in front of what they could not seek back to."""
_CHUNK_HEADER_BYTES = 8
_MAX_CHUNKS = 4096
"""Far above any real file, and few enough that a file of empty chunks is given up early."""


@dataclass(slots=True)
class _Wave:
    """What has been learned of the file so far.

    Attributes:
        order: of all numbers.
        end_bytes: where the file should end, or None where the writer did not know.
        data_size_bytes: size of the sound from ds64, used where the data chunk refers to it.
        format: from the fmt chunk.
        fact_samples: samples per channel from the fact chunk or ds64; 0 while unknown.
        sound_bytes: size of the data chunk, once it was passed.
        is_streamed: whether that is only what was left of the file.
    """

    order: ByteOrder
    end_bytes: int | None
    data_size_bytes: int = 0xFFFFFFFF
    format: WaveFormat | None = None
    fact_samples: int = 0
    sound_bytes: int | None = None
    is_streamed: bool = False


def verify_wav(reader: ByteReader) -> Steps[AudioReport]:
    """Walk a WAV file.

    Raises:
        CorruptAudio: chunks that do not follow each other, no fmt before data, or impossible numbers.
        TruncatedAudio: the file ends inside a chunk, before its sound, or before the size in its header.
    """
    head = yield from reader.take_exactly(12, "the RIFF header")
    order: ByteOrder = "big" if head.startswith(b"RIFX") else "little"
    size_bytes = int.from_bytes(head[4:8], order)
    wave = _Wave(order, None if size_bytes in _SIZE_UNKNOWN else size_bytes + _CHUNK_HEADER_BYTES)
    if head[:4] in _SIZES_IN_DS64:
        yield from _read_ds64(reader, wave)
    yield from _walk_chunks(reader, wave)
    return _report(reader, wave)


def _read_ds64(reader: ByteReader, wave: _Wave) -> Steps[None]:
    chunk_id, size_bytes = yield from _open_chunk(reader, wave)
    if chunk_id != b"ds64" or size_bytes < _DS64_BYTES:
        raise CorruptAudio("a 64-bit WAV file without its sizes", found=chunk_id, expected="ds64")
    body = yield from reader.take_exactly(_DS64_BYTES, "the ds64 chunk")
    file_bytes, wave.data_size_bytes, wave.fact_samples = struct.unpack_from("<QQQ", body)
    wave.end_bytes = None if file_bytes in _SIZE_UNKNOWN else file_bytes + _CHUNK_HEADER_BYTES
    yield from _leave_chunk(reader, size_bytes - _DS64_BYTES, size_bytes)


def _walk_chunks(reader: ByteReader, wave: _Wave) -> Steps[None]:
    for _ in range(_MAX_CHUNKS):
        if not (yield from reader.peek(1)):
            return
        chunk_id, size_bytes = yield from _open_chunk(reader, wave)
        if chunk_id == b"data":
            yield from _count_sound(reader, wave, size_bytes)
            continue
        known = yield from reader.take_exactly(min(size_bytes, FMT_MAX_BYTES), f"the chunk {chunk_id!r}")
        _learn(wave, chunk_id, known)
        yield from _leave_chunk(reader, size_bytes - len(known), size_bytes)
    raise CorruptAudio("a WAV file of nothing but chunks", found=f"{_MAX_CHUNKS} chunks")


def _open_chunk(reader: ByteReader, wave: _Wave) -> Steps[tuple[bytes, int]]:
    start = reader.offset_bytes
    header = yield from reader.take_exactly(_CHUNK_HEADER_BYTES, "the header of a chunk")
    chunk_id = header[:4]
    if not all(0x20 <= character < 0x7F for character in chunk_id):
        raise CorruptAudio("no chunk where the one before it ends", found=f"{chunk_id!r} at offset {start}")
    return chunk_id, int.from_bytes(header[4:], wave.order)


def _leave_chunk(reader: ByteReader, rest_bytes: int, size_bytes: int) -> Steps[None]:
    yield from reader.skip_exactly(rest_bytes, "a chunk")
    if size_bytes % 2:
        yield from reader.skip(1)  # the pad byte, which some writers leave out at the end of the file


def _learn(wave: _Wave, chunk_id: bytes, body: bytes) -> None:
    if chunk_id == b"fmt ":
        if wave.format:
            raise CorruptAudio("a second fmt chunk", found=body.hex())
        wave.format = parse_wave_format(body, wave.order)
    elif chunk_id == b"fact" and len(body) >= 4:
        wave.fact_samples = wave.fact_samples or int.from_bytes(body[:4], wave.order)


def _count_sound(reader: ByteReader, wave: _Wave, size_bytes: int) -> Steps[None]:
    if wave.format is None or wave.sound_bytes is not None:
        raise CorruptAudio(
            "a data chunk out of place", found="two of them" if wave.format else "no fmt chunk before it"
        )
    if size_bytes == 0xFFFFFFFF:
        size_bytes = wave.data_size_bytes
    wave.is_streamed = size_bytes in SIZES_UNKNOWN
    if wave.is_streamed:
        wave.sound_bytes = yield from reader.skip_to_end()
        return
    wave.sound_bytes = size_bytes
    yield from reader.skip_exactly(size_bytes, "the sound")
    if size_bytes % 2:
        yield from reader.skip(1)


def _report(reader: ByteReader, wave: _Wave) -> AudioReport:
    if wave.format is None or wave.sound_bytes is None:
        raise TruncatedAudio("the file ends before its sound", found=f"{reader.offset_bytes} bytes")
    if not wave.is_streamed:
        _check_end(reader.offset_bytes, wave.end_bytes)
    elif wave.format.block_samples is not None:
        _check_last_block(wave.sound_bytes, wave.format.block_bytes)
    blocks = wave.sound_bytes // wave.format.block_bytes
    duration_s = _duration_s(wave.format, blocks, wave)
    return AudioReport("wav", wave.format.codec, duration_s, wave.format.sample_rate_hz, wave.format.channels, blocks)


def _check_last_block(sound_bytes: int, block_bytes: int) -> None:
    rest_bytes = sound_bytes % block_bytes
    is_pad_byte = rest_bytes == 1 and sound_bytes % 2 == 0
    if rest_bytes and not is_pad_byte:
        raise TruncatedAudio("the file ends inside a block of sound", found=f"{rest_bytes} of {block_bytes} bytes")


def _check_end(size_bytes: int, end_bytes: int | None) -> None:
    # Some writers put the size of the whole file there; nothing but an empty chunk is that small.
    if end_bytes is None or end_bytes <= size_bytes or end_bytes - size_bytes == _CHUNK_HEADER_BYTES:
        return
    raise TruncatedAudio(
        "the file ends before the size in its header", found=f"{size_bytes} bytes", expected=f"{end_bytes} bytes"
    )


def _duration_s(kind: WaveFormat, blocks: int, wave: _Wave) -> float | None:
    if kind.block_samples is not None:
        samples = blocks * kind.block_samples
        # Within the last block, fact knows where the sound ends; further off, it is a writer's mistake.
        if samples - kind.block_samples < wave.fact_samples < samples:
            samples = wave.fact_samples
        return samples / kind.sample_rate_hz
    if wave.fact_samples:
        return wave.fact_samples / kind.sample_rate_hz
    return (wave.sound_bytes or 0) / kind.bytes_per_s if kind.bytes_per_s else None
