"""FLAC and AMR: walked by their own means, as far as these reach."""

from __future__ import annotations

import pytest

from cxone_provider.archive.errors import CorruptAudio, TruncatedAudio, UnknownAudio
from tests.unit.audio.builders import flac, flac_frame, verify

FRAMES = [flac_frame(number) for number in range(600)]
WHOLE = flac(*FRAMES, samples=600 * 256)
BLOCKS = b"fLaC" + b"\0\0\0\x22" + bytes(34)


@pytest.mark.parametrize("piece_bytes", [1, 100, 1 << 20])
def test_flac(piece_bytes: int) -> None:
    report = verify(WHOLE, piece_bytes=piece_bytes)
    assert (report.format, report.frames, report.sample_rate_hz, report.channels) == ("flac", 600, 8000, 1)
    assert report.duration_s == pytest.approx(600 * 256 / 8000)


def test_flac_frames_longer_than_what_is_scanned_at_once() -> None:
    loud = b"\x2a" * 40_000
    assert verify(flac(flac_frame(0) + loud, flac_frame(1) + loud, flac_frame(2), samples=768)).frames == 3


@pytest.mark.parametrize(
    ("last", "samples"),
    [
        (flac_frame(2, block_code=6, field=b"\x63"), 100),
        (flac_frame(2, block_code=7, field=b"\x01\x2b"), 300),
        (flac_frame(2, block_code=1), 192),
        (flac_frame(2, block_code=2), 576),
        (flac_frame(2, block_code=15), 32768),
    ],
)
def test_flac_blocks_of_every_size(last: bytes, samples: int) -> None:
    report = verify(flac(FRAMES[0], FRAMES[1], last, samples=512 + samples))
    assert report.duration_s == pytest.approx((512 + samples) / 8000)


def test_flac_blocks_that_vary_count_samples() -> None:
    frames = [
        flac_frame(0, variable=True),
        flac_frame(256, block_code=9, variable=True),
        flac_frame(768, variable=True),
    ]
    assert verify(flac(*frames, samples=1024)).frames == 3


def test_flac_of_undeclared_length() -> None:
    assert verify(flac(*FRAMES[:9], samples=0)).frames == 9


def test_what_looks_like_a_header_inside_a_frame_is_passed_over() -> None:
    fakes = (
        b"\xff\xf8" * 20 + FRAMES[77] + FRAMES[0] + b"\xff\xf8\x84\x08\x80\x00\x00" + b"\xff\xf8\x84\x08\xff\xff\xff"
    )
    assert verify(flac(FRAMES[0] + fakes, FRAMES[1], samples=512)).frames == 2


@pytest.mark.parametrize("lost", [slice(0, 1), slice(1, 2), slice(300, 400), slice(599, 600), slice(0, 600)])
def test_flac_frames_that_are_lost(lost: slice) -> None:
    frames = FRAMES.copy()
    del frames[lost]
    with pytest.raises(TruncatedAudio):
        verify(flac(*frames, samples=600 * 256))


def test_flac_frames_too_many() -> None:
    with pytest.raises(CorruptAudio, match="expected 512 samples"):
        verify(flac(*FRAMES[:3], samples=512))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (BLOCKS, CorruptAudio),  # a sample rate of 0
        (b"fLaC\x04\0\0\x22" + bytes(34), CorruptAudio),
        (b"fLaC\0\0\0\x21" + bytes(34), CorruptAudio),
        (flac(samples=0)[:42] + b"\x04\0\0\0" * 5000, CorruptAudio),
        (flac(samples=0)[:42] + b"\x04\xff\xff\xff" + bytes(100), TruncatedAudio),
        (flac(b"\xff\xfbxxx", samples=100), CorruptAudio),
        (flac(b"\xff\xf8", samples=100), TruncatedAudio),
        (flac(samples=0), TruncatedAudio),
    ],
)
def test_flac_that_breaks_its_rules(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify(data)


NARROWBAND_BYTES = [12, 13, 15, 17, 19, 20, 26, 31, 5, None, None, None, None, None, None, 0]
WIDEBAND_BYTES = [17, 23, 32, 36, 40, 46, 50, 58, 60, 5, None, None, None, None, 0, 0]


@pytest.mark.parametrize("quality", [0, 4])
@pytest.mark.parametrize(
    ("signature", "sizes", "codec", "rate_hz"),
    [(b"#!AMR\n", NARROWBAND_BYTES, "amr", 8000), (b"#!AMR-WB\n", WIDEBAND_BYTES, "amr-wb", 16000)],
)
def test_amr_frames_of_every_type(
    signature: bytes, sizes: list[int | None], codec: str, rate_hz: int, quality: int
) -> None:
    for kind, size in enumerate(sizes):
        if size is None:
            with pytest.raises(CorruptAudio, match=f"offset {len(signature)}"):
                verify(signature + bytes([kind << 3 | quality]) + bytes(100))
            continue
        data = signature + (bytes([kind << 3 | quality]) + bytes(size)) * 50
        for piece_bytes in (1, 10, 1 << 16):
            report = verify(data, piece_bytes=piece_bytes)
            assert (report.format, report.codec, report.sample_rate_hz) == ("amr", codec, rate_hz)
            assert (report.duration_s, report.frames) == (1.0, 50)
        if size:
            with pytest.raises(TruncatedAudio, match="the last AMR frame"):
                verify(data[:-1])


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"#!AMR\n", TruncatedAudio),
        (b"#!AMR", TruncatedAudio),
        (b"#!AMR-W", TruncatedAudio),
        (b"#!AMR_MC1.0\n" + bytes(100), UnknownAudio),
        (b"#!AMR-WB_MC1.0\n" + bytes(100), UnknownAudio),
        (b"#!AMR\n" + b"\x83" * 50, CorruptAudio),
    ],
)
def test_amr_that_breaks_its_rules(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify(data)
