from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    InvalidInput,
    InvalidSetting,
    RateLimited,
    SourceUnavailable,
    TransferCancelled,
)
from cxone_provider.archive.waiting import (
    DEFAULT_WAIT_S,
    MAX_POLL_INTERVAL_S,
    StorageWait,
    StorageWatch,
    parse_wait_s,
    wait_for_storage,
)
from tests.fakes.clock import FakeClock
from tests.fakes.source import DESCRIBE, FakeRecording, FakeSource

NOW = pendulum.datetime(2026, 11, 22, 6)
HOUR_S = 3600.0


def longest() -> float:
    return 1.0


def watched(*recording_ids: str, wait_s: float = HOUR_S, random: Callable[[], float] = longest) -> StorageWatch:
    return StorageWatch(recording_ids, NOW.add(seconds=wait_s), 60, random)


def source_of(**states: str | None) -> FakeSource:
    return FakeSource({name: FakeRecording(b"x", storage_state=state) for name, state in states.items()})


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        (None, None), (False, None), ("", None), ("None", None), ("false", None), (0, None), ("0", None),
        (True, DEFAULT_WAIT_S), ("True", DEFAULT_WAIT_S), (1, 1), ("90", 90), (0.5, 0.5), (" PT2H ", 7200),
        ("pt2h", 7200), ("P1D", 86_400), (timedelta(minutes=5), 300), (pendulum.duration(weeks=1), 604_800),
    ],
)  # fmt: skip
def test_a_wait_is_a_duration_seconds_or_a_yes(value: object, wait_s: float | None) -> None:
    assert parse_wait_s(value) == wait_s


@pytest.mark.parametrize(
    "value", ["a while", "P8D", "P", -1, "-1", "nan", "inf", float("nan"), 10**400, "2026-11-23", [], {}, timedelta(-1)]
)
def test_any_other_wait_is_refused(value: object) -> None:
    with pytest.raises(InvalidSetting, match="unusable wait_for_storage"):
        parse_wait_s(value)


def test_a_wait_ends_when_nothing_waits_any_more() -> None:
    source = source_of(a="available", b="Stored", c="deleted", d="locked", e=None, f="odd")
    end = wait_for_storage(watched("a", "b", "c", "d", "e", "f", "nowhere"), source, FakeClock(), threading.Event())
    assert end == StorageWait(NOW.add(hours=1), ("a", "b", "e"), ("c", "d", "f", "nowhere"), ())


def test_a_wait_ends_at_its_deadline_to_the_second() -> None:
    clock = FakeClock()
    end = wait_for_storage(watched("a", wait_s=1000), source_of(a="restoring"), clock, threading.Event())
    assert end.waiting == ("a",)
    assert clock.sleeps == [60, 120, 240, 480, 100], "pauses double, and the last one ends with the deadline"
    assert "1 still waiting" in str(end)


def test_each_round_costs_one_request_for_what_waits_and_none_at_the_deadline() -> None:
    source = source_of(a="cold", b="available")
    wait_for_storage(watched("a", "b", wait_s=200), source, FakeClock(), threading.Event())
    assert [call.recording_id for call in source.calls] == ["a", "b", "a"]


def test_a_deadline_that_has_passed_costs_nothing() -> None:
    source = source_of(a="cold")
    end = wait_for_storage(watched("a", wait_s=-1), source, FakeClock(), threading.Event())
    assert (end.waiting, source.calls) == (("a",), [])


def test_pauses_are_spread_and_never_longer_than_the_longest() -> None:
    assert [watched("a", random=drawn).pause_s(NOW) for drawn in (lambda: 0.0, lambda: 0.5)] == [30, 45]
    watch = watched("a", wait_s=7 * 86_400)
    assert max(watch.pause_s(NOW) or 0 for _ in range(2000)) == MAX_POLL_INTERVAL_S


def limited(retry_after_s: float | None) -> RateLimited:
    error = RateLimited("429")
    error.retry_after_s = retry_after_s
    return error


@pytest.mark.parametrize(
    ("retry_after_s", "second_pause_s"), [(500.0, 500), (5.0, 120), (None, 120), (float("inf"), 3540)]
)
def test_a_429_ends_the_round_and_what_it_asks_for_is_waited(
    retry_after_s: float | None, second_pause_s: float
) -> None:
    source = source_of(a="available", b="available")
    source.script("a", DESCRIBE, [limited(retry_after_s)])
    clock = FakeClock()
    wait_for_storage(watched("a", "b"), source, clock, threading.Event())
    assert clock.sleeps == [60, second_pause_s]
    asked = [call.recording_id for call in source.calls]
    assert asked == (["a"] if second_pause_s == 3540 else ["a", "a", "b"])


@pytest.mark.parametrize(("error", "end"), [(SourceUnavailable("503"), "streamable"), (AccessDenied("403"), "final")])
def test_what_cannot_be_asked_now_is_asked_again(error: ArchiveError, end: str) -> None:
    source = source_of(a="available")
    source.script("a", DESCRIBE, [error])
    waited = wait_for_storage(watched("a"), source, FakeClock(), threading.Event())
    assert getattr(waited, end) == ("a",)


def test_refused_credentials_end_the_wait_for_all() -> None:
    source = source_of(a="cold", b="cold", c="cold")
    source.script("b", DESCRIBE, [AuthenticationFailed("401")])
    watch = watched("a", "b", "c")
    for recording_id in ("a", "b"):
        watch.look(source, recording_id)
    assert watch.end().final == ("a", "b", "c")
    assert watch.pause_s(NOW) is None


def test_a_kill_ends_a_wait_between_two_requests_and_in_a_pause() -> None:
    source, clock, cancelled = source_of(a="cold"), FakeClock(), threading.Event()
    cancelled.set()
    with pytest.raises(TransferCancelled):
        wait_for_storage(watched("a"), source, clock, cancelled)
    clock.cancelled.set()
    with pytest.raises(TransferCancelled):
        wait_for_storage(watched("a"), source, clock, threading.Event())
    source.script("a", DESCRIBE, [TransferCancelled("cancelled while waiting")])
    with pytest.raises(TransferCancelled):
        watched("a").look(source, "a")


def test_the_end_of_a_wait_survives_its_document() -> None:
    end = StorageWait(NOW, ("a",), ("b", "c"), ())
    assert StorageWait.from_document(end.to_document()) == end


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "cxone.storage-wait/2"}, {"deadline_at": None}, {"deadline_at": "soon"}, {"waiting": "a"},
        {"waiting": None}, {"final": ["../x"]}, {"streamable": [1]},
    ],
)  # fmt: skip
def test_an_event_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        StorageWait.from_document({**StorageWait(NOW).to_document(), **changes})


@pytest.mark.parametrize("document", [None, [], "event", {}])
def test_no_event_is_refused(document: object) -> None:
    with pytest.raises(InvalidInput):
        StorageWait.from_document(document)
