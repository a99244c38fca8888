"""What a list lets one expect of the archive, held compactly: an id, a number, and what is common to many."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pendulum

from cxone_provider.archive.recording import Outcome, parse_time
from cxone_provider.archive.run_report import listed_id


@dataclass(frozen=True, slots=True)
class Due:
    """What a list tells of a recording or contact besides its id; one value for all of which it tells the same.

    Attributes:
        day: begin of the UTC day that it started on, or None.
        known: how it ended as the list itself tells: no media, or unusable; None where it may be archived.
    """

    day: pendulum.DateTime | None = None
    known: Outcome | None = None


class Expected(Mapping[str, Due]):
    """Recordings and contacts that should be there, by the id that audit logs tell of them, in the order of the list.

    Attributes:
        numbers: place of each in that order, from 0.
        dues: what is told of each, in that order.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.dues: list[Due] = []
        self._alike: dict[Due, Due] = {}

    def add(self, recording_id: str, due: Due) -> None:
        """Expect a recording or contact; it is expected once, as it was added first."""
        if recording_id not in self.numbers:
            self.numbers[recording_id] = len(self.dues)
            self.dues.append(self._alike.setdefault(due, due))

    @property
    def kinds(self) -> Collection[Due]:
        """All that is told of any, each once."""
        return self._alike

    def __getitem__(self, recording_id: str) -> Due:
        return self.dues[self.numbers[recording_id]]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.dues)


def expectations(documents: Iterable[Mapping[str, object]]) -> Expected:
    """Return what ref documents let one expect, each recording and contact once; the documents are read once.

    Raises:
        InvalidDocument: a start that is no time.
    """
    expected = Expected()
    for document in documents:
        recorded_at = parse_time(document.get("recorded_at"), "recorded_at")
        known = Outcome.NO_RECORDING if document.get("has_media") is False else None
        known = Outcome.REJECTED if document.get("malformed") else known
        expected.add(listed_id(document), Due(None if recorded_at is None else recorded_at.start_of("day"), known))
    return expected
