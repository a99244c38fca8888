"""A transport for requests that connects only to addresses which were checked.

A name is resolved once per connection, every address of the answer is checked, and the socket connects to one of the
checked addresses: an answer that changes between check and use changes nothing. ``Host``, SNI and the check of the
certificate keep the name. Where a proxy is configured, the proxy resolves names and is the guard for them; spelled
addresses are checked here even then.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPResponse
from typing import Any, ClassVar

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util import parse_url

from cxone_provider.adapters.addresses import AddressGuard, Endpoint
from cxone_provider.archive.errors import InvalidSetting


class PinningAdapter(HTTPAdapter):
    """A transport for requests whose connections go to checked addresses only.

    Args:
        guard: decides; its refusals come out of `send` as they are.
        response_class: reads the answers; None for the standard library's own.
        pool_size: connections to one host that are kept.
    """

    def __init__(
        self, guard: AddressGuard, response_class: type[HTTPResponse] | None = None, pool_size: int = 10
    ) -> None:
        self._guard = guard
        self.response_class = response_class
        super().__init__(pool_maxsize=pool_size)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:  # noqa: FBT001, FBT002  # requests' signature
        """Make the pools, whose connections ask the guard."""
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        """Return the pools behind an HTTP proxy.

        Raises:
            InvalidSetting: it is a SOCKS proxy, which may resolve names on this side, unchecked.
        """
        if not proxy.lower().startswith(("http://", "https://")):
            raise InvalidSetting("unusable proxy", found=proxy.partition("://")[0], expected="http:// or https://")
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def _pools(self) -> Mapping[str, Callable[..., HTTPConnectionPool]]:
        # Keywords that a pool does not know go on to its connections.
        return {"http": partial(_PinnedPool, adapter=self), "https": partial(_PinnedTLSPool, adapter=self)}

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002  # requests' signature
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002  # requests' signature
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request; redirects are for the caller to refuse or to send as new, checked requests."""
        url = request.url or ""
        if select_proxy(url, proxies):
            parts = parse_url(url)
            self._guard.check_proxied(parts.host or "", tls=parts.scheme == "https")
        return super().send(request, stream, timeout, verify, cert, proxies)

    def connect(self, connection: HTTPConnection, host: str, *, tls: bool) -> socket.socket:
        """Return a socket connected to `host`, for `connection`: its addresses are tried in the resolver's order.

        Raises:
            ArchiveError: the guard refuses one of the addresses.
            OSError: the name is not known, or none of the addresses answers.
        """
        # An administrator names the proxy, and proxies live in private networks.
        find = self._guard.resolver if connection.proxy else partial(self._guard.endpoints, tls=tls)
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
        for endpoint in find(host, connection.port):
            try:
                return self._open(endpoint, connection)
            except OSError as error:
                failure = error
        raise failure

    def _open(self, endpoint: Endpoint, connection: HTTPConnection) -> socket.socket:
        opened = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            for option in connection.socket_options or ():
                opened.setsockopt(*option)
            opened.settimeout(connection.timeout)
            opened.connect(endpoint.sockaddr)
        except OSError:
            opened.close()
            raise
        return opened


class _PinnedConnection(HTTPConnection):
    tls: ClassVar[bool] = False

    def __init__(self, *args: Any, adapter: PinningAdapter, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._adapter = adapter
        self._asked = False
        if adapter.response_class is not None:
            self.response_class = adapter.response_class

    def connect(self) -> None:
        self._asked = False
        super().connect()
        if not self._asked:
            # Another urllib3 that connects by another way must not send a request past the guard.
            self.close()
            raise NewConnectionError(self, "the address guard was not asked")

    def _new_conn(self) -> socket.socket:
        self._asked = True
        # urllib3's own place for other ways to connect: its SOCKS support overrides it, too.
        try:
            return self._adapter.connect(self, self._dns_host, tls=self.tls)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"connection to {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection: {error}") from error


class _PinnedTLSConnection(_PinnedConnection, HTTPSConnection):
    tls = True


class _PinnedPool(HTTPConnectionPool):
    ConnectionCls = _PinnedConnection


class _PinnedTLSPool(HTTPSConnectionPool):
    ConnectionCls = _PinnedTLSConnection
