"""Requests to a tenant's Media Download API, within its own quota."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import requests

from cxone_provider.adapters.cxone.answers import excerpt, read_document, unusable
from cxone_provider.adapters.cxone.documents import parse_object
from cxone_provider.adapters.cxone.quota import RequestBudget
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.adapters.media_download.settings import MediaDownloadSettings
from cxone_provider.adapters.media_download.status import parse_request_id, parse_status
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.downloads import MAX_ENTITIES, DownloadStatus, EntityKind
from cxone_provider.archive.errors import (
    AccessDenied,
    InvalidSetting,
    RateLimited,
    RecordingNotFound,
    UnexpectedAnswer,
)
from cxone_provider.archive.recording import checked_recording_id

_TAKEN = frozenset({200, 201, 202})
_LICENCE_HINT = "Does the tenant have a licence with the Media Download API, and may this user download recordings?"


_PATHS = {EntityKind.CONTACTS: "contacts", EntityKind.CONTACT_SEGMENTS: "segments"}


class MediaDownloadApi:
    """A tenant's Media Download API.

    Args:
        api: the tenant; not closed here.
        settings: how it is used.
        budget: this task's share of the quota; None where somebody else paces the requests.
    """

    def __init__(self, api: TenantApi, settings: MediaDownloadSettings, budget: RequestBudget | None) -> None:
        self.settings = settings
        self._api = api
        self._budget = budget

    def request(self, kind: EntityKind, entity_ids: Sequence[str]) -> str:
        """Ask for the media of 1 to 100 entities and return the request's id; archived media may be restored by it.

        Raises:
            InvalidSetting, InvalidRecordingId: before any request.
            AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        if not 1 <= len(entity_ids) <= MAX_ENTITIES:
            raise InvalidSetting("entities of a media download", found=len(entity_ids), expected=f"1 to {MAX_ENTITIES}")
        ids = [checked_recording_id(one) for one in entity_ids]
        body = {**self.settings.request_fields, "entityIds": ids}
        call = self._call(f"/media-download/v1/{_PATHS[kind]}", counts=True, method="POST", body=body)
        return parse_request_id(self._document(call, "media download"))

    def status(self, request_id: str) -> DownloadStatus:
        """Return how a request stands.

        Raises:
            InvalidRecordingId: before any request; the id cannot be one.
            RecordingNotFound: the tenant does not know it.
            AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        path = f"/media-download/v1/status/{quote(checked_recording_id(request_id), safe='')}"
        call = self._call(path, counts=self.settings.status_counts)
        return parse_status(self._document(call, "status of a media download"), self.settings)

    def _call(self, path: str, *, counts: bool, method: str = "GET", body: object = None) -> Call:
        limit_s = self._api.settings.timeouts.metadata_s
        return Call(path, limit_s, method=method, body=body, budget=self._budget if counts else None)

    def _document(self, call: Call, subject: str) -> dict[str, object]:
        def attempt() -> bytes:
            with self._api.ask(call, {"Accept": "application/json"}) as answer:
                if answer.status_code not in _TAKEN:
                    raise self._refused(answer, call, subject)
                return read_document(answer, subject)

        body = self._api.settings.retries.call(attempt, self._api.clock)
        # The location may be a presigned link, so errors show nothing of the document.
        return parse_object(body, subject, secret=True)

    def _refused(self, answer: requests.Response, call: Call, subject: str) -> Exception:
        secrets = self._api.secrets(answer)
        if answer.status_code == 403:
            return AccessDenied(f"no access to {subject}", found=excerpt(answer, secrets), hint=_LICENCE_HINT)
        if answer.status_code in (404, 410) and call.method == "GET":
            return RecordingNotFound(f"no {subject}", found=excerpt(answer, secrets))
        if answer.status_code in (404, 410):
            return UnexpectedAnswer("no such API", found=excerpt(answer, secrets), hint=_LICENCE_HINT)
        problem = unusable(answer, subject, self._api.clock.now(), secrets, self.settings.quota.period_s)
        if isinstance(problem, TryAgain) and isinstance(problem.error, RateLimited) and self._budget is not None:
            # The quota is the tenant's: whatever this task sent now would be refused as well.
            self._budget.pause(min(problem.wait_s or 0.0, self._api.settings.retries.max_retry_after_s))
        return problem
