"""Every HTTP request of this process, seen where it touches the socket.

botocore, requests and the webhook's transport all speak through :class:`http.client.HTTPConnection`; what the S3
adapter sends itself goes through its own connections, and the tenant is asked straight over urllib3's. A process that
ends between two of their calls leaves the server in the very state that a dying worker leaves it in.
"""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http.client import HTTPConnection, HTTPResponse
from io import BufferedIOBase
from typing import Any

from cxone_provider.adapters.cxone.straight import LightResponse, StraightPool
from cxone_provider.adapters.s3 import answering, connections
from cxone_provider.adapters.s3.connections import Connections
from tests.kills.kinds import Kind, kind_of

_SIGHT = "_tests_kills_sight"
_HEAD_IS_SENT = "_tests_kills_head_is_sent"


class Moment(StrEnum):
    """How far one request, or one call of the journal, has come."""

    BEFORE = "before"
    """Nothing of it is sent."""
    TORN = "half sent"
    """Half of its body is sent."""
    SENT = "sent"
    """All of it is sent and none of the answer is read: the server is at work while this process dies."""
    ANSWERED = "answered"
    """The answer has arrived; the program does not know of it."""
    HALF_READ = "half read"
    """Some of the answer's body is read."""
    AFTER = "after"
    """A call that is no request has returned."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The `nth` request or call of a kind in this process, from 1."""

    kind: Kind
    nth: int


@dataclass(frozen=True, slots=True)
class Place:
    """The very place in a process's work at which something happens to it."""

    sight: Sight
    moment: Moment


class Wire:
    """Stands between the clients and their sockets, for as long as the process lives.

    Args:
        place: where something happens; None for nowhere.
        happen: called there; where it returns, the request goes on.
    """

    def __init__(self, place: Place | None, happen: Callable[[], object]) -> None:
        self._place = place
        self._happen = happen
        self._lock = threading.Lock()
        self._counts: Counter[Kind] = Counter()

    def sight(self, kind: Kind) -> Sight:
        """Count one more of a kind."""
        with self._lock:
            self._counts[kind] += 1
            return Sight(kind, self._counts[kind])

    def reach(self, sight: Sight, moment: Moment) -> None:
        """Let happen what is to happen here, if anything."""
        if self._is_place(sight, moment):
            self._arrive()

    def _is_place(self, sight: Sight, moment: Moment) -> bool:
        return self._place == Place(sight, moment)

    def _arrive(self) -> None:
        self._place = None  # an answer is read in several pieces; the first one counts
        self._happen()

    def tap(self) -> None:
        """Take the place of the standard library's methods."""
        for owner, name in (
            (HTTPConnection, "putrequest"),
            (HTTPConnection, "send"),
            (HTTPConnection, "getresponse"),
            (HTTPResponse, "read"),
        ):
            setattr(owner, name, getattr(self, f"_{name}")(getattr(owner, name)))
        self._tap_connections()
        self._tap_straight()

    def _tap_connections(self) -> None:
        """Stand between the S3 adapter's own connections and their sockets as well."""
        send, write, read = Connections.send, connections.write, answering.read_answer
        asked = threading.local()

        def seen_send(own: Connections, method: str, target: str, *words: Any) -> Any:
            asked.sight = self.sight(kind_of(method, target))
            self.reach(asked.sight, Moment.BEFORE)
            return send(own, method, target, *words)

        def seen_write(connection: socket.socket, head: bytes, body: Any) -> bool:
            if not self._is_place(asked.sight, Moment.TORN):
                return write(connection, head, body)
            half = len(body) // 2
            connection.sendall(head + bytes(body[:half]))
            self._arrive()
            connection.sendall(bytes(body[half:]))
            return True

        def seen_read(file: BufferedIOBase, most_bytes: int) -> Any:
            self.reach(asked.sight, Moment.SENT)
            torn = _ReadInHalves(file, self._arrive) if self._is_place(asked.sight, Moment.HALF_READ) else file
            answer = read(torn, most_bytes)
            self.reach(asked.sight, Moment.ANSWERED)
            return answer

        vars(connections).update(write=seen_write, read_answer=seen_read)
        type.__setattr__(Connections, "send", seen_send)

    def _tap_straight(self) -> None:
        """Stand between the tenant's adapter and urllib3's connections as well."""
        get, begin, readinto = StraightPool.get, LightResponse.begin, LightResponse.readinto
        asked = threading.local()

        def seen_get(pool: StraightPool, target: str, *words: Any, **limits: Any) -> Any:
            asked.sight = self.sight(kind_of("GET", target))
            self.reach(asked.sight, Moment.BEFORE)
            return get(pool, target, *words, **limits)

        def seen_begin(answer: LightResponse) -> None:
            vars(answer)[_SIGHT] = asked.sight
            self.reach(asked.sight, Moment.SENT)
            begin(answer)
            self.reach(asked.sight, Moment.ANSWERED)

        def seen_readinto(answer: LightResponse, view: memoryview) -> int:
            if not self._is_place(vars(answer)[_SIGHT], Moment.HALF_READ):
                return readinto(answer, view)
            half = readinto(answer, view[: -(-len(view) // 2)])
            self._arrive()
            return half + readinto(answer, view[half:])

        type.__setattr__(StraightPool, "get", seen_get)
        type.__setattr__(LightResponse, "begin", seen_begin)
        type.__setattr__(LightResponse, "readinto", seen_readinto)

    def _putrequest(self, original: Callable[..., None]) -> Callable[..., None]:
        def putrequest(connection: HTTPConnection, method: str, url: str, *args: Any, **kwargs: Any) -> None:
            sight = self.sight(kind_of(method, url))
            vars(connection).update({_SIGHT: sight, _HEAD_IS_SENT: False})
            self.reach(sight, Moment.BEFORE)
            original(connection, method, url, *args, **kwargs)

        return putrequest

    def _send(self, original: Callable[..., None]) -> Callable[..., None]:
        def send(connection: HTTPConnection, data: Any) -> None:
            # The head goes out first and alone; what comes after it is the body.
            if vars(connection)[_HEAD_IS_SENT] and self._is_place(vars(connection)[_SIGHT], Moment.TORN):
                half = len(data) // 2
                original(connection, data[:half])
                self._arrive()
                data = data[half:]
            vars(connection)[_HEAD_IS_SENT] = True
            original(connection, data)

        return send

    def _getresponse(self, original: Callable[..., HTTPResponse]) -> Callable[..., HTTPResponse]:
        def getresponse(connection: HTTPConnection) -> HTTPResponse:
            sight = vars(connection)[_SIGHT]
            self.reach(sight, Moment.SENT)
            answer = original(connection)
            vars(answer)[_SIGHT] = sight
            self.reach(sight, Moment.ANSWERED)
            return answer

        return getresponse

    def _read(self, original: Callable[..., bytes]) -> Callable[..., bytes]:
        def read(answer: HTTPResponse, amt: int | None = None) -> bytes:
            if not self._is_place(vars(answer)[_SIGHT], Moment.HALF_READ) or not amt:
                return original(answer, amt)
            half = original(answer, -(-amt // 2))
            self._arrive()
            return half + original(answer, amt - len(half))

        return read


class _ReadInHalves(BufferedIOBase):
    """A connection's bytes, of which something happens in the middle of the first body."""

    def __init__(self, file: BufferedIOBase, happen: Callable[[], object]) -> None:
        self._file = file
        self._happen = happen

    def readline(self, size: int | None = -1, /) -> bytes:
        return self._file.readline(size)

    def read(self, size: int | None = -1, /) -> bytes:
        amount = size or 0
        half = self._file.read(-(-amount // 2))
        self._happen()
        return half + self._file.read(amount - len(half))
