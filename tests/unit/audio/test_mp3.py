"""MP3: headers, chains, declared counts, tags, junk."""

from __future__ import annotations

import pytest

from cxone_provider.archive.audio import AudioVerification
from cxone_provider.archive.audio.mp3_frames import stream_kind_of
from cxone_provider.archive.audio.mp3_tags import MAX_PADDING_BYTES
from cxone_provider.archive.errors import AudioError, CorruptAudio, TruncatedAudio, UnknownAudio
from tests.unit.audio import builders
from tests.unit.audio.builders import (
    FRAME_8K,
    ID3V1,
    apev2,
    counting_frame,
    frame,
    id3v2,
    lyrics3v2,
    mp3_with_count,
    verify,
)

# Header, bytes, Hz, samples, channels. Lengths are 144 (MPEG-1) or 72 times bit rate over sample rate, by hand.
HEADERS = [
    ("fffb9064", 417, 44100, 1152, 2),  # MPEG-1, 128 kbit/s
    ("fffb9264", 418, 44100, 1152, 2),  # with padding
    ("fffa9064", 417, 44100, 1152, 2),  # with checksum
    ("fffb9164", 417, 44100, 1152, 2),  # with the private bit
    ("fffbe844", 1440, 32000, 1152, 2),  # 320 kbit/s, the longest there is
    ("fffbea44", 1441, 32000, 1152, 2),
    ("fffb14c4", 96, 48000, 1152, 1),  # 32 kbit/s
    ("fff380c4", 208, 22050, 576, 1),  # MPEG-2, 64 kbit/s
    ("fff314c4", 24, 24000, 576, 1),  # 8 kbit/s, the shortest there is
    ("fff3e844", 720, 16000, 576, 2),  # 160 kbit/s
    ("ffe328c4", 144, 8000, 576, 1),  # MPEG-2.5, 16 kbit/s
    ("ffe3e044", 1044, 11025, 576, 2),  # 160 kbit/s
    ("ffe314c4", 48, 12000, 576, 1),  # 8 kbit/s
]


@pytest.mark.parametrize(("header", "size_bytes", "rate_hz", "samples", "channels"), HEADERS)
def test_frames_of_every_version_and_rate(
    header: str, size_bytes: int, rate_hz: int, samples: int, channels: int
) -> None:
    report = verify(frame(header, size_bytes) * 5)
    assert (report.frames, report.sample_rate_hz, report.channels) == (5, rate_hz, channels)
    assert report.duration_s == pytest.approx(5 * samples / rate_hz)


@pytest.mark.parametrize(
    "header",
    [
        "ffebb0c4",  # version 01 is reserved
        "fffdb0c4",  # layer II
        "ffffb0c4",  # layer I
        "fff1b0c4",  # no layer: ADTS
        "fffbf0c4",  # bit rate 15
        "fffb9cc4",  # sample rate 3
        "fe fb90c4",  # ten sync bits
        "fffe0000",  # UTF-16 byte order mark
        "ffffffff",  # fill
    ],
)
def test_headers_that_are_none(header: str) -> None:
    assert stream_kind_of(bytes.fromhex(header)) is None
    with pytest.raises(UnknownAudio):
        verify(bytes.fromhex(header) * 500)
    with pytest.raises(UnknownAudio, match="behind the tag"):
        verify(id3v2() + bytes.fromhex(header) * 500)


def test_bit_rates_and_channel_modes_may_change_and_rates_may_not() -> None:
    assert verify(frame("fffb9064", 417) + frame("fffba064", 522) + frame("fffb50c4", 208)).frames == 3
    for other in ("fffb9464", "fff39064"):
        with pytest.raises(CorruptAudio, match="chain"):
            verify(frame("fffb9064", 417) * 3 + frame(other, 500))


@pytest.mark.parametrize("frames", [1, 2])
def test_a_header_that_no_other_follows_is_no_mp3(frames: int) -> None:
    with pytest.raises(UnknownAudio, match="no other follows"):
        verify(FRAME_8K * frames + b"\x01" * 300)


def test_three_headers_in_a_row_are_an_mp3() -> None:
    for data in (FRAME_8K * 3, counting_frame(2, None) + FRAME_8K * 2, FRAME_8K * 3 + ID3V1 + FRAME_8K):
        with pytest.raises(CorruptAudio, match="chain"):
            verify(data + b"\x01" * 300)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_short_file_is_accepted_when_it_ends_with_a_whole_frame(frames: int) -> None:
    assert verify(FRAME_8K * frames).frames == frames


@pytest.mark.parametrize("prefix", [b"", id3v2()])
def test_free_format_is_refused_by_name(prefix: bytes) -> None:
    with pytest.raises(UnknownAudio, match="free format"):
        verify(prefix + frame("fffb0064", 500) * 4)


def test_free_format_in_the_middle_breaks_the_chain() -> None:
    with pytest.raises(CorruptAudio, match="chain"):
        verify(FRAME_8K * 4 + frame("ffe308c4", 72) * 4)


@pytest.mark.parametrize("junk", [b"\x01", b"junk", b"\xff", b"\xff\xff\xff\xff", b"\x01" * 1000])
def test_junk_between_frames_is_not_tolerated(junk: bytes) -> None:
    with pytest.raises(CorruptAudio, match=r"chain of MP3 frames breaks: found .* at offset 288"):
        verify(FRAME_8K * 4 + junk + FRAME_8K * 4)


@pytest.mark.parametrize("junk", [b"\x01" * 4, b"<html>", b"TXT " * 10])
def test_junk_at_the_end_is_not_tolerated(junk: bytes) -> None:
    with pytest.raises(CorruptAudio, match="offset 288"):
        verify(FRAME_8K * 4 + junk)


# --- padding


@pytest.mark.parametrize("zeros", [1, 3, 4, 65, MAX_PADDING_BYTES])
def test_zeros_are_padding_at_the_end_and_behind_a_tag(zeros: int) -> None:
    assert verify(FRAME_8K * 3 + bytes(zeros)).frames == 3
    assert verify(id3v2() + bytes(zeros) + FRAME_8K * 3).frames == 3
    assert verify(FRAME_8K * 3 + bytes(zeros) + ID3V1 + bytes(zeros)).frames == 3


def test_many_zeros_are_a_hole() -> None:
    for data in (FRAME_8K * 3, id3v2()):
        with pytest.raises(CorruptAudio, match=f"more than {MAX_PADDING_BYTES}"):
            verify(data + bytes(MAX_PADDING_BYTES + 1))


@pytest.mark.parametrize("zeros", [1, 72, 100])
def test_zeros_between_frames_are_a_hole(zeros: int) -> None:
    with pytest.raises(CorruptAudio, match="chain"):
        verify(FRAME_8K * 3 + bytes(zeros) + FRAME_8K * 3)


# --- declared counts


@pytest.mark.parametrize("tag", [b"Xing", b"Info"])
def test_the_counting_frame_is_no_sound(tag: bytes) -> None:
    report = verify(counting_frame(4, None, tag) + FRAME_8K * 4)
    assert (report.frames, report.duration_s) == (4, 4 * 576 / 8000)


@pytest.mark.parametrize(
    ("frames", "declared", "error"),
    [
        (4, 6, TruncatedAudio),
        (4, 5, TruncatedAudio),
        (4, 3, CorruptAudio),
        (4, 2, CorruptAudio),
        (4, 10**9, TruncatedAudio),
    ],
)
@pytest.mark.parametrize("size_bytes", [None, 1])
def test_another_count_than_declared(
    frames: int, declared: int, error: type[AudioError], size_bytes: int | None
) -> None:
    with pytest.raises(error, match=f"found {frames} frames"):
        verify(counting_frame(declared, size_bytes) + FRAME_8K * frames)


@pytest.mark.parametrize("declared", [3, 5])
@pytest.mark.parametrize("size_bytes", [4 * 72, 5 * 72])
def test_encoders_that_count_one_more_or_less_are_believed_by_their_size(declared: int, size_bytes: int) -> None:
    assert verify(mp3_with_count(4, declared=declared, declared_bytes=size_bytes)).frames == 4


@pytest.mark.parametrize("unknown", [0, 0xFFFFFFFF, None])
def test_a_count_that_the_encoder_could_not_know(unknown: int | None) -> None:
    assert verify(counting_frame(unknown, unknown) + FRAME_8K * 4).frames == 4


@pytest.mark.parametrize(
    ("header", "size_bytes", "offset"),
    [
        ("fffb9064", 417, 36),  # MPEG-1 stereo: 32 bytes of side information
        ("fffb90c4", 417, 21),  # MPEG-1 mono: 17
        ("fff38064", 208, 21),  # MPEG-2 stereo: 17
        ("fff380c4", 208, 13),  # MPEG-2 mono: 9
        ("fffa9064", 417, 36),  # with checksum: before it
        ("fffa9064", 417, 38),  # or behind it
    ],
)
def test_where_xing_stands(header: str, size_bytes: int, offset: int) -> None:
    counts = b"Xing\0\0\0\1\0\0\0\7"
    first = frame(header, size_bytes, bytes(offset - 4) + counts)
    assert verify(first + frame(header, size_bytes) * 7).frames == 7
    with pytest.raises(TruncatedAudio, match="expected 7 frames"):
        verify(first + frame(header, size_bytes) * 5)


def test_vbri() -> None:
    body = bytes(32) + b"VBRI" + bytes(6) + (6 * 417).to_bytes(4, "big") + (5).to_bytes(4, "big")
    first = frame("fffb9064", 417, body)
    assert verify(first + frame("fffb9064", 417) * 5).frames == 5
    with pytest.raises(TruncatedAudio, match="expected 5 frames"):
        verify(first + frame("fffb9064", 417) * 3)


def test_a_counting_frame_cut_short_declares_nothing() -> None:
    tiny = frame("fff314c4", 24, bytes(9) + b"Xing\0\0\0\3")  # 24 bytes end inside the counts
    assert verify(tiny + frame("fff314c4", 24) * 3).frames == 3


# --- tags


@pytest.mark.parametrize("major", [2, 3, 4])
def test_id3v2_of_every_version(major: int) -> None:
    report = verify(id3v2(b"x" * 300, major=major) + FRAME_8K * 3)
    assert report.frames == 3


def test_id3v2_holding_what_looks_like_frames_is_skipped() -> None:
    assert verify(id3v2(FRAME_8K * 9) + FRAME_8K * 3).frames == 3


def test_several_tags_with_and_without_footers() -> None:
    before = id3v2(b"one") + id3v2(b"two" * 50, footer=True) + apev2(b"three")
    after = apev2(b"four") + lyrics3v2() + id3v2(b"five", footer=True) + ID3V1
    assert verify(before + mp3_with_count(3) + after).frames == 3


def test_a_footer_is_of_version_4_only() -> None:
    tag = bytearray(id3v2(b"abc", major=3))
    tag[5] = 0x10
    assert verify(bytes(tag) + FRAME_8K * 3).frames == 3


@pytest.mark.parametrize(
    "header", [b"ID3\x04\0\0\x80\0\0\0", b"ID3\xff\0\0\0\0\0\0", b"ID3\x04\0\0\0\0\0\xff", b"ID3\x01\0\0\0\0\0\0"]
)
def test_id3v2_with_an_impossible_header(header: bytes) -> None:
    with pytest.raises(CorruptAudio, match="ID3v2"):
        verify(header + FRAME_8K * 3)


def test_concatenated_files_are_walked_part_by_part() -> None:
    first, second = mp3_with_count(3) + ID3V1, id3v2() + mp3_with_count(5)
    assert verify(first + second).frames == 8
    assert verify(FRAME_8K * 3 + ID3V1 + FRAME_8K * 2).frames == 5
    with pytest.raises(TruncatedAudio, match="found 2 frames"):
        verify(mp3_with_count(2, declared=4) + ID3V1 + second)
    with pytest.raises(TruncatedAudio, match="found 4 frames"):
        verify(first + id3v2() + mp3_with_count(4, declared=9))


@pytest.mark.parametrize(
    "tag",
    [
        b"APETAGEX" + bytes(24),  # a footer where a header should be
        b"APETAGXX" + bytes(24),
        b"LYRICSBEGININD00002xx000017LYRICS100",
        b"LYRICSBEGXX" + bytes(30),
        b"LYRICSBEGININD0000x" + bytes(30),
    ],
)
def test_tags_that_break_their_rules(tag: bytes) -> None:
    with pytest.raises(CorruptAudio):
        verify(FRAME_8K * 3 + tag)


def test_nothing_but_tags() -> None:
    with pytest.raises(CorruptAudio, match="nothing but tags"):
        verify(id3v2() * 65 + FRAME_8K * 3)
    with pytest.raises(TruncatedAudio, match="before the first MP3 frame"):
        verify(id3v2() * 3)


def test_a_broken_chain_is_told_at_once() -> None:
    verification = AudioVerification()
    verification.feed(FRAME_8K * 4)
    with pytest.raises(CorruptAudio):
        verification.feed(b"\x01\x01\x01\x01")


def test_a_tag_of_256_mib_is_counted_off() -> None:
    verification = AudioVerification("mp3")
    size_bytes = (1 << 28) - 1
    verification.feed(id3v2(declared_bytes=size_bytes))
    piece = bytes(1 << 24)
    for _ in range(size_bytes // len(piece)):
        verification.feed(piece)
    verification.feed(piece[: size_bytes % len(piece)])
    verification.feed(builders.mp3_with_count(4))
    assert verification.finish().frames == 4
