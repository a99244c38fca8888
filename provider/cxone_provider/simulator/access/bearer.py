"""Whether a request to the APIs of a real tenant carries a token that holds."""

from __future__ import annotations

from cxone_provider.simulator.answer import Answer
from cxone_provider.simulator.api_errors import api_error
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.tokens import API_SCOPE, TokenDesk

_REASONS = {401: "The access token is missing, unknown or expired", 403: "The access token does not open this API"}


def refused_bearer(tokens: TokenDesk, request: Request) -> Answer | None:
    """Return 401, 403 or None; tokens of ``/oauth/token`` open ``recording-v2`` only, and are answered with 403."""
    refused = tokens.refusal(request.header("authorization"), API_SCOPE)
    if refused is None:
        return None
    code = {401: "Unauthorized", 403: "Forbidden"}[refused]
    answer = api_error(refused, code, _REASONS[refused])
    return answer.with_header("WWW-Authenticate", 'Bearer error="invalid_token"') if refused == 401 else answer
