"""Access tokens of the tenant: issued for client credentials, checked, revoked."""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.errors import ScenarioError

READ_SCOPE = "recording:read"
DOWNLOAD_SCOPE = "recording:download"
# Opens the APIs of a real tenant; no client of /oauth/token is granted it.
API_SCOPE = "cxone:api"
ALL_SCOPES = (DOWNLOAD_SCOPE, READ_SCOPE)
_BEARER = "bearer "
_LONGEST_TTL_S = 10**9


@dataclass(frozen=True, slots=True)
class Client:
    """The tenant's one API client.

    Attributes:
        scopes: what it may be granted; leave one out to meet 403.
    """

    client_id: str
    client_secret: str
    scopes: frozenset[str] = frozenset(ALL_SCOPES)

    def is_authentic(self, client_id: str, client_secret: str) -> bool:
        """Return whether both are this client's."""
        same_id = hmac.compare_digest(_octets(client_id), _octets(self.client_id))
        same_secret = hmac.compare_digest(_octets(client_secret), _octets(self.client_secret))
        return same_id and same_secret


@dataclass(frozen=True, slots=True)
class Token:
    """An access token."""

    value: str
    scopes: frozenset[str]
    expires_at: datetime


class TokenDesk:
    """Issues tokens and knows which still hold. Several may be alive at once. Safe under threads.

    Args:
        ttl_s: how long a token holds, from its issue by `clock`.

    Raises:
        ScenarioError: a lifetime out of range.
    """

    def __init__(self, client: Client, ttl_s: float, clock: Clock) -> None:
        if not 0 < ttl_s <= _LONGEST_TTL_S:
            raise ScenarioError(
                f"a token's lifetime is {ttl_s} s; more than 0 and at most {_LONGEST_TTL_S} s is needed"
            )
        self.client = client
        self.ttl_s = ttl_s
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens: dict[str, Token] = {}
        self._issued = 0

    @property
    def issued(self) -> int:
        """How many tokens were issued since the start or the last reset."""
        with self._lock:
            return self._issued

    def issue(self, scopes: Iterable[str], value: str | None = None) -> Token:
        """Return a new token, or make `value` one, which nobody may be able to guess; earlier ones stay alive."""
        now = self._clock.now()
        token = Token(value or secrets.token_urlsafe(32), frozenset(scopes), now + timedelta(seconds=self.ttl_s))
        with self._lock:
            # Issuing is rare and reading is not, so this is where expired ones are dropped.
            self._tokens = {value: old for value, old in self._tokens.items() if old.expires_at > now}
            self._tokens[token.value] = token
            self._issued += 1
        return token

    def refusal(self, authorization: str | None, scope: str) -> int | None:
        """Return 401 or 403 when an ``Authorization`` header does not open `scope`, else None."""
        with self._lock:
            token = self._tokens.get(_bearer_value(authorization))
        if token is None or token.expires_at <= self._clock.now():
            return 401
        return None if scope in token.scopes else 403

    def revoke(self, authorization: str | None) -> None:
        """Make the token of a header worthless at once."""
        with self._lock:
            self._tokens.pop(_bearer_value(authorization), None)

    def revoke_all(self) -> int:
        """Make every token worthless; return how many there were."""
        with self._lock:
            revoked = len(self._tokens)
            self._tokens.clear()
            return revoked

    def reset(self) -> None:
        """Revoke everything and count from zero."""
        with self._lock:
            self._tokens.clear()
            self._issued = 0


def _octets(text: str) -> bytes:
    # JSON can hold halves of surrogate pairs
    return text.encode("utf-8", "surrogatepass")


def _bearer_value(authorization: str | None) -> str:
    value = authorization or ""
    return value[len(_BEARER) :].strip() if value.lower().startswith(_BEARER) else ""
