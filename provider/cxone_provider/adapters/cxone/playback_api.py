"""Requests to Media Playback: counted against the tenant's quota, and read into interactions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from urllib.parse import quote

import requests

from cxone_provider.adapters.cxone.answers import excerpt, unusable
from cxone_provider.adapters.cxone.playback_document import Interaction, parse_contact
from cxone_provider.adapters.cxone.quota import RequestBudget
from cxone_provider.adapters.cxone.tenant_api import Call, TenantApi
from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.archive.errors import AccessDenied, RateLimited, RecordingNotFound
from cxone_provider.archive.recording import checked_recording_id

SEGMENT_PREFIX = "segment:"
CONTACTS_PATH = "/media-playback/v1/contacts"
SEGMENTS_PATH = "/media-playback/v1/segments/"
_QUERY = {"media-type": "all", "exclude-waveforms": "true", "isDownload": "false"}


class PlaybackApi:
    """Asks for contacts and contact segments.

    Args:
        api: sends the requests.
    """

    def __init__(self, api: TenantApi) -> None:
        self._api = api
        self.budget = RequestBudget(api.settings.quota, api.clock)

    def interactions(self, recording_id: str) -> Sequence[Interaction]:
        """Return the voice interactions of a contact, in the port's order, by one request.

        Args:
            recording_id: a master contact id; or ``segment:`` and the id of a contact segment.

        Raises:
            InvalidRecordingId: before any request.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        call = self._call(checked_recording_id(recording_id))
        refuse = partial(self._refused, subject=f"playback of {recording_id}")
        return parse_contact(self._api.document(call, "playback answer", refuse, secret=True))

    def _call(self, recording_id: str) -> Call:
        limit_s = self._api.settings.timeouts.metadata_s
        segment_id = recording_id.removeprefix(SEGMENT_PREFIX)
        if segment_id != recording_id:
            path = SEGMENTS_PATH + quote(checked_recording_id(segment_id), safe="")
            return Call(path, limit_s, _QUERY, budget=self.budget)
        return Call(CONTACTS_PATH, limit_s, {"acd-call-id": recording_id, **_QUERY}, budget=self.budget)

    def _refused(self, answer: requests.Response, subject: str) -> Exception:
        secrets = self._api.secrets(answer)
        if answer.status_code in (404, 410):
            return RecordingNotFound(f"no {subject}", found=excerpt(answer, secrets))
        if answer.status_code == 403:
            return AccessDenied(
                f"no access to {subject}", found=excerpt(answer, secrets),
                expected="an access key whose user may play this recording",
                hint="Does its role have the permission to play recordings, and is this one not locked?",
            )  # fmt: skip
        problem = unusable(answer, subject, self._api.clock.now(), secrets, self.budget.quota.period_s)
        if isinstance(problem, TryAgain) and isinstance(problem.error, RateLimited):
            # The quota is the tenant's: whatever this task sent now would be refused as well.
            self.budget.pause(min(problem.wait_s or 0.0, self._api.settings.retries.max_retry_after_s))
        return problem
