"""How long a recording lasts, read from its own structure; None where that does not tell."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping

from cxone_provider.simulator.media import Media, read

_MPEG1_KBITS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBITS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG1_RATES_HZ = (44100, 48000, 32000)
_UNKNOWN_SIZES = frozenset({0, 0xFFFFFFFF})
_LAYER_3_SAMPLES = 576
_TABLE_TAGS = (b"Xing", b"Info", b"VBRI")
_TAG_BYTES = 40
_HEAD_BYTES = 64 * 2**10
# Codecs whose average byte rate is only rounded; their fact chunk counts samples.
_EXACT_BY_BYTE_RATE = frozenset({1, 3, 6, 7, 0xFFFE})


def measured_duration_s(media: Media, audio_format: str) -> float | None:
    """Return the seconds of audio in `media`, or None when its structure does not say.

    WAV by its header, MP3 by counting frames, MP4 by ``mvhd``, Ogg Opus by its last granule position.
    """
    measure = _MEASURES.get(audio_format)
    try:
        seconds = None if measure is None else measure(media)
    except struct.error:
        return None  # cut short or damaged, on purpose as a rule
    return None if seconds is None else round(seconds, 3)


def _wav(media: Media) -> float | None:
    head = read(media, 0, _HEAD_BYTES)
    order = ">" if head[:4] == b"RIFX" else "<"
    if head[:4] not in {b"RIFF", b"RIFX", b"RF64", b"BW64"} or head[8:12] != b"WAVE":
        return None
    chunks: dict[bytes, tuple[int, int]] = {}
    offset = 12
    while offset + 8 <= len(head) and b"data" not in chunks:
        size = struct.unpack_from(f"{order}I", head, offset + 4)[0]
        chunks[head[offset : offset + 4]] = (offset + 8, size)
        offset += 8 + size + size % 2
    return _wav_duration(head, order, chunks, media.size_bytes)


def _wav_duration(head: bytes, order: str, chunks: Mapping[bytes, tuple[int, int]], size_bytes: int) -> float | None:
    if b"fmt " not in chunks or b"data" not in chunks:
        return None
    codec, _, rate_hz, bytes_per_s = struct.unpack_from(f"{order}HHII", head, chunks[b"fmt "][0])
    if b"fact" in chunks and codec not in _EXACT_BY_BYTE_RATE and rate_hz:
        return float(struct.unpack_from(f"{order}I", head, chunks[b"fact"][0])[0] / rate_hz)
    data_start, data_bytes = chunks[b"data"]
    there_bytes = size_bytes - data_start
    heard_bytes = there_bytes if data_bytes in _UNKNOWN_SIZES else min(data_bytes, there_bytes)
    return float(heard_bytes / bytes_per_s) if bytes_per_s else None


def _mp3(media: Media) -> float | None:
    data = read(media, 0, media.size_bytes)
    seconds = sum(samples / rate_hz for samples, rate_hz in _mp3_frames(data))
    return seconds or None


def _mp3_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield samples and sample rate of every layer III frame that holds sound."""
    offset = _id3_bytes(data)
    while offset + 4 <= len(data):
        frame = _mp3_frame(data[offset : offset + 4])
        if frame is None:
            return
        frame_bytes, samples, rate_hz = frame
        # An encoder's first frame may hold a table of contents in place of sound.
        if not any(tag in data[offset : offset + _TAG_BYTES] for tag in _TABLE_TAGS):
            yield samples, rate_hz
        offset += frame_bytes


def _id3_bytes(data: bytes) -> int:
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for digit in data[6:10]:
        size = size << 7 | digit & 0x7F
    return 10 + size


def _mp3_frame(header: bytes) -> tuple[int, int, int] | None:
    """Return length in bytes, samples and sample rate; None when `header` starts no frame."""
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if header[0] != 0xFF or header[1] < 0xE0 or version == 1 or layer != 1 or bitrate in {0, 15} or rate == 3:
        return None
    is_mpeg1 = version == 3
    rate_hz = _MPEG1_RATES_HZ[rate] >> {3: 0, 2: 1, 0: 2}[version]
    samples = _LAYER_3_SAMPLES * (2 if is_mpeg1 else 1)
    bits_per_s = 1000 * (_MPEG1_KBITS if is_mpeg1 else _MPEG2_KBITS)[bitrate]
    return samples // 8 * bits_per_s // rate_hz + padding, samples, rate_hz


def _mp4(media: Media) -> float | None:
    movie = _box(media, b"moov", 0, media.size_bytes)
    header = _box(media, b"mvhd", *movie) if movie else None
    if header is None:
        return None
    data = read(media, header[0], header[0] + 32)
    wide = data[:1] == b"\x01"
    scale, duration = struct.unpack_from(">IQ", data, 20) if wide else struct.unpack_from(">II", data, 12)
    return float(duration / scale) if scale else None


def _box(media: Media, kind: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Return where the content of the first box of a kind starts and stops."""
    while start + 8 <= stop:
        head = read(media, start, start + 16)
        size, head_bytes = int.from_bytes(head[:4]), 8
        if size == 1:
            size, head_bytes = int.from_bytes(head[8:16]), 16
        end = start + size if size else stop
        if head[4:8] == kind:
            return start + head_bytes, end
        if size and size < head_bytes:
            return None
        start = end
    return None


def _opus(media: Media) -> float | None:
    head, tail = read(media, 0, 512), read(media, max(media.size_bytes - _HEAD_BYTES, 0), media.size_bytes)
    identification, last_page = head.find(b"OpusHead"), tail.rfind(b"OggS")
    if identification < 0 or last_page < 0:
        return None
    skipped = struct.unpack_from("<H", head, identification + 10)[0]
    position = struct.unpack_from("<q", tail, last_page + 6)[0]
    return float(max(position - skipped, 0) / 48_000)


_MEASURES: Mapping[str, Callable[[Media], float | None]] = {"wav": _wav, "mp3": _mp3, "mp4": _mp4, "ogg": _opus}
