"""The endpoints of a token by access key."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

from cxone_provider.simulator.access.desk import AccessDesk, Grant
from cxone_provider.simulator.answer import Answer, json_answer
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import json_object, only, own_origin, query_value
from cxone_provider.simulator.token_endpoint import MalformedForm, form_of, whole_seconds

TOKEN_PATH = "/auth/token"  # noqa: S105  # a path
_OPENID = "/.well-known/openid-configuration"
_CONFIGURATION = "/.well-known/cxone-configuration"
_OLDER = "/authentication/v1/token/access-key"
_NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
_BASIC = "basic "


class AccessKeys:
    """Answers discovery, token and configuration requests."""

    def __init__(self, desk: AccessDesk) -> None:
        self._desk = desk
        self._routes = {
            _OPENID: (Endpoint.DISCOVERY, "GET", self._openid),
            _CONFIGURATION: (Endpoint.DISCOVERY, "GET", self._configuration),
            TOKEN_PATH: (Endpoint.TOKEN, "POST", self._token),
            _OLDER: (Endpoint.TOKEN, "POST", self._older_token),
        }

    def route(self, request: Request) -> Route | None:
        """Return the route of a request, or None."""
        known = self._routes.get(request.path)
        return None if known is None else Route(known[0], None, only({known[1]}, known[2]))

    def _openid(self, request: Request) -> Answer:
        origin = own_origin(request)
        return json_answer(
            200,
            {
                "issuer": origin,
                "token_endpoint": f"{origin}{TOKEN_PATH}",
                "grant_types_supported": ["password", "refresh_token"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            },
        )

    def _configuration(self, request: Request) -> Answer:
        if not self._desk.is_tenant(query_value(request, "tenantId") or ""):
            return _refused(404, "not_found", "no such tenant")
        origin, set_to = own_origin(request), self._desk.settings.api_endpoint
        api_endpoint = set_to if "://" in set_to else f"{origin}{set_to}"
        return json_answer(200, {"api_endpoint": api_endpoint, "auth_endpoint": origin})

    def _token(self, request: Request) -> Answer:
        try:
            form = form_of(request)
        except MalformedForm as error:
            return _refused(400, "invalid_request", str(error))
        in_form = (form.get("client_id", ""), form.get("client_secret", ""))
        if not any(self._desk.tokens.client.is_authentic(*pair) for pair in _basic(request) or [in_form]):
            return _refused(401, "invalid_client", "client id or secret is wrong")
        grant_type = form.get("grant_type")
        if grant_type == "password":
            return _granted(self._desk.by_key(form.get("username", ""), form.get("password", "")))
        if grant_type == "refresh_token":
            return _granted(self._desk.by_refresh_token(form.get("refresh_token", "")))
        return _refused(400, "unsupported_grant_type", "grant_type is password or refresh_token")

    def _older_token(self, request: Request) -> Answer:
        given = json_object(request)
        key_id, key_secret = given.get("accessKeyId"), given.get("accessKeySecret")
        if not isinstance(key_id, str) or not isinstance(key_secret, str):
            return _refused(400, "invalid_request", "accessKeyId and accessKeySecret are needed, as JSON")
        return _granted(self._desk.by_key(key_id, key_secret), refused=401)


def _basic(request: Request) -> list[tuple[str, str]]:
    """Return client id and secret of HTTP Basic; none without it.

    RFC 6749 section 2.3.1 has them form-encoded, most clients send them as they are: both ways to read them.
    """
    value = request.header("authorization") or ""
    if not value.lower().startswith(_BASIC):
        return []
    try:
        decoded = base64.b64decode(value[len(_BASIC) :].strip(), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return [("", "")]
    client_id, _, client_secret = decoded.partition(":")
    return [(client_id, client_secret), (unquote_plus(client_id), unquote_plus(client_secret))]


def _granted(grant: Grant | None, refused: int = 400) -> Answer:
    if grant is None:
        return _refused(refused, "invalid_grant", "the access key or refresh token is wrong or has expired")
    document = {
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": whole_seconds(grant.expires_in_s),
        "refresh_token": grant.refresh_token,
        "id_token": grant.id_token,
    }
    return json_answer(200, document, _NO_STORE)


def _refused(status: int, error: str, description: str) -> Answer:
    return json_answer(status, {"error": error, "errorDescription": description}, _NO_STORE)
