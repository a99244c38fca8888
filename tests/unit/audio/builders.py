"""Small audio files made byte by byte, and the sample calls with what is true of them."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from cxone_provider.archive.audio import AudioReport, AudioVerification

SAMPLES = Path(__file__).parents[2] / "audio"

# What the encoder was given: the calls were cut to these durations before they were encoded.
SAMPLE_REPORTS = {
    "call-aac-faststart.mp4": ("mp4", "aac", 70.038, 8000, 2),
    "call-aac-moov-last.mp4": ("mp4", "aac", 70.038, 8000, 2),
    "call-alaw-8k-stereo.wav": ("wav", "alaw", 70.038, 8000, 2),
    "call-cbr16k-8k-noid3-noxing.mp3": ("mp3", "mp3", 70.2, 8000, 1),
    "call-cbr32k-8k-id3v23.mp3": ("mp3", "mp3", 70.2, 8000, 1),
    "call-cbr64k-44k1-stereo-30s.mp3": ("mp3", "mp3", 30.04, 44100, 2),
    "call-gsm610-mono.wav": ("wav", "gsm610", 70.038, 8000, 1),
    "call-ima-adpcm-30s.wav": ("wav", "ima-adpcm", 30.105, 8000, 1),
    "call-opus.ogg": ("ogg", "opus", 70.038, 48000, 1),
    "call-pcm16-8k-stereo.wav": ("wav", "pcm", 70.038, 8000, 2),
    "call-rf64-10s.wav": ("wav", "pcm", 10.0, 8000, 2),
    "call-streamed-unknown-length-20s.wav": ("wav", "pcm", 20.0, 8000, 1),
    "call-ulaw-8k-mono.wav": ("wav", "ulaw", 70.038, 8000, 1),
    "call-vbr-16k-stereo-id3v24-id3v1.mp3": ("mp3", "mp3", 70.128, 16000, 2),
    "one-second.mp3": ("mp3", "mp3", 1.152, 8000, 1),
}


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def verify(data: bytes, *, expected_format: str | None = None, piece_bytes: int = 1 << 16) -> AudioReport:
    verification = AudioVerification(expected_format)
    for piece in pieces(data, piece_bytes):
        verification.feed(piece)
    return verification.finish()


def pieces(data: bytes, piece_bytes: int) -> Iterator[memoryview]:
    for start in range(0, len(data), piece_bytes):
        yield memoryview(data)[start : start + piece_bytes]


# --- MP3

HEADER_8K = bytes.fromhex("ffe318c4")  # MPEG-2.5, 8 kbit/s, 8 kHz, mono: 72 bytes, 576 samples
FRAME_8K_BYTES = 72
FRAME_8K = HEADER_8K + bytes(FRAME_8K_BYTES - 4)


def frame(header_hex: str, size_bytes: int, body: bytes = b"") -> bytes:
    return (bytes.fromhex(header_hex) + body).ljust(size_bytes, b"\x55")


def counting_frame(frames: int | None, size_bytes: int | None, tag: bytes = b"Xing") -> bytes:
    """A frame like `FRAME_8K` that declares counts; 13 = 4 of header and 9 of side information."""
    flags = (frames is not None) | (size_bytes is not None) << 1
    fields = b"".join(struct.pack(">I", count) for count in (frames, size_bytes) if count is not None)
    return (HEADER_8K + bytes(9) + tag + struct.pack(">I", flags) + fields).ljust(FRAME_8K_BYTES, b"\0")


def mp3_with_count(frames: int, *, declared: int | None = None, declared_bytes: int | None = None) -> bytes:
    size_bytes = (frames + 1) * FRAME_8K_BYTES if declared_bytes is None else declared_bytes
    return counting_frame(frames if declared is None else declared, size_bytes) + FRAME_8K * frames


def id3v2(body: bytes = b"", *, major: int = 4, footer: bool = False, declared_bytes: int | None = None) -> bytes:
    size = len(body) if declared_bytes is None else declared_bytes
    fields = struct.pack(">BBB", major, 0, 0x10 if footer else 0) + bytes(
        size >> shift & 0x7F for shift in (21, 14, 7, 0)
    )
    return b"ID3" + fields + body + (b"3DI" + fields if footer else b"")


ID3V1 = b"TAGA call".ljust(128, b"\0")


def apev2(items: bytes = b"") -> bytes:
    def end(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(items) + 32, 1, flags) + bytes(8)

    return end(0xA0000000) + items + end(0x80000000)


def lyrics3v2(text: bytes = b"hello") -> bytes:
    body = b"LYRICSBEGININD00002" + b"00" + b"LYR" + b"%05d" % len(text) + text
    return body + b"%06d" % len(body) + b"LYRICS200"


# --- WAV


def chunk(chunk_id: bytes, body: bytes, *, order: str = "<", declared_bytes: int | None = None) -> bytes:
    size = len(body) if declared_bytes is None else declared_bytes
    return chunk_id + struct.pack(f"{order}I", size) + body + bytes(len(body) % 2)


def fmt(
    tag: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16, block_bytes: int | None = None, *,
    extra: bytes | None = None, order: str = "<",
) -> bytes:  # fmt: skip
    block = channels * bits // 8 if block_bytes is None else block_bytes
    body = struct.pack(f"{order}HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
    extra_field = b"" if extra is None else struct.pack(f"{order}H", len(extra)) + extra
    return chunk(b"fmt ", body + extra_field, order=order)


def riff(*chunks: bytes, riff_id: bytes = b"RIFF", order: str = "<", declared_bytes: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    size = len(body) if declared_bytes is None else declared_bytes
    return riff_id + struct.pack(f"{order}I", size) + body


def ds64(file_bytes: int, data_bytes: int, samples: int = 0) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", file_bytes, data_bytes, samples, 0))


# --- MP4


def box(kind: bytes, *content: bytes, declared_bytes: int | None = None) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body) if declared_bytes is None else declared_bytes) + kind + body


FTYP = box(b"ftyp", b"isom", bytes(4), b"isommp41")


def mvhd(duration: int, timescale: int = 1000, version: int = 0) -> bytes:
    fields = struct.pack(">QQIQ" if version else ">IIII", 0, 0, timescale, duration)
    return box(b"mvhd", bytes((version, 0, 0, 0)), fields, bytes(80))


def trak(
    sizes: Iterable[int] = (), *, same_size: int = 0, count: int | None = None, handler: bytes = b"soun",
    duration: int = 0, number: int = 1, codec: bytes = b"mp4a",
) -> bytes:  # fmt: skip
    table = b"".join(struct.pack(">I", size) for size in sizes)
    samples = len(table) // 4 if count is None else count
    entry = box(codec, bytes(6), b"\0\1", bytes(8), struct.pack(">HHHHI", 2, 16, 0, 0, 8000 << 16))
    stsd = box(b"stsd", bytes(4), struct.pack(">I", 1), entry)
    stsz = box(b"stsz", bytes(4), struct.pack(">II", same_size, samples), table)
    mdia = box(
        b"mdia",
        box(b"mdhd", bytes(12), struct.pack(">II", 8000, duration), bytes(4)),
        box(b"hdlr", bytes(8), handler, bytes(12)),
        box(b"minf", box(b"smhd", bytes(8)), box(b"stbl", stsd, stsz)),
    )
    return box(b"trak", box(b"tkhd", bytes(12), struct.pack(">I", number), bytes(68)), mdia)


def moov(*content: bytes, duration: int = 1000) -> bytes:
    return box(b"moov", mvhd(duration), *content)


def fragment(sizes: Iterable[int], *, duration: int = 1024, number: int = 1) -> bytes:
    """A moof with a duration for all its samples and a size for each, and its mdat."""
    table = list(sizes)
    tfhd = box(b"tfhd", struct.pack(">III", 0x000008, number, duration))
    trun = box(b"trun", struct.pack(">IIi", 0x000201, len(table), 0), *(struct.pack(">I", size) for size in table))
    return box(b"moof", box(b"traf", tfhd, trun)) + box(b"mdat", bytes(sum(table)))


# --- Ogg


def ogg_crc(page: bytes) -> int:
    """The CRC-32 of RFC 3533, bit by bit."""
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
    return value


def ogg_page(number: int, body: bytes, *, granule: int = 0, flags: int = 0, serial: int = 7) -> bytes:
    lacing = bytes([255] * (len(body) // 255) + [len(body) % 255])
    header = struct.pack("<4sBBqIII", b"OggS", 0, flags, granule, serial, number, 0) + bytes([len(lacing)]) + lacing
    checksum = struct.pack("<I", ogg_crc(header + body))
    return header[:22] + checksum + header[26:] + body


OPUS_HEAD = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 8000, 0, 0)


def ogg_opus(*, pages: int = 3, serial: int = 7, ends: bool = True) -> bytes:
    """Half a second of sound a page."""
    sound = [
        ogg_page(
            number, b"\x78" * 40, granule=312 + 24_000 * number, serial=serial, flags=4 * (ends and number == pages)
        )
        for number in range(1, pages + 1)
    ]
    return ogg_page(0, OPUS_HEAD, flags=2, serial=serial) + b"".join(sound)


# --- FLAC


def crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x107 if value & 0x80 else 0)) & 0xFF if value & 0x80 else value << 1
    return value


def flac_frame(number: int, *, block_code: int = 8, field: bytes = b"", variable: bool = False) -> bytes:
    """A frame of 256 samples, by default, whose sound is no sound."""
    coded = chr(number).encode()
    header = b"\xff" + (b"\xf9" if variable else b"\xf8") + bytes((block_code << 4 | 4, 0x08)) + coded + field
    return header + bytes([crc8(header)]) + b"\x2a" * 30


def flac(*frames: bytes, samples: int, block_samples: int = 256, rate_hz: int = 8000) -> bytes:
    packed = rate_hz << 44 | 0 << 41 | 15 << 36 | samples
    info = struct.pack(">HH6xQ16x", block_samples, block_samples, packed)
    padding = b"\x81\0\0\x05" + bytes(5)
    return b"fLaC" + b"\0\0\0\x22" + info + padding + b"".join(frames)
