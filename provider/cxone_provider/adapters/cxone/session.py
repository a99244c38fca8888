"""Requests to one API's origin over pooled, persistent, verified connections.

One :class:`requests.Session` is shared by all threads: nothing changes it after it is made. Cookies are refused,
redirects are not followed, TLS is always verified, ``.netrc`` is not read, and answers come unencoded. What corporate
networks need of the environment, proxies and a CA bundle, is read once and gives way to the connection's own fields.
"""

from __future__ import annotations

import http.client
import os
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from cxone_provider import __version__
from cxone_provider.adapters.cxone.origins import is_loopback
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.straight import StraightPool, straight_pools
from cxone_provider.adapters.redacting import redact_library_logs
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.errors import (
    ArchiveError,
    InvalidSetting,
    ShortBody,
    SourceUnavailable,
    TransferStalled,
    UnexpectedAnswer,
    shown,
)

POOL_SIZE = 64  # more threads than this still work; their connections are not kept
_SENT_AS_THEY_ARE = "/?%!$&'()*+,:;=@[]"  # in a path or query that is quoted already
WIRE_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError)
_PASSING_ERRORS = (
    requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.ProtocolError, urllib3.exceptions.PoolError, urllib3.exceptions.TimeoutError,
    urllib3.exceptions.NewConnectionError, urllib3.exceptions.SSLError,
)  # fmt: skip


class ApiSession:
    """Sends requests to the paths of one base URL and nowhere else.

    Args:
        settings: the tenant.
        base_url: where to; None for the connection's own.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings, base_url: str | None = None) -> None:
        redact_library_logs()
        self._base_url = settings.base_url if base_url is None else base_url
        self._connect_s = settings.timeouts.connect_s
        adapter = _PacedAdapter(settings.timeouts.min_bytes_per_s)
        self._session = bare_session(settings, adapter)
        self._session.proxies.update(proxies_to(self._base_url, settings))
        self._pool = _straight_pool(self._session, self._base_url)
        self._folder = urlsplit(self._base_url).path.rstrip("/")
        self._fixed = {name: str(value) for name, value in self._session.headers.items()}

    @contextmanager
    def request(
        self,
        method: str,
        path: str,
        *,
        limit_s: float,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Iterator[requests.Response]:
        """Yield one answer whose body is not read yet; what is not read when the block ends is dropped.

        Args:
            method: the HTTP method.
            path: path below the base URL.
            limit_s: longest silence, seconds.
            headers: header fields of this request.
            params: the query.
            form: sent form-encoded.
            body: a document that is sent as JSON.

        Raises:
            TryAgain: with SourceUnavailable; no answer came, or reading its body in the block failed.
            UnexpectedAnswer: the server is not who it should be, or does not speak HTTP.
        """
        try:
            if self._pool is not None and method == "GET" and form is None and body is None:
                answer = self._get(self._pool, path, headers, params or {}, limit_s)
            else:
                answer = self._session.request(
                    method, self._base_url + path, headers=headers, params=params, data=form, json=body,
                    timeout=(self._connect_s, limit_s), allow_redirects=False, stream=True,
                )  # fmt: skip
        except WIRE_ERRORS as error:
            raise no_answer(error, _named(error)) from error
        try:
            yield answer
        except WIRE_ERRORS as error:
            raise TryAgain(SourceUnavailable("the answer broke off", found=_named(error))) from error
        finally:
            answer.close()

    def _get(
        self, pool: StraightPool, path: str, headers: Mapping[str, str], params: Mapping[str, str],
        limit_s: float,
    ) -> requests.Response:  # fmt: skip
        """Ask without a body, past what requests and urllib3 prepare anew: most of what a small request costs."""
        asked = requests.PreparedRequest()
        sent = {**self._fixed, **headers}
        asked.headers = CaseInsensitiveDict(sent)
        answer = requests.Response()
        target = quote(f"{self._folder}{path}{'?' if params else ''}{urlencode(params)}", safe=_SENT_AS_THEY_ARE)
        raw = pool.get(target, sent, connect_s=self._connect_s, limit_s=limit_s)
        answer.request, answer.raw, answer.status_code = asked, raw, raw.status
        answer.headers = CaseInsensitiveDict(raw.headers)
        return answer

    def close(self) -> None:
        """Release the connections."""
        self._session.close()


class ApiSessions:
    """The sessions of one tenant, one for each base URL: its API, and where its tokens come from.

    Args:
        settings: the tenant.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._sessions = {settings.base_url: ApiSession(settings)}

    def at(self, base_url: str) -> ApiSession:
        """Return the session for a base URL, which was checked before; made once."""
        with self._lock:
            if base_url not in self._sessions:
                self._sessions[base_url] = ApiSession(self._settings, base_url)
            return self._sessions[base_url]

    def close(self) -> None:
        """Release all connections; may be called twice."""
        with self._lock:
            for session in self._sessions.values():
                session.close()


def broken_body(error: urllib3.exceptions.HTTPError, received_bytes: int) -> ArchiveError:
    """Return what a body's failure means for a transfer."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return TransferStalled("bytes come too slowly", found=f"{received_bytes} bytes before the limit")
    if any(isinstance(cause, http.client.IncompleteRead) for cause in _causes(error)):
        return ShortBody("the body ended before its declared length", found=f"{received_bytes} bytes")
    return SourceUnavailable("the connection broke", found=f"{_named(error)} after {received_bytes} bytes")


class _PacedAdapter(HTTPAdapter):
    def __init__(self, min_bytes_per_s: float) -> None:
        # Set first: the base class makes its pool manager at once.
        self._pools = straight_pools(min_bytes_per_s)
        super().__init__(pool_connections=4, pool_maxsize=POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  # the base class decides the signature
        # Even with redirects off, the base class reads the whole body of a redirect to prepare the next request.
        return


def bare_session(settings: CXoneSettings, adapter: HTTPAdapter) -> requests.Session:
    """Return a session that adds nothing to a request but who asks; every request goes through `adapter`.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers["User-Agent"] = f"airflow-provider-cxone/{__version__}"
    session.headers["Accept-Encoding"] = "identity"
    session.verify = _ca_bundle(settings)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


def proxies_to(url: str, settings: CXoneSettings) -> Mapping[str, str]:
    """Return the proxies on the way to `url`: the connection's, else the environment's; none to this machine."""
    if settings.proxies or is_loopback(urlsplit(url).hostname or ""):
        return settings.proxies
    return get_environ_proxies(url)


def _straight_pool(session: requests.Session, base_url: str) -> StraightPool | None:
    """Return the session's own pool of connections to the base URL; None where a proxy stands in between."""
    if session.proxies:
        return None
    asked = requests.Request("GET", base_url).prepare()
    adapter: Any = session.get_adapter(base_url)
    pool: StraightPool = adapter.get_connection_with_tls_context(asked, session.verify)
    return pool


def _ca_bundle(settings: CXoneSettings) -> str | bool:
    path = settings.ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    if not path:  # an empty text must not reach `verify`, where it would switch verification off
        return True
    if not Path(path).exists():
        raise InvalidSetting("the CA bundle does not exist", found=path, expected="a PEM file on every worker")
    return path


def no_answer(error: Exception, found: str) -> Exception:
    """Return what to raise when no answer came; `found` is what may be shown of the cause."""
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        return UnexpectedAnswer(
            "the server's certificate does not verify", found=found,
            hint="Behind a proxy that opens TLS, set the connection's ca_bundle.",
        )  # fmt: skip
    if isinstance(error, _PASSING_ERRORS):
        return TryAgain(SourceUnavailable("no answer", found=found))
    return UnexpectedAnswer("not an HTTP answer", found=found)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _named(error: Exception) -> str:
    return shown(f"{type(error).__name__}: {error}")
