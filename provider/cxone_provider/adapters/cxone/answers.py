"""What an answer's status means, and its body read within bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

import pendulum
import requests
import urllib3

from cxone_provider.adapters.cxone.documents import MAX_DOCUMENT_BYTES
from cxone_provider.adapters.cxone.ranges import parse_unsatisfied
from cxone_provider.adapters.cxone.settings import RECORDING_SCOPES
from cxone_provider.adapters.retrying import DEFAULT_RETRY_AFTER_S, TryAgain, parse_retry_after_s
from cxone_provider.archive.errors import (
    AccessDenied,
    RangeNotSatisfiable,
    RateLimited,
    RecordingChanged,
    RecordingNotFound,
    SourceError,
    SourceUnavailable,
    UnexpectedAnswer,
    shown,
)

_EXCERPT_BYTES = 4096
_EXCERPT_CHARACTERS = 160
_LINK = re.compile(r"https?:\\*/\\*/[^\s\"'<>]*", re.IGNORECASE)  # JSON may have escaped the slashes


def read_document(answer: requests.Response, what: str, *, limit_bytes: int = MAX_DOCUMENT_BYTES) -> bytes:
    """Return the body of an answer that should be a JSON document.

    Raises:
        UnexpectedAnswer: it is encoded or larger than the limit; no more than that is read.
        urllib3.exceptions.HTTPError: it broke off.
    """
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise UnexpectedAnswer(f"{what} is encoded although identity was asked for", found=shown(encoding))
    body = _read_up_to(answer, limit_bytes + 1)
    if len(body) > limit_bytes:
        raise UnexpectedAnswer(
            f"{what} is too large", found=f"more than {limit_bytes} bytes", expected="a small JSON document"
        )
    return body


def excerpt(answer: requests.Response, secrets: Iterable[str]) -> str:
    """Return status and start of the body, fit for an error: bounded, escaped, with secrets and links blanked."""
    text = read_start(answer).decode("utf-8", "replace")
    for secret in secrets:
        for form in {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}:
            text = text.replace(form, "***")
    text = _LINK.sub("***", text)  # a link may be the key to what it leads to
    return f"{answer.status_code} {shown(text.strip(), limit=_EXCERPT_CHARACTERS)}".strip()


def read_start(answer: requests.Response) -> bytes:
    """Return the first 4 KiB of a body, or nothing where it cannot be read."""
    try:
        return _read_up_to(answer, _EXCERPT_BYTES)
    except urllib3.exceptions.HTTPError:
        return b""


def unusable(
    answer: requests.Response,
    subject: str,
    now: pendulum.DateTime,
    secrets: Iterable[str],
    wait_s: float = DEFAULT_RETRY_AFTER_S,
) -> UnexpectedAnswer | TryAgain:
    """Return what to raise for an answer that is neither a success nor a refusal with a meaning of its own.

    Args:
        answer: anything but a success.
        subject: what was asked for, e.g. ``metadata of 4711``.
        now: for a ``Retry-After`` that is a date.
        secrets: what the body must not show.
        wait_s: how long to wait after a 429 that does not say it, seconds.
    """
    status, found = answer.status_code, excerpt(answer, secrets)
    if status == 429 or 500 <= status < 600:
        return passing(answer, subject, found, now, wait_s)
    hint = "Redirects are not followed: is host the API's own base URL?" if 300 <= status < 400 else None
    return UnexpectedAnswer(f"unexpected status for {subject}", found=found, hint=hint)


def refused_recording(
    answer: requests.Response, subject: str, now: pendulum.DateTime, secrets: Iterable[str]
) -> SourceError | RecordingChanged | TryAgain:
    """Return what to raise for an answer about one recording; arguments as for :func:`unusable`."""
    status = answer.status_code
    if status not in (403, 404, 410, 412, 416):
        return unusable(answer, subject, now, secrets)
    found = excerpt(answer, secrets)
    if status == 403:
        return AccessDenied(
            f"no access to {subject}", found=found, expected=f"scopes {' and '.join(RECORDING_SCOPES)}",
            hint="Does the client have both scopes, and may it see this recording?",
        )  # fmt: skip
    if status == 412:
        return RecordingChanged(f"{subject} is another entity by now", found=found)
    if status == 416:
        error = RangeNotSatisfiable(f"range outside {subject}", found=answer.headers.get("Content-Range", "416"))
        error.actual_size_bytes = parse_unsatisfied(answer.headers.get("Content-Range"))
        return error
    return RecordingNotFound(f"no {subject}", found=found)


def refused_listing(
    answer: requests.Response, subject: str, now: pendulum.DateTime, secrets: Iterable[str]
) -> SourceError | TryAgain:
    """Return what to raise for an answer about a listing; arguments as for :func:`unusable`."""
    if answer.status_code != 403:
        return unusable(answer, subject, now, secrets)
    return AccessDenied(
        f"no access to {subject}", found=excerpt(answer, secrets), expected="a user or application that may list",
        hint="Which permission each listing needs is in the documentation of listings.",
    )  # fmt: skip


def passing(answer: requests.Response, subject: str, found: str, now: pendulum.DateTime, wait_s: float) -> TryAgain:
    """Return what to raise for a 429 or a 5xx; `found` is what may be shown of it, `wait_s` as for `unusable`."""
    asked_s = parse_retry_after_s(answer.headers.get("Retry-After"), now)
    if answer.status_code == 429:
        hint = "Other clients share the tenant's quota; lower the concurrency or try later."
        error = RateLimited(f"too many requests for {subject}", found=found, hint=hint)
        error.retry_after_s = wait_s if asked_s is None else asked_s
        return TryAgain(error, wait_s=error.retry_after_s)
    return TryAgain(SourceUnavailable(f"no answer for {subject}", found=found), wait_s=asked_s)


def _read_up_to(answer: requests.Response, limit_bytes: int) -> bytes:
    body = bytearray()
    while len(body) < limit_bytes and (piece := answer.raw.read(limit_bytes - len(body), decode_content=False)):
        body += piece
    return bytes(body)
