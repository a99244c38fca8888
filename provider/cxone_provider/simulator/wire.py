"""Sends answers over a connection, byte for byte as their delivery says."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from http import HTTPStatus

from cxone_provider.simulator.answer import Answer, Body, Delivery, Ending, Framing, Pace, body_size, cut_body
from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.conditional import http_date
from cxone_provider.simulator.request import Headers, Request

# With more bytes to follow, the kernel waits to fill a packet: head and body leave together.
_MORE_FOLLOWS = getattr(socket, "MSG_MORE", 0)
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_REASONS = {status.value: status.phrase for status in HTTPStatus}
# RFC 9110 sections 15.3.5 and 15.4.5: the head ends these answers.
_BODILESS = frozenset({204, 304})


class ServerStopped(Exception):
    """The simulator was stopped while it was answering."""


class Wire:
    """The sending side of one connection.

    Args:
        connection: a blocking socket; closed by whoever owns it.
        stopped: ends waits and endless bodies.
    """

    def __init__(self, connection: socket.socket, clock: Clock, stopped: threading.Event) -> None:
        self._connection = connection
        self._clock = clock
        self._stopped = stopped
        self.body_bytes = 0

    def deliver(self, answer: Answer, request: Request) -> bool:
        """Send an answer; return whether the connection can serve another request.

        ``body_bytes`` counts the body bytes of this answer, also when an error ends it.

        Raises:
            OSError: the client went away, or a recording's file became shorter.
            ServerStopped: the simulator is being stopped.
        """
        self.body_bytes = 0
        delivery = answer.delivery
        self._wait(delivery.delay_s)
        if delivery.raw is not None:
            self._connection.sendall(delivery.raw)
        else:
            self._send(answer, request)
        self._end(delivery.ending)
        return delivery.ending is Ending.KEEP and not _closes(answer, request)

    def _send(self, answer: Answer, request: Request) -> None:
        delivery = answer.delivery
        has_body = request.method != "HEAD" and answer.status not in _BODILESS
        self._send_head(self._encoded_head(answer, request), delivery.head_pace, has_body=has_body)
        if has_body:
            self._send_body(answer.body, delivery)
        if delivery.undeclared:
            self._connection.sendall(delivery.undeclared)

    def _send_head(self, head: bytes, pace: Pace | None, *, has_body: bool) -> None:
        if pace is None:
            self._connection.sendall(head, _MORE_FOLLOWS if has_body else 0)
            return
        for _ in self._paced([head], pace):
            pass  # the head does not count as body bytes

    def _send_body(self, body: Body, delivery: Delivery) -> None:
        is_cut = delivery.cut_after_bytes is not None
        if delivery.cut_after_bytes is not None:
            body = cut_body(body, 0, delivery.cut_after_bytes)
        if delivery.framing is Framing.CHUNKED:
            self._send_chunks(body, delivery.body_pace, terminated=not is_cut)
            return
        pace = delivery.body_pace
        for part in body:
            self._count(part.transfer(self._connection) if pace is None else self._paced(part.blocks(), pace))
        self._push()

    def _send_chunks(self, body: Body, pace: Pace | None, *, terminated: bool) -> None:
        for part in body:
            for block in part.blocks():
                # One HTTP chunk per block, however slowly its bytes then drip.
                self._connection.sendall(b"%x\r\n" % len(block), _MORE_FOLLOWS)
                self._count(self._plain([block]) if pace is None else self._paced([block], pace))
                self._connection.sendall(b"\r\n")
        if terminated:
            self._connection.sendall(b"0\r\n\r\n")
        self._push()

    def _plain(self, blocks: Iterable[bytes | memoryview]) -> Iterable[int]:
        for block in blocks:
            self._connection.sendall(block)
            yield len(block)

    def _paced(self, blocks: Iterable[bytes | memoryview], pace: Pace) -> Iterable[int]:
        pause_s = 0.0
        for block in blocks:
            for offset in range(0, len(block), pace.block_bytes):
                self._wait(pause_s)
                pause_s = pace.interval_s
                piece = block[offset : offset + pace.block_bytes]
                self._connection.sendall(piece)
                yield len(piece)

    def _count(self, sent: Iterable[int]) -> None:
        for size_bytes in sent:
            self.body_bytes += size_bytes
            if self._stopped.is_set():
                raise ServerStopped

    def _wait(self, seconds: float) -> None:
        if seconds:
            self._clock.wait(seconds, self._stopped)
            if self._stopped.is_set():
                raise ServerStopped

    def _encoded_head(self, answer: Answer, request: Request) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in (*answer.headers, *_framing_headers(answer, request))]
        if answer.header("date") is None:
            lines.append(f"Date: {http_date(self._clock.now())}")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogatepass")

    def _push(self) -> None:
        """Let go of what the kernel holds back: after an empty body, a head that was sent with more to follow."""
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _end(self, ending: Ending) -> None:
        if ending is Ending.RST:
            # With a linger time of zero the owner's close() sends RST in place of FIN.
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        elif ending is Ending.FIN:
            self._connection.shutdown(socket.SHUT_WR)


def _closes(answer: Answer, request: Request) -> bool:
    return request.wants_close or answer.delivery.framing is Framing.NONE


def _framing_headers(answer: Answer, request: Request) -> Headers:
    delivery = answer.delivery
    added: list[tuple[str, str]] = []
    if delivery.framing is Framing.CHUNKED:
        added.append(("Transfer-Encoding", "chunked"))
    elif delivery.framing is Framing.LENGTH and answer.status not in _BODILESS:
        added.append(("Content-Length", delivery.declared_length or str(body_size(answer.body))))
    if _closes(answer, request):
        added.append(("Connection", "close"))
    return tuple(added)
