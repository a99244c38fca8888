"""MP4: boxes that tile the file, moov anywhere, fragments, sizes that are unknown or hostile."""

from __future__ import annotations

import struct
import tracemalloc

import pytest

from cxone_provider.archive.audio import AudioVerification
from cxone_provider.archive.errors import AudioError, CorruptAudio, TruncatedAudio
from tests.unit.audio.builders import FTYP, box, fragment, moov, mvhd, trak, verify

SOUND = bytes(50)
TRAK = trak([20, 30])
MDAT = box(b"mdat", SOUND)


@pytest.mark.parametrize(
    "boxes",
    [
        [FTYP, moov(TRAK), MDAT],
        [FTYP, MDAT, moov(TRAK)],
        [FTYP, box(b"free"), box(b"mdat", SOUND[:20]), moov(TRAK), box(b"mdat", SOUND[20:]), box(b"uuid", bytes(40))],
        [FTYP, moov(TRAK), box(b"mdat", SOUND, declared_bytes=0)],
        [FTYP, moov(TRAK), struct.pack(">I4sQ", 1, b"mdat", 16 + len(SOUND)) + SOUND],
        [FTYP, MDAT, moov(box(b"udta", b"\xa9xyz" + bytes(9)), TRAK, box(b"\xa9too", b""))],
        [FTYP, MDAT, moov(trak([20]), trak([30], number=2))],
    ],
)
def test_moov_stands_anywhere(boxes: list[bytes]) -> None:
    for piece_bytes in (1, 7, 1 << 16):
        report = verify(b"".join(boxes), piece_bytes=piece_bytes)
        assert (report.format, report.codec, report.sample_rate_hz, report.channels) == ("mp4", "aac", 8000, 2)
        assert report.duration_s == 1.0


@pytest.mark.parametrize(
    ("header", "duration_s"),
    [
        (mvhd(1500), 1.5),
        (mvhd(1500, 600), 2.5),
        (mvhd(1 << 33, 1 << 20, version=1), 8192.0),
        (mvhd(0), 0.0),
        (mvhd(0xFFFFFFFF), None),
        (mvhd((1 << 64) - 1, version=1), None),
    ],
)
def test_duration(header: bytes, duration_s: float | None) -> None:
    assert verify(FTYP + box(b"moov", header, TRAK) + MDAT).duration_s == duration_s


def test_the_sound_is_described_also_beside_pictures() -> None:
    report = verify(FTYP + moov(trak([5], handler=b"vide"), trak([20, 25], number=2)) + MDAT)
    assert (report.codec, report.frames) == ("aac", 2)


@pytest.mark.parametrize(
    ("kind", "codec"),
    [(b"Opus", "opus"), (b"fl32", "fl32"), (b".mp3", ".mp3"), (b"\x1b[2\n", "\\x1b[2\\n"), (b"\xffabc", "\\xffabc")],
)
def test_codecs_by_their_sample_entry(kind: bytes, codec: str) -> None:
    assert verify(FTYP + moov(trak([50], codec=kind)) + MDAT).codec == codec


def test_a_film_without_sound_has_no_codec() -> None:
    report = verify(FTYP + moov(trak([50], handler=b"vide")) + MDAT)
    assert (report.codec, report.sample_rate_hz, report.frames) == ("none", None, None)


@pytest.mark.parametrize(
    "track", [trak([20, 31]), trak(same_size=6, count=9), trak(same_size=(1 << 32) - 1, count=(1 << 32) - 1)]
)
def test_less_media_than_described(track: bytes) -> None:
    for boxes in ([moov(track), MDAT], [MDAT, moov(track)], [moov(track), box(b"mdat", SOUND, declared_bytes=0)]):
        with pytest.raises(TruncatedAudio, match="less media data"):
            verify(FTYP + b"".join(boxes))


def test_a_long_table_of_sizes_is_summed_exactly() -> None:
    sizes = [(index * 7919) % 700 for index in range(5000)]
    whole = FTYP + moov(trak(sizes)) + box(b"mdat", bytes(sum(sizes)))
    assert verify(whole).frames == 5000
    with pytest.raises(TruncatedAudio):
        verify(FTYP + moov(trak(sizes)) + box(b"mdat", bytes(sum(sizes) - 1)))


# --- fragments

MVEX = box(b"mvex", box(b"trex", bytes(4), struct.pack(">IIIII", 1, 1, 512, 9, 0)))


def trun(flags: int, samples: int, records: bytes = b"", *, tfhd_flags: int = 0, tfhd_fields: bytes = b"") -> bytes:
    head = box(b"tfhd", struct.pack(">II", tfhd_flags, 1), tfhd_fields)
    return box(b"moof", box(b"traf", head, box(b"trun", struct.pack(">II", flags, samples), records)))


def test_fragments_add_up() -> None:
    fragments = b"".join(fragment([10, 20, 30], duration=800) for _ in range(10))
    report = verify(FTYP + moov(MVEX, trak(), duration=0) + fragments, piece_bytes=11)
    assert (report.duration_s, report.frames) == (3.0, 30)


def test_fragments_go_on_where_moov_ends() -> None:
    report = verify(FTYP + moov(MVEX, trak([25, 25], duration=4000)) + MDAT + fragment([9], duration=4000))
    assert report.duration_s == 1.0


@pytest.mark.parametrize(
    ("moof", "duration_s", "media_bytes"),
    [
        (trun(0, 5), 5 * 512 / 8000, 45),  # all by default of mvex
        (trun(0, 5, tfhd_flags=0x18, tfhd_fields=struct.pack(">II", 800, 7)), 0.5, 35),
        (trun(0, 5, tfhd_flags=0x3B, tfhd_fields=struct.pack(">QIIII", 0, 1, 800, 7, 0)), 0.5, 35),
        (trun(0x1 | 0x4 | 0x300, 2, struct.pack(">iIIIII", 8, 0, 800, 5, 1600, 6)), 0.3, 11),
        (trun(0xF00, 2, struct.pack(">IIIIIIII", 800, 5, 0, 0, 1600, 6, 0, 0)), 0.3, 11),
        (trun(0x200, 2, struct.pack(">II", 5, 6)), 1024 / 8000, 11),
    ],
)
def test_where_a_fragment_tells_its_samples(moof: bytes, duration_s: float, media_bytes: int) -> None:
    beginning = FTYP + moov(MVEX, trak(), duration=0) + moof
    assert verify(beginning + box(b"mdat", bytes(media_bytes))).duration_s == pytest.approx(duration_s)
    for rest in (b"", box(b"mdat", bytes(media_bytes - 1))):
        with pytest.raises(TruncatedAudio, match="less media data"):
            verify(beginning + rest)


def test_a_fragment_of_a_track_that_is_not_there_is_passed_over() -> None:
    report = verify(FTYP + moov(MVEX, trak(), duration=0) + fragment([4, 4], number=9))
    assert (report.duration_s, report.frames) == (None, None)


def test_defaults_of_more_tracks_than_there_can_be_are_not_kept() -> None:
    trexes = (box(b"trex", bytes(4), struct.pack(">IIIII", number, 1, 800, 9, 0)) for number in range(1, 200))
    report = verify(FTYP + moov(box(b"mvex", *trexes), trak(), duration=0) + trun(0, 5) + box(b"mdat", bytes(45)))
    assert report.duration_s == 0.5


# --- damage


def test_a_missing_moov() -> None:
    with pytest.raises(TruncatedAudio, match="before its moov"):
        verify(FTYP + MDAT)


@pytest.mark.parametrize(
    "boxes",
    [
        moov(TRAK) + moov(TRAK) + MDAT,
        box(b"moov", mvhd(1000), TRAK, declared_bytes=0),
        box(b"moov", TRAK) + MDAT,
        box(b"moov", mvhd(1000)) + MDAT,
        box(b"moov", mvhd(1000, 0), TRAK) + MDAT,
        box(b"moov", box(b"mvhd", bytes(10)), TRAK) + MDAT,
        moov(box(b"trak", box(b"mdia", box(b"hdlr", bytes(4))))) + MDAT,
        moov(box(b"trak", declared_bytes=80), TRAK) + box(b"mdat", bytes(10)),
        moov(box(b"free", declared_bytes=0), TRAK) + MDAT,
        moov(box(b"free", declared_bytes=7), TRAK) + MDAT,
        moov(TRAK, box(b"free", declared_bytes=9)) + MDAT,
        moov(TRAK, box(b"free", declared_bytes=1 << 31)) + MDAT,
        moov(trak([1, 2], count=3)) + MDAT,
        moov(trak([1, 2], count=(1 << 32) - 1)) + MDAT,
        moov(*[TRAK] * 65) + MDAT,
        moov(MVEX, trak()) + trun(0xF00, 1 << 20),
    ],
)
def test_an_index_that_breaks_its_rules(boxes: bytes) -> None:
    with pytest.raises(CorruptAudio):
        verify(FTYP + boxes)


@pytest.mark.parametrize(
    "after",
    [
        b"\0\0\0\7free",
        b"\0\0\0\2free",
        b"\0\0\0\x10\0\0\0\0" + bytes(8),
        b"\xde\x02\x00\x4cavc5",
        struct.pack(">I4sQ", 1, b"free", 0),
        struct.pack(">I4sQ", 1, b"free", 15),
        bytes(16),
    ],
)
def test_boxes_that_do_not_tile_the_file(after: bytes) -> None:
    with pytest.raises(AudioError) as caught:
        verify(FTYP + moov(TRAK) + MDAT + after)
    assert isinstance(caught.value, CorruptAudio) == (after[:8] != b"\xde\x02\x00\x4cavc5")


def test_a_lost_block_shifts_all_that_follows() -> None:
    whole = FTYP + box(b"mdat", bytes(range(256)) * 4) + moov(trak([512, 512]))
    for start in range(len(FTYP) + 8, len(whole) - 100, 50):
        with pytest.raises(AudioError):
            verify(whole[:start] + whole[start + 100 :])


@pytest.mark.parametrize("size_bytes", [(1 << 32) - 1, (1 << 63) - 1, (1 << 64) - 1])
def test_a_huge_box_is_counted_off_without_memory(size_bytes: int) -> None:
    verification = AudioVerification("mp4")
    piece = bytes(1 << 20)
    tracemalloc.start()
    try:
        verification.feed(FTYP + struct.pack(">I4sQ", 1, b"mdat", size_bytes))
        for _ in range(64):
            verification.feed(piece)
        assert tracemalloc.get_traced_memory()[1] < 1 << 16
    finally:
        tracemalloc.stop()
    with pytest.raises(TruncatedAudio, match="inside the box b'mdat'"):
        verification.finish()


def test_nesting_is_not_followed_into_the_deep() -> None:
    nested = b""
    for _ in range(3000):
        nested = box(b"moov", nested)
    with pytest.raises(CorruptAudio):
        verify(FTYP + nested)
    assert verify(FTYP + moov(nested[: 8 * 100] and box(b"trak", box(b"trak", box(b"trak"))), TRAK) + MDAT).format


def test_a_file_of_empty_boxes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxone_provider.archive.audio.mp4._MAX_BOXES", 1000)
    verification = AudioVerification()
    with pytest.raises(CorruptAudio, match="nothing but boxes"):
        verification.feed(FTYP + box(b"free") * 1000)
