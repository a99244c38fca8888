"""Which recordings there are, by Data Extraction: a job makes a CSV, a link to it lives for half a minute."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import requests
import urllib3

from cxone_provider.adapters.cxone.answers import excerpt, read_document, refused_listing
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.extraction_csv import merge_rows
from cxone_provider.adapters.cxone.legs import MergedLegs
from cxone_provider.adapters.cxone.links import LinkSession, checked_link
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.session import broken_body
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.errors import (
    InvalidDocument,
    InvalidSetting,
    SourceUnavailable,
    UnexpectedAnswer,
    shown,
)
from cxone_provider.archive.jobs import check_succeeded, checked_job_id
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import JobRefused, JobUnknown
from cxone_provider.archive.listing_ports import JobLook, JobState

POST_INTERVAL_S = 30.0
MAX_POSTS = 12
MAX_RESULT_BYTES = 2 * 2**30
_JOBS = "/data-extraction/v1/jobs"
_SUBJECT = "the listing job"
_CHUNK_BYTES = 64 * 1024
_LINK_IS_OVER = frozenset({400, 403, 404, 410})  # what object stores answer to a link that is over


@dataclass(frozen=True, slots=True)
class _Status:
    look: JobLook
    link: str | None = field(repr=False)


class DataExtraction:
    """A tenant's extraction jobs; implements :class:`cxone_provider.archive.listing_ports.ListingJobs`.

    Args:
        api: the tenant.
        links: fetches results; the token never goes there.
        settings: what is asked for, and how the answer is to be read.
    """

    def __init__(self, api: TenantApi, links: LinkSession, settings: ListingSettings | None = None) -> None:
        self._api = api
        self._links = links
        self._settings = settings or ListingSettings()

    def request(self, window: Window) -> Mapping[str, str]:
        """Return the body of the request for a window: whole days, rounded outwards, or the window's own moments."""
        start, end = window.start.in_timezone("UTC"), window.end.in_timezone("UTC")
        form = "YYYY-MM-DD" if self._settings.whole_days else "YYYY-MM-DD[T]HH:mm:ss[Z]"
        if self._settings.whole_days and end != end.start_of("day"):
            end = end.start_of("day").add(days=1)
        return {
            "entityName": self._settings.entity_name,
            "version": self._settings.entity_version,
            "startDate": start.format(form),
            "endDate": end.format(form),
        }

    def begin(self, request: Mapping[str, str]) -> str:
        """Post a job and return its id; contract in the port.

        A 403 is what CXone answers to a post that comes too early as well as to one that it forbids; so it is waited
        for and repeated, and only what is still forbidden after that is final.
        """
        if not request:
            raise InvalidSetting("an empty request for a listing", expected="what request() returned")
        call = Call(_JOBS, self._api.settings.timeouts.metadata_s, method="POST", body=dict(request))
        retries = replace(self._api.settings.retries, attempts=MAX_POSTS, deadline_s=2 * MAX_POSTS * POST_INTERVAL_S)
        return retries.call(lambda: self._posted(call), self._api.clock)

    def look(self, job_id: str) -> JobLook:
        """Return how a job stands, by one GET; contract in the port."""
        return self._api.settings.retries.call(lambda: self._status(job_id), self._api.clock).look

    def refs(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield the ref document of each contact in a job's result; contract in the port.

        A link that is over, and a body that broke, cost a new link and another reading from the start.
        """
        legs = self._api.settings.retries.call(lambda: self._read(job_id), self._api.clock)
        yield from legs.documents()

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._links.close()
        self._api.close()

    def _posted(self, call: Call) -> str:
        with self._api.ask(call, {"Accept": "application/json"}) as answer:
            if answer.status_code == 403:
                raise TryAgain(
                    self._too_early(answer), wait_s=POST_INTERVAL_S * (1 + self._api.settings.retries.random())
                )
            if answer.status_code not in (200, 201, 202):
                raise refused_listing(answer, _SUBJECT, self._api.clock.now(), self._api.secrets(answer))
            return parse_job_id(read_document(answer, _SUBJECT))

    def _too_early(self, answer: requests.Response) -> JobRefused:
        return JobRefused(
            "the listing job was refused", found=excerpt(answer, self._api.secrets(answer)),
            expected=f"a user that may extract data, and no other job within {POST_INTERVAL_S:g} s",
        )  # fmt: skip

    def _read(self, job_id: str) -> MergedLegs:
        status = self._status(job_id)
        check_succeeded(job_id, status.look)
        if status.link is None:
            raise UnexpectedAnswer("result.url of the listing job is missing", expected="a link to the result")
        legs = MergedLegs()
        with self._links.get(checked_link(status.link, self._api.settings), {}) as answer:
            if answer.status_code != 200:
                raise self._refused_link(answer)
            encoding = answer.headers.get("Content-Encoding", "identity")
            if encoding.strip().lower() != "identity":
                raise UnexpectedAnswer("the result is encoded although identity was asked for", found=shown(encoding))
            merge_rows(_chunks(answer), legs, self._settings)
        return legs

    def _refused_link(self, answer: requests.Response) -> Exception:
        # The body is not shown: object stores repeat parts of the link in it.
        found = f"status {answer.status_code}"
        if answer.status_code in _LINK_IS_OVER or answer.status_code == 429 or answer.status_code >= 500:
            return TryAgain(SourceUnavailable("the link to a listing's result gave nothing", found=found))
        return UnexpectedAnswer("unexpected status for a listing's result", found=found, expected="200")

    def _status(self, job_id: str) -> _Status:
        call = Call(f"{_JOBS}/{quote(checked_job_id(job_id), safe='')}", self._api.settings.timeouts.metadata_s)
        with self._api.ask(call, {"Accept": "application/json"}) as answer:
            if answer.status_code == 404:
                raise JobUnknown(f"no listing job {job_id}", found=excerpt(answer, self._api.secrets(answer)))
            if answer.status_code != 200:
                raise refused_listing(answer, _SUBJECT, self._api.clock.now(), self._api.secrets(answer))
            # An answer that tells a link is not quoted in an error.
            body = read_document(answer, _SUBJECT)
        return parse_status(parse_object(body, _SUBJECT, secret=True))


def parse_job_id(body: bytes) -> str:
    """Return the job id of a POST's answer: a JSON string.

    Raises:
        UnexpectedAnswer: it is something else, or cannot be an id.
    """
    try:
        return checked_job_id(json.loads(body.decode("utf-8-sig")))
    except (ValueError, RecursionError, InvalidDocument) as error:
        raise UnexpectedAnswer(
            "the answer to a listing job is no job id", found=shown(body[:80].decode("utf-8", "replace")),
            expected="a JSON string",
        ) from error  # fmt: skip


def parse_status(document: Mapping[str, Any]) -> _Status:
    """Return what a job's document says.

    Raises:
        UnexpectedAnswer: a field is missing, of another type, or a state that the contract does not have.
    """
    status = document.get("jobStatus")
    if not isinstance(status, Mapping):
        raise UnexpectedAnswer("jobStatus", found=type(status).__name__, expected="an object")
    state = status.get("status")
    if not isinstance(state, str) or state.upper() not in list(JobState):
        raise UnexpectedAnswer("jobStatus.status", found=shown(state), expected=", ".join(JobState))
    result = {} if status.get("result") is None else status["result"]
    if not isinstance(result, Mapping):
        raise UnexpectedAnswer("jobStatus.result", found=type(result).__name__, expected="an object")
    message = _optional_text(result, "errorMessage")
    link = _optional_text(result, "url")
    return _Status(JobLook(JobState(state.upper()), None if message is None else shown(message)), link)


def _optional_text(result: Mapping[str, Any], name: str) -> str | None:
    value = result.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise UnexpectedAnswer(f"jobStatus.result.{name}", found=type(value).__name__, expected="text")
    return value


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    received_bytes = 0
    broken = None
    try:
        while chunk := answer.raw.read(_CHUNK_BYTES, decode_content=False):
            received_bytes += len(chunk)
            if received_bytes > MAX_RESULT_BYTES:
                raise UnexpectedAnswer("a listing's result is too large", expected=f"at most {MAX_RESULT_BYTES} bytes")
            yield chunk
    except urllib3.exceptions.HTTPError as error:
        broken = broken_body(error, received_bytes)
    # Raised outside of the block: tracebacks show what an error came from, and the library's names the link.
    if broken is not None:
        raise TryAgain(broken)
