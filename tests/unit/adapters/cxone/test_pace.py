"""The credit of seconds that an answer has to keep up with, against sockets whose bytes arrive on schedule."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterable
from typing import cast

import pytest

from cxone_provider.adapters.cxone.pace import PacedReader
from tests.fakes.clock import FakeClock


class ScheduledSocket(io.RawIOBase):
    """A socket whose pieces take the given seconds to come; waits longer than its time-out raise TimeoutError."""

    def __init__(self, clock: FakeClock, arrivals: Iterable[tuple[float, bytes]], timeout_s: float | None) -> None:
        super().__init__()
        self._clock = clock
        self._arrivals = iter(arrivals)
        self._timeout_s = timeout_s
        self.timeouts_s: list[float | None] = []

    def makefile(self, mode: str, buffering: int) -> ScheduledSocket:
        assert (mode, buffering) == ("rb", 0)
        return self

    def gettimeout(self) -> float | None:
        return self._timeout_s

    def settimeout(self, timeout_s: float | None) -> None:
        self._timeout_s = timeout_s
        self.timeouts_s.append(timeout_s)

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # only ever given a bytearray
        wait_s, piece = next(self._arrivals, (0.0, b""))
        if self._timeout_s is not None and wait_s > self._timeout_s:
            self._clock.pass_s(self._timeout_s)
            raise TimeoutError("timed out")
        self._clock.pass_s(wait_s)
        buffer[: len(piece)] = piece
        return len(piece)


def reader(
    arrivals: Iterable[tuple[float, bytes]], timeout_s: float | None = 30.0
) -> tuple[PacedReader, FakeClock, ScheduledSocket]:
    clock = FakeClock()
    sock = ScheduledSocket(clock, arrivals, timeout_s)
    return PacedReader(cast("socket.socket", sock), 100.0, clock.monotonic_s), clock, sock


def drain(paced: PacedReader) -> int:
    buffer, received = bytearray(1000), 0
    while count := paced.readinto(buffer):
        received += count
    return received


def test_an_answer_that_keeps_the_pace_may_take_any_time() -> None:
    paced, clock, _ = reader([(1.0, b"x" * 100)] * 3600)
    assert drain(paced) == 360_000
    assert clock.monotonic_s() == pytest.approx(3600)


def test_silence_ends_after_the_limit() -> None:
    paced, clock, _ = reader([(31.0, b"late")])
    with pytest.raises(TimeoutError):
        drain(paced)
    assert clock.monotonic_s() == pytest.approx(30)


def test_a_drip_ends_soon_after_the_limit_although_every_byte_is_in_time() -> None:
    paced, clock, _ = reader([(1.0, b"x")] * 10_000)
    with pytest.raises(TimeoutError):
        drain(paced)
    assert clock.monotonic_s() == pytest.approx(30, abs=1)


def test_half_the_pace_ends_after_twice_the_limit() -> None:
    paced, clock, _ = reader([(1.0, b"x" * 50)] * 10_000)
    with pytest.raises(TimeoutError):
        drain(paced)
    assert clock.monotonic_s() == pytest.approx(60, abs=1)


def test_a_fast_start_does_not_buy_a_long_drip() -> None:
    paced, clock, _ = reader([(0.0, b"x" * 1000)] * 1000 + [(1.0, b"x")] * 10_000)
    with pytest.raises(TimeoutError):
        drain(paced)
    assert clock.monotonic_s() == pytest.approx(30, abs=1)


def test_the_socket_never_waits_longer_than_the_credit_lasts() -> None:
    paced, _, sock = reader([(10.0, b"x"), (10.0, b"x"), (30.0, b"x")])
    with pytest.raises(TimeoutError):
        drain(paced)
    assert sock.timeouts_s == pytest.approx([20.01, 10.02])  # the socket begins with all of it


def test_time_between_reads_is_the_readers_own() -> None:
    paced, clock, _ = reader([(1.0, b"x"), (1.0, b"y")])
    buffer = bytearray(10)
    assert paced.readinto(buffer) == 1
    clock.pass_s(3600)
    assert paced.readinto(buffer) == 1
    assert paced.readinto(buffer) == 0


def test_a_socket_without_a_limit_has_none() -> None:
    paced, _, sock = reader([(3600.0, b"x")], timeout_s=None)
    assert drain(paced) == 1
    assert sock.timeouts_s == []


def test_closing_lets_go_of_the_socket_once() -> None:
    paced, _, sock = reader([])
    assert paced.readable()
    paced.close()
    paced.close()
    assert sock.closed
