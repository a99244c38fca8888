"""Faults that answer something else: statuses, pages, documents."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, ClassVar

from cxone_provider.simulator.answer import Answer, Octets, body_bytes, body_size, error_answer
from cxone_provider.simulator.conditional import http_date
from cxone_provider.simulator.dialect import Endpoint, Exchange
from cxone_provider.simulator.faults.fault import Count, DateShift, Fault, StatusCode
from cxone_provider.simulator.request import with_header

_PARTIAL = 206
_LOGIN_PAGE = b"""<!DOCTYPE html>
<html><head><title>Sign in</title></head><body><form>Sign in to go on</form></body></html>
"""


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """Any status, headers and body; the request never reaches the tenant."""

    name: ClassVar[str] = "status"
    status: Annotated[StatusCode, "the status code"]
    headers: Annotated[dict[str, str], "headers of the answer, sent as they are"] = field(default_factory=dict)
    body: Annotated[str | None, "the body; null is a JSON error document"] = None
    retry_after: Annotated[str | None, "the `Retry-After` header, sent as it is"] = None
    retry_after_in_s: Annotated[DateShift | None, "`Retry-After` as an HTTP date so many seconds ahead"] = None

    def intercept(self, exchange: Exchange) -> Answer:
        """Answer as scripted."""
        altered = error_answer(self.status, "scripted", f"scripted answer: {_reason(self.status)}")
        if self.body is not None:
            altered = Answer(
                self.status, (("Content-Type", "text/plain"),), (Octets(self.body.encode("utf-8", "surrogatepass")),)
            )
        if self.retry_after is not None:
            altered = altered.with_header("Retry-After", self.retry_after)
        if self.retry_after_in_s is not None:
            later = exchange.received_at + timedelta(seconds=self.retry_after_in_s)
            altered = altered.with_header("Retry-After", http_date(later))
        for name, value in self.headers.items():
            altered = altered.with_header(name, value)
        return altered


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """A redirect to any address; the request never reaches the tenant."""

    name: ClassVar[str] = "redirect"
    location: Annotated[str, "the `Location` header, sent as it is"]
    status: Annotated[StatusCode, "301, 302, 303, 307 or 308"] = 302

    def intercept(self, exchange: Exchange) -> Answer:
        """Answer as scripted."""
        del exchange
        return Answer(self.status, (("Location", self.location),))


@dataclass(frozen=True, slots=True)
class RevokeToken(Fault):
    """The request's token is revoked the moment it arrives: this request and later ones with it get 401."""

    name: ClassVar[str] = "revoke_token"
    every_token: Annotated[bool, "revoke all tokens of the tenant"] = False

    def prepare(self, exchange: Exchange) -> None:
        """Revoke before the token is checked."""
        if self.every_token:
            exchange.tokens.revoke_all()
        else:
            exchange.tokens.revoke(exchange.request.header("authorization"))


@dataclass(frozen=True, slots=True)
class OverrideFields(Fault):
    """Fields of a JSON answer (metadata, token) are replaced by anything, or left out."""

    name: ClassVar[str] = "override_fields"
    on: ClassVar[Endpoint] = Endpoint.METADATA
    fields: Annotated[dict[str, object], "new values by field"] = field(default_factory=dict)
    remove: Annotated[list[str], "fields to leave out"] = field(default_factory=list)

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Rewrite the document."""
        del exchange
        document = {**_document(answer), **self.fields}
        kept = {name: value for name, value in document.items() if name not in self.remove}
        return _with_document(answer, kept)


@dataclass(frozen=True, slots=True)
class HugeMetadata(Fault):
    """A JSON answer is padded with one very long field."""

    name: ClassVar[str] = "huge_metadata"
    on: ClassVar[Endpoint] = Endpoint.METADATA
    size_bytes: Annotated[Count, "length of the field"] = 16 * 2**20

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Add the field."""
        del exchange
        return _with_document(answer, {**_document(answer), "padding": "x" * self.size_bytes})


@dataclass(frozen=True, slots=True)
class RawBody(Fault):
    """Status and headers stay, the body becomes any text: broken JSON, doubled keys, deep nesting, nothing."""

    name: ClassVar[str] = "raw_body"
    on: ClassVar[Endpoint] = Endpoint.METADATA
    body: Annotated[str, "the body"]
    content_type: Annotated[str | None, "another `Content-Type`"] = None

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the body."""
        del exchange
        altered = _with_body(answer, self.body.encode("utf-8", "surrogatepass"))
        return altered if self.content_type is None else altered.with_header("Content-Type", self.content_type)


@dataclass(frozen=True, slots=True)
class HtmlPage(Fault):
    """A login page in place of media. With status 206 it has the range's length and all range headers are right."""

    name: ClassVar[str] = "html_page"
    status: Annotated[StatusCode, "200, or 206 to keep the range's headers"] = 200
    content_type: Annotated[str, "what the page claims to be"] = "text/html; charset=utf-8"

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the body."""
        del exchange
        return _page(answer, self.status, self.content_type, _LOGIN_PAGE)


@dataclass(frozen=True, slots=True)
class JsonPage(Fault):
    """A JSON document in place of media. With status 206 it has the range's length and all range headers are right."""

    name: ClassVar[str] = "json_page"
    status: Annotated[StatusCode, "200, or 206 to keep the range's headers"] = 200
    content_type: Annotated[str, "what the document claims to be"] = "application/json"
    document: Annotated[dict[str, object], "the document"] = field(default_factory=lambda: {"message": "not now"})

    def alter(self, answer: Answer, exchange: Exchange) -> Answer:
        """Replace the body."""
        del exchange
        return _page(answer, self.status, self.content_type, json.dumps(self.document).encode())


FAULTS: tuple[type[Fault], ...] = (
    Status,
    Redirect,
    RevokeToken,
    OverrideFields,
    HugeMetadata,
    RawBody,
    HtmlPage,
    JsonPage,
)


def _reason(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else str(status)


def _document(answer: Answer) -> dict[str, object]:
    if answer.header("content-type") != "application/json":
        return {}
    document = json.loads(body_bytes(answer.body))
    return document if isinstance(document, dict) else {}


def _with_document(answer: Answer, document: dict[str, object]) -> Answer:
    return _with_body(answer, json.dumps(document).encode())


def _with_body(answer: Answer, body: bytes) -> Answer:
    return Answer(answer.status, answer.headers, (Octets(body),), delivery=answer.delivery)


def _page(answer: Answer, status: int, content_type: str, page: bytes) -> Answer:
    if status != _PARTIAL or answer.selected is None:
        return Answer(status, (("Content-Type", content_type),), (Octets(page),), delivery=answer.delivery)
    length = body_size(answer.body)
    fitted = page[:length].ljust(length)
    headers = with_header(answer.headers, "Content-Type", content_type)
    return Answer(status, headers, (Octets(fitted),), delivery=answer.delivery)
