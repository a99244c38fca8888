"""WAV: containers, codecs, chunks, sizes that are unknown or wrong."""

from __future__ import annotations

import struct

import pytest

from cxone_provider.archive.audio import AudioVerification
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio, UnknownAudio
from tests.unit.audio.builders import chunk, ds64, fmt, riff, verify

FF = 0xFFFFFFFF
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def guid(tag: int) -> bytes:
    return struct.pack("<H", tag) + GUID_TAIL


def data(size_bytes: int, declared_bytes: int | None = None) -> bytes:
    return chunk(b"data", bytes(size_bytes), declared_bytes=declared_bytes)


@pytest.mark.parametrize(
    ("format_chunk", "codec", "size_bytes", "duration_s", "blocks"),
    [
        (fmt(), "pcm", 16000, 1.0, 8000),
        (fmt(bits=8), "pcm", 8001, 8001 / 8000, 8001),
        (fmt(channels=2, bits=24, rate_hz=44100), "pcm", 264600, 1.0, 44100),
        (fmt(bits=20, block_bytes=4), "pcm", 32000, 1.0, 8000),  # samples in wider containers
        (fmt(3, bits=32), "float", 32000, 1.0, 8000),
        (fmt(3, 2, bits=64, extra=b""), "float", 128000, 1.0, 8000),
        (fmt(6, 2, bits=8, extra=b""), "alaw", 16000, 1.0, 8000),
        (fmt(7, bits=8), "ulaw", 8000, 1.0, 8000),
        (fmt(0x31, bits=0, block_bytes=65, extra=struct.pack("<H", 320)), "gsm610", 65 * 25, 1.0, 25),
        (fmt(0x31, bits=0, block_bytes=65), "gsm610", 65 * 25, 1.0, 25),
        (fmt(0x11, bits=4, block_bytes=256, extra=struct.pack("<H", 505)), "ima-adpcm", 2560, 5050 / 8000, 10),
        (fmt(0x11, bits=4, block_bytes=256), "ima-adpcm", 2560, 5050 / 8000, 10),
        (fmt(0x11, 2, bits=4, block_bytes=512), "ima-adpcm", 5120, 5050 / 8000, 10),
        (fmt(2, bits=4, block_bytes=256), "ms-adpcm", 2560, 5000 / 8000, 10),
        (fmt(0x83, bits=0, block_bytes=10), "wav-0x0083", 80000, 1.0, 8000),
        (fmt(0xFFFE, 6, bits=16, extra=struct.pack("<HI", 16, 63) + guid(1)), "pcm", 96000, 1.0, 8000),
        (fmt(0xFFFE, bits=32, extra=struct.pack("<HI", 32, 4) + guid(3)), "float", 32000, 1.0, 8000),
        (fmt(0xFFFE, bits=8, extra=struct.pack("<HI", 8, 4) + guid(7)), "ulaw", 8000, 1.0, 8000),
        (fmt(0xFFFE, bits=16, extra=struct.pack("<HI", 16, 4) + b"\x77" * 16), "wav-0x7777", 16000, 1.0, 8000),
        (fmt(0xFFFE, bits=16, extra=struct.pack("<HI", 16, 4) + bytes(16)), "wav-0xfffe", 16000, 1.0, 8000),
    ],
)
def test_codecs(format_chunk: bytes, codec: str, size_bytes: int, duration_s: float, blocks: int) -> None:
    report = verify(riff(format_chunk, data(size_bytes)))
    assert (report.format, report.codec, report.frames) == ("wav", codec, blocks)
    assert report.duration_s == pytest.approx(duration_s)


def test_rifx_is_big_endian_throughout() -> None:
    extensible = fmt(
        0xFFFE, 2, extra=struct.pack(">HI", 16, 3) + struct.pack(">IHH", 1, 0, 16) + GUID_TAIL[6:], order=">"
    )
    for format_chunk in (fmt(channels=2, order=">"), extensible):
        report = verify(riff(format_chunk, chunk(b"data", bytes(32000), order=">"), riff_id=b"RIFX", order=">"))
        assert (report.codec, report.channels, report.duration_s) == ("pcm", 2, 1.0)


@pytest.mark.parametrize("riff_id", [b"RF64", b"BW64"])
@pytest.mark.parametrize("extra_table", [b"", bytes(24)])
def test_64_bit_sizes(riff_id: bytes, extra_table: bytes) -> None:
    sizes = chunk(b"ds64", struct.pack("<QQQI", 1, 16000, 8000, 0) + extra_table)
    whole = riff(sizes, fmt(), data(16000, FF), chunk(b"LIST", b"INFO"), riff_id=riff_id, declared_bytes=FF)
    assert verify(whole).duration_s == 1.0
    plain = riff(sizes, fmt(), data(16000), riff_id=riff_id, declared_bytes=FF)
    assert verify(plain).duration_s == 1.0


def test_64_bit_sizes_are_believed_to_the_last_byte() -> None:
    content = ds64(10**12, 1 << 40), fmt(), data(16000, FF)
    with pytest.raises(TruncatedAudio, match="inside the sound"):
        verify(riff(*content, riff_id=b"RF64", declared_bytes=FF))
    with pytest.raises(TruncatedAudio, match="size in its header"):
        verify(riff(ds64(10**12, 16000), *content[1:], riff_id=b"RF64", declared_bytes=FF))


@pytest.mark.parametrize("unknown", [0, (1 << 64) - 1])
def test_64_bit_sizes_that_were_never_filled_in(unknown: int) -> None:
    content = ds64(unknown, unknown), fmt(), data(16000, FF)
    assert verify(riff(*content, riff_id=b"RF64", declared_bytes=FF)).duration_s == 1.0


@pytest.mark.parametrize("first", [b"", chunk(b"JUNK", bytes(28)), chunk(b"ds64", bytes(16))])
def test_a_64_bit_file_without_its_sizes(first: bytes) -> None:
    with pytest.raises(CorruptAudio, match="64-bit"):
        verify(riff(first, fmt(), data(16000, FF), riff_id=b"RF64", declared_bytes=FF))


@pytest.mark.parametrize("declared", [0, 0xFFFFFFFF, 0xFFFF1000, 0x7FFFF000])
@pytest.mark.parametrize("riff_size", [0, 36, FF, 0x7FFFF024])
def test_sound_of_unknown_length_reaches_to_the_end(declared: int, riff_size: int) -> None:
    report = verify(riff(fmt(), data(16000, declared), declared_bytes=riff_size))
    assert (report.duration_s, report.frames) == (1.0, 8000)


def test_streamed_blocks_may_be_padded() -> None:
    gsm = fmt(0x31, bits=0, block_bytes=65)
    assert verify(riff(gsm, data(65 * 3, FF))).frames == 3  # the builder pads 195 bytes to 196
    with pytest.raises(TruncatedAudio, match="2 of 65 bytes"):
        verify(riff(gsm, data(65 * 2 + 2, FF)))


def test_streamed_blocks_of_a_codec_with_varying_ones_are_not_checked() -> None:
    assert verify(riff(fmt(0x55, bits=0, block_bytes=576), data(1000, FF))).codec == "mp3"


OTHERS = [
    chunk(b"LIST", b"INFOISFT\x04\0\0\0abcd"),
    chunk(b"bext", bytes(603)),
    chunk(b"JUNK", b""),
    chunk(b"id3 ", b"odd"),
]


@pytest.mark.parametrize("before", [[], OTHERS])
@pytest.mark.parametrize("between", [[], OTHERS])
@pytest.mark.parametrize("after", [[], OTHERS])
def test_other_chunks_stand_anywhere(before: list[bytes], between: list[bytes], after: list[bytes]) -> None:
    whole = riff(*before, fmt(bits=8), *between, data(8001), *after)
    assert verify(whole).duration_s == pytest.approx(8001 / 8000)
    assert verify(whole, piece_bytes=1).frames == 8001


@pytest.mark.parametrize("chunks", [[data(8001)], [data(8000), chunk(b"LIST", b"odd")]])
def test_a_last_pad_byte_that_was_never_written(chunks: list[bytes]) -> None:
    padded = riff(fmt(bits=8), *chunks)
    unpadded = riff(fmt(bits=8), *chunks, declared_bytes=len(padded) - 9)[:-1]
    assert verify(unpadded) == verify(padded)
    with pytest.raises(TruncatedAudio, match="size in its header"):
        verify(padded[:-1])


def test_chunks_behind_the_declared_end_are_walked_too() -> None:
    whole = riff(fmt(), data(16000)) + chunk(b"ID3 ", b"x" * 100)
    assert verify(whole).duration_s == 1.0
    with pytest.raises(TruncatedAudio):
        verify(whole[:-1])


@pytest.mark.parametrize("missing", [1, 7, 9, 100])
def test_a_file_that_ends_before_its_declared_size(missing: int) -> None:
    content = fmt(), data(16000)
    true_size = len(riff(*content)) - 8
    with pytest.raises(TruncatedAudio, match="size in its header"):
        verify(riff(*content, declared_bytes=true_size + missing))


def test_writers_that_declare_the_size_of_the_whole_file() -> None:
    content = fmt(), data(16000)
    assert verify(riff(*content, declared_bytes=len(riff(*content)))).frames == 8000


@pytest.mark.parametrize(
    ("fact", "samples"),
    [
        (505 * 10 - 100, 4950),  # within the last block: where the sound ends
        (505 * 9 + 1, 505 * 9 + 1),
        (505 * 9, 5050),  # further off: a mistake
        (0, 5050),
        (10**9, 5050),
        (5050, 5050),
    ],
)
@pytest.mark.parametrize("is_before", [True, False])
def test_fact_tells_where_the_last_block_ends(fact: int, samples: int, *, is_before: bool) -> None:
    fact_chunk = chunk(b"fact", struct.pack("<I", fact))
    sound = fmt(0x11, bits=4, block_bytes=256), data(2560)
    report = verify(riff(sound[0], fact_chunk, sound[1]) if is_before else riff(*sound, fact_chunk))
    assert report.duration_s == pytest.approx(samples / 8000)


def test_fact_tells_the_duration_of_a_codec_without_fixed_blocks() -> None:
    mp3 = fmt(0x55, bits=0, block_bytes=1)
    assert verify(riff(mp3, chunk(b"fact", struct.pack("<I", 4000)), data(4000))).duration_s == 0.5
    assert verify(riff(mp3, data(4000))).duration_s == 0.5
    silent = chunk(b"fmt ", struct.pack("<HHIIHH", 0x55, 1, 8000, 0, 1, 0))
    assert verify(riff(silent, data(4000))).duration_s is None


@pytest.mark.parametrize(
    "format_chunk",
    [
        chunk(b"fmt ", b""),
        chunk(b"fmt ", bytes(15)),
        chunk(b"fmt ", bytes(16)),
        fmt(channels=0, block_bytes=2),
        fmt(rate_hz=0),
        fmt(block_bytes=0),
        fmt(channels=2, block_bytes=3),
        fmt(bits=24, block_bytes=2),
        fmt(0xFFFE),
        fmt() + fmt(),
    ],
)
def test_formats_that_no_sound_has(format_chunk: bytes) -> None:
    with pytest.raises(CorruptAudio):
        verify(riff(format_chunk, data(16000)))


@pytest.mark.parametrize(
    "chunks",
    [
        [data(100), fmt()],
        [fmt(), data(100), data(100)],
        [fmt(), b"\0\0\0\0" + bytes(4), data(100)],
        [fmt(), data(100), b"\xff\xfe\xfd\xfc" * 10],
        [fmt(), data(100), bytes(100)],
    ],
)
def test_chunks_out_of_place(chunks: list[bytes]) -> None:
    with pytest.raises(CorruptAudio):
        verify(riff(*chunks))


@pytest.mark.parametrize("chunks", [[], [fmt()], [chunk(b"LIST", b"INFO")]])
def test_a_file_without_sound(chunks: list[bytes]) -> None:
    with pytest.raises(TruncatedAudio, match="before its sound"):
        verify(riff(*chunks))


def test_another_riff_is_no_wav() -> None:
    with pytest.raises(UnknownAudio):
        verify(b"RIFF\x10\0\0\0AVI " + bytes(100))


def test_a_file_of_empty_chunks_is_given_up() -> None:
    verification = AudioVerification()
    with pytest.raises(CorruptAudio, match="nothing but chunks"):
        verification.feed(riff(fmt()) + chunk(b"LIST", b"") * 5000)
