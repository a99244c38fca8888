"""Errors as the APIs of a real tenant write them."""

from __future__ import annotations

from cxone_provider.simulator.answer import Answer, json_answer


def api_error(status: int, internal_code: str, message: str) -> Answer:
    """Return ``{internalCode, message}`` with a status."""
    return json_answer(status, {"internalCode": internal_code, "message": message})


NOT_FOUND = api_error(404, "NotFound", "Interaction not found")
