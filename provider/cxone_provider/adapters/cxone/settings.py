"""What a `cxone` connection says, checked before anything is sent.

Beyond the fields of the connection's form, `extra` takes ``allow_http`` (plain http to a host that is not this machine,
e.g. a simulator in a private network; secrets then travel in clear text), ``retries`` (the bounds of
:class:`~cxone_provider.adapters.retrying.RetryPolicy`) and ``min_bytes_per_s`` inside ``timeouts``.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.integrity import checked_stream_secret

RECORDING_SCOPES = ("recording:download", "recording:read")
DEFAULT_SIGNATURE_HEADER = "X-Chunk-HMAC-SHA256"
_ENVIRONMENT = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_BASE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?P<port>:[0-9]{1,5})?(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*)/?",
    re.ASCII,
)
_PROXY_URL = re.compile(r"https?://[!-~]{1,500}", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*", re.ASCII)
_OWN_FIELDS = (
    "api", "environment", "auth", "scope", "stream_secret", "stream_signature_header", "timeouts", "retries",
    "ca_bundle", "proxies", "allow_http",
)  # fmt: skip
# The form shows one set of fields for every API; these belong to `media-playback` and say nothing here.
_OTHER_FIELDS = ("access_key_id", "access_key_secret", "media_hosts", "requests_per_period", "period_s")


class Api(StrEnum):
    """The dialects of "give me a recording" that a connection can name."""

    RECORDING_V2 = "recording-v2"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of one request, in seconds and bytes per second.

    `connect_s` ends the attempt to connect. The others are the longest silence, and the head start that a whole answer
    has before it must keep up `min_bytes_per_s` (:mod:`cxone_provider.adapters.cxone.pace`).
    """

    connect_s: float = 10.0
    token_s: float = 10.0
    metadata_s: float = 15.0
    media_s: float = 30.0
    min_bytes_per_s: float = 16_384.0


@dataclass(frozen=True, slots=True)
class CXoneSettings:
    """One tenant and how it is spoken to; secrets are not in its `repr`.

    Attributes:
        base_url: scheme, host, port and path without a slash at the end.
        scope: scopes asked for, separated by spaces.
        stream_secret: key of the chunk signatures, or None where the tenant does not sign.
        ca_bundle: path of a PEM file, or None for the environment's or the system's.
        proxies: proxy URL by scheme; empty for what the environment says.
    """

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = " ".join(RECORDING_SCOPES)
    stream_secret: bytes | None = field(default=None, repr=False)
    stream_signature_header: str = DEFAULT_SIGNATURE_HEADER
    timeouts: Timeouts = Timeouts()
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    ca_bundle: str | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    api: Api = Api.RECORDING_V2


def settings_of(
    host: str | None, login: str | None, password: str | None, extra: Mapping[str, Any] | None = None
) -> CXoneSettings:
    """Make settings of a connection's fields; empty texts count as absent.

    Raises:
        InvalidSetting: a field is missing, unknown, or does not make sense; a secret's value is never shown.
    """
    given = {name: value for name, value in (extra or {}).items() if value is not None and value != ""}
    _refuse_unknown(given, (*_OWN_FIELDS, *_OTHER_FIELDS), "connection extra")
    _check_choice(given, "api", [str(api) for api in Api])
    _check_choice(given, "auth", ["client_credentials"])
    return CXoneSettings(
        base_url=_base_url(host, given),
        client_id=_required(login, "login", "the client id"),
        client_secret=_required(password, "password", "the client secret"),
        scope=_matching(given, "scope", _SCOPE, "scopes separated by one space", " ".join(RECORDING_SCOPES)),
        stream_secret=_stream_secret(given),
        stream_signature_header=_matching(
            given, "stream_signature_header", _HEADER_NAME, "a header's name", DEFAULT_SIGNATURE_HEADER
        ),
        timeouts=_timeouts(given),
        retries=_retries(given),
        ca_bundle=_text(given, "ca_bundle"),
        proxies=_proxies(given),
    )


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address (IPv6 may stand in brackets), is this machine by definition."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


def _base_url(host: str | None, given: Mapping[str, Any]) -> str:
    allow_http = _flag(given, "allow_http")
    if not host:
        environment = _matching(given, "environment", _ENVIRONMENT, "1 to 63 of a-z 0-9 -", "api")
        return f"https://{environment}.api.nice.incontact.com"
    url = _BASE_URL.fullmatch(host.strip())
    if url is None or int((url["port"] or ":0")[1:]) > 65_535:
        raise InvalidSetting(
            "connection field host is not a base URL", found=_without_userinfo(host), expected="https://host[:port][/path]",
            hint="Write the scheme; leave out user, query and fragment.",
        )  # fmt: skip
    if url["scheme"] == "http" and not allow_http and not is_loopback(url["host"]):
        raise InvalidSetting(
            "plain http would show the client secret to the network", found=host, expected="https",
            hint='Set "allow_http": true in the extra for a simulator in a private network.',
        )  # fmt: skip
    return f"{url['scheme']}://{url['host'].lower()}{url['port'] or ''}{url['path']}"


def _without_userinfo(host: str) -> str:
    _, at, end = host.rpartition("@")
    return f"…@{end}" if at else host


def _stream_secret(given: Mapping[str, Any]) -> bytes | None:
    value = given.get("stream_secret")
    if value is None:
        return None
    if not isinstance(value, str):
        raise _invalid("stream_secret", found=type(value).__name__, expected="text")
    return checked_stream_secret(value.encode())


def _timeouts(given: Mapping[str, Any]) -> Timeouts:
    document = _object(given, "timeouts")
    names = {"connect": "connect_s", "token": "token_s", "metadata": "metadata_s", "media": "media_s"}
    _refuse_unknown(document, (*names, "min_bytes_per_s"), "timeouts")
    values = {names[name]: _number(document, name, 0.05, 3600) for name in names if name in document}
    if "min_bytes_per_s" in document:
        values["min_bytes_per_s"] = _number(document, "min_bytes_per_s", 1, 2**30)
    return Timeouts(**values)


def _retries(given: Mapping[str, Any]) -> RetryPolicy:
    document = _object(given, "retries")
    names = ("attempts", "base_delay_s", "max_delay_s", "max_retry_after_s", "deadline_s")
    _refuse_unknown(document, names, "retries")
    return RetryPolicy(**document)


def _proxies(given: Mapping[str, Any]) -> dict[str, str]:
    document = _object(given, "proxies")
    _refuse_unknown(document, ("http", "https"), "proxies")
    for url in document.values():
        if not isinstance(url, str) or not _PROXY_URL.fullmatch(url):
            # A proxy's URL may hold a password, so it is not shown.
            raise _invalid("proxies", found="another value", expected="http://host:port or https://host:port")
    return document


def _object(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = given.get(name, {})
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            value = None
    if not isinstance(value, Mapping):
        raise _invalid(name, found=type(given[name]).__name__, expected="a JSON object")
    return dict(value)


def _number(document: Mapping[str, Any], name: str, low: float, high: float) -> float:
    value = document[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InvalidSetting(f"timeouts: {name}", found=value, expected=f"a number from {low:g} to {high:g}")
    return value


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, False)
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise _invalid(name, found=value, expected="true or false")


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise _invalid(name, found=value, expected="text")
    return value


def _matching(given: Mapping[str, Any], name: str, pattern: re.Pattern[str], expected: str, default: str) -> str:
    value = given.get(name, default)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _invalid(name, found=value, expected=expected)
    return value


def _required(value: str | None, name: str, meaning: str) -> str:
    if not value or not value.strip():
        raise _invalid(name, found="nothing", expected=meaning)
    return value


def _check_choice(given: Mapping[str, Any], name: str, choices: list[str]) -> None:
    if given.get(name, choices[0]) not in choices:
        raise _invalid(name, found=given[name], expected=" or ".join(choices))


def _refuse_unknown(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    # A misspelt `stream_secret` would switch signature checks off unseen.
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name)[:50], known, 1)
            hint = f"Is it {near[0]}?" if near else f"Known are {', '.join(known)}."
            raise InvalidSetting(f"unknown field in {where}", found=str(name), hint=hint)


def _invalid(name: str, *, found: object, expected: str) -> InvalidSetting:
    return InvalidSetting(f"connection field {name}", found=found, expected=expected)
