"""The shape of a recording: the lowest and the highest sample of a thousand slices of each channel.

For WAV with PCM of 8 to 32 bits, 32-bit floats, A-law and µ-law. The file is read once, a piece at a time; memory is a
piece and a slice. Other codecs need a decoder, and the browser has one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.errors import InvalidInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLICES = 1_000
MAX_DRAWN_BYTES = 512 * 2**20
_HEAD_BYTES = 256 * 1024
_UNKNOWN = 0xFFFFFFFF
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_MAX_CHANNELS = 8


class NotDrawable(InvalidInput):
    """No waveform is made of this on the server."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Where the samples lie in a WAV file, and how they are coded.

    Attributes:
        codec: format tag.
        channels, bits: of one frame.
        start, stop: bytes of the samples.
    """

    codec: int
    channels: int
    bits: int
    start: int
    stop: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8


def parse_sound(head: bytes, size_bytes: int) -> Sound:
    """Find format and samples in the beginning of a WAV file of `size_bytes`.

    Raises:
        NotDrawable: another format or codec.
    """
    if head[:4] not in {b"RIFF", b"RF64"} or head[8:12] != b"WAVE":
        raise NotDrawable("not a WAV file", expected="RIFF or RF64")
    fields: tuple[int, int, int] | None = None
    for name, start, length in _chunks(head):
        if name == b"fmt " and length >= 16 and start + 16 <= len(head):
            codec, channels, _, _, _, bits = struct.unpack_from("<HHIIHH", head, start)
            if codec == _EXTENSIBLE and length >= 26 and start + 26 <= len(head):
                codec = struct.unpack_from("<H", head, start + 24)[0]
            fields = codec, channels, bits
        elif name == b"data" and fields is not None:
            # A length that was never written, or that only ds64 tells, runs to the end of the file.
            unknown = length in {0, _UNKNOWN}
            sound = Sound(*fields, start, size_bytes if unknown else min(start + length, size_bytes))
            return _checked(sound)
    raise NotDrawable("no samples in the beginning of the file", expected=f"within {_HEAD_BYTES} bytes")


def _chunks(head: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    while at + 8 <= len(head):
        name, length = struct.unpack_from("<4sI", head, at)
        yield name, at + 8, length
        at += 8 + length + length % 2


def _checked(sound: Sound) -> Sound:
    known = (sound.codec, sound.bits) in {
        (_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_ALAW, 8), (_ULAW, 8)
    }  # fmt: skip
    if not known or not 1 <= sound.channels <= _MAX_CHANNELS:
        raise NotDrawable("a codec that is not drawn here", found=(sound.codec, sound.bits, sound.channels))
    if sound.stop - sound.start < sound.frame_bytes:
        raise NotDrawable("no samples")
    return sound


def waveform_of(store: ArchiveBrowser, key: str, size_bytes: int, version_id: str | None) -> dict[str, Any]:
    """Return ``{"channels": [[low, high, low, high, …], …]}``, each from -127 to 127.

    Raises:
        NotDrawable: another format or codec, or too large to be read for a picture.
    """
    if not 0 < size_bytes <= MAX_DRAWN_BYTES:
        raise NotDrawable("too large to be drawn", found=size_bytes, expected=f"at most {MAX_DRAWN_BYTES} bytes")
    sound = parse_sound(store.read_range(key, 0, min(size_bytes, _HEAD_BYTES), version_id=version_id), size_bytes)
    frames = (sound.stop - sound.start) // sound.frame_bytes
    slice_bytes = -(-frames // SLICES) * sound.frame_bytes
    channels: list[list[int]] = [[] for _ in range(sound.channels)]
    decode = _decoder(sound)
    with store.stream(key, version_id=version_id) as pieces:
        for block in _blocks(pieces, sound, slice_bytes):
            _append(channels, decode(block).reshape(-1, sound.channels), slice_bytes // sound.frame_bytes)
    return {"channels": channels}


def _blocks(pieces: Iterator[bytes], sound: Sound, slice_bytes: int) -> Iterator[bytes]:
    """Yield the samples in blocks of whole slices; the last one holds whole frames."""
    offset, waiting = 0, bytearray()
    for piece in pieces:
        first, last = max(0, sound.start - offset), max(0, sound.stop - offset)
        offset += len(piece)
        waiting += piece[first:last]
        whole = len(waiting) - len(waiting) % slice_bytes
        if whole:
            yield bytes(waiting[:whole])
            del waiting[:whole]
    rest = len(waiting) - len(waiting) % sound.frame_bytes
    if rest:
        yield bytes(waiting[:rest])


def _append(channels: list[list[int]], samples: NDArray[np.floating[Any]], frames: int) -> None:
    import numpy as np

    starts = np.arange(0, len(samples), frames)
    low, high = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    for number, drawn in enumerate(channels):
        pairs = np.stack((low[:, number], high[:, number]), axis=1).ravel()
        drawn.extend(np.clip(np.nan_to_num(pairs) * 127, -127, 127).round().astype(int).tolist())


def _decoder(sound: Sound) -> Callable[[bytes], NDArray[np.floating[Any]]]:
    """Return what makes samples from -1 to 1 of bytes."""
    import numpy as np

    if sound.codec in {_ALAW, _ULAW}:
        table = np.array([(_alaw if sound.codec == _ALAW else _ulaw)(code) for code in range(256)], np.float32)
        return lambda raw: table[np.frombuffer(raw, np.uint8)]
    if sound.codec == _FLOAT:
        return lambda raw: np.frombuffer(raw, "<f4")
    if sound.bits == 8:
        return lambda raw: (np.frombuffer(raw, np.uint8).astype(np.float32) - 128) / 128
    if sound.bits == 24:
        # The low byte of 24 bits is below what a picture shows: the high 16 are read.
        return lambda raw: np.ascontiguousarray(
            np.frombuffer(raw, np.uint8).reshape(-1, 3)[:, 1:]
        ).view("<i2").ravel().astype(np.float32) / 2**15  # fmt: skip
    return lambda raw: np.frombuffer(raw, f"<i{sound.bits // 8}").astype(np.float32) / 2 ** (sound.bits - 1)


def _ulaw(code: int) -> float:
    """Expand one µ-law code (ITU-T G.711) to -1…1."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return (-magnitude if code & 0x80 else magnitude) / 32768


def _alaw(code: int) -> float:
    """Expand one A-law code (ITU-T G.711) to -1…1."""
    code ^= 0x55
    segment, magnitude = (code & 0x70) >> 4, (code & 0x0F) << 4
    magnitude = magnitude + 8 if segment == 0 else magnitude + 0x108 << segment - 1
    return (magnitude if code & 0x80 else -magnitude) / 32768
