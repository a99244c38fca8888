"""Data Extraction: post a job, look at it until it has ended, fetch the table behind the link."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import datetime

from cxone_provider.simulator.access.bearer import refused_bearer
from cxone_provider.simulator.answer import Answer, Octets, json_answer
from cxone_provider.simulator.api_errors import api_error
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.listing.dates import parsed_date
from cxone_provider.simulator.listing.jobs import RUNNING, SUCCEEDED, ExtractionJobs, Job
from cxone_provider.simulator.playback.links import LinkDesk
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import Respond, json_object, only
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.tokens import TokenDesk

ENTITY = "recording-interaction-metadata"
_JOBS = "/data-extraction/v1/jobs"
_JOB = re.compile(r"/data-extraction/v1/jobs/([^/]+)")
_NO_JOB = api_error(404, "NotFound", "No such job")
_TOO_EARLY = Answer(
    403, (("Content-Type", "text/plain"),), (Octets(b"A job was posted a moment ago; wait before the next one"),)
)


class DataExtraction:
    """Answers jobs."""

    def __init__(self, settings: ApiSettings, tokens: TokenDesk, jobs: ExtractionJobs, links: LinkDesk) -> None:
        self._settings = settings
        self._tokens = tokens
        self._jobs = jobs
        self._links = links

    def route(self, request: Request) -> Route | None:
        """Return the route of a job, or None."""
        path = self._settings.api_path(request.path) or ""
        if path == _JOBS:
            return self._routed("POST", self._post)
        match = _JOB.fullmatch(path)
        return None if match is None else self._routed("GET", functools.partial(self._look, match[1]))

    def _routed(self, method: str, respond: Respond) -> Route:
        def guarded(request: Request) -> Answer:
            return refused_bearer(self._tokens, request) or respond(request)

        return Route(Endpoint.LISTING, None, only({method}, guarded))

    def _post(self, request: Request) -> Answer:
        document = json_object(request)
        span = self._span(document)
        if isinstance(span, str):
            return api_error(400, "BadRequest", span)
        job = self._jobs.post(*span)
        return _TOO_EARLY if job is None else json_answer(202, job.job_id)

    def _span(self, document: Mapping[str, object]) -> tuple[datetime, datetime] | str:
        """Return the start and the end asked for, or what is wrong with the request."""
        if document.get("entityName") != ENTITY:
            return f"entityName is {ENTITY}"
        accepted = [version for version in self._settings.extraction_versions.split(",") if version]
        if "version" not in document or (accepted and str(document["version"]) not in accepted):
            return "no such version of the entity"
        start = parsed_date(document.get("startDate"))
        end = parsed_date(document.get("endDate"), is_end=True)
        if start is None or end is None or end < start:
            return "startDate and endDate are ISO 8601, the earlier one first"
        return start, end

    def _look(self, job_id: str, request: Request) -> Answer:
        found = self._jobs.find(job_id)
        if found is None:
            return _NO_JOB
        job, status = found
        return json_answer(200, {"jobStatus": {"status": status, "result": self._result(job, status, request)}})

    def _result(self, job: Job, status: str, request: Request) -> dict[str, object] | None:
        if status == RUNNING:
            return None
        if status != SUCCEEDED:
            return {"url": None, "errorMessage": f"The job has {status.lower()}"}
        if job.link is None or self._settings.extraction_url_renewed:
            job.link = self._links.sign(job.key, request, self._settings.extraction_url_ttl_s)
        return {"url": job.link, "errorMessage": None}
