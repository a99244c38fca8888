"""How loud each channel of a call is, window by window: who talks, who is silent, and do they talk at once?

Sound is not transcribed and nobody is identified. A window is a fiftieth of a second; a channel talks in it where the
mean of its squared samples is above a threshold, told in decibels below full scale (dBFS). Memory does not grow with
the call.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from operator import mul
from typing import Any

from cxone_provider.archive.audio.wav_codecs import ByteOrder, WaveFormat
from cxone_provider.archive.errors import InvalidSetting, WrongFormat

DEFAULT_SILENCE_DBFS = -45.0
MEASURED_CODECS = "PCM of 8 or 16 bits, A-law and µ-law"
_WINDOWS_PER_S = 50
_FULL_SCALE = 32768


def _ulaw(code: int) -> int:
    """Return a sample of 16 bits; ITU-T G.711, table 2a and 2b."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw(code: int) -> int:
    """Return a sample of 16 bits; ITU-T G.711, table 1a and 1b."""
    code ^= 0x55
    exponent, mantissa = code >> 4 & 7, (code & 0x0F) << 4
    magnitude = mantissa + 8 if not exponent else mantissa + 0x108 << exponent - 1
    return magnitude if code & 0x80 else -magnitude


_SQUARES = {
    "ulaw": [_ulaw(code) ** 2 for code in range(256)],
    "alaw": [_alaw(code) ** 2 for code in range(256)],
    "pcm": [(code - 128 << 8) ** 2 for code in range(256)],  # one byte of PCM is unsigned
}


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """One channel of a call.

    Attributes:
        talk_share: share of windows in which it talks, from 0 to 1.
        silence_share: the rest.
        longest_silence_s: seconds of its longest silence.
        loudness_dbfs: of the windows in which it talks; None where it never does.
    """

    talk_share: float
    silence_share: float
    longest_silence_s: float
    loudness_dbfs: float | None


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """A call's sound.

    Attributes:
        duration_s: seconds of sound.
        silence_share: share of windows in which no channel talks.
        overlap_share: share of windows in which two or more do.
        longest_silence_s: seconds of the longest time in which none does.
        channels: in the order of the file.
    """

    duration_s: float
    silence_share: float
    overlap_share: float
    longest_silence_s: float
    channels: tuple[ChannelStatistics, ...]

    def to_document(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {**asdict(self), "channels": [asdict(one) for one in self.channels]}


class _Silence:
    """Counts windows, and the longest row of silent ones."""

    __slots__ = ("_row", "longest", "silent")

    def __init__(self) -> None:
        self.silent = 0
        self.longest = 0
        self._row = 0

    def add(self, *, is_silent: bool) -> None:
        self._row = self._row + 1 if is_silent else 0
        self.silent += is_silent
        self.longest = max(self.longest, self._row)


class LoudnessMeter:
    """Measures sound as it arrives; see :class:`~cxone_provider.archive.audio.sound.SoundSink`.

    Args:
        kind: the sound's format.
        order: of its bytes.
        silence_dbfs: what is quieter is silence.

    Raises:
        WrongFormat: a codec whose samples cannot be read without decoding.
        InvalidSetting: a threshold that is not below full scale.
    """

    def __init__(self, kind: WaveFormat, order: ByteOrder, silence_dbfs: float = DEFAULT_SILENCE_DBFS) -> None:
        if not -120 <= silence_dbfs < 0:
            raise InvalidSetting("unusable silence_dbfs", found=silence_dbfs, expected="from -120 to below 0")
        self._kind = kind
        self._energies = _energies_of(kind, order)
        self._window_bytes = max(1, kind.sample_rate_hz // _WINDOWS_PER_S) * kind.block_bytes
        self._threshold = _FULL_SCALE**2 * 10 ** (silence_dbfs / 10)
        self._rest = b""
        self._windows = 0
        self._sound_bytes = 0
        self._overlaps = 0
        self._whole = _Silence()
        self._channels = [_Silence() for _ in range(kind.channels)]
        self._talk_energy = [0.0] * kind.channels

    def feed(self, sound: bytes) -> None:
        """Measure the next bytes of sound; what does not fill a window waits for the rest of it."""
        sound = self._rest + sound
        whole = len(sound) - len(sound) % self._window_bytes
        for start in range(0, whole, self._window_bytes):
            self._measure(sound[start : start + self._window_bytes])
        self._rest = sound[whole:]

    def finish(self) -> CallStatistics:
        """Return what was measured; the last window may be shorter."""
        last = self._rest[: len(self._rest) - len(self._rest) % self._kind.block_bytes]
        if last:
            self._measure(last)
        self._rest = b""
        return CallStatistics(
            duration_s=round(self._sound_bytes / self._kind.block_bytes / self._kind.sample_rate_hz, 3),
            silence_share=self._share(self._whole.silent),
            overlap_share=self._share(self._overlaps),
            longest_silence_s=self._seconds(self._whole.longest),
            channels=tuple(self._channel(*one) for one in zip(self._channels, self._talk_energy, strict=True)),
        )

    def _measure(self, window: bytes) -> None:
        talking = 0
        for index, energy in enumerate(self._energies(window)):
            is_silent = energy <= self._threshold
            self._channels[index].add(is_silent=is_silent)
            if not is_silent:
                talking += 1
                self._talk_energy[index] += energy
        self._whole.add(is_silent=not talking)
        self._overlaps += talking > 1
        self._windows += 1
        self._sound_bytes += len(window)

    def _channel(self, silence: _Silence, energy: float) -> ChannelStatistics:
        talking = self._windows - silence.silent
        return ChannelStatistics(
            talk_share=self._share(talking),
            silence_share=self._share(silence.silent),
            longest_silence_s=self._seconds(silence.longest),
            loudness_dbfs=round(10 * math.log10(energy / talking / _FULL_SCALE**2), 2) if talking else None,
        )

    def _share(self, windows: int) -> float:
        return round(windows / self._windows, 4) if self._windows else 0.0

    def _seconds(self, windows: int) -> float:
        window_s = self._window_bytes / self._kind.block_bytes / self._kind.sample_rate_hz
        return round(min(windows * window_s, self._sound_bytes / self._kind.block_bytes / self._kind.sample_rate_hz), 3)


def _energies_of(kind: WaveFormat, order: ByteOrder) -> Callable[[bytes], Iterable[float]]:
    """Return a function that gives the mean of the squared samples of each channel."""
    sample_bytes = kind.block_bytes // kind.channels
    if kind.codec == "pcm" and sample_bytes == 2:
        return lambda window: _energies_of_words(window, kind.channels, is_swapped=order != sys.byteorder)
    if kind.codec in _SQUARES and sample_bytes == 1:
        return lambda window: _energies_of_codes(window, kind.channels, _SQUARES[kind.codec])
    raise WrongFormat(
        "sound that is not measured", found=f"{kind.codec}, {sample_bytes} bytes", expected=MEASURED_CODECS
    )


def _energies_of_words(window: bytes, channels: int, *, is_swapped: bool) -> Iterable[float]:
    samples = array("h", window)
    if is_swapped:
        samples.byteswap()
    for channel in range(channels):
        one = samples[channel::channels]
        yield sum(map(mul, one, one)) / len(one)


def _energies_of_codes(window: bytes, channels: int, squares: Sequence[int]) -> Iterable[float]:
    for channel in range(channels):
        one = window[channel::channels]
        yield sum(map(squares.__getitem__, one)) / len(one)
