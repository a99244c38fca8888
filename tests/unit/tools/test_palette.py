from __future__ import annotations

import struct
import zlib

import numpy as np

from tools.palette import COLOURS, indexed_png


def decoded(png: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Read a PNG with a palette and no filters, as the format says."""
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        name, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length) == (zlib.crc32(name + content),)
        chunks[name], at = content, at + 12 + length
    width, height, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    palette = np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)
    assert len(palette) <= COLOURS
    return palette[rows[:, 1:]]


def test_a_picture_of_few_colours_stays_what_it_is() -> None:
    pixels = np.random.default_rng(7).integers(0, 2, (40, 30, 3), np.uint8) * 200
    assert (decoded(indexed_png(pixels)) == pixels).all()


def test_colours_beyond_the_palette_become_near_ones() -> None:
    row = np.arange(256, dtype=np.uint8)
    pixels = np.stack(np.broadcast_arrays(row[None, :], row[::8, None], np.uint8(9)), axis=2)
    found = decoded(indexed_png(pixels)).astype(int)
    assert found.shape == pixels.shape
    assert np.abs(found - pixels).max() < 256
    assert np.abs(found - pixels).mean() < 60
