"""Tokens as a token endpoint answers them, parsed without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cxone_provider.adapters.cxone.settings import RECORDING_SCOPES
from cxone_provider.archive.errors import AccessDenied, UnexpectedAnswer, shown

REFRESH_BEFORE_S = 30.0
ASSUMED_LIFETIME_S = 300.0
MAX_LIFETIME_S = 24 * 3600.0
_TOKEN = re.compile(r"[!-~]{1,16384}", re.ASCII)
_WHOLE_NUMBER = re.compile(r"[0-9]{1,10}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Renewal:
    """A refresh token; its value is not in its `repr`.

    Attributes:
        value: as the token endpoint gave it.
        until_s: when it ends, by the clock's monotonic seconds.
    """

    value: str = field(repr=False)
    until_s: float


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; its value is not in its `repr`.

    Attributes:
        value: what goes behind ``Bearer``.
        lifetime_s: seconds from the request on during which it may be used.
        base_url: the API it is for; it is sent nowhere else.
        renewal: what gets the next token without the credentials, or None.
    """

    value: str = field(repr=False)
    lifetime_s: float
    base_url: str = ""
    renewal: Renewal | None = None

    @property
    def usable_s(self) -> float:
        """Seconds until it is renewed: 30 s before its end, halfway through where it lives no longer than a minute."""
        return max(self.lifetime_s - REFRESH_BEFORE_S, self.lifetime_s / 2)


def parse_token(document: Mapping[str, Any], requested_scope: str) -> Token:
    """Return the token of a token endpoint's answer (RFC 6749 §5.1); no scope is checked where none was asked for.

    Raises:
        UnexpectedAnswer: no usable token, or another type than bearer.
        AccessDenied: the granted scope lacks one of the recording scopes that were asked for.
    """
    value = token_text(document, "access_token")
    kind = document.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise UnexpectedAnswer("token_type of the token answer", found=shown(kind), expected="Bearer")
    _check_scope(document.get("scope"), requested_scope)
    return Token(value, _lifetime_s(document.get("expires_in")))


def token_text(document: Mapping[str, Any], name: str) -> str:
    """Return a token of any kind; it is never shown.

    Raises:
        UnexpectedAnswer: it is missing, empty, too long, or holds what no header and no form takes.
    """
    value = document.get(name)
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        found = type(value).__name__ if not isinstance(value, str) else f"{len(value)} characters"
        raise UnexpectedAnswer(f"{name} of the token answer", found=found, expected="1 to 16384 visible characters")
    return value


def _check_scope(granted: object, requested: str) -> None:
    if not requested or granted is None or granted == "":
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
