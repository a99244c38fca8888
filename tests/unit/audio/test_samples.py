"""Every sample call is accepted, with the format and duration it was made with."""

from __future__ import annotations

import pytest

from cxone_provider.archive.audio import AudioVerification, check_duration
from tests.unit.audio.builders import SAMPLE_REPORTS, SAMPLES, pieces, sample, verify

MEDIA = sorted(path.name for path in SAMPLES.iterdir() if path.suffix != ".md")


def test_every_sample_is_described_here() -> None:
    assert sorted(SAMPLE_REPORTS) == MEDIA


@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("piece_bytes", [997, 1 << 16, 1 << 30])
def test_a_sample_is_accepted_whatever_the_pieces(name: str, piece_bytes: int) -> None:
    format_name, codec, duration_s, rate_hz, channels = SAMPLE_REPORTS[name]
    report = verify(sample(name), expected_format=format_name, piece_bytes=piece_bytes)
    assert (report.format, report.codec, report.sample_rate_hz, report.channels) == (
        format_name, codec, rate_hz, channels,
    )  # fmt: skip
    assert report.duration_s == pytest.approx(duration_s, abs=0.002)


@pytest.mark.parametrize("name", MEDIA)
def test_the_first_64_bytes_tell_the_format(name: str) -> None:
    verification = AudioVerification()
    verification.feed(sample(name)[:64])
    assert verification.format == SAMPLE_REPORTS[name][0]


@pytest.mark.parametrize("name", ["one-second.mp3", "call-opus.ogg"])
def test_a_sample_is_accepted_byte_by_byte(name: str) -> None:
    data = sample(name)
    assert verify(data, piece_bytes=1) == verify(data)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_taken_and_given_back(kind: type[bytes | bytearray | memoryview]) -> None:
    verification = AudioVerification()
    buffer = bytearray(4096)
    for piece in pieces(sample("call-vbr-16k-stereo-id3v24-id3v1.mp3"), len(buffer)):
        buffer[: len(piece)] = piece
        verification.feed(kind(buffer)[: len(piece)])
        buffer[:] = b"\xaa" * len(buffer)
        buffer.append(0)  # would raise BufferError if the verification still held on to it
        buffer.pop()
    assert verification.finish().frames == 1948


@pytest.mark.parametrize("name", MEDIA)
def test_a_sample_agrees_with_metadata_in_whole_seconds(name: str) -> None:
    report = verify(sample(name))
    assert report.duration_s is not None
    check_duration(report.duration_s, float(int(report.duration_s)))
    check_duration(report.duration_s, float(int(report.duration_s) + 1))
