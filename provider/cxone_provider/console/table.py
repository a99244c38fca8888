"""A day's rows as a person asks for them: searched, sorted, a page at a time, or all of them as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cxone_provider.archive.errors import InvalidInput
from cxone_provider.console.reading import Row
from cxone_provider.console.run_lines import RunLine

MAX_PAGE_SIZE = 200
CHECKED, DAMAGED = "VERIFIED", "DAMAGED"
_SORTS: Mapping[str, Callable[[Row], Any]] = {
    "recording_id": lambda row: row[0].recording_id,
    "recorded_at": lambda row: row[0].recorded_at or "",
    "finished_at": lambda row: row[0].finished_at,
    "agent": lambda row: (row[0].agent or "").casefold(),
    "duration_s": lambda row: row[0].duration_s or 0.0,
    "bytes": lambda row: row[0].total_bytes or row[0].size_bytes,
    "latency_ms": lambda row: row[0].latency_ms,
    "attempts": lambda row: row[0].attempts or 0,
    "outcome": lambda row: outcome_of(row[0]),
}
COLUMNS = (
    "recording_id", "outcome", "recorded_at", "finished_at", "agent", "duration_s", "bytes", "latency_ms", "attempts",
    "format", "why", "run",
)  # fmt: skip
# What spreadsheets take for the beginning of a formula, and what could come before one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked of a day.

    Attributes:
        text: words that id, agent, run or cause hold, all of them; case does not matter.
        outcome: one outcome; empty for all.
        sort: a column; `descending` its direction.
        page: from 1.
        page_size: rows of a page.
    """

    text: str = ""
    outcome: str = ""
    sort: str = "finished_at"
    descending: bool = False
    page: int = 1
    page_size: int = 50

    def __post_init__(self) -> None:
        if self.sort not in _SORTS:
            raise InvalidInput("no such column", found=self.sort[:40], expected=", ".join(_SORTS))
        if not (1 <= self.page <= 10**6 and 1 <= self.page_size <= MAX_PAGE_SIZE):
            raise InvalidInput("no such page", found=self.page, expected=f"pages of 1 to {MAX_PAGE_SIZE} rows")

    def chosen(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that fit, in order; rows that compare equal stay as the run wrote them."""
        words = self.text.casefold().split()
        fitting = [row for row in rows if self._fits(row, words)]
        fitting.sort(key=_SORTS[self.sort], reverse=self.descending)
        return fitting

    def page_of(self, chosen: Sequence[Row]) -> Sequence[Row]:
        """Return the page's rows."""
        start = (self.page - 1) * self.page_size
        return chosen[start : start + self.page_size]

    def _fits(self, row: Row, words: Sequence[str]) -> bool:
        line, file = row
        if self.outcome and outcome_of(line) != self.outcome:
            return False
        if not words:
            return True
        text = "\n".join((line.recording_id, line.agent or "", why_of(line), file.name)).casefold()
        return all(word in text for word in words)


def outcome_of(line: RunLine) -> str:
    """Return how a recording ended, or what its verification found."""
    if line.tells_a_check:
        return CHECKED if line.intact else DAMAGED
    return line.outcome


def why_of(line: RunLine) -> str:
    """Return the cause of an end that is none of the good ones; empty where there is nothing to tell."""
    if line.error is not None:
        return f"{line.error.type}: {line.error.message}"
    return line.problem or ""


def row_document(row: Row) -> dict[str, Any]:
    """Return a row as a JSON object, and as the cells of CSV."""
    line, file = row
    return {
        "recording_id": line.recording_id,
        "outcome": outcome_of(line),
        "recorded_at": line.recorded_at,
        "finished_at": line.finished_at or None,
        "agent": line.agent,
        "duration_s": line.duration_s,
        "bytes": line.total_bytes or line.size_bytes or None,
        "latency_ms": line.latency_ms or None,
        "attempts": line.attempts,
        "format": line.format,
        "why": why_of(line),
        "run": file.name,
    }


def outcomes_of(rows: Iterable[Row]) -> Mapping[str, int]:
    """Return how many rows there are of each outcome."""
    return dict(sorted(Counter(outcome_of(line) for line, _ in rows).items()))


def csv_lines(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield the rows as CSV with a header; no cell is a formula to a spreadsheet."""
    yield _csv_line(COLUMNS)
    for row in rows:
        document = row_document(row)
        yield _csv_line([cell_text(document[name]) for name in COLUMNS])


def cell_text(value: Any) -> str:
    """Return a cell; text that a spreadsheet would run gets an apostrophe in front, numbers stay numbers."""
    if value is None:
        return ""
    text = str(value)
    harmless = isinstance(value, (int, float)) or not text.lstrip(" ").startswith(_FORMULA)
    return text if harmless else f"'{text}"


def _csv_line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()
