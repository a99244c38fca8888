"""The system clock: UTC, monotonic, and waits that end when the work is cancelled."""

from __future__ import annotations

import threading

import pytest

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.errors import TransferCancelled
from cxone_provider.archive.ports import Clock


def test_tells_utc_and_never_goes_back() -> None:
    clock: Clock = SystemClock()
    assert clock.now().timezone_name == "UTC"
    assert clock.monotonic_s() <= clock.monotonic_s()


def test_sleeps_no_longer_than_asked() -> None:
    clock = SystemClock()
    clock.sleep(0)
    clock.sleep(-5)


def test_cancelling_wakes_a_sleeper() -> None:
    cancelled = threading.Event()
    woken: list[TransferCancelled] = []
    asleep = threading.Event()

    def sleeper() -> None:
        asleep.set()
        try:
            SystemClock(cancelled).sleep(3600)
        except TransferCancelled as error:
            woken.append(error)

    thread = threading.Thread(target=sleeper)
    thread.start()
    asleep.wait(10)
    cancelled.set()
    thread.join(10)
    assert not thread.is_alive()
    assert woken[0].retryable


def test_a_cancelled_clock_never_sleeps() -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(TransferCancelled):
        SystemClock(cancelled).sleep(0)
