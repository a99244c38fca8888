"""Documents of which is told how many anybody still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from weakref import WeakSet


class _Document(dict[str, Any]):
    __hash__ = object.__hash__  # type: ignore[assignment]  # one is itself, whatever stands in it


class Alive:
    """A list that is made while it is read.

    Attributes:
        most: how many of its documents were alive at the same time, at most.
    """

    def __init__(self) -> None:
        self.most = 0
        self._alive: WeakSet[_Document] = WeakSet()

    def documents(self, numbers: Iterable[int], made: Callable[[int], Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield a document for each number."""
        for number in numbers:
            document = _Document(made(number))
            self._alive.add(document)
            self.most = max(self.most, len(self._alive))
            yield document
