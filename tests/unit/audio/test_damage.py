"""Half of a file, or one block lost, doubled, swapped or zeroed, is always seen; and by what.

Three things can see damage, and a transfer checks all three: the structure (:class:`AudioVerification` raises), the
duration against the metadata (:func:`check_duration` raises), and the number of bytes against the size agreed on.
"""

from __future__ import annotations

from collections import Counter

import pytest

from cxone_provider.archive.audio import check_duration
from cxone_provider.archive.errors import AudioError, CorruptAudio, DurationDisagrees, TruncatedAudio
from tests.unit.audio import builders
from tests.unit.audio.builders import FRAME_8K, FRAME_8K_BYTES, SAMPLE_REPORTS, ogg_opus, sample, verify

BY_STRUCTURE, BY_DURATION, BY_SIZE = "structure", "duration", "size"
MEDIA = sorted(SAMPLE_REPORTS)
# Streams that never say how long they are: structure alone cannot see what is missing at their end.
OPEN_ENDED = {"call-cbr16k-8k-noid3-noxing.mp3", "call-streamed-unknown-length-20s.wav"}
WITH_COUNT = [name for name in MEDIA if name.endswith(".mp3") and name not in OPEN_ENDED]


def seen_by(damaged: bytes, whole: bytes, name: str) -> str | None:
    """Return what sees the damage first, or None."""
    try:
        report = verify(damaged)
        check_duration(report.duration_s, SAMPLE_REPORTS[name][2])
    except DurationDisagrees:
        return BY_DURATION
    except AudioError:
        return BY_STRUCTURE
    return BY_SIZE if len(damaged) != len(whole) else None


def block_bytes_of(data: bytes) -> int:
    return 1 << 16 if len(data) >= 1 << 17 else 1 << 13 if len(data) >= 1 << 14 else 1 << 9


@pytest.mark.parametrize("name", MEDIA)
def test_half_of_a_file_is_seen(name: str) -> None:
    data = sample(name)
    first_half, second_half = data[: len(data) // 2], data[len(data) // 2 :]
    assert seen_by(first_half, data, name) == BY_STRUCTURE  # of the streamed WAV: its last block is cut
    if name in OPEN_ENDED:
        assert seen_by(first_half + second_half[:1], data, name) in (BY_STRUCTURE, BY_DURATION)
    assert seen_by(second_half, data, name) == BY_STRUCTURE


@pytest.mark.parametrize("name", MEDIA)
def test_a_lost_block_is_seen(name: str) -> None:
    data = sample(name)
    size = block_bytes_of(data)
    seen = Counter(
        seen_by(data[:start] + data[start + size :], data, name) for start in range(0, len(data), size // 4)
    )  # fmt: skip
    if name in OPEN_ENDED:
        # 64 KiB are 4 s of the streamed WAV; the MP3 is cut between frames at its end now and then.
        assert set(seen) <= {BY_STRUCTURE, BY_DURATION, BY_SIZE}
        assert seen[BY_STRUCTURE] >= 1
    else:
        assert set(seen) == {BY_STRUCTURE}


@pytest.mark.parametrize("name", sorted(OPEN_ENDED))
def test_a_lost_block_of_an_open_ended_stream_is_seen_by_its_duration(name: str) -> None:
    data = sample(name)
    size = 1 << 16
    for start in range(0, len(data) - size, size):
        assert seen_by(data[:start] + data[start + size :], data, name) in (BY_STRUCTURE, BY_DURATION)


def test_a_lost_whole_frame_without_count_is_seen_by_size_alone() -> None:
    data = sample("call-cbr16k-8k-noid3-noxing.mp3")
    assert seen_by(data[144:], data, "call-cbr16k-8k-noid3-noxing.mp3") == BY_SIZE
    assert seen_by(data[:-144], data, "call-cbr16k-8k-noid3-noxing.mp3") == BY_SIZE


@pytest.mark.parametrize("name", WITH_COUNT)
@pytest.mark.parametrize("shift", [0, 1, 36, 100])
def test_blocks_doubled_or_swapped_or_zeroed_are_seen_in_an_mp3_with_count(name: str, shift: int) -> None:
    data = sample(name)
    size = block_bytes_of(data)
    for start in range(shift, len(data) - 2 * size, size):
        first, second = data[start : start + size], data[start + size : start + 2 * size]
        before, after = data[:start], data[start + 2 * size :]
        for damaged in (first + first + second, second + first, bytes(size) + second, first + bytes(size)):
            assert seen_by(before + damaged + after, data, name) == BY_STRUCTURE


WHOLE_FRAMES = {
    "doubled": lambda frames: frames[:5] + frames[4:],
    "lost": lambda frames: frames[:5] + frames[6:],
    "last lost": lambda frames: frames[:-1],
}


@pytest.mark.parametrize("damage", sorted(WHOLE_FRAMES))
def test_a_whole_frame_too_many_or_too_few_is_seen_by_the_count(damage: str) -> None:
    data = sample("one-second.mp3")
    tag_bytes, frame_bytes = 45, 144
    # the first frame declares counts and has another bit rate
    first_bytes = len(data) - tag_bytes - 16 * frame_bytes
    starts = range(tag_bytes + first_bytes, len(data), frame_bytes)
    frames = [data[tag_bytes : tag_bytes + first_bytes], *(data[start : start + frame_bytes] for start in starts)]
    assert data[:tag_bytes] + b"".join(frames) == data
    with pytest.raises((CorruptAudio, TruncatedAudio), match="its first frame declares"):
        verify(data[:tag_bytes] + b"".join(WHOLE_FRAMES[damage](frames)))


PCM = builders.chunk(b"data", b"\1\2" * 60)
SOUND = bytes(range(50))
TRAK = builders.trak([20, 30])
MDAT = builders.box(b"mdat", SOUND)
RF64 = (
    builders.ds64(36 + 12 + 8 + 16 + 8 + 120, 120),
    builders.fmt(),
    builders.chunk(b"data", bytes(120), declared_bytes=0xFFFFFFFF),
)
RIFX = builders.fmt(order=">"), builders.chunk(b"data", bytes(64), order=">")
SMALL_FILES = {
    "one-second.mp3": sample("one-second.mp3"),
    "xing": builders.mp3_with_count(5),
    "id3v1": builders.mp3_with_count(5) + builders.ID3V1,
    "tags": builders.mp3_with_count(5) + builders.apev2(b"items") + builders.lyrics3v2() + builders.ID3V1,
    "wav": builders.riff(builders.fmt(), PCM),
    "wav with chunks after": builders.riff(builders.fmt(), PCM, builders.chunk(b"LIST", b"INFOabc")),
    "wav of odd size": builders.riff(builders.fmt(bits=8), builders.chunk(b"data", bytes(33))),
    "rifx": builders.riff(*RIFX, riff_id=b"RIFX", order=">"),
    "rf64": builders.riff(*RF64, riff_id=b"RF64", declared_bytes=0xFFFFFFFF),
    "mp4 with moov last": builders.FTYP + MDAT + builders.moov(TRAK),
    "mp4 with moov first": builders.FTYP + builders.moov(TRAK) + MDAT,
    "mp4 to the end": builders.FTYP + builders.moov(TRAK) + builders.box(b"mdat", SOUND, declared_bytes=0),
    "ogg": ogg_opus(),
    "flac without its last sound": builders.flac(builders.flac_frame(0), builders.flac_frame(1), samples=512)[:-30],
}


# Tags at the end: without them the file is whole too.
DISPENSABLE_BYTES = {"id3v1": (128,), "tags": (128, 128 + 49, 128 + 49 + 69)}


@pytest.mark.parametrize("name", sorted(SMALL_FILES))
def test_a_cut_at_any_byte_is_seen(name: str) -> None:
    data = SMALL_FILES[name]
    assert verify(data).format
    for end in range(len(data)):
        if len(data) - end in DISPENSABLE_BYTES.get(name, ()):
            assert verify(data[:end]) == verify(data)
        else:
            with pytest.raises(TruncatedAudio):
                verify(data[:end])


def test_a_cut_of_a_plain_mp3_is_seen_unless_it_lies_between_frames() -> None:
    data = FRAME_8K * 6
    for end in range(1, len(data)):
        if end % FRAME_8K_BYTES == 0:
            assert verify(data[:end]).frames == end // FRAME_8K_BYTES
        else:
            with pytest.raises(TruncatedAudio, match="the last MP3 frame" if end > 3 else "before its format"):
                verify(data[:end])


def test_a_cut_of_a_streamed_wav_is_seen_inside_a_block_only() -> None:
    data = builders.riff(builders.fmt(channels=2), builders.chunk(b"data", bytes(40), declared_bytes=0xFFFFFFFF))
    for end in range(1, 41):
        if end % 4 == 0:
            assert verify(data[: len(data) - end]).frames == 10 - end // 4
        else:
            with pytest.raises(TruncatedAudio, match="inside a block"):
                verify(data[: len(data) - end])
