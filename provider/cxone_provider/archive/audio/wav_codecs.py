"""The ``fmt`` chunk of a WAV file: which codec, and how many samples its blocks hold."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cxone_provider.archive.errors import CorruptAudio

ByteOrder: TypeAlias = Literal["little", "big"]

FMT_MIN_BYTES = 16
FMT_MAX_BYTES = 40
"""Bytes of the chunk that are looked at; what codecs put behind them is passed over."""

_PCM, _MS_ADPCM, _FLOAT, _ALAW, _ULAW, _IMA_ADPCM, _GSM610, _MP3 = 1, 2, 3, 6, 7, 0x11, 0x31, 0x55
_EXTENSIBLE = 0xFFFE
_CODECS = {
    _PCM: "pcm",
    _MS_ADPCM: "ms-adpcm",
    _FLOAT: "float",
    _ALAW: "alaw",
    _ULAW: "ulaw",
    _IMA_ADPCM: "ima-adpcm",
    _GSM610: "gsm610",
    _MP3: "mp3",
}
_SAMPLE_BY_SAMPLE = (_PCM, _FLOAT, _ALAW, _ULAW)
_SUB_FORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_GSM610_SAMPLES = 320


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """What the sound of a WAV file is made of.

    Attributes:
        codec: as in :attr:`AudioReport.codec`; ``wav-0x0083`` for a codec without a name here.
        channels: at least 1.
        sample_rate_hz: at least 1.
        block_bytes: the smallest piece of sound that can be decoded; at least 1.
        block_samples: samples per block and channel, or None where the codec does not tell.
        bytes_per_s: as declared; 0 where the writer did not know.
    """

    codec: str
    channels: int
    sample_rate_hz: int
    block_bytes: int
    block_samples: int | None
    bytes_per_s: int


def parse_wave_format(body: bytes, order: ByteOrder) -> WaveFormat:
    """Return what a ``fmt`` chunk says.

    Raises:
        CorruptAudio: too short, or with numbers that no sound can have.
    """
    if len(body) < FMT_MIN_BYTES:
        raise CorruptAudio("a fmt chunk that is too short", found=f"{len(body)} bytes", expected=f"{FMT_MIN_BYTES}")
    mark = "<" if order == "little" else ">"
    tag, channels, rate_hz, bytes_per_s, block_bytes, sample_bits = struct.unpack_from(f"{mark}HHIIHH", body)
    if tag == _EXTENSIBLE:
        tag = _sub_format(body, order)
    if not (channels and rate_hz and block_bytes):
        raise _impossible(body)
    if tag in _SAMPLE_BY_SAMPLE and not _samples_fit(channels, block_bytes, sample_bits):
        raise _impossible(body)
    (extra,) = struct.unpack_from(f"{mark}H", body, 18) if len(body) >= 20 else (0,)
    samples = 1 if tag in _SAMPLE_BY_SAMPLE else _block_samples(tag, channels, block_bytes, extra)
    return WaveFormat(_CODECS.get(tag, f"wav-{tag:#06x}"), channels, rate_hz, block_bytes, samples, bytes_per_s)


def _sub_format(body: bytes, order: ByteOrder) -> int:
    """Return the codec of a WAVE_FORMAT_EXTENSIBLE: the first two bytes of its SubFormat GUID."""
    if len(body) < FMT_MAX_BYTES:
        raise CorruptAudio("an extensible fmt chunk without SubFormat", found=body.hex())
    is_known = body[26:FMT_MAX_BYTES] == _SUB_FORMAT_TAIL
    # Big-endian writers swap the numbers inside a GUID, and not all of them: then its first number stays legible.
    return int.from_bytes(body[24:26] if is_known else body[26:28], "little" if is_known else order) or _EXTENSIBLE


def _samples_fit(channels: int, block_bytes: int, sample_bits: int) -> bool:
    """Whether a block holds one sample of each channel, in whole bytes; containers may be wider than samples."""
    return block_bytes % channels == 0 and block_bytes // channels >= (sample_bits + 7) // 8


def _block_samples(tag: int, channels: int, block_bytes: int, extra: int) -> int | None:
    if tag == _GSM610:
        return extra or _GSM610_SAMPLES
    if tag == _IMA_ADPCM:  # a 4-byte header holds the first sample of each channel, half bytes the others
        return extra or max(0, block_bytes - 4 * channels) * 2 // channels + 1
    if tag == _MS_ADPCM:  # a 7-byte header holds the first two
        return extra or max(0, block_bytes - 7 * channels) * 2 // channels + 2
    return None


def _impossible(body: bytes) -> CorruptAudio:
    return CorruptAudio("a fmt chunk with impossible numbers", found=body[:FMT_MIN_BYTES].hex())
