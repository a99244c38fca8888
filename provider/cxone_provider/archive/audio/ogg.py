"""Ogg (RFC 3533) with Opus, Vorbis, Speex or FLAC: every page, its checksum, its number and the end mark.

Pages of a logical stream are numbered and carry a CRC, so that no page can be lost, doubled, swapped or altered
unseen; the mark on the last page shows that the file is whole. Its granule position tells the duration.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio, UnknownAudio

_HEADER = struct.Struct("<4sBBqIIIB")
_CHECKSUM_AT = slice(22, 26)
_BEGINS, _ENDS = 0x02, 0x04
_OPUS_RATE_HZ = 48_000  # granule positions of Opus count at this rate, whatever the input was
_MAX_STREAMS = 64

_BITS_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(slots=True)
class _Stream:
    """One logical stream. `codec` is None for what is no sound, e.g. Skeleton."""

    next_page: int = 0
    codec: str | None = None
    sample_rate_hz: int = 0
    channels: int = 0
    pre_skip: int = 0
    granule: int = 0
    has_ended: bool = False


@dataclass(slots=True)
class _File:
    """Streams by serial number: those that run, and what those that ended have played before them."""

    streams: dict[int, _Stream] = field(default_factory=dict)
    first_sound: _Stream | None = None
    duration_s: float = 0.0


def page_checksum(page: bytes) -> int:
    """Return the CRC-32 of an Ogg page whose checksum field is zero.

    Ogg feeds bits from the most significant one, zlib from the least and with both ends inverted: with the bits of
    every byte and of the result reversed it is the same polynomial, at the speed of C.
    """
    mirrored = zlib.crc32(page.translate(_BITS_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_BITS_REVERSED), "big")


def verify_ogg(reader: ByteReader) -> Steps[AudioReport]:
    """Walk an Ogg file.

    Raises:
        UnknownAudio: no stream of a known audio codec in it.
        CorruptAudio: a page with a wrong checksum, out of order, or of no stream.
        TruncatedAudio: the file ends inside a page, or before the last page of a stream.
    """
    file = _File()
    while (yield from reader.peek(1)):
        start = reader.offset_bytes
        page = yield from _take_page(reader)
        _enter_page(file, page, start)
    return _report(file)


def _take_page(reader: ByteReader) -> Steps[bytes]:
    start = reader.offset_bytes
    header = yield from reader.take_exactly(_HEADER.size, "an Ogg page")
    if not header.startswith(b"OggS\0"):
        raise CorruptAudio("no Ogg page where the one before it ends", found=f"{header[:5]!r} at offset {start}")
    lacing = yield from reader.take_exactly(header[-1], "an Ogg page")
    body = yield from reader.take_exactly(sum(lacing), "an Ogg page")
    declared = int.from_bytes(header[_CHECKSUM_AT], "little")
    checksum = page_checksum(header[: _CHECKSUM_AT.start] + bytes(4) + header[_CHECKSUM_AT.stop :] + lacing + body)
    if checksum != declared:
        raise CorruptAudio(
            f"the checksum of the Ogg page at offset {start} is wrong",
            found=f"{checksum:08x}",
            expected=f"{declared:08x}",
        )
    return header + lacing + body


def _enter_page(file: _File, page: bytes, start: int) -> None:
    _, _, flags, granule, serial, number, _, lacings = _HEADER.unpack_from(page)
    if flags & _BEGINS:
        _begin_stream(file, serial, page[_HEADER.size + lacings :])
    stream = file.streams.get(serial)
    if stream is None or stream.has_ended or number != stream.next_page:
        raise CorruptAudio(
            f"an Ogg page out of place at offset {start}",
            found=f"page {number} of stream {serial:08x}",
            expected=f"page {stream.next_page}" if stream and not stream.has_ended else "a page of a stream that runs",
        )
    stream.next_page = (number + 1) & 0xFFFFFFFF
    stream.granule = max(stream.granule, granule)  # -1 where no packet ends on the page
    stream.has_ended = bool(flags & _ENDS)


def _begin_stream(file: _File, serial: int, packet: bytes) -> None:
    if file.streams and all(stream.has_ended for stream in file.streams.values()):
        file.duration_s += _played_s(file)
        file.streams.clear()  # the next file of a chain
    if serial in file.streams or len(file.streams) >= _MAX_STREAMS:
        raise CorruptAudio("an Ogg stream that begins twice, or too many of them", found=f"stream {serial:08x}")
    file.streams[serial] = stream = _identify(packet)
    if stream.codec and not file.first_sound:
        file.first_sound = stream


def _identify(packet: bytes) -> _Stream:
    """Return the stream that begins with this identification header."""
    if packet.startswith(b"OpusHead") and len(packet) >= 19:
        pre_skip = int.from_bytes(packet[10:12], "little")
        return _sound("opus", _OPUS_RATE_HZ, packet[9], pre_skip)
    if packet.startswith(b"\x01vorbis") and len(packet) >= 30:
        return _sound("vorbis", int.from_bytes(packet[12:16], "little"), packet[11])
    if packet.startswith(b"Speex   ") and len(packet) >= 80:
        return _sound("speex", int.from_bytes(packet[36:40], "little"), packet[48])
    if packet.startswith(b"\x7fFLAC") and len(packet) >= 51:
        return _sound("flac", int.from_bytes(packet[27:30], "big") >> 4, (packet[29] >> 1 & 0b111) + 1)
    return _Stream()


def _sound(codec: str, rate_hz: int, channels: int, pre_skip: int = 0) -> _Stream:
    if not rate_hz or not channels:
        raise CorruptAudio(f"an identification header of {codec} with impossible numbers", found=f"{rate_hz} Hz")
    return _Stream(codec=codec, sample_rate_hz=rate_hz, channels=channels, pre_skip=pre_skip)


def _played_s(file: _File) -> float:
    """Return how long the longest of the streams plays that run side by side."""
    sounds = [stream for stream in file.streams.values() if stream.codec]
    return max((max(0, each.granule - each.pre_skip) / each.sample_rate_hz for each in sounds), default=0.0)


def _report(file: _File) -> AudioReport:
    unended = [serial for serial, stream in file.streams.items() if not stream.has_ended]
    if unended:
        raise TruncatedAudio(
            "the file ends before the last page of an Ogg stream",
            expected=f"a page that ends stream {unended[0]:08x}",
        )
    sound = file.first_sound
    if sound is None or sound.codec is None:
        raise UnknownAudio("Ogg without sound in a known codec", expected="opus, vorbis, speex, flac")
    duration_s = file.duration_s + _played_s(file)
    return AudioReport("ogg", sound.codec, duration_s, sound.sample_rate_hz, sound.channels, None)
