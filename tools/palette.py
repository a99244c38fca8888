"""Screenshots as small PNG files: the 256 commonest colours of a page are enough for it."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from selenium.webdriver import Chrome

if TYPE_CHECKING:
    Pixels = NDArray[np.uint8]

COLOURS = 256
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# The browser decodes its own picture; its pixels come back row by row.
_DECODE = """
const [png, done] = arguments;
const raw = Uint8Array.from(atob(png), (it) => it.charCodeAt(0));
createImageBitmap(new Blob([raw], { type: "image/png" })).then((image) => {
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, image.width, image.height);
  let text = "";
  for (let at = 0; at < data.length; at += 32768) text += String.fromCharCode(...data.subarray(at, at + 32768));
  done([image.width, image.height, btoa(text)]);
});
"""


def small_png(page: Chrome) -> bytes:
    """Return what the browser shows as a PNG with a palette."""
    width, height, pixels = page.execute_async_script(_DECODE, page.get_screenshot_as_base64())
    raw = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)
    return indexed_png(raw[:, :, :3])


def indexed_png(pixels: Pixels) -> bytes:
    """Return pixels of red, green and blue as a PNG; colours beyond the commonest become the nearest of those."""
    height, width, _ = pixels.shape
    colours, which, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(counts)[::-1][:COLOURS]]
    rows = _nearest(colours, palette)[which.reshape(-1)].reshape(height, width)
    body = np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks)


def _nearest(colours: Pixels, palette: Pixels) -> Pixels:
    found = np.empty(len(colours), np.uint8)
    for start in range(0, len(colours), 4096):
        apart = colours[start : start + 4096, None, :].astype(np.int32) - palette[None, :, :]
        found[start : start + 4096] = (apart**2).sum(axis=2).argmin(axis=1)
    return found


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
