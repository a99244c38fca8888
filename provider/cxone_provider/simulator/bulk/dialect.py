"""The endpoints of Media Download."""

from __future__ import annotations

import functools
import json
import re

from cxone_provider.simulator.access.bearer import refused_bearer
from cxone_provider.simulator.answer import Answer, json_answer
from cxone_provider.simulator.api_errors import api_error
from cxone_provider.simulator.bulk.downloads import COMPLETED, FAILED, LISTING, PREFIX, Download, Downloads
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.playback.links import BUCKET, LinkDesk
from cxone_provider.simulator.playback.quota import Quota
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import Respond, json_object, only
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.tokens import TokenDesk

MOST_ENTITIES = 100
_REQUEST = re.compile(r"/media-download/v1/(contacts|segments)")
_STATUS = re.compile(r"/media-download/v1/status/([^/]+)")
_NO_REQUEST = api_error(404, "NotFound", "No such request")


class MediaDownload:
    """Answers requests for many entities and for their status."""

    def __init__(
        self, settings: ApiSettings, tokens: TokenDesk, downloads: Downloads, links: LinkDesk, quota: Quota
    ) -> None:
        self._settings = settings
        self._tokens = tokens
        self._downloads = downloads
        self._links = links
        self._quota = quota

    def route(self, request: Request) -> Route | None:
        """Return the route of a request or a status, or None."""
        path = self._settings.api_path(request.path) or ""
        match = _REQUEST.fullmatch(path)
        if match is not None:
            respond = functools.partial(self._request, are_segments=match[1] == "segments")
            return self._routed("POST", path, respond, counts=True)
        match = _STATUS.fullmatch(path)
        if match is None:
            return None
        respond = functools.partial(self._status, match[1])
        return self._routed("GET", path, respond, counts=self._settings.download_status_counts)

    def _routed(self, method: str, path: str, respond: Respond, *, counts: bool) -> Route:
        def guarded(request: Request) -> Answer:
            refused = refused_bearer(self._tokens, request) or (self._quota.refusal(path) if counts else None)
            return refused or respond(request)

        return Route(Endpoint.BULK, None, only({method}, guarded))

    def _request(self, request: Request, *, are_segments: bool) -> Answer:
        ids = json_object(request).get("entityIds")
        if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
            return api_error(400, "BadRequest", "entityIds is a list of ids")
        if not 1 <= len(ids) <= MOST_ENTITIES:
            return api_error(400, "BadRequest", f"entityIds has from 1 to {MOST_ENTITIES} ids")
        download = self._downloads.request(ids, are_segments=are_segments)
        return json_answer(200, {"requestId": download.request_id})

    def _status(self, request_id: str, request: Request) -> Answer:
        found = self._downloads.find(request_id)
        if found is None:
            return _NO_REQUEST
        download, status = found
        entities = [_entity(download, entity_id, status) for entity_id in dict.fromkeys(download.entity_ids)]
        location = self._location(download, request) if status == COMPLETED else None
        return json_answer(200, {"status": status, "entities": entities, "downloadLocation": location})

    def _location(self, download: Download, request: Request) -> str:
        folder = f"{PREFIX}{download.request_id}/"
        if self._settings.download_location == "s3":
            return f"s3://{BUCKET}/{folder}"
        files = [
            {"entityId": file.entity_id, "fileName": file.name, "url": self._links.sign(file.key, request)}
            for file in download.files
        ]
        download.listing = json.dumps({"files": files}).encode()
        return self._links.sign(f"{folder}{LISTING}", request)


def _entity(download: Download, entity_id: str, status: str) -> dict[str, object]:
    if status not in {COMPLETED, FAILED}:
        return {"entityId": entity_id, "status": status, "failureReason": None}
    failure = download.failures.get(entity_id)
    return {"entityId": entity_id, "status": FAILED if failure else COMPLETED, "failureReason": failure}
