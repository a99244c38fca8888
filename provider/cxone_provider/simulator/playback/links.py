"""Presigned links to media, as an object store signs them: whoever has the link may read until it expires."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote, urlencode

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import own_origin, query_value
from cxone_provider.simulator.token_endpoint import whole_seconds

STORE_PREFIX = "/media-store/"
BUCKET = "cxone-media"
_STAMP = "%Y%m%dT%H%M%SZ"
_TIDY_FROM = 1000
_ALGORITHM = "AWS4-HMAC-SHA256"


class Verdict(StrEnum):
    """What a link is worth."""

    VALID = "valid"
    UNSIGNED = "unsigned"
    FORGED = "forged"
    EXPIRED = "expired"


class LinkDesk:
    """Signs links for GET and tells which still hold. Safe under threads.

    Args:
        ttl_s: how long a link holds; an object store counts whole seconds, this one does not round.
        origin: scheme and host of the links; empty is the address by which the client came.
    """

    def __init__(self, clock: Clock, ttl_s: float, origin: str) -> None:
        self.ttl_s = ttl_s
        self._clock = clock
        self._origin = origin.rstrip("/")
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._issued: dict[str, datetime] = {}
        self._given: Counter[str] = Counter()
        self._tidy_at = _TIDY_FROM

    def given(self, key: str) -> int:
        """Return how many links to an object were given out."""
        with self._lock:
            return self._given[key]

    def sign(self, key: str, request: Request, ttl_s: float | None = None) -> str:
        """Return a link to the object `key` for whoever sent `request`; `ttl_s` in place of the usual lifetime."""
        now = self._clock.now()
        lifetime_s = self.ttl_s if ttl_s is None else ttl_s
        path = f"{STORE_PREFIX}{BUCKET}/{quote(key, safe='')}"
        fields = {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"SIMULATOR{secrets.token_hex(6)}/{now:%Y%m%d}/us-east-1/s3/aws4_request",
            "X-Amz-Date": now.astimezone(UTC).strftime(_STAMP),
            "X-Amz-Expires": str(whole_seconds(lifetime_s)),
            "X-Amz-SignedHeaders": "host",
        }
        signature = self._signature(path, fields)
        with self._lock:
            if len(self._issued) >= self._tidy_at:
                self._tidy(now)
            self._given[key] += 1
            self._issued[signature] = now + timedelta(seconds=lifetime_s)
        return f"{self._origin or own_origin(request)}{path}?{urlencode({**fields, 'X-Amz-Signature': signature})}"

    def verdict(self, request: Request) -> Verdict:
        """Return whether the request's link opens what it names, by the time at which the request starts."""
        given = query_value(request, "X-Amz-Signature")
        if given is None:
            return Verdict.UNSIGNED
        names = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders")
        signature = self._signature(request.path, {name: query_value(request, name) or "" for name in names})
        if not hmac.compare_digest(signature.encode(), given.encode("utf-8", "surrogatepass")):
            return Verdict.FORGED
        with self._lock:
            expires_at = self._issued.get(signature)
        return Verdict.VALID if expires_at is not None and self._clock.now() < expires_at else Verdict.EXPIRED

    def expire_all(self) -> int:
        """Make every link that was given out so far expire now; return how many there were."""
        with self._lock:
            self._tidy(self._clock.now())
            expired = len(self._issued)
            self._issued.clear()
            return expired

    def reset(self) -> None:
        """Forget every link; those that are about are expired."""
        with self._lock:
            self._issued.clear()
            self._given.clear()

    def _tidy(self, now: datetime) -> None:
        """Drop what has expired. Done when the number has doubled: a backfill signs tens of thousands of links."""
        self._issued = {known: at for known, at in self._issued.items() if at > now}
        self._tidy_at = max(2 * len(self._issued), _TIDY_FROM)

    def _signature(self, path: str, fields: dict[str, str]) -> str:
        signed = "\n".join((path, *(f"{name}={fields[name]}" for name in sorted(fields))))
        return hmac.new(self._key, signed.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
