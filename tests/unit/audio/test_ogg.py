"""Ogg: checksums, page numbers, the end mark, granule positions, chained and multiplexed streams."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.audio import AudioVerification
from cxone_provider.archive.audio.ogg import page_checksum
from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio, UnknownAudio
from tests.unit.audio.builders import OPUS_HEAD, ogg_crc, ogg_opus, ogg_page, sample, verify

VORBIS_HEAD = b"\x01vorbis" + struct.pack("<IBIiiiBB", 0, 2, 44100, 0, 0, 0, 0xB8, 1)
SPEEX_HEAD = b"Speex   " + bytes(20) + struct.pack("<IIIIII", 1, 80, 8000, 0, 4, 1) + bytes(28)
FLAC_HEAD = b"\x7fFLAC\1\0\0\1fLaC\0\0\0\x22" + struct.pack(">HH6xQ16x", 4096, 4096, 16000 << 44 | 1 << 41 | 15 << 36)


@given(st.binary(max_size=300))
def test_the_checksum_is_the_one_of_the_standard(page: bytes) -> None:
    assert page_checksum(page) == ogg_crc(page)


@pytest.mark.parametrize(
    ("head", "codec", "rate_hz", "channels", "granule", "duration_s"),
    [
        (OPUS_HEAD, "opus", 48000, 1, 48000 + 312, 1.0),
        (OPUS_HEAD, "opus", 48000, 1, 100, 0.0),
        (VORBIS_HEAD, "vorbis", 44100, 2, 88200, 2.0),
        (SPEEX_HEAD, "speex", 8000, 1, 4000, 0.5),
        (FLAC_HEAD, "flac", 16000, 2, 8000, 0.5),
    ],
)
def test_codecs(head: bytes, codec: str, rate_hz: int, channels: int, granule: int, duration_s: float) -> None:
    data = ogg_page(0, head, flags=2) + ogg_page(1, b"sound" * 100, granule=granule, flags=4)
    report = verify(data)
    assert (report.format, report.codec, report.sample_rate_hz, report.channels) == ("ogg", codec, rate_hz, channels)
    assert report.duration_s == pytest.approx(duration_s)


def test_pages_on_which_no_packet_ends_do_not_count() -> None:
    data = (
        ogg_page(0, OPUS_HEAD, flags=2)
        + ogg_page(1, b"\x78" * 510, granule=-1)
        + ogg_page(2, b"\x78", granule=24312, flags=1)
        + ogg_page(3, b"", granule=-1, flags=4)
    )
    assert verify(data).duration_s == 0.5


def test_every_altered_bit_is_seen() -> None:
    data = ogg_opus()
    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= 0x10
        with pytest.raises((CorruptAudio, TruncatedAudio, UnknownAudio)):
            verify(bytes(altered))


@pytest.mark.parametrize(
    "order", [(0, 2, 3), (0, 1, 3), (0, 1, 1, 2, 3), (0, 2, 1, 3), (1, 2, 3), (0, 1, 2, 3, 3), (0, 0, 1)]
)
def test_pages_lost_doubled_or_swapped(order: tuple[int, ...]) -> None:
    whole = ogg_opus()
    starts = [start for start in range(len(whole)) if whole.startswith(b"OggS", start)]
    pages = [whole[start:end] for start, end in zip(starts, [*starts[1:], len(whole)], strict=True)]
    with pytest.raises(CorruptAudio, match=r"out of place|begins twice"):
        verify(b"".join(pages[number] for number in order))


def test_a_missing_end_mark() -> None:
    with pytest.raises(TruncatedAudio, match="before the last page"):
        verify(ogg_opus(ends=False))


def test_chained_files_play_one_after_the_other() -> None:
    assert verify(ogg_opus() + ogg_opus(serial=8) + ogg_opus()).duration_s == pytest.approx(4.5)


def test_multiplexed_streams_play_side_by_side() -> None:
    data = (
        ogg_page(0, b"fishead\0" + bytes(56), flags=2, serial=1)
        + ogg_page(0, OPUS_HEAD, flags=2, serial=2)
        + ogg_page(0, VORBIS_HEAD, flags=2, serial=3)
        + ogg_page(1, b"x", flags=4, serial=1)
        + ogg_page(1, b"x", granule=88200, flags=4, serial=3)
        + ogg_page(1, b"x", granule=48312, flags=4, serial=2)
    )
    report = verify(data)
    assert (report.codec, report.duration_s) == ("opus", 2.0)
    with pytest.raises(TruncatedAudio):
        verify(data[: -len(ogg_page(1, b"x", granule=48312, flags=4, serial=2))])


@pytest.mark.parametrize("head", [b"\x80theora" + bytes(40), b"OpusHead", b"\x01vorbis", b""])
def test_streams_without_sound(head: bytes) -> None:
    with pytest.raises(UnknownAudio, match="without sound"):
        verify(ogg_page(0, head, flags=2 | 4))


@pytest.mark.parametrize(
    "head", [OPUS_HEAD[:9] + b"\0" + OPUS_HEAD[10:], VORBIS_HEAD[:12] + bytes(4) + VORBIS_HEAD[16:]]
)
def test_impossible_heads(head: bytes) -> None:
    with pytest.raises(CorruptAudio, match="impossible"):
        verify(ogg_page(0, head, flags=2 | 4))


def test_too_many_streams() -> None:
    with pytest.raises(CorruptAudio, match="too many"):
        verify(b"".join(ogg_page(0, OPUS_HEAD, flags=2, serial=serial) for serial in range(65)))


def test_junk_behind_the_last_page() -> None:
    with pytest.raises(CorruptAudio, match="no Ogg page"):
        verify(ogg_opus() + b"\0" * 40)


def test_a_wrong_checksum_is_told_with_its_page() -> None:
    data = bytearray(sample("call-opus.ogg"))
    data[len(data) // 2] ^= 1
    verification = AudioVerification("ogg")
    with pytest.raises(
        CorruptAudio, match=r"checksum of the Ogg page at offset \d+ is wrong: found [0-9a-f]{8}, expected"
    ):
        verification.feed(data)
