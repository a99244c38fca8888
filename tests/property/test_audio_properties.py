"""What holds for every file, every cut into pieces and every kind of damage."""

from __future__ import annotations

import itertools
import struct
import sys
import tracemalloc
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cxone_provider.archive.audio import AudioReport, AudioVerification
from cxone_provider.archive.errors import AudioError
from tests.unit.audio import builders
from tests.unit.audio.builders import FRAME_8K, FTYP, verify

SOUND = bytes(range(250))
PCM = builders.chunk(b"data", SOUND)
STREAMED_PCM = builders.chunk(b"data", SOUND, declared_bytes=0xFFFFFFFF)
MVEX = builders.box(b"mvex")
END_TAGS = builders.apev2(b"y") + builders.lyrics3v2() + builders.ID3V1
FLAC_FRAMES = [builders.flac_frame(number) for number in range(5)]
FILES = {
    "mp3": builders.sample("one-second.mp3"),
    "mp3 with tags": builders.id3v2(b"x" * 90) + builders.mp3_with_count(6) + END_TAGS,
    "mp3 without count": builders.id3v2() + FRAME_8K * 9 + bytes(100),
    "wav": builders.riff(builders.fmt(), builders.chunk(b"LIST", b"INFOabc"), PCM, builders.chunk(b"id3 ", SOUND[:33])),
    "streamed wav": builders.riff(builders.fmt(), STREAMED_PCM),
    "rf64": builders.riff(
        builders.ds64(322, 250, 125), builders.fmt(), STREAMED_PCM, riff_id=b"RF64", declared_bytes=0xFFFFFFFF
    ),
    "mp4": FTYP + builders.box(b"mdat", SOUND) + builders.moov(builders.trak([100, 150])),
    "fragmented mp4": FTYP + builders.moov(MVEX, builders.trak(), duration=0) + builders.fragment([10, 20]) * 2,
    "ogg": builders.ogg_opus(pages=4),
    "flac": builders.flac(*FLAC_FRAMES, samples=5 * 256),
    "amr": b"#!AMR\n" + (b"\x3c" + bytes(31)) * 9,
}
# Every byte is accounted for by something else in the file: no hole of any size can go unseen.
CLOSED = ["wav", "mp4", "ogg", "rf64"]
SIGNATURES = [
    b"",
    b"ID3\x04\0\0",
    builders.id3v2(),
    b"\xff\xfb\x90\x64",
    FRAME_8K * 3,
    FRAME_8K * 3 + b"TAG",
    FRAME_8K * 3 + b"APETAGEX",
    FRAME_8K * 3 + b"LYRICSBEGIN",
    b"RIFF\0\0\0\0WAVE",
    b"RIFX\0\0\0\0WAVEfmt ",
    b"RF64\xff\xff\xff\xffWAVEds64",
    builders.riff(builders.fmt()),
    FTYP,
    FTYP + b"\0\0\1\0moov",
    FTYP + b"\0\0\1\0moof\0\0\0\x80traf",
    b"OggS\0",
    builders.ogg_page(0, builders.OPUS_HEAD, flags=2),
    b"fLaC\0\0\0\x22",
    builders.flac(samples=0),
    b"#!AMR\n",
    b"#!AMR-WB\n",
]

names = st.sampled_from(sorted(FILES))


def outcome_of(data: bytes, cuts: list[int] | None = None) -> AudioReport | tuple[type[AudioError], str]:
    """Return the report or the error; any other exception fails the test."""
    verification = AudioVerification()
    edges = [0, *sorted(cuts or []), len(data)]
    try:
        for start, end in itertools.pairwise(edges):
            verification.feed(memoryview(data)[start:end])
        return verification.finish()
    except AudioError as error:
        return type(error), str(error)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A file with a few bytes changed, lost, doubled, moved or added."""
    data = FILES[draw(names)]
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + draw(st.sampled_from([1, 4, 30, 300])))))
        middle = draw(
            st.one_of(
                st.just(b""), st.just(data[start:end] * 2), st.binary(min_size=end - start, max_size=end - start),
                st.sampled_from([bytes(4), b"\xff" * 4, b"\xff" * 8, b"\0\0\0\1", b"\x80\0\0\0"]),
            )
        )  # fmt: skip
        data = data[:start] + middle + data[end:]
    return data


@pytest.mark.parametrize("name", sorted(FILES))
def test_the_files_are_whole(name: str) -> None:
    assert verify(FILES[name]).format in name.replace("rf64", "wav")


@settings(deadline=None, max_examples=150)
@given(name=names, data=st.data())
def test_the_pieces_never_change_the_answer(name: str, data: st.DataObject) -> None:
    content = FILES[name]
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=40))
    assert outcome_of(content, cuts) == verify(content)


@settings(deadline=None, max_examples=150)
@given(content=damaged(), data=st.data())
def test_the_pieces_never_change_what_is_wrong(content: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=20))
    whole = outcome_of(content)
    assert outcome_of(content, cuts) == whole
    assert outcome_of(content, list(range(len(content)))) == whole


@settings(deadline=None, max_examples=600)
@given(content=damaged())
def test_damage_gives_a_report_or_a_typed_error(content: bytes) -> None:
    outcome_of(content)


@settings(deadline=None, max_examples=600)
@given(start=st.sampled_from(SIGNATURES), rest=st.binary(max_size=400))
@example(start=b"\xff\xe3\x18", rest=b"")
@example(start=b"", rest=b"")
def test_any_bytes_give_a_report_or_a_typed_error(start: bytes, rest: bytes) -> None:
    outcome_of(start + rest)


@settings(deadline=None, max_examples=400)
@given(name=st.sampled_from(CLOSED), data=st.data())
def test_no_hole_goes_unseen_in_a_closed_format(name: str, data: st.DataObject) -> None:
    content = FILES[name]
    start = data.draw(st.integers(0, len(content) - 1))
    end = data.draw(st.integers(start + 1, len(content)))
    with pytest.raises(AudioError):
        verify(content[:start] + content[end:])


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_no_hole_goes_unseen_among_counted_frames(data: st.DataObject) -> None:
    content = FILES["mp3"]
    counting_frame = 45  # behind the tag; where it is lost whole, only size and duration can tell
    start = data.draw(st.integers(counting_frame + 1, len(content) - 1))
    end = data.draw(st.integers(start + 1, len(content)))
    with pytest.raises(AudioError):
        verify(content[:start] + content[end:])


# --- sizes that are declared are never allocated, and nothing is looked at twice


def id3(size_bytes: int) -> bytes:
    return builders.id3v2(declared_bytes=size_bytes % (1 << 28))


def ape(size_bytes: int) -> bytes:
    return FRAME_8K * 3 + b"APETAGEX" + struct.pack("<IIII", 2000, size_bytes % (1 << 32), 1, 0xA0000000) + bytes(8)


def lyrics(size_bytes: int) -> bytes:
    return FRAME_8K * 3 + b"LYRICSBEGINLYR" + b"%05d" % (size_bytes % 100_000)


def riff_chunk(size_bytes: int) -> bytes:
    return builders.riff(builders.fmt(), builders.chunk(b"LIST", b"", declared_bytes=size_bytes % (1 << 32)))


def wave_format(size_bytes: int) -> bytes:
    return builders.riff(builders.chunk(b"fmt ", b"", declared_bytes=size_bytes % (1 << 32)))


def sound_of_rf64(size_bytes: int) -> bytes:
    return builders.riff(
        builders.ds64(size_bytes, size_bytes), builders.fmt(), builders.chunk(b"data", b"", declared_bytes=0xFFFFFFFF),
        riff_id=b"RF64",
    )  # fmt: skip


def box_in_moov(size_bytes: int) -> bytes:
    return FTYP + struct.pack(">I4sQ", 1, b"moov", (1 << 64) - 1) + struct.pack(">I4sQ", 1, b"free", size_bytes)


def table_in_moov(size_bytes: int) -> bytes:
    path = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsz")
    nested = (struct.pack(">I4sQ", 1, kind, (1 << 63) - 16 * depth) for depth, kind in enumerate(path))
    return FTYP + b"".join(nested) + struct.pack(">III", 0, 0, size_bytes % (1 << 32))


def flac_block(size_bytes: int) -> bytes:
    return builders.flac(samples=0)[:42] + b"\x04" + struct.pack(">I", size_bytes % (1 << 24))[1:]


DECLARING = [id3, ape, lyrics, riff_chunk, wave_format, sound_of_rf64, box_in_moov, table_in_moov, flac_block]


@pytest.mark.parametrize("declare", DECLARING)
@pytest.mark.parametrize("size_bytes", [(1 << 24) - 1, (1 << 28) - 1, (1 << 31) - 1, (1 << 32) - 2, (1 << 63) - 1])
@pytest.mark.parametrize("filling", [b"\0", b"\xff", b"\xff\xfb\x90\x64", b"free", b"OggS"])
def test_declared_sizes_cost_no_memory(declare: object, size_bytes: int, filling: bytes) -> None:
    assert callable(declare)
    piece = (filling * 8192)[: 1 << 13]
    verification = AudioVerification()
    tracemalloc.start()
    try:
        verification.feed(declare(size_bytes))
        for _ in range(100):
            verification.feed(piece)
        verification.finish()
    except AudioError:
        pass
    finally:
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 1 << 17


def calls_for(data: bytes) -> int:
    """Count the calls that verifying `data` takes: a clock that no other process disturbs."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    verification = AudioVerification()
    sys.setprofile(count)
    try:
        verification.feed(data)
        verification.finish()
    except AudioError:
        pass
    finally:
        sys.setprofile(None)
    return calls


JUNK = {
    "frames": (b"", FRAME_8K),
    "headers without frames": (FRAME_8K * 3, b"\xff\xe3\x18\xc4"),
    "zeros": (builders.id3v2(), bytes(100)),
    "tags": (b"", builders.id3v2()),
    "tags and frames": (b"", builders.id3v2() + FRAME_8K),
    "lyrics": (FRAME_8K * 3 + b"LYRICSBEGIN", b"ABC00000"),
    "chunks": (builders.riff(builders.fmt()), builders.chunk(b"LIST", b"")),
    "boxes": (FTYP, builders.box(b"free")),
    "boxes in moov": (FTYP + struct.pack(">I4s", 1 << 31, b"moov"), builders.box(b"free")),
    "tracks": (FTYP + struct.pack(">I4s", 1 << 31, b"moov"), builders.box(b"trak")),
    "fragments": (FTYP + builders.moov(builders.box(b"mvex"), builders.trak()), builders.fragment([])),
    "pages": (b"", builders.ogg_opus(pages=0, ends=False)),
    "flac headers": (builders.flac(builders.flac_frame(0), samples=0), builders.flac_frame(9)),
    "flac syncs": (builders.flac(builders.flac_frame(0), samples=0), b"\xff\xf8"),
    "amr": (b"#!AMR\n", b"\x7c"),
}


@pytest.mark.parametrize("name", sorted(JUNK))
def test_time_is_linear_in_bytes_also_on_junk(name: str) -> None:
    start, repeated = JUNK[name]
    once, twice = (calls_for(start + repeated * count) for count in (2000, 4000))
    assert twice <= 2 * once + 200
    assert twice <= 40 * len(start + repeated * 4000)
