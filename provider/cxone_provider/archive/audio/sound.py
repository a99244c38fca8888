"""The sound inside a WAV file: headers are passed over, samples are handed on as they arrive, nothing is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.wav import RIFF_IDS, SIZES_UNKNOWN
from cxone_provider.archive.audio.wav_codecs import FMT_MAX_BYTES, ByteOrder, WaveFormat, parse_wave_format
from cxone_provider.archive.errors import CorruptAudio, WrongFormat

_PIECE_BYTES = 64 * 1024


class SoundSink(Protocol):
    """Takes the samples of a file, front to back."""

    def feed(self, sound: bytes) -> None:
        """Take the next bytes of sound, of any length."""


class WavSound:
    """Hands the samples of a WAV file to a sink.

    Args:
        sink_of: makes the sink, once the file's format and byte order are known.

    Attributes:
        sink: the sink; None until the file's header was read.
    """

    def __init__(self, sink_of: Callable[[WaveFormat, ByteOrder], SoundSink]) -> None:
        self.sink: SoundSink | None = None
        self._sink_of = sink_of
        self._reader = ByteReader()
        self._steps = self._walk()
        self._is_over = False
        next(self._steps)  # up to where it waits for the first bytes

    def feed(self, piece: bytes) -> None:
        """Take the next bytes of the file.

        Raises:
            WrongFormat: no WAV, or a codec that the sink does not take.
            CorruptAudio: sound without a format before it.
        """
        self._reader.push(memoryview(piece))
        self._go_on()
        self._reader.release()

    def finish(self) -> SoundSink:
        """Say that the file has ended; return the sink.

        Raises:
            TruncatedAudio, CorruptAudio: there was no sound.
        """
        self._reader.end()
        self._go_on()
        if self.sink is None:
            raise CorruptAudio("a WAV file without sound")
        return self.sink

    def _go_on(self) -> None:
        if not self._is_over:
            self._is_over = next(self._steps, self) is self

    def _walk(self) -> Steps[None]:
        head = yield from self._reader.take_exactly(12, "the RIFF header")
        if head[:4] not in RIFF_IDS or head[8:] != b"WAVE":
            raise WrongFormat("not a WAV file", found=head[:4], expected="RIFF, RIFX, RF64 or BW64")
        order: ByteOrder = "big" if head.startswith(b"RIFX") else "little"
        kind: WaveFormat | None = None
        sound_bytes = 0  # of a 64-bit file
        while True:
            header = yield from self._reader.take_exactly(8, "the header of a chunk")
            size_bytes = int.from_bytes(header[4:], order)
            if header[:4] == b"data":
                break
            known = yield from self._reader.take_exactly(min(size_bytes, FMT_MAX_BYTES), "a chunk")
            if header[:4] == b"fmt ":
                kind = parse_wave_format(known, order)
            elif header[:4] == b"ds64":
                sound_bytes = int.from_bytes(known[8:16], "little")
            yield from self._reader.skip_exactly(size_bytes - len(known) + size_bytes % 2, "a chunk")
        if kind is None:
            raise CorruptAudio("sound without a format before it")
        self.sink = self._sink_of(kind, order)
        yield from self._hand_over(self.sink, sound_bytes if size_bytes == 0xFFFFFFFF else size_bytes)

    def _hand_over(self, sink: SoundSink, size_bytes: int) -> Steps[None]:
        """Hand over `size_bytes`, or everything where the writer did not know how much there is."""
        left = None if size_bytes in SIZES_UNKNOWN else size_bytes
        while left != 0:
            piece = yield from self._reader.take(_PIECE_BYTES if left is None else min(left, _PIECE_BYTES))
            if not piece:
                return
            sink.feed(piece)
            left = None if left is None else left - len(piece)
