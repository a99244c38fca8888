"""WAV files made sample by sample."""

from __future__ import annotations

import struct
from collections.abc import Sequence


def riff(codec: int, channels: int, bits: int, samples: bytes, *, declared: int | None = None) -> bytes:
    """Return a WAV file of one fmt and one data chunk."""
    frame = channels * bits // 8
    fields = struct.pack("<HHIIHH", codec, channels, 8000, 8000 * frame, frame, bits)
    length = len(samples) if declared is None else declared
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + fields + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    return b"RIFF" + struct.pack("<I", 0) + body + b"data" + struct.pack("<I", length) + samples


def wav(samples: Sequence[int], channels: int = 1) -> bytes:
    """Return 16-bit PCM; samples of several channels stand side by side."""
    return riff(1, channels, 16, struct.pack(f"<{len(samples)}h", *samples))
