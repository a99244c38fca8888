"""Bearer tokens by client credentials: fetched once, reused by every thread, dropped when refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import requests

from cxone_provider.adapters.cxone.answers import excerpt, read_document, unusable
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.session import ApiSession
from cxone_provider.adapters.cxone.settings import RECORDING_SCOPES, CXoneSettings
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    UnexpectedAnswer,
    shown,
)
from cxone_provider.archive.ports import Clock

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
REFRESH_BEFORE_S = 30.0
REFUSAL_KEPT_S = 60.0
ASSUMED_LIFETIME_S = 300.0
MAX_LIFETIME_S = 24 * 3600.0
_TOKEN = re.compile(r"[!-~]{1,16384}", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; its value is not in its `repr`.

    Attributes:
        value: what goes behind ``Bearer``.
        lifetime_s: seconds from the request on during which it may be used.
    """

    value: str = field(repr=False)
    lifetime_s: float

    @property
    def usable_s(self) -> float:
        """Seconds until it is renewed: 30 s before its end, halfway through where it lives no longer than a minute."""
        return max(self.lifetime_s - REFRESH_BEFORE_S, self.lifetime_s / 2)


def parse_token(document: Mapping[str, Any], requested_scope: str) -> Token:
    """Return the token of a token endpoint's answer (RFC 6749 §5.1).

    Raises:
        UnexpectedAnswer: no usable token, or another type than bearer.
        AccessDenied: the granted scope lacks one of the recording scopes that were asked for.
    """
    value = document.get("access_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        found = type(value).__name__ if not isinstance(value, str) else f"{len(value)} characters"
        raise UnexpectedAnswer(
            "access_token of the token answer", found=found, expected="1 to 16384 visible characters"
        )
    kind = document.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise UnexpectedAnswer("token_type of the token answer", found=shown(kind), expected="Bearer")
    _check_scope(document.get("scope"), requested_scope)
    return Token(value, _lifetime_s(document.get("expires_in")))


def _check_scope(granted: object, requested: str) -> None:
    if granted is None or granted == "":
        return  # RFC 6749 §5.1: left out where it is what was asked for
    if not isinstance(granted, str):
        raise UnexpectedAnswer("scope of the token answer", found=shown(granted), expected="text")
    missing = sorted(set(RECORDING_SCOPES) & set(requested.split()) - set(granted.split()))
    if missing:
        raise AccessDenied(
            "the token lacks a scope", found=shown(granted), expected=" ".join(missing),
            hint="Grant the client application the missing scope in CXone.",
        )  # fmt: skip


def _lifetime_s(expires_in: object) -> float:
    """Return how long a token lives; what cannot be true is replaced, since a 401 corrects a wrong guess anyway."""
    if isinstance(expires_in, str) and _WHOLE_NUMBER.fullmatch(expires_in):
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, (int, float)) or not expires_in > 0:
        return ASSUMED_LIFETIME_S
    return float(min(expires_in, MAX_LIFETIME_S))


class TokenClient:
    """Gives every thread the same token and asks for a new one only when there is none to use.

    One thread at a time fetches; the others wait for its token or its error. Refused credentials are not sent again
    for a minute, so that a batch of ten thousand recordings does not lock the account.

    Args:
        settings: the tenant and its credentials.
        api: sends the request.
        clock: measures lifetimes.
        on_token: told every new token before it is used, so that whoever writes the logs can hide it.
    """

    def __init__(
        self, settings: CXoneSettings, api: ApiSession, clock: Clock, on_token: Callable[[str], None] | None = None
    ) -> None:
        self._on_token = on_token
        self._settings = settings
        self._api = api
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._until_s = 0.0
        self._refusal: ArchiveError | None = None
        self._pending: Future[Token] | None = None

    def token(self) -> str:
        """Return a token that should be accepted now.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        while True:
            with self._lock:
                if self._clock.monotonic_s() < self._until_s:
                    if self._refusal is not None:
                        raise copy(self._refusal)
                    if self._token is not None:
                        return self._token.value
                pending, mine = self._pending, self._pending is None
                if pending is None:
                    pending = self._pending = Future()
            if mine:
                return self._lead(pending).value
            try:
                failure = pending.exception()
            except CancelledError:
                continue  # the thread that fetched was interrupted; another one does it
            if failure is not None:
                raise copy(failure)
            return pending.result().value

    def invalidate(self, token: str) -> None:
        """Drop `token` because it was refused; a newer one that another thread has fetched meanwhile stays."""
        with self._lock:
            if self._token is not None and self._token.value == token:
                self._token = None

    def _lead(self, pending: Future[Token]) -> Token:
        began_s = self._clock.monotonic_s()
        try:
            token = self._settings.retries.call(self._fetch, self._clock)
        except ArchiveError as error:
            if isinstance(error, (AuthenticationFailed, AccessDenied)):
                # A copy: an exception that is raised again keeps every frame it ever passed alive.
                self._remember(None, copy(error), self._clock.monotonic_s() + REFUSAL_KEPT_S)
            pending.set_exception(error)
            raise
        else:
            self._remember(token, None, began_s + token.usable_s)
            pending.set_result(token)
            return token
        finally:
            with self._lock:
                self._pending = None
            pending.cancel()

    def _remember(self, token: Token | None, refusal: ArchiveError | None, until_s: float) -> None:
        with self._lock:
            self._token, self._refusal, self._until_s = token, refusal, until_s

    def _fetch(self) -> Token:
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": settings.scope,
        }
        headers = {"Accept": "application/json"}
        limit_s = settings.timeouts.token_s
        with self._api.request("POST", TOKEN_PATH, limit_s=limit_s, headers=headers, form=form) as answer:
            if answer.status_code != 200:
                raise self._refused(answer)
            body = read_document(answer, "token answer")
        token = parse_token(parse_object(body, "token answer", secret=True), settings.scope)
        if self._on_token is not None:
            self._on_token(token.value)
        return token

    def _refused(self, answer: requests.Response) -> Exception:
        secrets = (self._settings.client_secret,)
        if answer.status_code in (400, 401, 403):
            return AuthenticationFailed(
                "the token endpoint refused the credentials", found=excerpt(answer, secrets),
                hint="Check client id, client secret and scope of the connection.",
            )  # fmt: skip
        return unusable(answer, "token", self._clock.now(), secrets)
