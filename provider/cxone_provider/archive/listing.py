"""Which recordings a run is about: ids and refs as they are given, a window of time, batches.

What cannot be used never fails the list. It is carried on as ``{"recording_id", "malformed", "found", "expected"}``, so
that it ends in an outcome of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NoReturn

import pendulum

from cxone_provider.archive.errors import ArchiveError, InvalidDocument, InvalidSetting, shown
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.id_numbers import IdNumbers
from cxone_provider.archive.recording import RecordingRef, as_list, parse_ref, parse_time

MAX_LOOKBACK_DAYS = 366
_METADATA_BUDGET_BYTES = 1024
_ID_CHARACTERS = 128
_NAME_CHARACTERS = 64
_VALUE_CHARACTERS = 256
_NOTHING = frozenset({"", "None", "null"})  # what a template makes of an absent value


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open interval ``[start, end)`` of recording starts, in UTC."""

    start: pendulum.DateTime
    end: pendulum.DateTime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidSetting(
                "the window is empty", found=f"{self.start} to {self.end}", expected="start before end"
            )

    def holds(self, moment: pendulum.DateTime) -> bool:
        """Tell whether `moment` lies in the window."""
        return self.start <= moment < self.end

    def widened(self, lookback: pendulum.Duration) -> Window:
        """Return the window with its start moved back: recordings arrive late."""
        return Window(self.start - lookback, self.end)

    def __str__(self) -> str:
        return f"[{self.start.to_iso8601_string()}, {self.end.to_iso8601_string()})"


def day_before(moment: pendulum.DateTime) -> Window:
    """Return the last UTC day that is over at `moment`."""
    midnight = moment.in_timezone("UTC").start_of("day")
    return Window(midnight.subtract(days=1), midnight)


def parse_lookback(value: object) -> pendulum.Duration:
    """Return how far to look back: a duration, a number of days, or ISO 8601 text such as ``P2D`` or ``PT36H``.

    Raises:
        InvalidSetting: it is none of these, negative, or more than a year.
    """
    try:
        lookback = _duration(value)
    except (ValueError, OverflowError) as error:
        raise InvalidSetting("unusable lookback", found=value, expected="days, or e.g. P2D, PT36H") from error
    if not 0 <= lookback.total_days() <= MAX_LOOKBACK_DAYS:
        raise InvalidSetting("lookback is out of range", found=value, expected=f"0 to {MAX_LOOKBACK_DAYS} days")
    return lookback


def _duration(value: object) -> pendulum.Duration:
    if value is None or (isinstance(value, str) and value.strip() in _NOTHING):
        return pendulum.duration()
    if hasattr(value, "total_seconds"):
        return pendulum.duration(seconds=value.total_seconds())
    text = str(value).strip()
    if not text.upper().startswith("P"):
        return pendulum.duration(days=float(text))
    parsed = pendulum.parse(text)
    if isinstance(parsed, pendulum.Duration):
        return parsed
    raise ValueError(text)


def batch_of(value: object) -> list[Any]:
    """Return the batch that a template, an XCom or a person gave; text may be one id or a JSON list.

    Raises:
        InvalidDocument: JSON that cannot be read, or a value that is no batch.
    """
    if isinstance(value, (bytes, bytearray)):
        raise InvalidDocument("a batch is text, not bytes", found=value)
    if not isinstance(value, str):
        return as_list(value)
    text = value.strip()
    if text in _NOTHING:
        return []
    return as_list(parse_json(text)) if text.startswith(("[", "{")) else [text]


def listed(values: Iterable[object]) -> Iterator[dict[str, Any]]:
    """Yield one ref document per value, malformed ones included; nested batches are flattened."""
    for number, value in enumerate(_flat(values), start=1):
        yield carried(value, f"item {number}")


def _flat(values: Iterable[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _flat(value)
        else:
            yield value


def carried(value: object, place: str) -> dict[str, Any]:
    """Return a ref's document, or the one that says why there is none; `place` names what has no name itself."""
    try:
        return _bounded(read_ref(value)).to_document()
    except ArchiveError as error:
        named = value.get("recording_id") if isinstance(value, Mapping) else value
        return malformed(named if isinstance(named, str) and named.strip() else place, error)


def malformed(recording_id: str, error: ArchiveError) -> dict[str, Any]:
    """Return the document of a row that cannot be used."""
    return {
        "recording_id": escaped(recording_id, limit=_ID_CHARACTERS),
        "malformed": shown(error.what),
        "found": None if error.found is None else shown(error.found),
        "expected": None if error.expected is None else shown(error.expected),
    }


def _bounded(ref: RecordingRef) -> RecordingRef:
    metadata = bounded_metadata(ref.metadata)
    return RecordingRef(ref.recording_id, ref.recorded_at, ref.duration_s, ref.has_media, metadata)


def bounded_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return foreign metadata fit for a ref: flat, printable, and of so many fields, the first ones, as 1 KiB takes."""
    entries = [(shown(name, limit=_NAME_CHARACTERS), _flat_value(value)) for name, value in metadata.items()]
    whole = dict(entries)
    if len(whole) == len(entries) and len(json.dumps(whole)) <= _METADATA_BUDGET_BYTES:
        return whole  # as long as its entries one by one
    kept: dict[str, Any] = {}
    budget = _METADATA_BUDGET_BYTES
    for name, value in entries:
        cost = len(json.dumps({name: value}))
        if cost <= budget:
            kept[name] = value
            budget -= cost
    return kept


def _flat_value(value: object) -> object:
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return shown(value if isinstance(value, str) else json.dumps(value, default=str), limit=_VALUE_CHARACTERS)


def read_ref(value: object) -> RecordingRef:
    """Return the ref that a listing or a person gave.

    Raises:
        InvalidInput: the listing found the row malformed, or the ref cannot be used.
    """
    if isinstance(value, Mapping) and value.get("malformed"):
        raise InvalidDocument(str(value["malformed"]), found=value.get("found"), expected=value.get("expected"))
    return parse_ref(value)


class Selection:
    """A pass over a list: each recording once, without those that started outside a window; an unknown start is kept.

    It is read once, and yields a document as soon as it is listed; ids are all that it holds.

    Args:
        documents: ref documents, those of what cannot be used among them.
        window: what is kept; None for everything.

    Attributes:
        malformed: how many cannot be used of those that were yielded so far.
        duplicates, outside: how many were left out, and why.
    """

    def __init__(self, documents: Iterable[Mapping[str, Any]], window: Window | None) -> None:
        self._documents = documents
        self._window = window
        self._seen = IdNumbers()
        self.malformed = self.duplicates = self.outside = 0

    @property
    def kept(self) -> int:
        """How many were yielded so far."""
        return len(self._seen)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield what is kept."""
        for document in self._documents:
            if self._is_outside(document.get("recorded_at")):
                self.outside += 1
            elif not self._seen.put(document["recording_id"], 0):
                self.duplicates += 1
            else:
                self.malformed += "malformed" in document
                yield document

    def _is_outside(self, told: object) -> bool:
        recorded_at = None if self._window is None else parse_time(told, "recorded_at")
        return self._window is not None and recorded_at is not None and not self._window.holds(recorded_at)


def batches(documents: Iterable[Mapping[str, Any]], sizes: Iterable[int]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the documents in order, in batches of at most so many; each batch is made when it is asked for."""
    rest = iter(documents)
    for size in sizes:
        batch = list(islice(rest, size))
        if not batch:
            return
        yield batch


def parse_json(text: str) -> Any:
    """Return the value of JSON text.

    Raises:
        InvalidDocument: not JSON, NaN or infinity in it, or a name twice in one object.
    """
    try:
        return json.loads(text, parse_constant=_refused, parse_float=_finite, object_pairs_hook=_unique_names)
    except (ValueError, RecursionError) as error:
        raise InvalidDocument("not JSON", found=text, expected="one JSON value") from error


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _refused(text)


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name appears twice")
    return document
