"""A caller's list of recordings: CSV or JSON Lines, read piece by piece and never held whole.

One recording is one line: a damaged line can hide nothing but itself.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cxone_provider.archive.errors import ArchiveError, InvalidDocument
from cxone_provider.archive.listing import carried, malformed, parse_json

MAX_LIST_BYTES = 64 * 2**20
MAX_LINE_BYTES = 64 * 1024
_REF_FIELDS = ("recording_id", "recorded_at", "duration_s", "has_media", "metadata")
_BOOLEANS = {"": None, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_list(chunks: Iterable[bytes], *, max_bytes: int = MAX_LIST_BYTES) -> Iterator[dict[str, Any]]:
    """Yield one ref document per line of a CSV (header row first) or JSON Lines file, read piece by piece.

    CSV: UTF-8 with or without BOM; comma, semicolon or tab; ``recording_id`` is the one column that must be there,
    ``recorded_at``, ``duration_s`` and ``has_media`` are known, every other column goes to the metadata.

    Raises:
        InvalidDocument: it is empty, larger than `max_bytes`, of another kind, or its header cannot be used.
    """
    lines = _numbered_lines(chunks, max_bytes)
    number, first = next(((n, line) for n, line in lines if line.strip()), (0, b""))
    if not first:
        raise InvalidDocument("the list of recordings is empty", expected="CSV with a header row, or JSON Lines")
    if first.lstrip().startswith(b"{"):
        yield from _json_lines(chain([(number, first)], lines))
    else:
        yield from _csv_rows(_header(first), lines)


def _numbered_lines(chunks: Iterable[bytes], max_bytes: int) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(_lines(chunks, max_bytes), start=1):
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _lines(chunks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield lines without their ends; of a line over the limit only so much that it is seen to be over."""
    carried = b""
    size_bytes = 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise InvalidDocument("the list of recordings is too large", expected=f"at most {max_bytes} bytes")
        *complete, rest = chunk.split(b"\n")
        for line in complete:
            yield (carried + line)[: MAX_LINE_BYTES + 1].removesuffix(b"\r")
            carried = b""
        carried = (carried + rest)[: MAX_LINE_BYTES + 1]
    if carried:
        yield carried.removesuffix(b"\r")


def _text_of(line: bytes) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise InvalidDocument("the line is too long", expected=f"at most {MAX_LINE_BYTES} bytes")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDocument("the line is not UTF-8", found=line[:64]) from error


@dataclass(frozen=True, slots=True)
class _Header:
    columns: Sequence[str]
    delimiter: str

    def row(self, line: str) -> dict[str, Any]:
        fields = _fields(line, self.delimiter)
        if len(fields) != len(self.columns):
            # A file that was cut ends in a short line, and half an id is another id.
            raise InvalidDocument("fields in the line", found=len(fields), expected=len(self.columns))
        cells = dict(zip(self.columns, fields, strict=True))
        return {
            "recording_id": cells.pop("recording_id").strip(),
            "recorded_at": cells.pop("recorded_at", "").strip() or None,
            "duration_s": _number(cells.pop("duration_s", "")),
            "has_media": _boolean(cells.pop("has_media", "")),
            "metadata": {name: value for name, value in cells.items() if name and value},
        }


def _header(line: bytes) -> _Header:
    text = _text_of(line)
    delimiter = max(",;\t", key=text.count)
    columns = [name.strip() for name in _fields(text, delimiter)]
    known = [name.lower() if name.lower() in _REF_FIELDS else name for name in columns]
    if "recording_id" not in known or len(set(known)) != len(known):
        raise InvalidDocument(
            "the list's header",
            found=text,
            expected="recording_id and different column names",
            hint="A list is CSV with a header row, or one JSON object per line.",
        )
    return _Header(known, delimiter)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise InvalidDocument("the line is not CSV", found=line, expected=str(error)) from error


def _csv_rows(header: _Header, lines: Iterator[tuple[int, bytes]]) -> Iterator[dict[str, Any]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row: object = header.row(_text_of(line))
        except ArchiveError as error:
            yield malformed(f"line {number}", error)
        else:
            yield carried(row, f"line {number}")


def _json_lines(lines: Iterator[tuple[int, bytes]]) -> Iterator[dict[str, Any]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = parse_json(_text_of(line))
        except ArchiveError as error:
            yield malformed(f"line {number}", error)
        else:
            yield carried(_with_other_fields_as_metadata(row), f"line {number}")


def _with_other_fields_as_metadata(row: object) -> object:
    if not isinstance(row, Mapping):
        return row
    metadata = row.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        return row
    others = {name: value for name, value in row.items() if name not in _REF_FIELDS}
    return {**{name: row.get(name) for name in _REF_FIELDS}, "metadata": {**others, **(metadata or {})}}


def _number(text: str) -> float | None:
    stripped = text.strip()
    try:
        return float(stripped) if stripped else None
    except ValueError as error:
        raise InvalidDocument("duration_s is not a number", found=text, expected="seconds, e.g. 61.5") from error


def _boolean(text: str) -> bool | None:
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError as error:
        raise InvalidDocument("has_media", found=text, expected="true, false or empty") from error
