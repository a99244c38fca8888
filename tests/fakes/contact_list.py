"""Completed contacts as a list that pages are cut out of, and that may change between two pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.fakes.cxone_tenant import json_answer
from tests.fakes.http_server import Answer, WireRequest

START = "2026-11-22T10:00:00Z"


def contact(contact_id: int | str, **fields: Any) -> dict[str, Any]:
    """Return a row as the newer versions spell it."""
    row = {
        "contactId": contact_id,
        "masterContactId": contact_id,
        "contactStartDate": START,
        "totalDurationSeconds": 60,
        "isLogged": True,
        "agentId": 7,
        "skillName": "Support",
        "fromAddress": "+15550100",
        "toAddress": "+15550199",
    }
    return {**row, **fields}


def query(request: WireRequest) -> dict[str, str]:
    """Return the query of a request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


class ContactList:
    """Answers pages of `rows`.

    Attributes:
        rows: what there is; may be replaced in the middle of a test.
        total: what the tenant counts; None for what there is.
        at_most: rows of a page at most, however many are asked for.
        before_page: called with the number of each page, from 1, before it is cut.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = list(rows)
        self.total: int | None = None
        self.at_most: int | None = None
        self.before_page: Callable[[int], None] = lambda number: None
        self.queries: list[Mapping[str, str]] = []

    def __call__(self, request: WireRequest) -> Answer:
        asked = query(request)
        self.queries.append(asked)
        self.before_page(len(self.queries))
        skip, top = int(asked["skip"]), int(asked["top"])
        rows = self.rows[skip : skip + min(top, self.at_most or top)]
        total = len(self.rows) if self.total is None else self.total
        return json_answer({"totalRecords": total, "completedContacts": rows})
