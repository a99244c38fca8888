from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest

from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.console.waveform import SLICES, NotDrawable, parse_sound, waveform_of
from tests.fakes.browser import FakeBrowser
from tests.unit.console.sounds import riff, wav

AUDIO = Path(__file__).parents[2] / "audio"
MIB = 2**20


def drawn(media: bytes) -> list[list[int]]:
    store = FakeBrowser("archive")
    store.put("key", media, ObjectAttributes("audio/wav"))
    channels: list[list[int]] = waveform_of(store, "key", len(media), None)["channels"]
    return channels


def test_each_slice_has_its_lowest_and_highest_sample() -> None:
    samples = [0] * 8000
    samples[0], samples[7] = 32767, -32768
    samples[-1] = 16384
    [channel] = drawn(wav(samples))
    assert channel[:4] == [-127, 127, 0, 0]
    assert channel[-2:] == [0, 64]
    assert len(channel) == 2 * SLICES


def test_channels_are_drawn_apart() -> None:
    left, right = drawn(wav([16384, -16384] * 5000, channels=2))
    assert set(left) == {64}
    assert set(right) == {-64}


@pytest.mark.parametrize("frames", [1, 2, 999, 1000, 1001, 12345, 700_001])
def test_every_frame_is_drawn_however_many_there_are(frames: int) -> None:
    samples = [0] * frames
    samples[-1] = 32767
    [channel] = drawn(wav(samples))
    assert channel[-1] == 127
    assert len(channel) <= 2 * SLICES


@pytest.mark.parametrize(
    ("codec", "bits", "loud", "expected"),
    [
        (1, 8, b"\xff", 126), (1, 16, struct.pack("<h", 32767), 127), (1, 24, b"\xff\xff\x7f", 127),
        (1, 32, struct.pack("<i", 2**31 - 1), 127), (3, 32, struct.pack("<f", 1.0), 127),
        (3, 32, struct.pack("<f", float("nan")), 0), (3, 32, struct.pack("<f", 1e30), 127),
        # the loudest codes of G.711
        (6, 8, b"\xaa", 125), (7, 8, b"\x80", 125), (6, 8, b"\x2a", -125), (7, 8, b"\x00", -125),
    ],
)  # fmt: skip
def test_every_codec_is_read_as_it_is_written(codec: int, bits: int, loud: bytes, expected: int) -> None:
    [channel] = drawn(riff(codec, 1, bits, loud * 2000))
    assert set(channel) == {expected}


@pytest.mark.parametrize(
    ("name", "channels"),
    [("call-pcm16-8k-stereo.wav", 2), ("call-alaw-8k-stereo.wav", 2), ("call-ulaw-8k-mono.wav", 1),
     ("call-rf64-10s.wav", None), ("call-streamed-unknown-length-20s.wav", None)],
)  # fmt: skip
def test_real_calls_have_a_shape(name: str, channels: int | None) -> None:
    found = drawn((AUDIO / name).read_bytes())
    assert channels is None or len(found) == channels
    assert all(len(channel) > SLICES for channel in found)
    # one party may listen for ten seconds
    assert max(map(max, found)) > 10
    assert min(map(min, found)) < -10


@pytest.mark.parametrize("name", ["call-gsm610-mono.wav", "call-ima-adpcm-30s.wav", "one-second.mp3", "call-opus.ogg"])
def test_codecs_that_need_a_decoder_are_left_to_the_browser(name: str) -> None:
    with pytest.raises(NotDrawable):
        drawn((AUDIO / name).read_bytes())


@pytest.mark.parametrize(
    "media",
    [b"RIFF", b"RIFF\0\0\0\0WAVE", riff(1, 0, 16, b"xx"), riff(1, 200, 16, b"x" * 999), riff(1, 1, 12, b"xxxx"),
     riff(1, 1, 16, b""), riff(1, 1, 16, b"x"), b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", wav([1])[:20],
     b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\xff\xff" * 3],
)  # fmt: skip
def test_broken_files_are_not_drawn(media: bytes) -> None:
    with pytest.raises(NotDrawable):
        drawn(media)


def test_a_length_that_nobody_wrote_runs_to_the_end() -> None:
    for declared in (0, 0xFFFFFFFF, 10**6):
        sound = parse_sound(media := riff(1, 1, 16, b"\0\0" * 50, declared=declared), len(media))
        assert sound.stop == len(media)


def test_memory_does_not_grow_with_the_recording() -> None:
    store, media = FakeBrowser("archive"), wav([0]) + bytes(64 * MIB)
    store.put("key", media, ObjectAttributes("audio/wav"))
    store.tamper("key", media[:50].replace(struct.pack("<I", 2), struct.pack("<I", 0)) + media[50:])
    drawn_size = len(media)
    del media
    waveform_of(store, "key", drawn_size, None)
    tracemalloc.start()
    waveform_of(store, "key", drawn_size, None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 * MIB


def test_what_is_too_large_is_not_read() -> None:
    store = FakeBrowser("archive")
    with pytest.raises(NotDrawable):
        waveform_of(store, "key", 600 * MIB, None)
    assert store.calls == []
