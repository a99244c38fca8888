"""How a connection proves who it is: client credentials, or an access key in its two ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cxone_provider.adapters.cxone.fields import choice, invalid, required
from cxone_provider.adapters.cxone.origins import checked_base_url

_AREA = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)
_FORM_TEXT = re.compile(r"[!-~]{1,1000}", re.ASCII)


class Auth(StrEnum):
    """How tokens are obtained."""

    CLIENT_CREDENTIALS = "client_credentials"
    ACCESS_KEY = "access_key"
    ACCESS_KEY_JSON = "access_key_json"
    NONE = "none"


class ClientAuth(StrEnum):
    """Where a client's id and secret travel when an access key is exchanged for a token (RFC 6749 §2.3.1)."""

    BASIC = "basic"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks for tokens, and how; secrets are not in its `repr`.

    Attributes:
        client_id: of the registered application; may be empty where an access key is used.
        client_secret: belongs to it; empty for a public client.
        access_key_id: empty for client credentials.
        access_key_secret: belongs to the access key.
        client_auth: how the client's id and secret are sent beside an access key.
        token_base_url: base URL of the older token endpoint for `ACCESS_KEY_JSON`, else empty.
    """

    auth: Auth = Auth.CLIENT_CREDENTIALS
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    access_key_id: str = field(default="", repr=False)
    access_key_secret: str = field(default="", repr=False)
    client_auth: ClientAuth = ClientAuth.BASIC
    token_base_url: str = ""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no answer's excerpt may show."""
        return tuple(secret for secret in (self.client_secret, self.access_key_secret, self.access_key_id) if secret)


def credentials_of(
    auth: Auth, login: str | None, password: str | None, given: Mapping[str, Any], *, allow_http: bool
) -> Credentials:
    """Return what a connection's fields say.

    Raises:
        InvalidSetting: something that this way of authentication needs is missing or makes no sense.
    """
    if auth is Auth.NONE:
        return Credentials(auth)
    if auth is Auth.CLIENT_CREDENTIALS:
        return Credentials(
            auth, required(login, "login", "the client id"), required(password, "password", "the client secret")
        )
    if password and not login:
        raise invalid("login", found="nothing", expected="the client id that the client secret belongs to")
    return Credentials(
        auth,
        client_id=login or "",
        client_secret=password or "",
        access_key_id=_key(given, "access_key_id"),
        access_key_secret=_key(given, "access_key_secret"),
        client_auth=choice(given, "client_auth", ClientAuth, ClientAuth.BASIC),
        token_base_url=_token_base_url(given, allow_http=allow_http) if auth is Auth.ACCESS_KEY_JSON else "",
    )


def _key(given: Mapping[str, Any], name: str) -> str:
    value = required(given.get(name), name, "an access key of CXone (Admin > Employees > Access Keys)")
    if not _FORM_TEXT.fullmatch(value):
        raise invalid(name, found=f"{len(value)} characters", expected="1 to 1000 visible ASCII characters")
    return value


def _token_base_url(given: Mapping[str, Any], *, allow_http: bool) -> str:
    area = required(given.get("area"), "area", "the tenant's area, e.g. na1, or the base URL of its token endpoint")
    if "/" in area:
        return checked_base_url(area, "area", allow_http=allow_http)
    if not _AREA.fullmatch(area):
        raise invalid("area", found=area, expected="1 to 63 of a-z 0-9 -, or a base URL")
    return f"https://{area}.nice-incontact.com"
