"""GET requests over urllib3's own connections, past what it and the standard library do anew each time.

Connecting, TLS, time-outs and the keeping of connections are urllib3's. Written and read here are the request's head
and the answer's, a few lines each, and the body goes from the socket into the caller's buffer: urllib3 would make a
temporary of every slice. Errors are urllib3's for the same failure, so a caller cannot tell which way a request went.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from typing import ClassVar, TypeVar

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, IncompleteRead, InvalidHeader, ProtocolError, ReadTimeoutError, SSLError

from cxone_provider.adapters.cxone.pace import PacedResponse, paced_response
from cxone_provider.adapters.heads import read_head

log = logging.getLogger(__name__)
_TARGET = re.compile(r"/[!-~]*", re.ASCII)
_UNSENDABLE = re.compile(r"[\x00-\x1f\x7f]")
_LENGTH = re.compile("[0-9]{1,18}", re.ASCII)
_BODILESS = frozenset({204, 304})

T = TypeVar("T")


class LightResponse(PacedResponse):
    """An answer whose head is read without making an e-mail message of it; the body is the standard library's."""

    def begin(self) -> None:
        """Read the head.

        Raises:
            HTTPException, OSError: it is none, or does not come.
            InvalidHeader: it names several lengths.
        """
        head = read_head(self.fp)
        self.code = self.status = head.status
        self.version = 11
        self.fields = head.headers
        encoding = head.headers.get("transfer-encoding", "").lower()
        if encoding not in ("", "chunked"):
            raise HTTPException(f"Transfer-Encoding is not chunked alone: {encoding[:64]!r}")
        self.chunked = bool(encoding)
        self.chunk_left = None
        self.length = None if self.chunked else _length(head.headers.get("content-length"))
        if head.status in _BODILESS:
            self.length = 0
        self.will_close = not head.keeps or (self.length is None and not self.chunked)
        if self.length == 0:
            self.close()


def _length(value: str | None) -> int | None:
    """Return a declared length; None where there is none, or no usable one, which the reader of the media refuses."""
    if value is None:
        return None
    lengths = {length.strip(" \t") for length in value.split(",")}
    if len(lengths) > 1:
        raise InvalidHeader(f"Content-Length contained multiple unmatching values ({value[:64]})")
    (length,) = lengths
    return int(length) if _LENGTH.fullmatch(length) else None


class StraightBody:
    """An answer and its body, as far as `raw` of an answer of requests is used.

    Args:
        pool: where the connection goes back to.
        connection: connected; the request is sent.
        answer: its head is not read yet.

    Attributes:
        received_bytes: of the body.
    """

    def __init__(self, pool: StraightPool, connection: HTTPConnection, answer: LightResponse) -> None:
        self._pool = pool
        self._connection: HTTPConnection | None = connection
        self._answer = answer
        self.received_bytes = 0

    @property
    def status(self) -> int:
        """Of the answer."""
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The answer's fields by lower-case name; those that came twice are joined by a comma."""
        return self._answer.fields

    def begin(self, target: str) -> None:
        """Read the head of the answer to a request for `target`.

        Raises:
            urllib3.exceptions.HTTPError: there is none.
        """
        self._guarded(self._answer.begin, target, "Connection aborted")

    def read(self, amount: int | None = None, decode_content: bool = False) -> bytes:  # noqa: FBT001, FBT002, ARG002  # urllib3's signature
        """Return the next `amount` bytes, fewer only at the end; nothing is ever decoded.

        Raises:
            urllib3.exceptions.HTTPError: the body broke off.
        """
        return self._guarded(lambda: self._counted(self._answer.read(amount)))

    def readinto(self, view: memoryview) -> int:
        """Fill `view`, less of it only at the end; return how many bytes came.

        Raises:
            urllib3.exceptions.HTTPError: the body broke off.
        """
        return self._guarded(lambda: self._filled(view))

    def close(self) -> None:
        """Give the connection back, closed unless the body was read to its end; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not self._answer.isclosed() or self._answer.will_close or self._answer.length:
            connection.close()
        self._answer.close()
        self._pool.give_back(connection)

    def _counted(self, piece: bytes) -> bytes:
        self.received_bytes += len(piece)
        self._check_end()
        return piece

    def _filled(self, view: memoryview) -> int:
        count = self._answer.readinto(view)
        self.received_bytes += count
        if not count:
            self._check_end()
        return count

    def _check_end(self) -> None:
        if self._answer.isclosed() and self._answer.length:
            raise IncompleteRead(self.received_bytes, self._answer.length)

    def _guarded(self, step: Callable[[], T], target: str | None = None, problem: str = "Connection broken") -> T:
        whole = False
        try:
            done = step()
            whole = True
        except (HTTPException, OSError) as error:
            raise _as_urllib3(self._pool, target, problem, error) from error
        finally:
            if not whole:
                self._answer.will_close = True
            if not whole or self._answer.isclosed():
                self.close()
        return done


class StraightPool(HTTPConnectionPool):
    """A pool of urllib3's that also sends GET requests past what urllib3 does for each."""

    light_response: ClassVar[type[LightResponse]]

    def get(self, target: str, headers: Mapping[str, str], *, connect_s: float, limit_s: float) -> StraightBody:
        """Send one GET and return its answer, whose body is not read yet.

        Args:
            target: path and query, quoted.
            headers: all of them but ``Host``.
            connect_s: time-out of connecting, seconds.
            limit_s: longest silence, seconds.

        Raises:
            urllib3.exceptions.HTTPError: no answer came.
            ValueError: something cannot be sent in a head.
        """
        connection: HTTPConnection = self._get_conn()  # type: ignore[assignment]  # ConnectionCls says which
        body = None
        try:
            head = _head(target, {"Host": _host_of(connection), **headers})
            answer = self.light_response(_sent(connection, head, connect_s, limit_s), method="GET")
            body = StraightBody(self, connection, answer)
        except (HTTPException, OSError) as error:
            raise _as_urllib3(self, target, "Connection aborted", error) from error
        finally:
            if body is None:
                connection.close()
                self.give_back(connection)
        body.begin(target)
        log.debug('%s "GET %s" %d', self.host, target, body.status)
        return body

    def give_back(self, connection: HTTPConnection) -> None:
        """Take a connection back that :meth:`get` took out."""
        self._put_conn(connection)


def straight_pools(min_bytes_per_s: float) -> dict[str, type[StraightPool]]:
    """Return connection pools by scheme, with connections whose answers must keep the pace."""
    response = paced_response(min_bytes_per_s)

    class Light(LightResponse):
        pass

    Light.min_bytes_per_s = min_bytes_per_s

    class PlainConnection(HTTPConnection):
        response_class = response

    class TLSConnection(HTTPSConnection):
        response_class = response

    class PlainPool(StraightPool):
        ConnectionCls = PlainConnection
        light_response = Light

    class TLSPool(StraightPool, HTTPSConnectionPool):
        ConnectionCls = TLSConnection
        light_response = Light

    return {"http": PlainPool, "https": TLSPool}


def _as_urllib3(pool: StraightPool, target: str | None, problem: str, error: Exception) -> HTTPError:
    """Return what urllib3 would raise for a failure on the wire."""
    if isinstance(error, TimeoutError):
        return ReadTimeoutError(pool, target, "Read timed out.")
    if isinstance(error, ssl.SSLError):
        return SSLError(error)
    return ProtocolError(f"{problem}: {error!r}", error)


def _host_of(connection: HTTPConnection) -> str:
    host = f"[{connection.host}]" if ":" in connection.host else connection.host
    return host if connection.port == connection.default_port else f"{host}:{connection.port}"


def _head(target: str, headers: Mapping[str, str]) -> bytes:
    if not _TARGET.fullmatch(target) or _UNSENDABLE.search("".join([*headers, *headers.values()])):
        raise ValueError("a request's target or header field holds what cannot be sent")
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1")


def _sent(connection: HTTPConnection, head: bytes, connect_s: float, limit_s: float) -> socket.socket:
    """Send a head over a connection, connecting it where it is not; return its socket."""
    if connection.is_closed:
        connection.timeout = connect_s
        connection.connect()
    sock = connection.sock
    sock.settimeout(limit_s)
    with suppress(BrokenPipeError):  # who has heard enough may have answered
        sock.sendall(head)
    return sock
