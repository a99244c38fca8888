"""Which recordings a run is about: ids and refs as they are given, a window of time, batches.

What cannot be used never fails the list. It is carried on as ``{"recording_id", "malformed", "found", "expected"}``, so
that it ends in an outcome of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import pendulum

from cxone_provider.archive.errors import ArchiveError, InvalidDocument, InvalidSetting, shown
from cxone_provider.archive.escaping import escaped
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
    kept: dict[str, Any] = {}
    budget = _METADATA_BUDGET_BYTES
    for name, value in metadata.items():
        entry = {shown(name, limit=_NAME_CHARACTERS): _flat_value(value)}
        cost = len(json.dumps(entry))
        if cost <= budget:
            kept |= entry
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


@dataclass(frozen=True, slots=True)
class Listing:
    """What a list comes to: ref documents, each recording once; how many were left out and why."""

    documents: Sequence[Mapping[str, Any]]
    duplicates: int
    outside: int
    malformed: int


def select(documents: Iterable[Mapping[str, Any]], window: Window | None) -> Listing:
    """Return each recording once, without those that started outside `window`; an unknown start is kept."""
    kept: dict[str, Mapping[str, Any]] = {}
    duplicates = outside = 0
    for document in documents:
        recorded_at = parse_time(document.get("recorded_at"), "recorded_at")
        if window is not None and recorded_at is not None and not window.holds(recorded_at):
            outside += 1
        elif document["recording_id"] in kept:
            duplicates += 1
        else:
            kept[document["recording_id"]] = document
    unusable = sum(1 for document in kept.values() if "malformed" in document)
    return Listing(list(kept.values()), duplicates, outside, unusable)


def batches(documents: Sequence[Mapping[str, Any]], size: int) -> list[list[Mapping[str, Any]]]:
    """Return the documents in order, in batches of at most `size`."""
    return [list(documents[start : start + size]) for start in range(0, len(documents), size)]


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
