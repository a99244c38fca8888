"""Bearer tokens: fetched once, reused by every thread, dropped when refused."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from copy import copy
from typing import Protocol

from cxone_provider.adapters.cxone.tokens import Token
from cxone_provider.archive.errors import AccessDenied, ArchiveError, AuthenticationFailed
from cxone_provider.archive.ports import Clock

REFUSAL_KEPT_S = 60.0


class Grant(Protocol):
    """A way to get a token; called by one thread at a time."""

    def fetch(self, previous: Token | None) -> Token:
        """Return a new token, asking as often as the tenant's retries allow.

        Args:
            previous: the token whose time is up, for its renewal; None at first, and after one was refused.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer, TransferCancelled.
        """


class TokenClient:
    """Gives every thread the same token and asks for a new one only when there is none to use.

    One thread at a time fetches; the others wait for its token or its error. Refused credentials are not sent again
    for a minute, so that a batch of ten thousand recordings does not lock the account.

    Args:
        grant: asks for tokens.
        clock: measures lifetimes.
    """

    def __init__(self, grant: Grant, clock: Clock) -> None:
        self._grant = grant
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._until_s = 0.0
        self._refusal: ArchiveError | None = None
        self._pending: Future[Token] | None = None

    def token(self) -> Token:
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
                        return self._token
                pending, mine = self._pending, self._pending is None
                if pending is None:
                    pending = self._pending = Future()
            if mine:
                return self._lead(pending)
            try:
                failure = pending.exception()
            except CancelledError:
                continue  # the thread that fetched was interrupted; another one does it
            if failure is not None:
                raise copy(failure)
            return pending.result()

    def invalidate(self, token: Token) -> None:
        """Drop `token` and its renewal because it was refused; a newer one that another thread has fetched stays."""
        with self._lock:
            if self._token is not None and self._token.value == token.value:
                self._token = None

    def _lead(self, pending: Future[Token]) -> Token:
        began_s = self._clock.monotonic_s()
        try:
            token = self._grant.fetch(self._token)
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
