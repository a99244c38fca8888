"""How a token is asked for: requests to token endpoints, and client credentials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import requests

from cxone_provider.adapters.cxone.answers import excerpt, read_document, unusable
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.session import ApiSessions
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.cxone.tokens import Token, parse_token
from cxone_provider.archive.errors import AuthenticationFailed
from cxone_provider.archive.ports import Clock

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
_SECRET_FIELDS = ("access_token", "refresh_token", "id_token")
_SECRET_INPUTS = ("client_secret", "username", "password", "refresh_token")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """One request for a token.

    Attributes:
        base_url: where to, checked before.
        path: path below it.
        form: sent form-encoded, or None.
        body: sent as JSON, or None.
        headers: header fields beside ``Accept``.
    """

    base_url: str
    path: str = ""
    form: Mapping[str, str] | None = field(default=None, repr=False)
    body: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What an answer that echoes the request must not show."""
        form, basic = self.form or {}, self.headers.get("Authorization", "").removeprefix("Basic ")
        return tuple(filter(None, (basic, *(form.get(name, "") for name in _SECRET_INPUTS))))


class TokenRequests:
    """Asks token endpoints and the documents that lead to them, within the bounds of the tenant's retries.

    Args:
        settings: the tenant.
        sessions: send the requests.
        clock: waits.
        on_secret: told every token of every kind before it is used, so that whoever writes the logs can hide it.
    """

    def __init__(
        self, settings: CXoneSettings, sessions: ApiSessions, clock: Clock, on_secret: Callable[[str], None] | None
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._sessions = sessions
        self._on_secret = on_secret

    def token_document(self, request: TokenRequest) -> dict[str, Any]:
        """Return the JSON object that a token endpoint answers with.

        Raises:
            AuthenticationFailed: 400, 401 or 403.
            RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        send = partial(self._ask, "POST", request, "token", partial(self._refused, request))
        document = parse_object(self._retried(send), "token answer", secret=True)
        for name in _SECRET_FIELDS:
            value = document.get(name)
            if self._on_secret is not None and isinstance(value, str):
                self._on_secret(value)
        return document

    def public_document(self, base_url: str, path: str, what: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return a JSON object that anyone may read.

        Raises:
            RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        request = TokenRequest(base_url, path)
        send = partial(self._ask, "GET", request, what, partial(self._unusable, what, request), params)
        return parse_object(self._retried(send), what)

    def _retried(self, send: Callable[[], bytes]) -> bytes:
        return self.settings.retries.call(send, self.clock)

    def _ask(
        self, method: str, request: TokenRequest, what: str, refuse: Callable[[requests.Response], Exception],
        params: Mapping[str, str] | None = None,
    ) -> bytes:  # fmt: skip
        asked = self._sessions.at(request.base_url).request(
            method, request.path, limit_s=self.settings.timeouts.token_s, params=params,
            headers={"Accept": "application/json", **request.headers}, form=request.form, body=request.body,
        )  # fmt: skip
        with asked as answer:
            if answer.status_code != 200:
                raise refuse(answer)
            return read_document(answer, f"{what} answer")

    def _refused(self, request: TokenRequest, answer: requests.Response) -> Exception:
        if answer.status_code in (400, 401, 403):
            return AuthenticationFailed(
                "the token endpoint refused the credentials", found=excerpt(answer, self._secrets(request)),
                hint="Check the credentials of the connection.",
            )  # fmt: skip
        return self._unusable("token", request, answer)

    def _unusable(self, what: str, request: TokenRequest, answer: requests.Response) -> Exception:
        return unusable(answer, what, self.clock.now(), self._secrets(request))

    def _secrets(self, request: TokenRequest) -> tuple[str, ...]:
        return *self.settings.credentials.secrets, *request.secrets


class ClientCredentials:
    """Client id and secret in a form, at the API's own origin; implements :class:`.auth.Grant`.

    Args:
        token_requests: sends them.
    """

    def __init__(self, token_requests: TokenRequests) -> None:
        self._requests = token_requests

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002  # this grant has no renewal
        """Return a new token with the scopes that the connection asks for."""
        settings = self._requests.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.credentials.client_id,
            "client_secret": settings.credentials.client_secret,
            "scope": settings.scope,
        }
        document = self._requests.token_document(TokenRequest(settings.base_url, TOKEN_PATH, form))
        return replace(parse_token(document, settings.scope), base_url=settings.base_url)
