"""``POST /oauth/token`` with the client credentials grant (RFC 6749 section 4.4)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from cxone_provider.simulator.answer import Answer, json_answer
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.tokens import TokenDesk

_FORM = "application/x-www-form-urlencoded"
# A bare "=" or "%" in a value is a secret that was pasted without encoding; by luck it might be read as it was meant.
# Characters like ":" mean nothing in a form, and curl users leave them as they are.
_ENCODED = re.compile(r"(?:[!-$'-<>-~]|%[0-9A-Fa-f]{2})*")
_NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))


class MalformedForm(ValueError):
    """A body that is no properly encoded form."""


def token_answer(request: Request, desk: TokenDesk) -> Answer:
    """Return a token, or the error that RFC 6749 names for what is wrong with the request."""
    try:
        form = form_of(request)
    except MalformedForm as error:
        return _invalid(str(error))
    missing = [name for name in ("grant_type", "client_id", "client_secret", "scope") if not form.get(name)]
    if missing:
        return _invalid(f"missing: {', '.join(missing)}")
    if form["grant_type"] != "client_credentials":
        return _refused(400, "unsupported_grant_type")
    if not desk.client.is_authentic(form["client_id"], form["client_secret"]):
        return _refused(401, "invalid_client")
    granted = desk.client.scopes & set(form["scope"].split())
    return _granted(desk, granted) if granted else _refused(400, "invalid_scope")


def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a request's form.

    Raises:
        MalformedForm: another content type, or see :func:`parse_form`.
    """
    if (request.header("content-type") or "").partition(";")[0].strip().lower() != _FORM:
        raise MalformedForm(f"Content-Type must be {_FORM}")
    return parse_form(request.body)


def parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        MalformedForm: a character that had to be encoded, a field twice, or bytes that are not UTF-8.
    """
    fields: dict[str, str] = {}
    for pair in body.decode("latin-1").split("&"):
        name, equals, value = pair.partition("=")
        if not equals or not _ENCODED.fullmatch(name) or not _ENCODED.fullmatch(value):
            raise MalformedForm("the form is not properly encoded")
        decoded = _decoded(name)
        if decoded in fields:
            raise MalformedForm(f"{decoded} appears twice")
        fields[decoded] = _decoded(value)
    return fields


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedForm("the form is not UTF-8") from error


def whole_seconds(seconds: float) -> float:
    """Return whole seconds as an integer, so that JSON has no ``3600.0``."""
    return int(seconds) if float(seconds).is_integer() else seconds


def _granted(desk: TokenDesk, scopes: frozenset[str]) -> Answer:
    token = desk.issue(scopes)
    document = {
        "access_token": token.value,
        "expires_in": whole_seconds(desk.ttl_s),
        "token_type": "Bearer",
        "scope": " ".join(sorted(token.scopes)),
    }
    return json_answer(200, document, _NO_STORE)


def _invalid(description: str) -> Answer:
    return json_answer(400, {"error": "invalid_request", "error_description": description}, _NO_STORE)


def _refused(status: int, code: str) -> Answer:
    return json_answer(status, {"error": code}, _NO_STORE)
