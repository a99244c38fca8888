"""A mutation fuzzer that needs nothing: the same seed gives the same inputs on every machine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
MAX_INPUT_BYTES = 6000
_MAX_STEPS = 4
_NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    12,
    16,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63,
    2**64 - 1,
)

Step = Callable[[random.Random, bytes, "Material"], bytes]


class Material:
    """What inputs are made of.

    Attributes:
        corpus: the kept files of a target, by name.
        words: its dictionary.
    """

    def __init__(self, target: str) -> None:
        self.corpus = {path.name: path.read_bytes() for path in sorted((FOLDER / "corpus" / target).iterdir())}
        self.words = dictionary(FOLDER / f"{target}.dict")
        self._files = list(self.corpus.values())

    def inputs(self, seed: int, count: int) -> Iterator[bytes]:
        """Yield `count` inputs: kept files changed in one to four steps."""
        rng = random.Random(seed)
        for _ in range(count):
            data = rng.choice(self._files)
            for _ in range(rng.randint(1, _MAX_STEPS)):
                data = rng.choice(_STEPS)(rng, data, self)[:MAX_INPUT_BYTES]
            yield data

    def file(self, rng: random.Random) -> bytes:
        """Return any kept file."""
        return rng.choice(self._files)


def dictionary(path: Path) -> Sequence[bytes]:
    r"""Return the words of a libFuzzer dictionary: one quoted string a line, ``\xNN`` for bytes."""
    lines = [line for line in path.read_text().splitlines() if line.startswith('"')]
    return [_unquoted(line[1:-1]) for line in lines]


def _unquoted(text: str) -> bytes:
    def plain(match: re.Match[str]) -> str:
        return chr(int(match[1], 16)) if match[1] else match[2]

    return re.sub(r'\\(?:x([0-9A-Fa-f]{2})|(["\\]))', plain, text).encode("latin-1")


def _span(rng: random.Random, data: bytes) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.choice((1, 1, 2, 4, 8, 32, 128, 1024)))


def _flip_bit(rng: random.Random, data: bytes, _material: Material) -> bytes:
    if not data:
        return b"\x01"
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _write_number(rng: random.Random, data: bytes, _material: Material) -> bytes:
    width, number = rng.choice((1, 2, 4, 8)), rng.choice(_NUMBERS) + rng.randint(-2, 2)
    at = rng.randint(0, len(data))
    order = rng.choice(("big", "little"))
    written = (number % (1 << 8 * width)).to_bytes(width, "big" if order == "big" else "little")
    return data[:at] + written + data[at + width :]


def _drop(rng: random.Random, data: bytes, _material: Material) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + data[stop:]


def _double(rng: random.Random, data: bytes, _material: Material) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + data[start:stop] * rng.randint(2, 9) + data[stop:]


def _move(rng: random.Random, data: bytes, _material: Material) -> bytes:
    start, stop = _span(rng, data)
    rest, at = data[:start] + data[stop:], rng.randint(0, len(data))
    return rest[:at] + data[start:stop] + rest[at:]


def _blank(rng: random.Random, data: bytes, _material: Material) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + rng.choice((b"\0", b"\xff", b" ", b"9")) * (stop - start) + data[stop:]


def _insert_word(rng: random.Random, data: bytes, material: Material) -> bytes:
    word, at = rng.choice(material.words), rng.randint(0, len(data))
    return data[:at] + word + data[at + rng.choice((0, len(word))) :]


def _splice(rng: random.Random, data: bytes, material: Material) -> bytes:
    other = material.file(rng)
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


def _noise(rng: random.Random, data: bytes, _material: Material) -> bytes:
    start, stop = _span(rng, data)
    return data[:start] + rng.randbytes(stop - start) + data[stop:]


_STEPS: Sequence[Step] = (
    _flip_bit, _flip_bit, _write_number, _write_number, _drop, _double, _move, _blank, _insert_word, _splice, _noise,
)  # fmt: skip
