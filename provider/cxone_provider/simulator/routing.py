"""What the dialects' routes share: allowed methods, the address a client used, the query."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from cxone_provider.simulator.answer import Answer, error_answer
from cxone_provider.simulator.request import Request

_HOST = re.compile(r"[A-Za-z0-9.:_\[\]-]{1,255}")

_MAX_FIELDS = 100

Respond = Callable[[Request], Answer]


def only(methods: set[str], respond: Respond) -> Respond:
    """Return `respond` for these methods; others are answered with 405."""

    def guarded(request: Request) -> Answer:
        if request.method in methods:
            return respond(request)
        refused = error_answer(405, "method_not_allowed", f"allowed: {', '.join(sorted(methods))}")
        return refused.with_header("Allow", ", ".join(sorted(methods)))

    return guarded


def own_origin(request: Request) -> str:
    """Return scheme and host by which the client reached the simulator: only it knows what leads here."""
    host = request.header("host") or ""
    return f"http://{host if _HOST.fullmatch(host) else 'localhost'}"


def json_object(request: Request) -> Mapping[str, object]:
    """Return the object that a body holds; an empty one where it holds anything else."""
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, Mapping) else {}


def query_value(request: Request, name: str) -> str | None:
    """Return the one value of a query parameter; None where it is missing or appears several times."""
    try:
        values = parse_qs(request.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS).get(name, [])
    except ValueError:
        return None  # more fields than any client sends
    return values[0] if len(values) == 1 else None
