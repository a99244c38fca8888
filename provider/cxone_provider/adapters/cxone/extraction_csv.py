"""Data Extraction's CSV, read piece by piece: UTF-8 with a byte order mark, human headers, a row for each segment.

Columns are found by the beginning of their header, for some carry a note behind their name and versions differ in it.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

import pendulum

from cxone_provider.adapters.cxone.legs import Leg, MergedLegs
from cxone_provider.adapters.cxone.listing_settings import ListingSettings, status_word
from cxone_provider.archive.errors import InvalidDocument, InvalidInput, UnexpectedAnswer, shown
from cxone_provider.archive.recording import checked_recording_id, parse_time

MAX_LINE_CHARACTERS = 256 * 1024
_ID, _START, _END, _STATUS = "ACD Call ID", "Start Date", "End Date", "Voice Recording Status"
_NEEDED = (_ID, _START)
# By which headers a value has been seen; the first one with a value counts.
_METADATA: Mapping[str, Sequence[str]] = {
    "agent_id": ("Agent 1 ACD ID", "Agent 1 ID"),
    "agent_name": ("Agent 1 Name",),
    "skill": ("Agent 1 Skills", "Skill"),
    "direction": ("Direction",),
    "ani": ("ANI",),
    "dnis": ("DNIS",),
    "disposition": ("Disposition",),
    "media_type": ("Media Type",),
    "recording_status": (_STATUS,),
    "team": ("Agent 1 Team",),
}
_TEXT_CHARACTERS = 256


def merge_rows(chunks: Iterable[bytes], legs: MergedLegs, settings: ListingSettings) -> None:
    """Add every row of a CSV to `legs`; a row that cannot be used is added as what it is. Holds one row at a time.

    Raises:
        UnexpectedAnswer: it is empty, not UTF-8, not CSV, a line is too long, or a needed column is not there.
    """
    rows = csv.reader(_lines(chunks), strict=True)
    header = _next_row(rows)
    if header is None:
        raise UnexpectedAnswer("the extraction is empty", expected="CSV with a header row")
    columns = Columns.of(header)
    while (row := _next_row(rows)) is not None:
        if row:
            _add(row, columns, legs, settings, rows.line_num)


def _next_row(rows: Iterator[list[str]]) -> list[str] | None:
    try:
        return next(rows, None)
    except csv.Error as error:
        raise UnexpectedAnswer("the extraction is not CSV", found=str(error), expected="RFC 4180") from error


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield lines with their ends, as the CSV reader wants them: a quoted field may hold one."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    carried = ""
    for chunk in chunks:
        *complete, carried = (carried + _decoded(decoder, chunk, final=False)).split("\n")
        yield from (f"{line}\n" for line in complete)
        if len(carried) > MAX_LINE_CHARACTERS:
            raise UnexpectedAnswer(
                "a line of the extraction is too long", expected=f"at most {MAX_LINE_CHARACTERS} characters"
            )
    carried += _decoded(decoder, b"", final=True)
    if carried:
        yield carried


def _decoded(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        raise UnexpectedAnswer("the extraction is not UTF-8", found=shown(error.object[error.start :][:16])) from error


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what.

    Attributes:
        places: index of each known column that is there, by the name it is looked up by.
        count: columns of every row.
    """

    places: Mapping[str, int]
    count: int

    @classmethod
    def of(cls, header: Sequence[str]) -> Columns:
        """Find the known columns.

        Raises:
            UnexpectedAnswer: a needed one is missing; names those that are there.
        """
        names = [name.strip().lower() for name in header]
        wanted = (_ID, _START, _END, *chain.from_iterable(_METADATA.values()))
        places = {name: place for name in wanted if (place := _place(names, name.lower())) is not None}
        missing = [name for name in _NEEDED if name not in places]
        if missing:
            raise UnexpectedAnswer(
                "a column of the extraction is missing", found=", ".join(header), expected=" and ".join(missing),
                hint="Is entity_version of the connection's listing one that your tenant has?",
            )  # fmt: skip
        return cls(places, len(header))

    def text(self, row: Sequence[str], name: str) -> str:
        """Return a cell without surrounding blanks; empty where there is no such column."""
        place = self.places.get(name)
        return "" if place is None else row[place].strip()


def _place(names: Sequence[str], wanted: str) -> int | None:
    """Return where a column is: the one of this very name, else the first that begins with it.

    Of one word, such as ANI, only whole words are beginnings.
    """
    if wanted in names:
        return names.index(wanted)
    begins = (place for place, name in enumerate(names) if name.startswith(wanted))
    return next((place for place in begins if " " in wanted or not names[place][len(wanted)].isalnum()), None)


def _add(row: Sequence[str], columns: Columns, legs: MergedLegs, settings: ListingSettings, line: int) -> None:
    named = f"line {line}"
    try:
        if len(row) != columns.count:
            # A short line is one that was cut, and half an id is another id.
            raise InvalidDocument("fields in the line of the extraction", found=len(row), expected=columns.count)
        recording_id = checked_recording_id(columns.text(row, _ID))
        named = recording_id
        legs.add(_leg(recording_id, row, columns, settings))
    except InvalidInput as error:
        legs.refuse(named, error)


def _leg(recording_id: str, row: Sequence[str], columns: Columns, settings: ListingSettings) -> Leg:
    started_at = _time(columns.text(row, _START), _START, settings)
    if started_at is None:
        raise InvalidDocument("Start Date is empty", expected="a time")
    return Leg(
        recording_id,
        started_at,
        _time(columns.text(row, _END), _END, settings),
        _has_media(columns.text(row, _STATUS), settings),
        _metadata(row, columns),
    )


def _time(text: str, name: str, settings: ListingSettings) -> pendulum.DateTime | None:
    if not text or settings.time_format is None:
        return parse_time(text, name, zone=settings.time_zone)
    try:
        moment = datetime.strptime(text, settings.time_format)  # noqa: DTZ007  # parse_time knows the zone
    except ValueError as error:
        raise InvalidDocument(f"{name} is not a time", found=text, expected=settings.time_format) from error
    return parse_time(moment, name, zone=settings.time_zone)


def _has_media(status: str, settings: ListingSettings) -> bool | None:
    word = status_word(status)
    if word in settings.recorded_statuses:
        return True
    return False if word in settings.unrecorded_statuses else None


def _metadata(row: Sequence[str], columns: Columns) -> dict[str, Any]:
    found = {
        name: next(filter(None, (columns.text(row, column) for column in headers)), "")
        for name, headers in _METADATA.items()
    }
    return {name: value[:_TEXT_CHARACTERS] for name, value in found.items() if value}
