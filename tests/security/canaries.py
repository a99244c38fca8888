"""Twelve secrets that look like nothing else, the ways in which one could be written, and the search for them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

# Special characters on purpose: encoded forms must differ from the plain one.
CLIENT_SECRET = "canary&client+secret=%/é-01"
STREAM_SECRET = "canary-stream-secret-0123456789abcdefghij"
ACCESS_KEY_SECRET = "canary-access+key/secret-03"
TENANT_PROXY_PASSWORD = "canary-tenant-proxy-04"
WEBHOOK_SECRET = "whsec_" + base64.b64encode(b"canary-webhook-secret-05-of-24+").decode()
WEBHOOK_HEADER_TOKEN = "canary-gateway-token-06"
WEBHOOK_PATH_TOKEN = "canary-path-token-07"
WEBHOOK_QUERY_TOKEN = "canary-query-token-08"
WEBHOOK_PROXY_PASSWORD = "canary-webhook-proxy-09"
AWS_SECRET_KEY = "canary/aws+secret/key=10abcdefghijklmnop"
AWS_SESSION_TOKEN = "canary/aws+session//token==11" + "x" * 200
AWS_PROXY_PASSWORD = "canary-aws-proxy-12"

CANARIES: Mapping[str, str] = {
    "client secret": CLIENT_SECRET,
    "stream secret": STREAM_SECRET,
    "access key secret": ACCESS_KEY_SECRET,
    "password of the tenant's proxy": TENANT_PROXY_PASSWORD,
    "webhook signing secret": WEBHOOK_SECRET,
    "token in a webhook header": WEBHOOK_HEADER_TOKEN,
    "token in the webhook's path": WEBHOOK_PATH_TOKEN,
    "token in the webhook's query": WEBHOOK_QUERY_TOKEN,
    "password of the webhook's proxy": WEBHOOK_PROXY_PASSWORD,
    "AWS secret access key": AWS_SECRET_KEY,
    "AWS session token": AWS_SESSION_TOKEN,
    "password of the S3 proxy": AWS_PROXY_PASSWORD,
}
"""By name; every bearer token that the tenant hands out joins them while a test runs."""


def forms(secret: str) -> Iterator[tuple[str, bytes]]:
    """Yield the ways in which a secret could be written, each with its name."""
    raw = secret.encode()
    texts = {
        "plain": secret,
        "URL-encoded": quote(secret),
        "wholly URL-encoded": quote(secret, safe=""),
        "form-encoded": quote_plus(secret),
        "JSON": json.dumps(secret)[1:-1],
        "repr": repr(secret)[1:-1],
        "repr of bytes": repr(raw)[2:-1],
        "hexadecimal": raw.hex(),
    }
    for name, text in texts.items():
        yield name, text.encode()
    for shift in range(3):
        # Behind a user's name base64 has another beat, and its ends belong to its neighbours.
        yield f"base64 at {shift}", _inner_base64(raw, shift)


def _inner_base64(raw: bytes, shift: int) -> bytes:
    encoded = base64.b64encode(b"\0" * shift + raw)
    ends_with = (shift + len(raw)) % 3
    return encoded[(0, 2, 3)[shift] : -4 if ends_with else None].rstrip(b"=")


def found(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    """Return every secret that stands anywhere in `places`: which one, in which form, where."""
    return [
        f"{name} ({form}) in {place}"
        for name, secret in secrets.items()
        for form, written in forms(secret)
        for place, content in places.items()
        if written in content
    ]
