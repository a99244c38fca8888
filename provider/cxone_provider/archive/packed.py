"""Values that wait their turn, compressed: what a listing tells of a day is alike from row to row."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

BLOCK_VALUES = 128
_LEVEL = 1  # the quickest; the next ones save little


class Packed:
    """JSON values in the order in which they came. As they are it holds the last 128; as many more while it is read."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []
        self._open: list[Any] = []

    def append(self, value: Any) -> None:
        """Take a value that JSON has, and that nobody changes any more."""
        self._open.append(value)
        if len(self._open) == BLOCK_VALUES:
            text = json.dumps(self._open, separators=(",", ":"))
            self._blocks.append(zlib.compress(text.encode(), _LEVEL))
            self._open.clear()

    def __iter__(self) -> Iterator[Any]:
        """Yield the values; may be called again."""
        for block in self._blocks:
            yield from json.loads(zlib.decompress(block))
        yield from self._open
