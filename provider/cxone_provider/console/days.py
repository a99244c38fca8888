"""A day of the archive in numbers, taken from the lines of its runs; a day's summary is small however long the day."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxone_provider.archive.recording import Outcome
from cxone_provider.console.completeness import Completeness
from cxone_provider.console.run_files import RunFile
from cxone_provider.console.run_lines import RunLine

RANKED = 10
ATTENTION_KEPT = 50
_RANKS: Mapping[str, int] = {Outcome.ARCHIVED: 2, Outcome.ALREADY_ARCHIVED: 1}
# These end a recording for good, or until a person or another system acts.
_FOR_A_PERSON: frozenset[str] = frozenset({Outcome.FAILED, Outcome.REJECTED, Outcome.LOCKED})


@dataclass(frozen=True, slots=True)
class Attention:
    """One recording that a person should look at."""

    recording_id: str
    kind: str
    why: str
    run: str
    day: str
    retryable: bool = False

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "recording_id": self.recording_id,
            "kind": self.kind,
            "why": self.why,
            "run": self.run,
            "day": self.day,
            "retryable": self.retryable,
        }


@dataclass(frozen=True, slots=True)
class Ranked:
    """A recording that stands out, and the run that archived it."""

    line: RunLine
    run: str


@dataclass(frozen=True, slots=True)
class DaySummary:
    """One day.

    Attributes:
        day: ISO date of the runs.
        outcomes: how many recordings ended which way, each recording once.
        archived_bytes, transfer_ms: of what was archived on the day; the time of recordings side by side adds up.
        slowest, largest: what was archived, ranked.
        attention: the first of those that a person should look at.
        attention_count: all of them.
        verified, damaged: recordings that were read back, and those that are not what their evidence says.
        runs: names of the day's runs, each with a recording that it archived, or None: whose manifest names its DAG.
        unreadable: lines of another kind.
        completeness: the newest report about the day.
    """

    day: str
    outcomes: Mapping[str, int] = field(default_factory=dict)
    archived_bytes: int = 0
    transfer_ms: float = 0.0
    slowest: Sequence[Ranked] = ()
    largest: Sequence[Ranked] = ()
    attention: Sequence[Attention] = ()
    attention_count: int = 0
    verified: int = 0
    damaged: int = 0
    runs: Mapping[str, str | None] = field(default_factory=dict)
    unreadable: int = 0
    completeness: Completeness | None = None

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of a day's cell and bars."""
        told = self.completeness
        return {
            "day": self.day,
            "outcomes": dict(self.outcomes),
            "bytes": self.archived_bytes,
            "transfer_ms": round(self.transfer_ms),
            "attention": self.attention_count,
            "verified": self.verified,
            "damaged": self.damaged,
            "runs": len(self.runs),
            "unreadable": self.unreadable,
            "expected": None if told is None else told.expected,
            "missing": None if told is None else told.missing,
            "requests_used": None if told is None else told.requests_used,
            "requests_allowed": None if told is None else told.requests_allowed,
        }


class DayTally:
    """Counts a day's lines; the day's ids are held while it counts, a few numbers after that."""

    def __init__(self, day: str) -> None:
        self._day = day
        self._ends: dict[str, tuple[int, str, str]] = {}
        self._bytes = 0
        self._transfer_ms = 0.0
        self._slowest: list[tuple[float, str, Ranked]] = []
        self._largest: list[tuple[float, str, Ranked]] = []
        self._runs: dict[str, str | None] = {}
        self._attention: list[Attention] = []
        self._attention_ids: dict[str, str] = {}
        self._verified = self._damaged = self._unreadable = 0

    def add(self, line: RunLine | None, file: RunFile) -> None:
        """Count one line of one file."""
        self._runs.setdefault(file.name, None)
        if line is None:
            self._unreadable += 1
        elif line.tells_a_check:
            self._add_check(line, file)
        else:
            self._add_end(line, file)

    def summary(self, completeness: Completeness | None) -> DaySummary:
        """Return the numbers."""
        standing = [one for one in self._attention if self._still_stands(one)]
        count = sum(self._attention_ids[name] == self._ended(name) for name in self._attention_ids)
        missing = 0 if completeness is None else completeness.missing or 0
        return DaySummary(
            day=self._day,
            outcomes=dict(sorted(Counter(outcome for _, _, outcome in self._ends.values()).items())),
            archived_bytes=self._bytes,
            transfer_ms=self._transfer_ms,
            slowest=_ranked(self._slowest),
            largest=_ranked(self._largest),
            attention=(*standing, *_missing_of(completeness, self._day))[:ATTENTION_KEPT],
            attention_count=count + self._damaged + missing,
            verified=self._verified,
            damaged=self._damaged,
            runs=self._runs,
            unreadable=self._unreadable,
            completeness=completeness,
        )

    def _add_end(self, line: RunLine, file: RunFile) -> None:
        rank = _RANKS.get(line.outcome, 0)
        known = self._ends.get(line.recording_id)
        if known is None or (rank, line.finished_at) >= known[:2]:
            self._ends[line.recording_id] = (rank, line.finished_at, line.outcome)
        if line.outcome == Outcome.ARCHIVED:
            self._bytes += line.total_bytes
            self._transfer_ms += line.latency_ms
            self._runs[file.name] = self._runs[file.name] or line.recording_id
            _rank(self._slowest, line.latency_ms, line, file)
            _rank(self._largest, line.total_bytes, line, file)
        elif line.outcome in _FOR_A_PERSON:
            self._attention_ids[line.recording_id] = line.outcome
            told = f"{line.error.type}: {line.error.message}" if line.error else ""
            self._keep(line, line.outcome, told, file, retryable=line.error is not None and line.error.retryable)

    def _add_check(self, line: RunLine, file: RunFile) -> None:
        self._verified += 1
        if not line.intact:
            self._damaged += 1
            self._keep(line, "DAMAGED", line.problem or line.error_type or "", file)

    def _keep(self, line: RunLine, kind: str, why: str, file: RunFile, *, retryable: bool = False) -> None:
        # Twice as many as are shown: some of them end well in a later run of the day.
        if len(self._attention) < 2 * ATTENTION_KEPT:
            self._attention.append(Attention(line.recording_id, kind, why, file.name, self._day, retryable))

    def _still_stands(self, one: Attention) -> bool:
        return one.kind == "DAMAGED" or self._ended(one.recording_id) == one.kind

    def _ended(self, recording_id: str) -> str:
        return self._ends[recording_id][2]


def _rank(heap: list[tuple[float, str, Ranked]], value: float, line: RunLine, file: RunFile) -> None:
    """Keep the highest, each recording once."""
    if len(heap) == RANKED and value < heap[0][0]:
        return
    entry = (value, line.recording_id, Ranked(line, file.name))
    if any(known[1] == entry[1] for known in heap):
        return  # a recording is archived once; a second line of it is a repeated report
    if len(heap) < RANKED:
        heapq.heappush(heap, entry)
    elif entry[:2] > heap[0][:2]:
        heapq.heapreplace(heap, entry)


def _ranked(heap: list[tuple[float, str, Ranked]]) -> tuple[Ranked, ...]:
    return tuple(ranked for _, _, ranked in sorted(heap, key=lambda entry: entry[:2], reverse=True))


def _missing_of(completeness: Completeness | None, day: str) -> list[Attention]:
    if completeness is None:
        return []
    told = "it was expected, and is not in the archive"
    return [Attention(name, "MISSING", told, "", day, retryable=True) for name in completeness.missing_ids]
