"""What is moved: recordings as files of the source, and how many of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.equipment import ROOT

MIB = 2**20
SEGMENT_BYTES = 8 * MIB
STREAM_SECRET = b"bench-stream-secret-0123456789abcdef"
_AUDIO = ROOT / "tests" / "audio"
_BYTES_PER_S = 16_000
_WAV_HEADER_BYTES = 44


@dataclass(frozen=True, slots=True)
class Load:
    """`count` recordings that are all the file `media`.

    Attributes:
        name: of the load, and of its row and plot.
        media: name of the file; the recordings are ``{media}_0``, ``{media}_1``, ….
        count: how many there are.
        size_bytes: of a made file; None for a real call.
        call: the real call's file name.
        duration_s: of the real call.
        delay_ms: pause before each answer of both ends.
        few: recordings for clients that take a second each; rates are compared, not times.
    """

    name: str
    media: str
    count: int
    size_bytes: int | None = None
    call: str | None = None
    duration_s: float = 0.0
    delay_ms: int = 0
    few: int = 4

    def bytes_of_one(self) -> int:
        """Return the size of one recording."""
        return (_AUDIO / self.call).stat().st_size if self.call else int(self.size_bytes or 0)

    def ids(self, count: int) -> list[str]:
        """Return the first ids."""
        return [f"{self.media}_{number}" for number in range(count)]


FULL: Mapping[str, Load] = {
    "large": Load("1 x 1 GiB", "large", 1, 1024 * MIB, few=1),
    "mib": Load("200 x 1 MiB", "mib", 200, MIB),
    "small": Load("2,000 x 256 KiB", "small", 2000, MIB // 4),
    "wav": Load("100 real calls, WAV of 2.1 MiB", "wav", 100, call="call-pcm16-8k-stereo.wav", duration_s=70.04),
    "mp3": Load("200 real calls, MP3 of 275 KiB", "mp3", 200, call="call-cbr32k-8k-id3v23.mp3", duration_s=70.2),
    "latency": Load("100 x 1 MiB, 30 ms a request", "mib", 100, MIB, delay_ms=30),
}
QUICK: Mapping[str, Load] = {
    "large": Load("1 x 128 MiB", "large", 1, 128 * MIB, few=1),
    "mib": Load("50 x 1 MiB", "mib", 50, MIB, few=2),
    "small": Load("200 x 256 KiB", "small", 200, MIB // 4, few=2),
    "mp3": Load("50 real calls, MP3 of 275 KiB", "mp3", 50, call="call-cbr32k-8k-id3v23.mp3", duration_s=70.2, few=2),
    "latency": Load("20 x 1 MiB, 30 ms a request", "mib", 20, MIB, delay_ms=30, few=2),
}


def make_media(load: Load, folder: Path) -> None:
    """Put a load's file, its metadata and its chunk signatures into the source's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / load.media
    if load.call:
        shutil.copyfile(_AUDIO / load.call, path)
        duration_s, audio_format = load.duration_s, Path(load.call).suffix[1:]
    else:
        duration_s, audio_format = make_wav(path, load.bytes_of_one()), "wav"
    metadata = {
        "format": audio_format,
        "size": load.bytes_of_one(),
        "duration": duration_s,
        "status": "completed",
        "storageState": "available",
    }
    Path(f"{path}.json").write_text(json.dumps(metadata))
    _sign(path)


def make_wav(path: Path, size_bytes: int) -> float:
    """Write a WAV of noise, 8 kHz 16 bit, of exactly `size_bytes`; return its duration in seconds."""
    sound_bytes = size_bytes - _WAV_HEADER_BYTES
    kind = struct.pack("<IHHIIHH", 16, 1, 1, 8000, _BYTES_PER_S, 2, 16)
    head = b"RIFF" + struct.pack("<I", (size_bytes - 8) & 0xFFFFFFFF) + b"WAVEfmt " + kind
    # Above 4 GiB the header cannot tell the size: it says so, as a recorder that streams does.
    head += b"data" + struct.pack("<I", min(0xFFFFFFFF, sound_bytes))
    if sound_bytes >= 0xFFFFFFFF:
        head = b"RIFF" + b"\xff" * 4 + head[8:]
    block = os.urandom(MIB)
    with path.open("wb") as file:
        file.write(head)
        for start in range(0, sound_bytes, MIB):
            file.write(block[: min(MIB, sound_bytes - start)])
    return sound_bytes / _BYTES_PER_S


def _sign(path: Path) -> None:
    with path.open("rb") as file, Path(f"{path}.signatures").open("w") as signatures:
        start = 0
        while chunk := file.read(SEGMENT_BYTES):
            mac = hmac.new(STREAM_SECRET, start.to_bytes(8, "big") + chunk, hashlib.sha256)
            signatures.write(f"{start}-{start + len(chunk) - 1} {mac.hexdigest()}\n")
            start += len(chunk)
