"""Tokens for an access key: by discovery and the password grant, or by the older JSON request."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cxone_provider.adapters.cxone.claims import tenant_id_of
from cxone_provider.adapters.cxone.credentials import ClientAuth
from cxone_provider.adapters.cxone.discovery import Discovery
from cxone_provider.adapters.cxone.grants import TokenRequest, TokenRequests
from cxone_provider.adapters.cxone.tokens import REFRESH_BEFORE_S, Renewal, Token, parse_token, token_text
from cxone_provider.archive.errors import AuthenticationFailed

JSON_PATH = "/authentication/v1/token/access-key"
RENEWABLE_S = 7200.0  # how long the vendor's refresh tokens hold


class AccessKeyGrant:
    """The access key as user name and password, renewed by refresh tokens; implements :class:`.auth.Grant`.

    A refused refresh token costs one more request, with the access key.

    Args:
        token_requests: sends the requests.
    """

    def __init__(self, token_requests: TokenRequests) -> None:
        self._requests = token_requests
        self._discovery = Discovery(token_requests)

    def fetch(self, previous: Token | None) -> Token:
        """Return a new token for the API that the tenant's configuration names."""
        began_s = self._requests.clock.monotonic_s()
        renewal = None if previous is None else previous.renewal
        document = None if renewal is None or renewal.until_s <= began_s else self._renewed(renewal)
        if document is None:
            renewal, document = None, self._granted(self._password())
        token = replace(parse_token(document, ""), base_url=api_of(document, self._requests, self._discovery))
        if document.get("refresh_token") is not None:
            until_s = began_s + RENEWABLE_S - REFRESH_BEFORE_S
            renewal = Renewal(token_text(document, "refresh_token"), until_s)
        return replace(token, renewal=renewal)

    def _renewed(self, renewal: Renewal) -> dict[str, Any] | None:
        try:
            return self._granted({"grant_type": "refresh_token", "refresh_token": renewal.value})
        except AuthenticationFailed:
            return None  # it was used up, revoked, or ended early

    def _password(self) -> dict[str, str]:
        credentials = self._requests.settings.credentials
        return {
            "grant_type": "password",
            "username": credentials.access_key_id,
            "password": credentials.access_key_secret,
        }

    def _granted(self, form: Mapping[str, str]) -> dict[str, Any]:
        fields, headers = self._client()
        endpoint = self._discovery.token_endpoint()
        return self._requests.token_document(TokenRequest(endpoint, form={**form, **fields}, headers=headers))

    def _client(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the form fields and the header fields that say which application asks."""
        credentials = self._requests.settings.credentials
        if not credentials.client_id:
            return {}, {}
        if credentials.client_auth is ClientAuth.FORM:
            secret = {"client_secret": credentials.client_secret} if credentials.client_secret else {}
            return {"client_id": credentials.client_id, **secret}, {}
        pair = f"{credentials.client_id}:{credentials.client_secret}".encode()
        return {}, {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


class AccessKeyJson:
    """The access key in a JSON document, as older tenants take it; implements :class:`.auth.Grant`.

    Args:
        token_requests: sends the requests.
    """

    def __init__(self, token_requests: TokenRequests) -> None:
        self._requests = token_requests
        self._discovery = Discovery(token_requests)

    def fetch(self, previous: Token | None) -> Token:  # noqa: ARG002  # no renewal is documented for this way
        """Return a new token for the API that the tenant's configuration names."""
        credentials = self._requests.settings.credentials
        body = {"accessKeyId": credentials.access_key_id, "accessKeySecret": credentials.access_key_secret}
        document = self._requests.token_document(TokenRequest(credentials.token_base_url, JSON_PATH, body=body))
        return replace(parse_token(document, ""), base_url=api_of(document, self._requests, self._discovery))


def api_of(document: Mapping[str, Any], token_requests: TokenRequests, discovery: Discovery) -> str:
    """Return the base URL of the API that a token answer is for: the connection's own, else the discovered one.

    Raises:
        RateLimited, SourceUnavailable, UnexpectedAnswer.
    """
    return token_requests.settings.api_endpoint or discovery.api_endpoint(tenant_id_of(document))
