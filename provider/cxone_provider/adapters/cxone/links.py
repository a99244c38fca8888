"""Media links: where one may point to, and requests to it that carry nothing of the connection.

A link is a presigned URL of an object store: whoever has it can read the media, so it is in no error, log or `repr`.
It comes from the API's answer, so it is followed only to hosts that the connection allows, at addresses that were
checked, over TLS, by GET and without redirects. The bearer token never goes there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pendulum
import requests
from urllib3.util import parse_url

from cxone_provider.adapters.addresses import AddressGuard
from cxone_provider.adapters.cxone.answers import passing, read_start
from cxone_provider.adapters.cxone.origins import is_loopback
from cxone_provider.adapters.cxone.pace import paced_response
from cxone_provider.adapters.cxone.ranges import parse_unsatisfied
from cxone_provider.adapters.cxone.session import POOL_SIZE, WIRE_ERRORS, bare_session, no_answer, proxies_to
from cxone_provider.adapters.cxone.settings import CXoneSettings
from cxone_provider.adapters.pinning import PinningAdapter
from cxone_provider.adapters.redacting import hiding, redact_library_logs
from cxone_provider.adapters.retrying import DEFAULT_RETRY_AFTER_S, TryAgain
from cxone_provider.archive.errors import (
    AccessDenied,
    RangeNotSatisfiable,
    RecordingChanged,
    RecordingNotFound,
    SourceUnavailable,
    UnexpectedAnswer,
    shown,
)

REFUSED = (400, 401, 403)
"""What a store answers to a link that has expired, or that it does not take for another reason."""

_LINK = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]{0,8191})",
    re.ASCII,
)
_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")


@dataclass(frozen=True, slots=True)
class Link:
    """A media link that may be followed; its `repr` shows the host alone.

    Attributes:
        url: the whole of it, a secret.
        host: where it leads.
        target: path and query.
    """

    url: str = field(repr=False)
    host: str
    target: str = field(repr=False)


def checked_link(value: object, settings: CXoneSettings) -> Link:
    """Return a link that may be followed.

    Raises:
        UnexpectedAnswer: it is no plain http(s) URL, has a user or a fragment, is not https, or leads to another host
            than the connection allows. Nothing of it but the host is shown.
    """
    match = _LINK.fullmatch(value) if isinstance(value, str) else None
    if not isinstance(value, str) or match is None or int(match["port"] or 0) > 65_535:
        found = f"{len(value)} characters" if isinstance(value, str) else type(value).__name__
        raise UnexpectedAnswer("a media link is no usable URL", found=found, expected="https://host/path?query")
    host = match["host"].lower().strip("[]")
    if not settings.media_hosts.match(host):
        raise UnexpectedAnswer(
            "a media link leads to a host that is not allowed", found=shown(host, limit=100),
            expected="one of the connection's media_hosts",
            hint="If this is where the tenant's media lies, add it to media_hosts in the connection's extra.",
        )  # fmt: skip
    if match["scheme"] == "http" and not settings.allow_http and not is_loopback(host):
        raise UnexpectedAnswer("a media link is plain http", found=shown(host, limit=100), expected="https")
    return Link(value, host, match["target"])


class LinkSession:
    """Sends GET requests to links, and nothing else.

    Args:
        settings: the tenant: time-outs, proxies, CA bundle, and which hosts and addresses may be reached.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings) -> None:
        redact_library_logs()
        self._settings = settings
        guard = AddressGuard(settings.media_hosts.allowed, UnexpectedAnswer)
        adapter = PinningAdapter(guard, paced_response(settings.timeouts.min_bytes_per_s), POOL_SIZE)
        self._session = bare_session(settings, adapter)

    @contextmanager
    def get(self, link: Link, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Yield one answer whose body is not read yet; what is not read when the block ends is dropped.

        Raises:
            TryAgain: with SourceUnavailable; no answer came, or reading its body in the block failed.
            UnexpectedAnswer: the address may not be called, the server is not who it should be, or speaks no HTTP.
        """
        answer = self._sent(link, headers)
        broken = None
        try:
            yield answer
        except WIRE_ERRORS as error:
            broken = type(error).__name__
        finally:
            answer.close()
        if broken is not None:
            raise TryAgain(SourceUnavailable("the answer broke off", found=broken))

    def close(self) -> None:
        """Release the connections; may be called twice."""
        self._session.close()

    def _sent(self, link: Link, headers: Mapping[str, str]) -> requests.Response:
        timeouts = self._settings.timeouts
        try:
            with hiding(_spellings(link)):
                return self._session.request(
                    "GET", link.url, headers=headers, proxies=dict(proxies_to(link.url, self._settings)),
                    timeout=(timeouts.connect_s, timeouts.media_s), allow_redirects=False, stream=True,
                )  # fmt: skip
        except WIRE_ERRORS as error:
            problem = no_answer(error, type(error).__name__)
        # Raised outside of the block: the library's error names the link, and tracebacks show what an error came from.
        raise problem


def refused_link(answer: requests.Response, subject: str, now: pendulum.DateTime) -> Exception:
    """Return what to raise for a store's answer that is no success; of its body, only the error's code is shown.

    Args:
        answer: anything but 200 and 206.
        subject: what was asked for, e.g. ``media of 4711.1``.
        now: for a ``Retry-After`` that is a date.
    """
    status = answer.status_code
    found = f"{status} {_code_of(answer)}".strip()
    if status == 429 or 500 <= status < 600:
        return passing(answer, subject, found, now, DEFAULT_RETRY_AFTER_S)
    if status == 412:
        return RecordingChanged(f"{subject} is another entity by now", found=found)
    if status == 416:
        error = RangeNotSatisfiable(f"range outside {subject}", found=found)
        error.actual_size_bytes = parse_unsatisfied(answer.headers.get("Content-Range"))
        return error
    if status in (404, 410):
        return RecordingNotFound(f"no {subject} where its link leads", found=found)
    if status in REFUSED:
        return AccessDenied(
            f"the store refuses the link to {subject}, also a new one", found=found, expected="200 or 206",
            hint="Do the clocks agree, and does a proxy change requests?",
        )  # fmt: skip
    return UnexpectedAnswer(f"unexpected status for {subject}", found=found)


def _spellings(link: Link) -> Sequence[str]:
    """Return every form in which a library could name the link, the longest first."""
    prepared = requests.Request("GET", link.url).prepare()
    targets = {link.target, prepared.path_url, parse_url(prepared.url or "").request_uri}
    parts = {part for target in targets for part in target.split("?", 1)}
    return sorted({link.url, *targets, *parts} - {"", "/"}, key=len, reverse=True)


def _code_of(answer: requests.Response) -> str:
    """Return the code of an S3 error document; the rest of it may hold what was signed."""
    match = _CODE.search(read_start(answer))
    return "" if match is None else match[1].decode()
