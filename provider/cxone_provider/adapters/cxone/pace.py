"""Answers that must keep a minimum pace, from the status line to the last byte.

A socket's time-out starts anew with every byte, so a server that drips one byte a second is never timed out by it.
Here each answer has a credit of seconds: waiting spends it, bytes refill it at the minimum pace, and it never grows
beyond the request's time-out. That one rule bounds silence, slow drips of headers as well as bodies, and the time of
the whole answer (time-out plus size divided by pace). Time between reads is the reader's own and costs nothing.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class PacedReader(io.RawIOBase):
    """The receiving side of a socket, read against a credit of seconds.

    Args:
        sock: a connected socket; its time-out is the credit to start with and the most there can be.
        min_bytes_per_s: the pace that keeps the credit from running out.
        monotonic_s: a clock that never goes back.
    """

    def __init__(
        self, sock: socket.socket, min_bytes_per_s: float, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._limit_s = self._waits_s = sock.gettimeout()
        self._credit_s = self._limit_s or 0.0
        self._min_bytes_per_s = min_bytes_per_s
        self._monotonic_s = monotonic_s

    def readable(self) -> bool:
        """Return True: this is the receiving side."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        """Receive once into `buffer`.

        Raises:
            TimeoutError: nothing came in time, or too little did.
        """
        if self._limit_s is None:
            return self._raw.readinto(buffer)
        if self._credit_s <= 0:
            raise TimeoutError("slower than the minimum pace")
        if self._credit_s != self._waits_s:  # nearly always it is full, and setting it is a system call
            self._sock.settimeout(self._credit_s)
            self._waits_s = self._credit_s
        began_s = self._monotonic_s()
        count = self._raw.readinto(buffer)
        gained_s = (count or 0) / self._min_bytes_per_s
        self._credit_s = min(self._limit_s, self._credit_s - (self._monotonic_s() - began_s) + gained_s)
        return count

    def close(self) -> None:
        """Let go of the socket, which the connection itself closes."""
        self._raw.close()
        super().close()


class _PacedSocket:
    """All that an answer asks of a socket: its receiving side."""

    def __init__(self, sock: socket.socket, min_bytes_per_s: float) -> None:
        self._sock = sock
        self._min_bytes_per_s = min_bytes_per_s

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(PacedReader(self._sock, self._min_bytes_per_s))


class PacedResponse(HTTPResponse):
    """An answer that must keep the pace."""

    min_bytes_per_s: ClassVar[float]

    def __init__(
        self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None
    ) -> None:
        paced: Any = _PacedSocket(sock, self.min_bytes_per_s)
        super().__init__(paced, debuglevel, method, url)


def paced_response(min_bytes_per_s: float) -> type[HTTPResponse]:
    """Return a class of answers that must keep the pace, for a connection's `response_class`."""
    pace = min_bytes_per_s

    class Response(PacedResponse):
        min_bytes_per_s = pace

    return Response
