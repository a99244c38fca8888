"""The archive as the console reads it: few requests, bounded memory, nothing asked twice that has not changed."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pendulum

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.errors import InvalidInput, StoreError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import Manifest, read_manifest
from cxone_provider.archive.pooling import pool_of
from cxone_provider.console.caching import WeightedCache
from cxone_provider.console.completeness import MAX_REPORT_BYTES, Completeness, parse_completeness
from cxone_provider.console.days import DaySummary, DayTally
from cxone_provider.console.run_files import RunFile, files_of_day, files_of_days
from cxone_provider.console.run_lines import RunLine, run_lines

MAX_DAYS = 371
MAX_ROWS_OF_A_DAY = 250_000
_READERS = 8
_DAYS_KEPT = 1_000
_ROWS_KEPT = 250_000
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
Row = tuple[RunLine, RunFile]
_Day = tuple[str, Sequence[RunFile]]


class TooLarge(InvalidInput):
    """More than the console shows at once."""


class ArchiveReader:
    """Reads one archive for many people.

    A file is read once for each of its entity tags, by whoever asks first; what is kept of it is bounded: numbers of
    1,000 days and the lines of 250,000 recordings.

    Args:
        store: the bucket.
        layout: where the archive lies in it.
    """

    def __init__(self, store: ArchiveBrowser, layout: ArchiveLayout) -> None:
        self.store = store
        self.layout = layout
        self._days: WeightedCache[DaySummary] = WeightedCache(_DAYS_KEPT)
        self._rows: WeightedCache[Sequence[RunLine]] = WeightedCache(_ROWS_KEPT, len)
        self._reports: WeightedCache[Sequence[Completeness]] = WeightedCache(_DAYS_KEPT)
        self._one_day_at_a_time = threading.Lock()

    def summaries(self, first: pendulum.Date, last: pendulum.Date) -> Sequence[DaySummary]:
        """Return the days from `first` to `last` on which anything ran, in order.

        Requests: one listing for each thousand files of runs, and one read of each file that is not known yet.

        Raises:
            TooLarge: more than a year and a week.
        """
        if (last - first).in_days() >= MAX_DAYS:
            raise TooLarge("too many days", found=(last - first).in_days() + 1, expected=f"at most {MAX_DAYS}")
        days = sorted(files_of_days(self.store, self.layout, first, last).items())
        with pool_of(_READERS, "cxone-console", threading.Event()) as pool:
            return list(pool.map(self._summary, days))

    def rows(self, day: pendulum.Date) -> Sequence[Row]:
        """Return how the recordings of a day's runs ended, a line for each recording of each run.

        Raises:
            TooLarge: more lines than the console shows at once.
        """
        # What is not kept yet is read by one request at a time: memory is bounded by one day's lines.
        with self._one_day_at_a_time:
            files = [file for file in files_of_day(self.store, self.layout, day) if file.lines]
            rows = [(line, file) for file in files for line in self._lines(file)]
        if len(rows) > MAX_ROWS_OF_A_DAY:
            raise TooLarge("too many recordings on one day", found=len(rows), expected=f"{MAX_ROWS_OF_A_DAY} lines")
        return rows

    def completeness(self, day: pendulum.Date) -> Completeness | None:
        """Return the newest report about a day, or None."""
        return self._newest_report(files_of_day(self.store, self.layout, day))

    def manifests(self, recording_ids: Sequence[str]) -> Mapping[str, Manifest]:
        """Return the manifests of recordings that are archived; meant for a page of them."""
        with pool_of(_READERS, "cxone-console", threading.Event()) as pool:
            found = pool.map(self._manifest, recording_ids)
            return {name: one for name, one in zip(recording_ids, found, strict=True) if one is not None}

    def archived(self, recording_ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that have a manifest by now: one request for each."""
        with pool_of(_READERS, "cxone-console", threading.Event()) as pool:
            found = pool.map(self._has_manifest, recording_ids)
            return frozenset(name for name, there in zip(recording_ids, found, strict=True) if there)

    def _has_manifest(self, recording_id: str) -> bool:
        try:
            return self.store.stat(self.layout.manifest_key(recording_id)) is not None
        except InvalidInput:
            return False  # an id that no key can hold was never archived

    def _summary(self, day: _Day) -> DaySummary:
        name, files = day
        return self._days.get((name, *((file.key, file.etag) for file in files)), lambda: self._counted(name, files))

    def _counted(self, day: str, files: Sequence[RunFile]) -> DaySummary:
        tally = DayTally(day)
        for file in files:
            for line in self._stream(file) if file.lines else ():
                tally.add(line, file)
        return tally.summary(self._newest_report(files))

    def _newest_report(self, files: Sequence[RunFile]) -> Completeness | None:
        reports = [one for file in files if not file.lines for one in self._report(file)]
        return max(reports, key=lambda report: report.generated_at) if reports else None

    def _report(self, file: RunFile) -> Sequence[Completeness]:
        return self._reports.get((file.key, file.etag), lambda: self._read_report(file))

    def _read_report(self, file: RunFile) -> Sequence[Completeness]:
        if file.size_bytes > MAX_REPORT_BYTES:
            return ()
        answer = self.store.read(file.key, max_bytes=MAX_REPORT_BYTES)
        report = None if answer is None else parse_completeness(answer[0], file.day)
        return () if report is None else (report,)

    def _lines(self, file: RunFile) -> Sequence[RunLine]:
        return self._rows.get((file.key, file.etag), lambda: self._read_lines(file))

    def _read_lines(self, file: RunFile) -> Sequence[RunLine]:
        lines: list[RunLine] = []
        for line in self._stream(file):
            if line is not None:
                lines.append(line)
            if len(lines) > MAX_ROWS_OF_A_DAY:
                raise TooLarge("too many recordings in one run", found=file.key, expected=f"{MAX_ROWS_OF_A_DAY} lines")
        return tuple(lines)

    def _stream(self, file: RunFile) -> Iterator[RunLine | None]:
        with self.store.stream(file.key) as pieces:
            yield from run_lines(pieces)

    def _manifest(self, recording_id: str) -> Manifest | None:
        try:
            return read_manifest(self.store, self.layout, recording_id)
        except (InvalidInput, StoreError):
            return None  # the page of the recording tells what is wrong; a table goes without


def parse_day(value: Any) -> pendulum.Date:
    """Return a date of ISO text.

    Raises:
        InvalidInput: it is none.
    """
    text = str(value)[:40]
    try:
        if _DATE.fullmatch(text):
            return pendulum.from_format(text, "YYYY-MM-DD").date()
    except ValueError:
        pass  # the one error below names what was found
    raise InvalidInput("not a day", found=text, expected="YYYY-MM-DD")
