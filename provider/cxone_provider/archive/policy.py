"""May this recording be archived? Every rule it breaks, before a byte of it moves.

The rules look at one row of plain facts (:func:`recording_row`). The same rows, as one table per batch, are what the
shipped Great Expectations suite ``recording_metadata`` checks; a property test keeps both in agreement.

A value that the source does not tell (None) breaks no rule: ``media-playback`` knows no size, format or state before
the media answers. The one exception is the start of a recording while a retention is set: nothing later tells it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pendulum

from cxone_provider.archive.audio.report import canonical_format
from cxone_provider.archive.errors import InvalidSetting, shown
from cxone_provider.archive.plan import Reason
from cxone_provider.archive.recording import MAX_DURATION_S, MAX_SIZE_BYTES, Outcome, RecordingDescription

KNOWN_FORMATS = frozenset({"mp3", "wav", "mp4", "ogg", "flac", "amr"})
TRANSCODE_FORMATS = frozenset({"mp3", "wav"})
STREAMABLE_STATES = frozenset({"available", "stored"})
WAITABLE_STATES = frozenset({"archived", "cold", "restoring", "pending"})
DELETED_STATES = frozenset({"deleted"})
LOCKED_STATES = frozenset({"locked", "legal", "legal_hold", "legal_lock", "playback_lock"})
FINISHED_STATUSES = frozenset({"completed", "complete", "finished", "ended", "closed"})
KNOWN_START = "known while a retention is set"

_MAX_RETENTION = timedelta(days=36_525)  # a century; beyond it ages in microseconds are no exact numbers any more
_MAX_CLOCK_TOLERANCE_S = 24 * 3600
_SATURATED = 2**63  # larger numbers are sizes of nothing; this one still fits a JSON reader's integer
_WORD_CHARACTERS = 60
# What a recording that is still being restored or written does not have yet.
_SETTLED_BY_WAITING = frozenset({"storage_state", "status", "min_size_bytes", "min_duration_s"})


def parse_retention(value: object) -> pendulum.Duration | None:
    """Return how old a recording may be, or None for no limit.

    Args:
        value: a duration; days as a whole number; or text, as ISO 8601 (``P7Y``, ``P90D``) or as digits (days).

    Raises:
        InvalidSetting: none of these, or not more than zero and at most 100 years.
    """
    if value is None:
        return None
    try:
        duration = _duration(value.strip() if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError):
        duration = None  # the one error below names what was found
    if duration is None or not timedelta(0) < duration <= _MAX_RETENTION:
        raise InvalidSetting(
            "unusable retention",
            found=value if isinstance(value, str) else repr(value),
            expected="an ISO 8601 duration such as P7Y or P90D, or days, more than 0 and at most 100 years",
        )
    return duration


def _duration(value: object) -> pendulum.Duration | None:
    if isinstance(value, pendulum.Duration):
        return value
    if isinstance(value, timedelta):
        return pendulum.duration(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        parsed = pendulum.parse(value)
        return parsed if isinstance(parsed, pendulum.Duration) else None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return pendulum.duration(days=int(value))


@dataclass(frozen=True, slots=True)
class ArchivePolicy:
    """What may be archived.

    Attributes:
        max_duration_s: longest recording, in seconds.
        max_size_bytes: largest native media.
        retention: how old a recording may be, in calendar terms; None for no limit. Anything that
            :func:`parse_retention` takes may be given.
        formats: formats that may arrive, by the names of :func:`~cxone_provider.archive.audio.report.canonical_format`.
        max_segment_count: most segments a plan may have; bounds requests and audit lines of one recording.
        storage_states: states that can be streamed, lower case, words joined by ``_``.
        statuses: words that say the call has ended; every other word does not.
        clock_tolerance_s: how far in the future a recording may start by a source whose clock is ahead.

    Raises:
        InvalidSetting: a limit makes no sense.
    """

    max_duration_s: float = 3600
    max_size_bytes: int = 16 * 2**30
    retention: pendulum.Duration | None = None
    formats: frozenset[str] = KNOWN_FORMATS
    max_segment_count: int = 1_000_000
    storage_states: frozenset[str] = STREAMABLE_STATES
    statuses: frozenset[str] = FINISHED_STATUSES
    clock_tolerance_s: float = 300

    def __post_init__(self) -> None:
        _check_number("max_duration_s", self.max_duration_s, least=1, most=MAX_DURATION_S)
        _check_count("max_size_bytes", self.max_size_bytes, most=MAX_SIZE_BYTES)
        _check_count("max_segment_count", self.max_segment_count, most=MAX_SIZE_BYTES)
        _check_number("clock_tolerance_s", self.clock_tolerance_s, least=0, most=_MAX_CLOCK_TOLERANCE_S)
        for name in ("formats", "storage_states", "statuses"):
            object.__setattr__(self, name, _checked_words(name, getattr(self, name)))
        object.__setattr__(self, "retention", parse_retention(self.retention))

    @classmethod
    def from_settings(
        cls, *, max_duration_s: object = None, max_size_bytes: object = None, retention: object = None
    ) -> ArchivePolicy:
        """Make a policy of an operator's arguments, which templates turn into text; None is the default.

        Raises:
            InvalidSetting: a text is no number, or a limit makes no sense.
        """
        given = {
            "max_duration_s": _number_setting("max_duration_s", max_duration_s),
            "max_size_bytes": _number_setting("max_size_bytes", max_size_bytes),
            "retention": parse_retention(retention),
        }
        return cls(**{name: value for name, value in given.items() if value is not None})

    def max_age_s(self, now: pendulum.DateTime) -> float | None:
        """Return the age in seconds of the oldest recording within the retention, by the calendar, or None."""
        return None if self.retention is None else (now - (now - self.retention)).total_seconds()

    def evaluate(
        self, description: RecordingDescription, requested_format: str | None, now: pendulum.DateTime
    ) -> list[Reason]:
        """Return every broken rule, in the order of the rules; an empty list lets the recording pass.

        Rules: ``storage_state``, ``status``, ``min_size_bytes``, ``max_size_bytes``, ``min_duration_s``,
        ``max_duration_s``, ``format`` (of what will arrive), ``requested_format`` (only mp3 and wav can be made of
        another native format), ``max_age_s`` (retention), ``min_age_s`` (starts in the future), ``recorded_at``.
        The size rules look at the native media also when a transcode is asked for: no other size is known.
        """
        return self.broken_rules(recording_row(description, requested_format, now), now)

    def broken_rules(self, row: Mapping[str, Any], now: pendulum.DateTime) -> list[Reason]:
        """Return every rule that a row of :func:`recording_row` breaks."""
        oldest_s = self.max_age_s(now)
        checks = (
            _one_of("storage_state", row["storage_state"], self.storage_states),
            _one_of("status", row["status"], self.statuses),
            _at_least("min_size_bytes", row["size_bytes"], 1),
            _at_most("max_size_bytes", row["size_bytes"], self.max_size_bytes),
            _above_zero("min_duration_s", row["duration_s"]),
            _at_most("max_duration_s", row["duration_s"], self.max_duration_s),
            _one_of("format", row["format"], self.formats),
            _one_of("requested_format", row["transcode_to"], TRANSCODE_FORMATS),
            None if oldest_s is None else _at_most("max_age_s", row["age_s"], oldest_s),
            _at_least("min_age_s", row["age_s"], -self.clock_tolerance_s),
            Reason("recorded_at", None, KNOWN_START) if oldest_s is not None and row["age_s"] is None else None,
        )
        return [reason for reason in checks if reason is not None]


def outcome_of(description: RecordingDescription, reasons: Sequence[Reason]) -> Outcome:
    """Return how a recording ends that broke `reasons`; READY where there are none.

    Precedence, where the storage state is among the reasons: deleted beats locked beats everything else. Cold,
    restoring or pending media is IN_COLD_STORAGE only while waiting can mend every reason; what is also too long, too
    old or in a format that cannot be archived is REJECTED, so that nobody waits, or pays a restore, for it.
    """
    if not reasons:
        return Outcome.READY
    rules = {reason.rule for reason in reasons}
    state = word_of(description.storage_state) if "storage_state" in rules else None
    if state in DELETED_STATES:
        return Outcome.DELETED
    if state in LOCKED_STATES:
        return Outcome.LOCKED
    if state in WAITABLE_STATES and rules <= _SETTLED_BY_WAITING:
        return Outcome.IN_COLD_STORAGE
    return Outcome.REJECTED


def recording_row(
    description: RecordingDescription, requested_format: str | None, now: pendulum.DateTime
) -> dict[str, Any]:
    """Return the facts that the rules look at, one value per column; None where the source does not tell.

    Columns:
        recording_id: the id.
        status, storage_state: the source's words, lower case, joined by ``_``, escaped and clipped.
        size_bytes: of the native media. duration_s: by the metadata. A value that is no number is text here.
        format: what will arrive: the requested format, else the native one.
        transcode_to: the requested format where the native one is known to be another.
        age_s: seconds since the recording's start; negative when it lies in the future.
    """
    native = format_word(description.format)
    requested = format_word(requested_format)
    age = None if description.recorded_at is None else now - description.recorded_at
    return {
        "recording_id": description.recording_id,
        "status": word_of(description.status),
        "storage_state": word_of(description.storage_state),
        "size_bytes": number_of(description.size_bytes),
        "duration_s": number_of(description.duration_s),
        "format": requested or native,
        "transcode_to": requested if native not in (None, requested) else None,
        "age_s": None if age is None else age.total_seconds(),
    }


def word_of(value: object) -> str | None:
    """Return a source's word as short ASCII for comparing (``Legal-Hold`` is ``legal_hold``); None for blanks."""
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    word = shown(text.strip().lower().replace("-", "_").replace(" ", "_"))
    return word.encode("ascii", "backslashreplace").decode()[:_WORD_CHARACTERS] or None


def format_word(value: object) -> str | None:
    """Return a format by its canonical name, an unknown one as a word, or None."""
    word = word_of(value)
    try:
        return None if word is None else canonical_format(word)
    except InvalidSetting:
        return word


def number_of(value: object) -> float | str | None:
    """Return a finite number as it is, saturated at 64 bits; None as None; anything else as text."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:  # noqa: PLR0124  # only NaN
        return shown(value, limit=_WORD_CHARACTERS)
    return max(-_SATURATED, min(value, _SATURATED))


def limit_of(words: frozenset[str]) -> str:
    """Return a set of accepted words as a limit that is read."""
    return ", ".join(sorted(words))


def _one_of(rule: str, value: str | None, accepted: frozenset[str]) -> Reason | None:
    return None if value is None or value in accepted else Reason(rule, value, limit_of(accepted))


def _at_least(rule: str, value: float | str | None, least: float) -> Reason | None:
    if value is None or (not isinstance(value, str) and value >= least):
        return None
    return Reason(rule, value, least)


def _above_zero(rule: str, value: float | str | None) -> Reason | None:
    if value is None or (not isinstance(value, str) and value > 0):
        return None
    return Reason(rule, value, "> 0")


def _at_most(rule: str, value: float | str | None, most: float) -> Reason | None:
    # text is no number: the minimum rule reports it once
    return None if value is None or isinstance(value, str) or value <= most else Reason(rule, value, most)


def _check_number(name: str, value: object, *, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise InvalidSetting(f"unusable {name}", found=value, expected=f"a number from {least} to {most}")


def _check_count(name: str, value: object, *, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise InvalidSetting(f"unusable {name}", found=value, expected=f"a whole number from 1 to {most}")


def _checked_words(name: str, value: object) -> frozenset[str]:
    if isinstance(value, (frozenset, set, list, tuple)) and value and all(isinstance(word, str) for word in value):
        words = {format_word(word) if name == "formats" else word_of(word) for word in value}
        if None not in words:
            return frozenset(str(word) for word in words)
    raise InvalidSetting(f"unusable {name}", found=value, expected="at least one word")


def _number_setting(name: str, value: object) -> Any:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return int(text) if text.isdigit() else float(text)
    except ValueError as error:
        raise InvalidSetting(f"unusable {name}", found=value, expected="a number") from error
