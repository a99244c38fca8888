"""Recognising formats, refusing others, and the state of a verification between calls."""

from __future__ import annotations

import pickle

import pytest

from cxone_provider.archive.audio import AudioVerification, canonical_format
from cxone_provider.archive.errors import (
    AudioError,
    CorruptAudio,
    InvalidSetting,
    TruncatedAudio,
    UnknownAudio,
    WrongFormat,
)
from tests.unit.audio.builders import FRAME_8K, SAMPLE_REPORTS, sample, verify

HTML = b"\n<!DOCTYPE html><html><body>Sign in\x1b[31m</body></html>" * 50


@pytest.mark.parametrize(
    "data",
    [
        HTML,
        b"<Error><Code>AccessDenied</Code></Error>",
        b'{"message": "Too many requests", "route": "/x"}',
        b"\xef\xbb\xbf[]",
        b"{",
    ],
)
@pytest.mark.parametrize("expected", [None, "mp3", "wav"])
def test_pages_and_documents_are_named_as_such(data: bytes, expected: str | None) -> None:
    with pytest.raises(UnknownAudio, match="a page or a document") as caught:
        verify(data, expected_format=expected)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "data",
    [
        bytes(100),
        b"\xff" * 100,
        b"\xff\xfe<\0h\0t\0m\0l\0" * 9,
        b"FORM\0\0\1\0AIFF" + bytes(90),
        b".snd\0\0\0\x20" + bytes(90),
        b"\x1aE\xdf\xa3" + bytes(90),
        b"0&\xb2u\x8ef\xcf\x11" + bytes(90),
        b"RIFF\0\0\1\0AVI LIST" + bytes(90),
        b"\xff\xf1\x6c\x80" * 30,
        b"\xff\xfd\x90\x04" * 30,
        b"PK\3\4" + bytes(90),
        b"not audio",
    ],
)
def test_what_is_no_known_audio(data: bytes) -> None:
    with pytest.raises(UnknownAudio, match=r"not begin like audio: found .*expected mp3, wav, mp4, ogg, flac, amr"):
        verify(data)


def test_a_page_is_refused_after_its_first_64_bytes() -> None:
    verification = AudioVerification()
    verification.feed(HTML[:63])
    with pytest.raises(UnknownAudio):
        verification.feed(HTML[63:64])


@pytest.mark.parametrize("expected", [None, "mp3", "wav", "mp4", "ogg", "flac", "amr"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"R",
        b"RIFF",
        b"RIFF\0\0\1\0",
        b"RIFF\0\0\0\0WAV",
        b"ID",
        b"\xff",
        b"\xff\xfb\x90",
        b"Ogg",
        b"fL",
        b"#!A",
        b"\0\0\0\x20",
        b"\0\0\0\x20fty",
    ],
)
def test_files_shorter_than_a_signature_are_truncated(data: bytes, expected: str | None) -> None:
    with pytest.raises(TruncatedAudio):
        verify(data, expected_format=expected)


@pytest.mark.parametrize("name", ["one-second.mp3", "call-gsm610-mono.wav", "call-aac-moov-last.mp4", "call-opus.ogg"])
@pytest.mark.parametrize("expected", ["mp3", "wav", "mp4", "ogg", "flac"])
def test_another_format_than_asked_for(name: str, expected: str) -> None:
    found = SAMPLE_REPORTS[name][0]
    if found == expected:
        assert verify(sample(name), expected_format=expected).format == expected
        return
    verification = AudioVerification(expected)
    with pytest.raises(WrongFormat) as caught:
        verification.feed(sample(name)[:12])
    text = str(caught.value)
    assert f"found {found}, expected {expected}" in text
    assert f"Request the native format (audio_format=None), or audio_format='{found}'" in text
    assert verification.format is None


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("MP3", "mp3"),
        (".wav", "wav"),
        ("wave", "wav"),
        ("m4a", "mp4"),
        (" mp4 ", "mp4"),
        ("oga", "ogg"),
        ("opus", "ogg"),
    ],
)
def test_names_of_formats(name: str, format_name: str) -> None:
    assert canonical_format(name) == format_name


@pytest.mark.parametrize("name", ["", " ", ".", "aac", "mp33", "../mp3", "x" * 10_000])
def test_a_format_that_cannot_be_verified_is_never_taken_for_none(name: str) -> None:
    with pytest.raises(InvalidSetting):
        AudioVerification(name)


def test_an_error_is_repeated() -> None:
    verification = AudioVerification()
    with pytest.raises(CorruptAudio) as first:
        verification.feed(FRAME_8K * 5 + b"junk")
    for call in (lambda: verification.feed(FRAME_8K), verification.finish, verification.finish):
        with pytest.raises(CorruptAudio) as again:
            call()
        assert again.value is first.value


def test_finishing_twice_gives_the_same_report() -> None:
    verification = AudioVerification()
    verification.feed(FRAME_8K * 5)
    assert verification.finish() is verification.finish()


def test_feeding_after_the_end_is_a_mistake_of_the_caller() -> None:
    verification = AudioVerification()
    verification.feed(FRAME_8K * 5)
    verification.finish()
    with pytest.raises(RuntimeError):
        verification.feed(FRAME_8K)


def test_empty_pieces_change_nothing() -> None:
    verification = AudioVerification()
    for piece in (b"", FRAME_8K[:3], b"", FRAME_8K[3:] + FRAME_8K, b""):
        verification.feed(piece)
    assert verification.finish().frames == 2


def test_wider_views_are_read_as_bytes() -> None:
    verification = AudioVerification()
    verification.feed(memoryview(FRAME_8K * 4).cast("I"))
    assert verification.finish().frames == 4


@pytest.mark.parametrize("data", [b"", HTML, FRAME_8K * 4 + b"junk", FRAME_8K[:-1]])
def test_errors_travel_between_processes(data: bytes) -> None:
    with pytest.raises(AudioError) as caught:
        verify(data)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert type(copy) is type(caught.value)
    assert str(copy) == str(caught.value)
    assert not copy.retryable
