"""From the fields of an Airflow ``http`` connection to what the webhook needs; pure, and every mistake has its name."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from requests import Request, RequestException

from cxone_provider.adapters.addresses import AllowList
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import InvalidSetting, shown
from cxone_provider.archive.notification import signing_keys

MAX_REPLY_BYTES = 64 * 1024
DEFAULT_TIMEOUT_S = 10.0
MAX_TIMEOUT_S = 300.0
DEFAULT_ATTEMPTS = 6
DEFAULT_TOTAL_DEADLINE_S = 180.0
_MAX_RETRY_AFTER_S = 60.0
_EXTRAS = frozenset(
    {"allowed_hosts", "attempts", "ca_bundle", "endpoint", "headers", "proxies", "timeout_s", "total_deadline_s"}
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_OUR_HEADERS = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "webhook-id", "webhook-signature", "webhook-timestamp", "x-stream-source"}
)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where and how notifications are delivered.

    Attributes:
        url: absolute http or https URL; its path may be a secret, so it is not shown.
        secret: signing keys, see :func:`cxone_provider.archive.notification.signing_keys`; empty: not signed.
        allowed: private networks and plain-http hosts that may be called.
        timeout_s: bound of one request, from looking up the name to the end of the reply, in seconds.
        retry: bounds of all requests of one delivery.
        max_reply_bytes: most that is read of a reply.
        ca_bundle: file or folder of CA certificates to trust in place of the usual ones.
        headers: sent with every request, e.g. a gateway's key.
        proxies: scheme to proxy URL, e.g. ``{"https": "http://proxy:3128"}``. The environment's proxies are not used.
    """

    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    allowed: AllowList = field(default_factory=AllowList)
    timeout_s: float = DEFAULT_TIMEOUT_S
    retry: RetryPolicy = field(default_factory=lambda: _retry_policy({}))
    max_reply_bytes: int = MAX_REPLY_BYTES
    ca_bundle: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def receiver(self) -> str:
        """What may be shown of the URL: scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


def webhook_settings(
    host: str | None, schema: str | None, port: int | None, login: str | None, password: str | None,
    extra: Mapping[str, Any] | None,
) -> WebhookSettings:  # fmt: skip
    """Read the fields of an Airflow ``http`` connection.

    Args:
        host: host with scheme, e.g. ``https://hooks.example.com``; may have a port and a path.
        schema: scheme where `host` has none.
        port: port where `host` has none; 0 is none: Airflow's form stores it so.
        login: must be empty: the webhook is signed, it does not log in.
        password: the signing secret; several, separated by spaces, while they are rotated.
        extra: ``endpoint`` (path and query), ``allowed_hosts`` (list of hosts, addresses, CIDRs), ``headers``,
            ``timeout_s``, ``attempts``, ``total_deadline_s``, ``ca_bundle``, ``proxies``.

    Raises:
        InvalidSetting: a field cannot be used; the message shows no secret.
    """
    given = {name: value for name, value in (extra or {}).items() if value not in (None, "", False)}
    if unknown := sorted(given.keys() - _EXTRAS):
        raise _invalid("extra", found=", ".join(unknown), expected=f"of {', '.join(sorted(_EXTRAS))}")
    if login:
        raise _invalid(
            "login", found="a login", expected="none",
            hint="The password is the signing secret. A receiver that wants a login gets it by extra.headers.",
        )  # fmt: skip
    signing_keys(password or "")
    return WebhookSettings(
        url=_url(_base(host, schema), port or None, given.get("endpoint", "")),
        secret=password or "",
        allowed=AllowList.parse(given.get("allowed_hosts", ())),
        timeout_s=_seconds(given, "timeout_s", DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S),
        retry=_retry_policy(given),
        ca_bundle=_optional_text(given, "ca_bundle"),
        headers=_headers(given.get("headers", {})),
        proxies=_proxies(given.get("proxies", {})),
    )


def _base(host: str | None, schema: str | None) -> str:
    name = (host or "").strip()
    if "://" in name or not name:
        return name
    return f"{schema}://{name}" if schema else name


def _url(base: str, port: int | None, endpoint: object) -> str:
    if not isinstance(endpoint, str) or not _printable(endpoint) or "#" in endpoint:
        raise _invalid("extra.endpoint", found=type(endpoint).__name__, expected="a path without spaces or '#'")
    try:
        origin = _origin(base, port)
        joined = f"{origin.rstrip('/')}/{endpoint.lstrip('/')}" if endpoint else origin
        url = Request("POST", joined).prepare().url
    except (ValueError, RequestException):
        url = None  # the error below is raised outside, so that its chain holds no URL
    if url is None:
        raise _invalid(
            "host", found="another form", expected="https://hooks.example.com: scheme, host, perhaps port and path",
            hint="Neither user nor query; a port only once.",
        )  # fmt: skip
    return url


def _origin(base: str, port: int | None) -> str:
    """Return scheme, host, port and path of the host field; anything else in it is a ValueError."""
    parts = urlsplit(base)
    extras = (parts.username is not None, bool(parts.query), "#" in base, port not in (None, parts.port or port))
    if any(extras) or not parts.hostname or parts.scheme not in {"http", "https"} or not _printable(base):
        raise ValueError
    authority = parts.netloc if port is None or parts.port else f"{parts.netloc.removesuffix(':')}:{port}"
    return f"{parts.scheme}://{authority}{parts.path}"


def _printable(text: str) -> bool:
    return text.isprintable() and " " not in text and "\\" not in text


def _retry_policy(extra: Mapping[str, Any]) -> RetryPolicy:
    attempts = extra.get("attempts", DEFAULT_ATTEMPTS)
    return RetryPolicy(
        attempts=int(attempts) if isinstance(attempts, str) and attempts.isdecimal() else attempts,
        base_delay_s=1.0,
        max_retry_after_s=_MAX_RETRY_AFTER_S,
        deadline_s=_seconds(extra, "total_deadline_s", DEFAULT_TOTAL_DEADLINE_S, 86_400),
    )


def _seconds(extra: Mapping[str, Any], name: str, default: float, limit_s: float) -> float:
    value = extra.get(name, default)
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds <= limit_s:
        raise _invalid(f"extra.{name}", found=value, expected=f"seconds above 0, at most {limit_s:g}")
    return seconds


def _optional_text(extra: Mapping[str, Any], name: str) -> str | None:
    value = extra.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(f"extra.{name}", found=type(value).__name__, expected="text")
    return value


def _headers(value: object) -> dict[str, str]:
    pairs = _texts(value, "headers")
    for name, text in pairs.items():
        sendable = text.isascii() and text.isprintable() and text == text.strip()
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OUR_HEADERS or not sendable:
            raise _invalid("extra.headers", found=shown(name, limit=40), expected="printable ASCII, none of our own")
    return pairs


def _proxies(value: object) -> dict[str, str]:
    pairs = _texts(value, "proxies")
    for scheme, url in pairs.items():
        if not url.startswith(("http://", "https://")) or not _printable(url) or not urlsplit(url).hostname:
            raise _invalid("extra.proxies", found=shown(scheme, limit=40), expected="http:// or https:// proxy URLs")
    return pairs


def _texts(value: object, name: str) -> dict[str, str]:
    if isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair):
        return dict(value)
    raise _invalid(f"extra.{name}", found=type(value).__name__, expected="an object of texts")


def _invalid(name: str, *, found: object, expected: str, hint: str | None = None) -> InvalidSetting:
    return InvalidSetting(f"unusable {name} of the webhook connection", found=found, expected=expected, hint=hint)
