"""Documents that are counted while somebody holds them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


class Document(dict[str, Any]):
    """A JSON object whose end can be seen."""


class Passing:
    """Hands on documents one by one, each made when it is asked for.

    Attributes:
        handed: how many were asked for.
        alive: how many of them somebody holds, circles of frames that a library left aside.
        most_alive: how many somebody held at once.
    """

    def __init__(self) -> None:
        self.handed = self.most_alive = self._alive = 0

    @property
    def alive(self) -> int:  # told above
        gc.collect()
        return self._alive

    def documents(self, made: Iterable[Mapping[str, Any]]) -> Iterator[Document]:
        """Yield the documents; one of another generator is counted with them."""
        return (self._counted(one) for one in made)

    def _counted(self, made: Mapping[str, Any]) -> Document:
        document = Document(made)
        weakref.finalize(document, self._ended)
        self.handed += 1
        self._alive += 1
        self.most_alive = max(self.most_alive, self._alive)
        return document

    def _ended(self) -> None:
        self._alive -= 1


class Results(Sequence[Any]):
    """What mapped tasks returned, as Airflow hands it to a task: each slice is asked for, and made then."""

    def __init__(self, passing: Passing, made: Sequence[Mapping[str, Any]]) -> None:
        self._passing = passing
        self._made = made

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, key: Any) -> Any:
        return list(self._passing.documents(self._made[key]))
