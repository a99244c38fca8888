"""Requests with a bearer token to one tenant's API, whichever dialect asks: a refused token costs one more request.

The token says where the API is: at the connection's base URL, or where the tenant's configuration put it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from cxone_provider.adapters.cxone.access_key import AccessKeyGrant, AccessKeyJson
from cxone_provider.adapters.cxone.answers import excerpt, read_document, refused_recording
from cxone_provider.adapters.cxone.auth import Grant, TokenClient
from cxone_provider.adapters.cxone.credentials import Auth
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.grants import ClientCredentials, TokenRequests
from cxone_provider.adapters.cxone.quota import RequestBudget
from cxone_provider.adapters.cxone.session import ApiSessions
from cxone_provider.adapters.cxone.settings import RECORDING_SCOPES, CXoneSettings
from cxone_provider.adapters.cxone.tokens import Token
from cxone_provider.archive.errors import AuthenticationFailed, InvalidSetting
from cxone_provider.archive.ports import Clock

_GRANTS: Mapping[Auth, Callable[[TokenRequests], Grant]] = {
    Auth.CLIENT_CREDENTIALS: ClientCredentials,
    Auth.ACCESS_KEY: AccessKeyGrant,
    Auth.ACCESS_KEY_JSON: AccessKeyJson,
}
_KEY_HINT = "Is the access key active, and may its user call this API?"
_HINTS: Mapping[Auth, str] = {
    Auth.CLIENT_CREDENTIALS: (
        f"Is the client application enabled for this tenant, with {' and '.join(RECORDING_SCOPES)}?"
    ),
    Auth.ACCESS_KEY: _KEY_HINT,
    Auth.ACCESS_KEY_JSON: _KEY_HINT,
}


@dataclass(slots=True)
class Call:
    """One request that may be sent more than once.

    Attributes:
        path: path below the API's base URL, its variable parts encoded.
        limit_s: longest silence of the answer, seconds.
        params: the query.
        method: the HTTP method.
        body: a JSON document to send, or None.
        budget: asked before each time it is sent, where the tenant counts such requests; None elsewhere.
        requests: how often it was sent so far.
    """

    path: str
    limit_s: float
    params: Mapping[str, str] | None = None
    method: str = "GET"
    body: Any = None
    budget: RequestBudget | None = None
    requests: int = 0


class TenantApi:
    """A tenant's API: one pool of connections, one token for all threads.

    Args:
        settings: the tenant.
        clock: waits, and measures token lifetimes.
        on_token: told every token of every kind before it is used, so that whoever writes the logs can hide it.

    Raises:
        InvalidSetting: the CA bundle does not exist, or the connection is of a bucket alone.
    """

    def __init__(self, settings: CXoneSettings, clock: Clock, *, on_token: Callable[[str], None] | None = None) -> None:
        if settings.credentials.auth not in _GRANTS:
            raise InvalidSetting(
                "the connection names no tenant's API",
                found=str(settings.api),
                expected="recording-v2 or media-playback",
            )
        self.settings = settings
        self.clock = clock
        self._sessions = ApiSessions(settings)
        grant = _GRANTS[settings.credentials.auth]
        self._tokens = TokenClient(grant(TokenRequests(settings, self._sessions, clock, on_token)), clock)

    def check(self) -> str:
        """Fetch a token and return the API's base URL.

        Shows that address, TLS, credentials and discovery are right, and touches no recording.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        return self._tokens.token().base_url

    @contextmanager
    def ask(self, call: Call, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Yield any answer but 401, which costs the token and gets one more try with a new one; sends once otherwise.

        Raises:
            TryAgain: no answer came, or its body broke off inside the block.
            AuthenticationFailed: 401 also with a new token.
        """
        token = self._tokens.token()
        with self._send(call, headers, token) as answer:
            if answer.status_code != 401:
                yield answer
                return
        self._tokens.invalidate(token)
        with self._send(call, headers, self._tokens.token()) as answer:
            if answer.status_code == 401:
                raise AuthenticationFailed(
                    "401 also with a new token", found=excerpt(answer, self.secrets(answer)),
                    expected="a token that this API takes", hint=_HINTS[self.settings.credentials.auth],
                )  # fmt: skip
            yield answer

    def document(
        self, call: Call, subject: str, refuse: Callable[[requests.Response], Exception], *, secret: bool = False
    ) -> dict[str, Any]:
        """Return the JSON object of a 200, sending again within the bounds of the tenant's retries.

        Args:
            call: what is asked.
            subject: what it is in an error, e.g. ``metadata``.
            refuse: makes the error for any other status; a TryAgain has the request sent again.
            secret: the document may hold links or tokens, so errors show nothing of it.

        Raises:
            what `refuse` makes; AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """

        def attempt() -> bytes:
            with self.ask(call, {"Accept": "application/json"}) as answer:
                if answer.status_code != 200:
                    raise refuse(answer)
                return read_document(answer, subject)

        return parse_object(self.settings.retries.call(attempt, self.clock), subject, secret=secret)

    def refused(self, answer: requests.Response, subject: str) -> Exception:
        """Return what to raise for an answer about one recording that is no success."""
        return refused_recording(answer, subject, self.clock.now(), self.secrets(answer))

    def secrets(self, answer: requests.Response) -> tuple[str, ...]:
        """Return what an answer's body must not show: it may echo the request."""
        sent = answer.request.headers["Authorization"].removeprefix("Bearer ")
        return sent, *self.settings.credentials.secrets

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._sessions.close()

    @contextmanager
    def _send(self, call: Call, headers: Mapping[str, str], token: Token) -> Iterator[requests.Response]:
        if call.budget is not None:
            call.budget.take()
        call.requests += 1
        signed = {**headers, "Authorization": f"Bearer {token.value}"}
        request = self._sessions.at(token.base_url).request(
            call.method, call.path, limit_s=call.limit_s, headers=signed, params=call.params, body=call.body
        )
        with request as answer:
            yield answer
