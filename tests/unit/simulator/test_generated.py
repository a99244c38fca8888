from __future__ import annotations

import hashlib
import io
import random
import struct
import wave
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cxone_provider.simulator import ScenarioError, Simulator
from cxone_provider.simulator.duration import measured_duration_s
from cxone_provider.simulator.generated import GeneratedWav, Pcm
from cxone_provider.simulator.media import BytesMedia, FileMedia, read
from tests.unit.simulator.client import TenantClient

AT = datetime(2026, 1, 1, tzinfo=UTC)
GIB = 2**30


def generated(size_bytes: int, pcm: Pcm | None = None) -> GeneratedWav:
    return GeneratedWav(size_bytes, pcm or Pcm(), AT)


@pytest.mark.parametrize("size_bytes", [44, 48, 4096, 3 * 2**20])
def test_a_generated_recording_is_a_valid_wav_of_that_size(size_bytes: int) -> None:
    media = generated(size_bytes, Pcm(sample_rate_hz=16_000, channels=1))
    data = read(media, 0, size_bytes)
    assert len(data) == size_bytes
    with wave.open(io.BytesIO(data)) as opened:
        assert (opened.getframerate(), opened.getnchannels(), opened.getsampwidth()) == (16_000, 1, 2)
        assert opened.getnframes() * 2 == size_bytes - 44
    assert media.duration_s == (size_bytes - 44) / 32_000


def test_every_range_is_a_slice_of_the_whole() -> None:
    media = generated(5 * 2**20)
    whole = read(media, 0, media.size_bytes)
    chance = random.Random(1)
    bounds = [(0, 0), (0, 1), (40, 50), (44, 45), (2**20 - 3, 2**20 + 80), (media.size_bytes - 1, media.size_bytes)]
    for _ in range(50):
        start, stop = sorted(chance.choices(range(media.size_bytes), k=2))
        bounds.append((start, stop))
    assert all(read(media, start, stop) == whole[start:stop] for start, stop in bounds)


def test_no_two_segments_hold_the_same_bytes() -> None:
    media = generated(64 * 2**20)
    segment_bytes = 2**18
    seen = {
        hashlib.sha256(read(media, start, start + segment_bytes)).digest() for start in range(0, 2**26, segment_bytes)
    }
    assert len(seen) == 2**26 // segment_bytes


def test_past_four_gib_it_is_rf64() -> None:
    media = generated(5 * GIB, Pcm(sample_rate_hz=192_000, channels=2))
    head = read(media, 0, 80)
    assert (head[:4], head[8:16], head[72:76]) == (b"RF64", b"WAVEds64", b"data")
    riff_bytes, data_bytes, frames = struct.unpack_from("<QQQ", head, 20)
    assert (riff_bytes, data_bytes, frames) == (5 * GIB - 8, 5 * GIB - 80, (5 * GIB - 80) // 4)
    assert read(generated(4 * GIB - 4), 0, 4) == b"RIFF"
    assert measured_duration_s(generated(4 * GIB - 4), "wav") == round(generated(4 * GIB - 4).duration_s, 3)


def test_the_tag_tells_sizes_and_formats_apart() -> None:
    tags = {generated(size, pcm).etag for size in (400, 404) for pcm in (Pcm(), Pcm(channels=1))}
    assert len(tags) == 4
    assert generated(400).etag == generated(400).etag


@pytest.mark.parametrize("size_bytes", [0, -4, 40, 45, 47])
def test_a_size_without_room_or_out_of_step_is_told(size_bytes: int) -> None:
    with pytest.raises(ScenarioError, match="a multiple of 4 from 44 is needed"):
        generated(size_bytes)


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 0), (8000, 3), (0, 1), (-1, 1)])
def test_a_format_that_cannot_be_is_told(rate_hz: int, channels: int) -> None:
    with pytest.raises(ScenarioError, match="1 or 2 channels"):
        Pcm(rate_hz, channels)


def test_a_generated_recording_is_served_like_any_other() -> None:
    with Simulator(stream_secret="k") as simulator:
        simulator.add_generated("big", 5 * GIB)
        client = TenantClient(simulator)
        document = client.metadata("big").document
        reply = client.media("big", f"bytes={5 * GIB - 100}-")
    assert (document["size"], document["format"], document["duration"]) == (5 * GIB, "wav", (5 * GIB - 80) / 32_000)
    assert reply.header("Content-Range") == f"bytes {5 * GIB - 100}-{5 * GIB - 1}/{5 * GIB}"
    assert reply.body == read(generated(5 * GIB), 5 * GIB - 100, 5 * GIB)


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("call-pcm16-8k-stereo.wav", 70.038),
        ("call-rf64-10s.wav", 10.0),
        ("call-streamed-unknown-length-20s.wav", 20.0),
        ("call-gsm610-mono.wav", 70.038),
        ("call-ima-adpcm-30s.wav", 30.105),
        ("call-cbr64k-44k1-stereo-30s.mp3", 30.041),
        ("call-vbr-16k-stereo-id3v24-id3v1.mp3", 70.128),
        ("one-second.mp3", 1.152),
        ("call-aac-faststart.mp4", 70.039),
        ("call-aac-moov-last.mp4", 70.039),
        ("call-opus.ogg", 70.038),
    ],
)
def test_durations_are_read_from_the_audio(audio_dir: Path, name: str, seconds: float) -> None:
    media = FileMedia(audio_dir / name)
    measured = measured_duration_s(media, Path(name).suffix[1:])
    assert measured == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "mp4", "ogg", "flac"])
def test_a_duration_that_cannot_be_read_is_none(audio_dir: Path, audio_format: str) -> None:
    chance = random.Random(3)
    heads = [path.read_bytes()[:200] for path in sorted(audio_dir.iterdir())]
    for head in (b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", *heads, *(chance.randbytes(100) for _ in range(50))):
        for length in range(0, len(head), 7):
            measured = measured_duration_s(BytesMedia(head[:length], AT), audio_format)
            assert measured is None or measured >= 0
