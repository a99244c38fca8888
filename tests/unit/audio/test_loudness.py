"""Silence, talk and loudness, on real calls and on sound whose answer is known."""

from __future__ import annotations

import math
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.audio.loudness import _SQUARES, CallStatistics, LoudnessMeter
from cxone_provider.archive.audio.sound import WavSound
from cxone_provider.archive.audio.wav_codecs import ByteOrder, WaveFormat
from cxone_provider.archive.errors import CorruptAudio, InvalidSetting, TruncatedAudio, WrongFormat
from tests.unit.audio.builders import pieces, sample

RATE_HZ = 8000
PCM_STEREO = WaveFormat("pcm", 2, RATE_HZ, 4, 1, RATE_HZ * 4)


def measured(data: bytes, piece_bytes: int = 1 << 16, silence_dbfs: float = -45.0) -> CallStatistics:
    sound = WavSound(lambda kind, order: LoudnessMeter(kind, order, silence_dbfs))
    for piece in pieces(data, piece_bytes):
        sound.feed(bytes(piece))
    meter = sound.finish()
    assert isinstance(meter, LoudnessMeter)
    return meter.finish()


def tone(seconds: float, amplitude: float) -> list[int]:
    """Return a sine of 500 Hz."""
    return [
        round(amplitude * 32767 * math.sin(2 * math.pi * 500 * index / RATE_HZ))
        for index in range(round(seconds * RATE_HZ))
    ]


def stereo(left: list[int], right: list[int]) -> bytes:
    return b"".join(struct.pack("<hh", *pair) for pair in zip(left, right, strict=True))


def of_sound(sound: bytes, kind: WaveFormat = PCM_STEREO, order: ByteOrder = "little") -> CallStatistics:
    meter = LoudnessMeter(kind, order)
    meter.feed(sound)
    return meter.finish()


def test_agent_and_customer_of_a_real_call_take_turns() -> None:
    call = measured(sample("call-pcm16-8k-stereo.wav"))
    agent, customer = call.channels
    assert call.duration_s == pytest.approx(70.038, abs=0.001)
    assert agent.talk_share == pytest.approx(0.456, abs=0.01)
    assert customer.talk_share == pytest.approx(0.248, abs=0.01)
    assert call.overlap_share == 0
    assert call.silence_share == pytest.approx(1 - agent.talk_share - customer.talk_share, abs=0.001)
    assert customer.longest_silence_s > agent.longest_silence_s > call.longest_silence_s
    assert agent.loudness_dbfs == pytest.approx(-20.6, abs=0.1)


def test_the_same_call_measures_the_same_in_every_codec() -> None:
    pcm, alaw = measured(sample("call-pcm16-8k-stereo.wav")), measured(sample("call-alaw-8k-stereo.wav"))
    for one, other in zip(pcm.channels, alaw.channels, strict=True):
        assert one.talk_share == pytest.approx(other.talk_share, abs=0.002)
        assert one.loudness_dbfs == pytest.approx(other.loudness_dbfs, abs=0.05)
    # Mixed to one channel, whoever talks is heard at half the amplitude.
    ulaw = measured(sample("call-ulaw-8k-mono.wav"))
    assert ulaw.silence_share == pytest.approx(pcm.silence_share, abs=0.06)


@pytest.mark.parametrize(
    ("name", "duration_s"), [("call-rf64-10s.wav", 10.0), ("call-streamed-unknown-length-20s.wav", 20.0)]
)
def test_files_without_a_plain_size_are_measured_to_their_end(name: str, duration_s: float) -> None:
    assert measured(sample(name)).duration_s == duration_s


@pytest.mark.parametrize("piece_bytes", [1, 997, 1 << 20])
def test_pieces_make_no_difference(piece_bytes: int) -> None:
    data = sample("call-rf64-10s.wav")
    assert measured(data, piece_bytes) == measured(data)


def test_a_tone_is_as_loud_as_it_is() -> None:
    found = of_sound(stereo(tone(1, 0.1), tone(1, 1.0)))
    # The mean square of a sine is 3.01 dB below its peak.
    assert [one.loudness_dbfs for one in found.channels] == pytest.approx([-23.01, -3.01], abs=0.01)


def test_silence_talk_and_overlap_are_told_apart() -> None:
    left = tone(1, 0.2) + tone(2, 0) + tone(1, 0.2)
    right = tone(1, 0) + tone(1, 0) + tone(2, 0.2)
    found = of_sound(stereo(left, right))
    assert [one.talk_share for one in found.channels] == [0.5, 0.5]
    assert [one.longest_silence_s for one in found.channels] == [2.0, 2.0]
    assert (found.silence_share, found.overlap_share, found.longest_silence_s) == (0.25, 0.25, 1.0)


def test_a_channel_that_never_talks_has_no_loudness() -> None:
    found = of_sound(stereo(tone(1, 0.2), tone(1, 0)))
    assert found.channels[1].loudness_dbfs is None
    assert found.channels[1].silence_share == 1


def test_a_call_without_a_sample_is_no_division_by_zero() -> None:
    found = of_sound(b"")
    assert (found.duration_s, found.silence_share, found.channels[0].loudness_dbfs) == (0, 0, None)


def test_the_threshold_decides() -> None:
    quiet = stereo(tone(1, 0.003), tone(1, 0.003))  # some -53 dBFS
    for threshold, silence_share in ((-45.0, 1), (-60.0, 0)):
        meter = LoudnessMeter(PCM_STEREO, "little", threshold)
        meter.feed(quiet)
        assert meter.finish().silence_share == silence_share


def test_big_endian_samples_are_turned_around() -> None:
    sound = stereo(tone(1, 0.3), tone(1, 0))
    swapped = bytes(byte for pair in zip(sound[1::2], sound[::2], strict=True) for byte in pair)
    assert of_sound(swapped, order="big") == of_sound(sound)


def test_one_byte_of_pcm_is_unsigned() -> None:
    mono = WaveFormat("pcm", 1, RATE_HZ, 1, 1, RATE_HZ)
    loud = bytes(128 + (sample >> 8) for sample in tone(1, 0.5))
    assert of_sound(loud, mono).channels[0].loudness_dbfs == pytest.approx(-9.03, abs=0.1)
    assert of_sound(b"\x80" * RATE_HZ, mono).silence_share == 1


@pytest.mark.parametrize(
    ("codec", "code", "sample"),
    [
        ("ulaw", 0x00, 32124), ("ulaw", 0x80, 32124), ("ulaw", 0xFF, 0), ("ulaw", 0x7F, 0), ("ulaw", 0xEF, 132),
        ("alaw", 0xAA, 32256), ("alaw", 0x2A, 32256), ("alaw", 0xD5, 8), ("alaw", 0x55, 8), ("alaw", 0xC5, 264),
    ],
)  # fmt: skip
def test_companded_samples_are_those_of_the_standard(codec: str, code: int, sample: int) -> None:
    assert _SQUARES[codec][code] == sample**2


@pytest.mark.parametrize("name", ["call-gsm610-mono.wav", "call-ima-adpcm-30s.wav", "one-second.mp3"])
def test_what_would_have_to_be_decoded_is_refused(name: str) -> None:
    with pytest.raises(WrongFormat):
        measured(sample(name))


def test_a_header_that_ends_early_is_an_error() -> None:
    with pytest.raises(TruncatedAudio):
        measured(sample("call-ulaw-8k-mono.wav")[:30])


def test_sound_without_a_format_is_an_error() -> None:
    with pytest.raises(CorruptAudio):
        measured(b"RIFF\x10\0\0\0WAVEdata\x02\0\0\0\0\0")


@pytest.mark.parametrize("silence_dbfs", [0.0, 3.0, -121.0, math.nan])
def test_a_threshold_must_be_below_full_scale(silence_dbfs: float) -> None:
    with pytest.raises(InvalidSetting):
        LoudnessMeter(PCM_STEREO, "little", silence_dbfs)


def test_memory_does_not_grow_with_the_call() -> None:
    meter, second = LoudnessMeter(PCM_STEREO, "little"), stereo(tone(1, 0.2), tone(1, 0))
    meter.feed(second)
    tracemalloc.start()
    for _ in range(120):
        meter.feed(second)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 256 * 1024
    assert meter.finish().duration_s == 121


@given(data=st.binary(max_size=300))
def test_shares_stay_shares(data: bytes) -> None:
    found = of_sound(data)
    for share in (found.silence_share, found.overlap_share, *(one.talk_share for one in found.channels)):
        assert 0 <= share <= 1
