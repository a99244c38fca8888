"""What a verified file turned out to be, and the names its format goes by."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cxone_provider.archive.errors import DurationDisagrees, InvalidSetting

DURATION_TOLERANCE_S = 1.0
DURATION_TOLERANCE_RATIO = 0.01

# The format is the extension: what stands here are the media types.
_MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "audio/mp4",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "amr": "audio/amr",
}
_OTHER_NAMES = {"wave": "wav", "m4a": "mp4", "oga": "ogg", "opus": "ogg"}


@dataclass(frozen=True, slots=True)
class AudioReport:
    """One whole file.

    Attributes:
        format: the container: ``mp3``, ``wav``, ``mp4``, ``ogg``, ``flac`` or ``amr``.
        codec: what the container holds, e.g. ``mp3``, ``pcm``, ``ulaw``, ``gsm610``, ``aac``, ``opus``.
        duration_s: measured seconds, or None where the structure does not tell.
        sample_rate_hz: samples per second and channel, or None.
        channels: 1 is mono, or None.
        frames: codec frames or blocks that were counted, or None.
    """

    format: str
    codec: str
    duration_s: float | None
    sample_rate_hz: int | None
    channels: int | None
    frames: int | None


def canonical_format(name: str) -> str:
    """Return the format that `name` stands for, e.g. ``mp4`` for ``.M4A``.

    Raises:
        InvalidSetting: no format of that name can be verified; in particular the empty name.
    """
    lowered = name.strip().lower().removeprefix(".")
    canonical = _OTHER_NAMES.get(lowered, lowered)
    if canonical in _MEDIA_TYPES:
        return canonical
    raise InvalidSetting(
        "unknown audio format",
        found=name,
        expected=f"one of {', '.join(_MEDIA_TYPES)}",
        hint="Leave the format out (None) to accept what the source delivers.",
    )


def extension_of(format_name: str) -> str:
    """Return the file extension of a format, without a dot.

    Raises:
        InvalidSetting: no such format.
    """
    return canonical_format(format_name)


def media_type_of(format_name: str) -> str:
    """Return the media type of a format, e.g. ``audio/mpeg``.

    Raises:
        InvalidSetting: no such format.
    """
    return _MEDIA_TYPES[canonical_format(format_name)]


def check_duration(measured_s: float | None, declared_s: float | None, wider_s: float = 0.0) -> None:
    """Compare the measured duration with the metadata's; either may be unknown, then nothing is compared.

    Encoders add up to a quarter of a second and metadata is often in whole seconds, hence the tolerance of one
    second or one percent, whichever is more.

    Args:
        measured_s: seconds of the audio itself.
        declared_s: seconds by the metadata.
        wider_s: a tolerance of the caller's own, seconds; counts where it is the widest.

    Raises:
        DurationDisagrees: the two are further apart.
    """
    if measured_s is None or declared_s is None:
        return
    tolerance_s = max(DURATION_TOLERANCE_S, DURATION_TOLERANCE_RATIO * declared_s, wider_s)
    if not abs(measured_s - declared_s) <= tolerance_s < math.inf:  # written so that NaN disagrees too
        raise DurationDisagrees(
            "the audio plays for another time than its metadata says",
            found=f"{measured_s:.3f} s",
            expected=f"{declared_s:.3f} s, give or take {tolerance_s:.3f} s",
        )
