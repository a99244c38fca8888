"""Durations against metadata; names, extensions and media types."""

from __future__ import annotations

import dataclasses

import pytest

from cxone_provider.archive import audio
from cxone_provider.archive.audio import AudioReport, check_duration, extension_of, media_type_of
from cxone_provider.archive.errors import DurationDisagrees, InvalidSetting


@pytest.mark.parametrize(
    ("measured_s", "declared_s"),
    [
        (None, 10.0),
        (10.0, None),
        (None, None),
        (10.0, 10.0),
        (11.0, 10.0),
        (9.0, 10.0),
        (0.9, 0.0),
        (3636.0, 3600.0),  # one percent
        (3564.0, 3600.0),
        (0.0, 1.0),
    ],
)
def test_durations_that_agree(measured_s: float | None, declared_s: float | None) -> None:
    check_duration(measured_s, declared_s)


@pytest.mark.parametrize(
    ("measured_s", "declared_s"),
    [
        (11.001, 10.0),
        (8.999, 10.0),
        (30.0, 0.0),
        (3636.1, 3600.0),
        (3563.9, 3600.0),
        (1800.0, 3600.0),
        (70.0, -70.0),
        (70.0, float("nan")),
        (70.0, float("inf")),
        (float("nan"), 70.0),
    ],
)
def test_durations_that_disagree(measured_s: float, declared_s: float) -> None:
    with pytest.raises(DurationDisagrees, match=r"found .* s, expected .* s, give or take"):
        check_duration(measured_s, declared_s)


@pytest.mark.parametrize(
    ("format_name", "extension", "media_type"),
    [
        ("mp3", "mp3", "audio/mpeg"),
        ("wav", "wav", "audio/wav"),
        ("mp4", "mp4", "audio/mp4"),
        ("m4a", "mp4", "audio/mp4"),
        ("ogg", "ogg", "audio/ogg"),
        ("flac", "flac", "audio/flac"),
        ("amr", "amr", "audio/amr"),
    ],
)
def test_names(format_name: str, extension: str, media_type: str) -> None:
    assert extension_of(format_name) == extension
    assert media_type_of(format_name) == media_type


@pytest.mark.parametrize("function", [extension_of, media_type_of])
def test_no_name_is_made_up(function: object) -> None:
    assert callable(function)
    with pytest.raises(InvalidSetting, match="unknown audio format"):
        function("exe")


def test_the_public_surface() -> None:
    assert audio.__all__ == [
        "AudioReport", "AudioVerification", "canonical_format", "check_duration", "extension_of", "media_type_of",
    ]  # fmt: skip
    assert [field.name for field in dataclasses.fields(AudioReport)] == [
        "format", "codec", "duration_s", "sample_rate_hz", "channels", "frames",
    ]  # fmt: skip
