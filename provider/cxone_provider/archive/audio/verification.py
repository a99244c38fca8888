"""One recording's verification: recognise the format, then walk its structure to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from cxone_provider.archive.audio.amr import verify_amr
from cxone_provider.archive.audio.flac import verify_flac
from cxone_provider.archive.audio.mp3 import verify_mp3
from cxone_provider.archive.audio.mp3_frames import is_frame_header
from cxone_provider.archive.audio.mp4 import verify_mp4
from cxone_provider.archive.audio.ogg import verify_ogg
from cxone_provider.archive.audio.reader import ByteReader, Steps
from cxone_provider.archive.audio.report import AudioReport, canonical_format
from cxone_provider.archive.audio.wav import RIFF_IDS, verify_wav
from cxone_provider.archive.errors import AudioError, TruncatedAudio, UnknownAudio, WrongFormat

_Parser: TypeAlias = Callable[[ByteReader], Steps[AudioReport]]

_PARSERS: dict[str, _Parser] = {
    "mp3": verify_mp3,
    "wav": verify_wav,
    "mp4": verify_mp4,
    "ogg": verify_ogg,
    "flac": verify_flac,
    "amr": verify_amr,
}
_SIGNATURES = {b"ID3": "mp3", b"OggS": "ogg", b"fLaC": "flac", b"#!AMR": "amr"}
_SIGNATURE_BYTES = 12
_SHOWN_BYTES = 64


class AudioVerification:
    """Verifies one file. Memory is a few kilobytes (64 KiB for Ogg and FLAC), whatever the file declares.

    Args:
        expected_format: a format's name as in :attr:`AudioReport.format`, or None to accept every known one.

    Raises:
        InvalidSetting: `expected_format` names no format that can be verified.

    Attributes:
        format: the format of the file, or None while too few bytes have arrived to tell.
    """

    def __init__(self, expected_format: str | None = None) -> None:
        self.format: str | None = None
        self._expected = None if expected_format is None else canonical_format(expected_format)
        self._reader = ByteReader()
        self._steps = self._verify()
        self._ended: AudioReport | AudioError | None = None
        next(self._steps)  # up to where it waits for the first bytes

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Verify the next bytes of the file. `data` is not kept and may be overwritten afterwards.

        Raises:
            AudioError: these bytes, or earlier ones, are not the audio they should be; repeated on every later call.
            RuntimeError: called after :meth:`finish`.
        """
        if self._reader.has_ended:
            raise RuntimeError("feed() after finish()")
        self._reader.push(memoryview(data).cast("B"))
        self._go_on()

    def finish(self) -> AudioReport:
        """Say that the file has ended; may be called again.

        Raises:
            AudioError: the file is not whole, or was found bad before.
        """
        self._reader.end()
        self._go_on()
        assert isinstance(self._ended, AudioReport)  # noqa: S101  # no parser waits after the end
        return self._ended

    def _go_on(self) -> None:
        if self._ended is None:
            try:
                next(self._steps)
            except StopIteration as stop:
                self._ended = stop.value
            except AudioError as error:
                self._ended = error.with_traceback(None)  # its frames would keep the caller's buffer
        self._reader.release()
        if isinstance(self._ended, AudioError):
            raise self._ended

    def _verify(self) -> Steps[AudioReport]:
        head = yield from self._reader.peek(_SIGNATURE_BYTES)
        if not head:
            raise TruncatedAudio("the file is empty")
        found = _format_of(head)
        if found is None:
            raise _unknown((yield from self._reader.take(_SHOWN_BYTES)))
        if self._expected not in (None, found):
            raise WrongFormat(
                "the audio has another format than was asked for",
                found=found,
                expected=self._expected,
                hint=f"Request the native format (audio_format=None), or audio_format={found!r}.",
            )
        self.format = found
        return (yield from _PARSERS[found](self._reader))


def _format_of(head: bytes) -> str | None:
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return name
    if head[:4] in RIFF_IDS and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "mp4"
    return "mp3" if is_frame_header(head) else None


def _unknown(beginning: bytes) -> AudioError:
    if len(beginning) < _SIGNATURE_BYTES and _may_begin_audio(beginning):
        return TruncatedAudio("the file ends before its format can be told", found=beginning)
    is_text = beginning.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"{", b"["))
    return UnknownAudio(
        "the file does not begin like audio",
        found=beginning,
        expected=", ".join(_PARSERS),
        hint="This looks like a page or a document that was sent in place of the media." if is_text else None,
    )


def _may_begin_audio(beginning: bytes) -> bool:
    if beginning.startswith(b"\0"):  # the size of an MP4's first box
        return b"ftyp".startswith(beginning[4:])
    return any(start.startswith(beginning[: len(start)]) for start in (*_SIGNATURES, *RIFF_IDS, b"\xff"))
