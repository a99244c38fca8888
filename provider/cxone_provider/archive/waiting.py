"""Waiting until the storage of recordings has settled: what is looked at again, when, and when that ends.

The rules hold no I/O, so that a task in its worker and a trigger in Airflow's event loop wait alike. Waiting only
reads: two that watch the same recordings do each other no harm.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pendulum

from cxone_provider.archive.errors import (
    ArchiveError,
    AuthenticationFailed,
    InvalidDocument,
    InvalidSetting,
    RateLimited,
    TransferCancelled,
)
from cxone_provider.archive.policy import STREAMABLE_STATES, WAITABLE_STATES, word_of
from cxone_provider.archive.ports import Clock, RecordingSource
from cxone_provider.archive.recording import RecordingRef, checked_recording_id, iso, parse_time

WAIT_SCHEMA = "cxone.storage-wait/1"
POLL_INTERVAL_S = 60.0
MAX_POLL_INTERVAL_S = 600.0
DEFAULT_WAIT_S = 6 * 3600.0  # standard restores from archive tiers take 3 to 5 hours
MAX_WAIT_S = 7 * 24 * 3600.0

_NO_WAIT = frozenset({"", "none", "null", "false", "no", "off"})
_DEFAULT_WAIT = frozenset({"true", "yes", "on"})


def parse_wait_s(value: object, name: str = "wait_for_storage") -> float | None:
    """Return how long to wait, in seconds; None for not at all.

    Args:
        value: a duration, seconds, or ISO 8601 text such as ``PT2H``; True for 6 hours; None, False or 0 for no wait.
            The words for these are taken too, for templates make text of everything.
        name: what it is called where it was given.

    Raises:
        InvalidSetting: none of these, negative, or more than 7 days.
    """
    try:
        wait_s = _seconds(value.strip().lower() if isinstance(value, str) else value)
    except (ValueError, TypeError, OverflowError):
        wait_s = None  # the one error below names what was found
    if wait_s is None or not 0 <= wait_s <= MAX_WAIT_S:
        raise InvalidSetting(
            f"unusable {name}",
            found=value,
            expected="a duration such as PT2H, seconds, or true; at most 7 days",
        )
    return wait_s or None


def _seconds(value: object) -> float | None:
    if value is None or value is False or value in _NO_WAIT:
        return 0.0
    if value is True or value in _DEFAULT_WAIT:
        return DEFAULT_WAIT_S
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str) and value.startswith("p"):
        parsed = pendulum.parse(value.upper())
        return parsed.total_seconds() if isinstance(parsed, pendulum.Duration) else None
    return float(value) if isinstance(value, (str, int, float)) else None


@dataclass(frozen=True, slots=True)
class StorageWait:
    """How waiting ended.

    Attributes:
        deadline_at: when waiting had to end.
        streamable: ids that can be streamed now.
        final: ids whose state does not change by itself any more, or that cannot be asked for.
        waiting: ids whose state had not changed when the waiting ended.
    """

    deadline_at: pendulum.DateTime
    streamable: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    def __str__(self) -> str:
        counts = f"{len(self.streamable)} streamable, {len(self.final)} final, {len(self.waiting)} still waiting"
        return f"storage settled or {iso(self.deadline_at)} reached: {counts}"

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object that a trigger sends as its event."""
        return {
            "schema": WAIT_SCHEMA,
            "deadline_at": iso(self.deadline_at),
            "streamable": list(self.streamable),
            "final": list(self.final),
            "waiting": list(self.waiting),
        }

    @classmethod
    def from_document(cls, document: object) -> StorageWait:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
            InvalidRecordingId: an id that cannot be used.
        """
        if not isinstance(document, Mapping) or document.get("schema") != WAIT_SCHEMA:
            raise InvalidDocument(
                "not the end of a wait", found=document, expected=f"an object with schema {WAIT_SCHEMA}"
            )
        ids = {name: _ids(document.get(name), name) for name in ("streamable", "final", "waiting")}
        return cls(parse_deadline(document.get("deadline_at")), **ids)


def parse_deadline(value: object) -> pendulum.DateTime:
    """Return the moment at which a wait ends, in UTC.

    Raises:
        InvalidDocument: it is no time.
    """
    deadline_at = parse_time(value, "deadline_at")
    if deadline_at is None:
        raise InvalidDocument("deadline_at is missing", expected="ISO 8601, e.g. 2026-11-23T10:00:00Z")
    return deadline_at


def _ids(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidDocument(f"{name} of a wait", found=value, expected="a list of ids")
    return tuple(checked_recording_id(one) for one in value)


class StorageWatch:
    """Recordings that are waited for, looked at in rounds. May be used from several threads.

    Each round costs one request for each recording that still waits. Pauses double up to ten minutes; what the tenant
    asks for by 429 is the least of the next pause, and the rest of that round is left out.

    Args:
        recording_ids: what to wait for.
        deadline_at: no round begins at or after it.
        poll_interval_s: length of the first pause, seconds; half to all of each is waited, so that batches which began
            together do not ask together.
        random: returns numbers from 0 up to 1.
    """

    def __init__(
        self,
        recording_ids: Iterable[str],
        deadline_at: pendulum.DateTime,
        poll_interval_s: float = POLL_INTERVAL_S,
        random: Callable[[], float] = random.random,
    ) -> None:
        self.deadline_at = deadline_at
        self._ended: dict[str, str | None] = dict.fromkeys(recording_ids)
        self._interval_s = poll_interval_s
        self._least_pause_s: float | None = None
        self._random = random
        self._lock = threading.Lock()

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids that still wait, in the order they were given."""
        return self._ids_that("waiting")

    def pause_s(self, now: pendulum.DateTime) -> float | None:
        """Return the seconds until the next round, never past the deadline; None when there is none to come."""
        if not self.waiting or self.is_over(now):
            return None
        pause_s = self._interval_s * (1 + self._random()) / 2
        self._interval_s = max(self._interval_s, min(2 * self._interval_s, MAX_POLL_INTERVAL_S))
        with self._lock:
            pause_s, self._least_pause_s = max(pause_s, self._least_pause_s or 0.0), None
        return min(pause_s, (self.deadline_at - now).total_seconds())

    def is_over(self, now: pendulum.DateTime) -> bool:
        """Tell whether the deadline has come."""
        return now >= self.deadline_at

    def look(self, source: RecordingSource, recording_id: str) -> None:
        """Ask for one recording and remember what its storage says; one that could not be asked for goes on waiting.

        Raises:
            TransferCancelled: the work was cancelled meanwhile.
        """
        if self._least_pause_s is not None:
            return
        try:
            state = word_of(source.describe(RecordingRef(recording_id)).storage_state)
        except TransferCancelled:
            raise
        except RateLimited as error:
            with self._lock:
                told_s = error.retry_after_s or 0.0
                known_s: float | None = self._least_pause_s  # another reader may have set it meanwhile
                self._least_pause_s = told_s if known_s is None else max(known_s, told_s)
        except AuthenticationFailed:
            # One refusal ends it for all: asking on could lock the account, and validation tells what was refused.
            self._end_as("final", *self.waiting)
        except ArchiveError as error:
            if not error.retryable:
                self._end_as("final", recording_id)
        else:
            if state not in WAITABLE_STATES:
                self._end_as("streamable" if state is None or state in STREAMABLE_STATES else "final", recording_id)

    def end(self) -> StorageWait:
        """Return how it stands."""
        named = {name: self._ids_that(name) for name in ("streamable", "final", "waiting")}
        return StorageWait(self.deadline_at, **named)

    def _end_as(self, end: str, *recording_ids: str) -> None:
        with self._lock:
            self._ended.update(dict.fromkeys(recording_ids, end))

    def _ids_that(self, end: str) -> tuple[str, ...]:
        with self._lock:
            return tuple(one for one, ended in self._ended.items() if (ended or "waiting") == end)


def wait_for_storage(
    watch: StorageWatch, source: RecordingSource, clock: Clock, cancelled: threading.Event
) -> StorageWait:
    """Wait in the calling thread until nothing waits or the deadline has come; return how it ended.

    Raises:
        TransferCancelled: `cancelled` was set.
    """
    while (pause_s := watch.pause_s(clock.now())) is not None:
        clock.sleep(pause_s)
        for recording_id in () if watch.is_over(clock.now()) else watch.waiting:
            if cancelled.is_set():
                raise TransferCancelled("the wait for storage was stopped")
            watch.look(source, recording_id)
    return watch.end()
