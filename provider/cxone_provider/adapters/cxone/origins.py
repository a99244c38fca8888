"""Where requests may go: base URLs, this machine, and patterns of host names.

A pattern is a host name in which ``*`` stands for labels: as the first label for one or more of them, elsewhere for
exactly one. ``*.example.com`` is every name below example.com, and not example.com itself.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cxone_provider.archive.errors import InvalidSetting, shown

_BASE_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?P<port>:[0-9]{1,5})?(?P<path>(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*)/?",
    re.ASCII,
)
_LABEL = r"(?:\*|[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)"
_PATTERN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)


class BaseUrl(NamedTuple):
    """A checked base URL.

    Attributes:
        text: scheme, host, port and path without a slash at the end; the host in lower case.
        host: the host alone; IPv6 without brackets.
        tls: whether it is https.
    """

    text: str
    host: str
    tls: bool


def parse_base_url(value: str) -> BaseUrl | None:
    """Return a base URL without user, query, fragment and dot segments; None for anything else."""
    url = _BASE_URL.fullmatch(value.strip())
    if url is None or int((url["port"] or ":0")[1:]) > 65_535:
        return None
    host = url["host"].lower()
    return BaseUrl(
        f"{url['scheme']}://{host}{url['port'] or ''}{url['path']}", host.strip("[]"), url["scheme"] == "https"
    )


def checked_base_url(value: str, name: str, *, allow_http: bool) -> str:
    """Return the base URL of a connection's field.

    Raises:
        InvalidSetting: it is none, or plain http to another machine without `allow_http`.
    """
    url = parse_base_url(value)
    if url is None:
        raise InvalidSetting(
            f"connection field {name} is not a base URL", found=_without_userinfo(value),
            expected="https://host[:port][/path]", hint="Write the scheme; leave out user, query and fragment.",
        )  # fmt: skip
    if not (url.tls or allow_http or is_loopback(url.host)):
        raise InvalidSetting(
            "plain http would show the secrets to the network", found=value, expected="https",
            hint='Set "allow_http": true in the extra for a simulator in a private network.',
        )  # fmt: skip
    return url.text


def is_loopback(host: str) -> bool:
    """Return whether `host`, a name or an address (IPv6 may stand in brackets), is this machine by definition."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost" or host.lower().endswith(".localhost")


@dataclass(frozen=True, slots=True)
class HostPatterns:
    """Host names that may be called.

    Attributes:
        patterns: lower case; see the module.
    """

    patterns: tuple[str, ...]

    @classmethod
    def parse(cls, values: Sequence[str], name: str) -> HostPatterns:
        """Read patterns.

        Raises:
            InvalidSetting: one is no pattern, or would match every name.
        """
        patterns = tuple(value.lower().removesuffix(".") for value in values)
        for pattern in patterns:
            if not _PATTERN.fullmatch(pattern) or not pattern.replace("*", "").replace(".", ""):
                raise InvalidSetting(
                    f"connection field {name}", found=shown(pattern, limit=100),
                    expected="host names in which * stands for labels, e.g. *.example.com",
                )  # fmt: skip
        return cls(patterns)

    def match(self, host: str) -> bool:
        """Return whether a host name, or an address that stands there in full, is one of them."""
        labels = host.lower().removesuffix(".").split(".")
        return all(labels) and any(_matches(labels, pattern.split(".")) for pattern in self.patterns)


def _matches(labels: Sequence[str], pattern: Sequence[str]) -> bool:
    if pattern[0] == "*" and len(labels) > len(pattern):
        labels = labels[len(labels) - len(pattern) :]
    pairs = zip(labels, pattern, strict=False)
    return len(labels) == len(pattern) and all(wanted in ("*", label) for label, wanted in pairs)


def _without_userinfo(value: str) -> str:
    _, at, end = value.rpartition("@")
    return f"…@{end}" if at else value
