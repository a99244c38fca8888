"""The tenant's id, read from a token (RFC 7519).

The token came over TLS from the endpoint that made it and is only passed on, so its signature proves nothing more here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.archive.errors import UnexpectedAnswer, shown

_JWT = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*", re.ASCII)
_TENANT_ID = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)
_PLACES = ("access_token", "id_token")


def tenant_id_of(document: Mapping[str, Any]) -> str:
    """Return the claim ``tenantId`` of a token answer: of its access token, else of its id token.

    Raises:
        UnexpectedAnswer: neither is a JWT with a usable claim.
    """
    for name in _PLACES:
        claim = _claims(document.get(name), name).get("tenantId")
        if isinstance(claim, str) and _TENANT_ID.fullmatch(claim):
            return claim
        if claim is not None:
            raise UnexpectedAnswer(
                f"claim tenantId of {name}", found=shown(claim), expected="1 to 128 of A-Z a-z 0-9 . _ -"
            )
    raise UnexpectedAnswer(
        "no token of the token answer has the claim tenantId", expected=" or ".join(_PLACES),
        hint="Set api_endpoint in the connection's extra to the tenant's API, e.g. https://api-na1.niceincontact.com.",
    )  # fmt: skip


def _claims(token: object, name: str) -> Mapping[str, Any]:
    match = _JWT.fullmatch(token) if isinstance(token, str) else None
    if match is None or len(match[1]) % 4 == 1:
        return {}
    payload = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
    return parse_object(payload, f"payload of {name}", secret=True)
