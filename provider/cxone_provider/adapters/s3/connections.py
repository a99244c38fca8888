"""Kept HTTP/1.1 connections to one S3 endpoint: a small request is one write."""

from __future__ import annotations

import io
import select
import socket
import ssl
import threading
import weakref
from collections.abc import Mapping
from http.client import HTTPException
from typing import TYPE_CHECKING, TypeAlias

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.exceptions import SSLError as BotocoreSSLError

from cxone_provider.adapters.s3.answering import Answer, read_answer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ_BYTES = 16 * 1024
_JOINED_BYTES = 64 * 1024  # a smaller body is sent with its head: one system call, one packet's wait less

Body: TypeAlias = bytes | bytearray | memoryview


class _Received(io.RawIOBase):
    """What a socket receives; nothing while it is only looked whether something was received already."""

    def __init__(self, source: socket.socket) -> None:
        super().__init__()
        self._source = source
        self.is_looking = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        return None if self.is_looking else self._source.recv_into(buffer)


class _Connection:
    """A connected socket, and what is read from it."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._received = _Received(connected)
        self.file = io.BufferedReader(self._received, _READ_BYTES)

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def has_more(self) -> bool:
        """Tell whether it was closed while nobody used it, or holds bytes that nobody asked for."""
        self._received.is_looking = True
        buffered = self.file.peek(1)
        self._received.is_looking = False
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(buffered) or bool(poll.poll(0))


class Connections:
    """Connections to one host, as many as threads use them at once; those that broke are not used again.

    Args:
        host, port: the endpoint.
        tls: context that verifies the server, or None for plain http.
        connect_timeout_s, read_timeout_s: of one connection, and of each wait for bytes.
        most: connections kept open when nobody uses them.
    """

    def __init__(
        self, host: str, port: int, tls: ssl.SSLContext | None, connect_timeout_s: float, read_timeout_s: float,
        most: int,
    ) -> None:  # fmt: skip
        self._address = (host, port)
        self._url = f"{'http' if tls is None else 'https'}://{host}:{port}"
        self._tls = tls
        self._connect_timeout_s = connect_timeout_s
        self._read_timeout_s = read_timeout_s
        self._most = most
        self._idle: list[_Connection] = []
        self._lock = threading.Lock()
        # A store has no end of its own: what it kept open ends with it.
        weakref.finalize(self, _close_all, self._idle)

    def send(self, method: str, target: str, headers: Mapping[str, str], body: Body, most_bytes: int) -> Answer:
        """Send one request and read its answer.

        Args:
            method: of the request.
            target: path and query, quoted.
            headers: all of them but ``content-length``.
            body: what follows them; may be empty.
            most_bytes: a larger answer is not read.

        Raises:
            BotoCoreError: what botocore raises for the same failure.
        """
        length = f"content-length: {len(body)}\r\n" if body or method == "PUT" else ""
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = f"{method} {target} HTTP/1.1\r\n{lines}{length}\r\n".encode("latin-1")
        connection = self._take()
        keeps = False
        try:
            is_sent = write(connection.socket, head, body)
            answer = read_answer(connection.file, most_bytes)
            keeps = answer.keeps and is_sent
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except ssl.SSLError as error:
            raise BotocoreSSLError(endpoint_url=self._url, error=error) from error
        except (OSError, HTTPException) as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from error
        finally:
            self._give_back(connection, keeps=keeps)
        return answer

    def _take(self) -> _Connection:
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect()
            if not connection.has_more():
                return connection
            connection.close()

    def _give_back(self, connection: _Connection, *, keeps: bool) -> None:
        with self._lock:
            if keeps and len(self._idle) < self._most:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> _Connection:
        try:
            connection = socket.create_connection(self._address, self._connect_timeout_s)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        made = False
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_hostname=self._address[0])
            connection.settimeout(self._read_timeout_s)
            made = True
        except ssl.SSLError as error:
            raise BotocoreSSLError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from error
        finally:
            if not made:
                connection.close()
        return _Connection(connection)


def write(connection: socket.socket, head: bytes, body: Body) -> bool:
    """Send a request; return False where the server has heard enough, which its answer explains."""
    if len(body) <= _JOINED_BYTES:
        connection.sendall(head + body)
        return True
    connection.sendall(head)
    try:
        connection.sendall(body)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _close_all(idle: list[_Connection]) -> None:
    while idle:
        idle.pop().close()
