"""Issues what an access key buys: a token shaped like a JWT, and a refresh token."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.tokens import API_SCOPE, Client, TokenDesk

_SCOPES = frozenset({API_SCOPE})


@dataclass(frozen=True, slots=True)
class Grant:
    """What is answered to a successful request; `id_token` has the same claims and opens nothing."""

    access_token: str
    refresh_token: str
    id_token: str
    expires_in_s: float


class AccessDesk:
    """Checks access keys and refresh tokens. Safe under threads."""

    def __init__(self, settings: ApiSettings, tokens: TokenDesk, clock: Clock) -> None:
        self.settings = settings
        self.tokens = tokens
        self._key = Client(settings.access_key_id, settings.access_key_secret)
        self._clock = clock
        self._lock = threading.Lock()
        self._refreshing: dict[str, datetime] = {}

    def by_key(self, key_id: str, key_secret: str) -> Grant | None:
        """Return a grant for the tenant's access key; None for any other."""
        return self._granted() if self._key.is_authentic(key_id, key_secret) else None

    def by_refresh_token(self, token: str) -> Grant | None:
        """Return a grant for a refresh token that holds; None for any other."""
        with self._lock:
            expires_at = self._refreshing.get(token)
            if self.settings.refresh_once:
                self._refreshing.pop(token, None)
        holds = expires_at is not None and self._clock.now() < expires_at
        return self._granted() if holds else None

    def is_tenant(self, tenant_id: str) -> bool:
        """Return whether an id is this tenant's."""
        return hmac.compare_digest(tenant_id.encode("utf-8", "surrogatepass"), self.settings.tenant_id.encode())

    def reset(self) -> None:
        """Forget every refresh token."""
        with self._lock:
            self._refreshing.clear()

    def _granted(self) -> Grant:
        now = self._clock.now()
        token = self.tokens.issue(_SCOPES, self._jwt("access", now))
        refresh_token = secrets.token_urlsafe(32)
        with self._lock:
            self._refreshing = {known: at for known, at in self._refreshing.items() if at > now}
            self._refreshing[refresh_token] = now + timedelta(seconds=self.settings.refresh_ttl_s)
        return Grant(token.value, refresh_token, self._jwt("id", now), self.tokens.ttl_s)

    def _jwt(self, use: str, now: datetime) -> str:
        """Return three parts like a JWT's; the signature is noise, and makes the token impossible to guess."""
        claims = {
            "iss": "https://cxone.simulator.invalid",
            "sub": f"user:{self.settings.tenant_id}",
            "tenantId": self.settings.tenant_id,
            "token_use": use,
            "iat": int(now.timestamp()),
            "exp": int(now.timestamp() + self.tokens.ttl_s),
        }
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
        return ".".join(_base64url(part) for part in (*parts, secrets.token_bytes(32)))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
