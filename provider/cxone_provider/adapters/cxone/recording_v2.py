"""Recordings by the dialect ``recording-v2``: metadata and ranged downloads under one base URL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

import requests

from cxone_provider.adapters.cxone.answers import excerpt, read_document, refused_recording
from cxone_provider.adapters.cxone.auth import TokenClient
from cxone_provider.adapters.cxone.documents import parse_description, parse_object
from cxone_provider.adapters.cxone.media import ChunkSigning, HttpBody, SegmentFetch
from cxone_provider.adapters.cxone.session import ApiSession
from cxone_provider.adapters.cxone.settings import RECORDING_SCOPES, CXoneSettings
from cxone_provider.archive.errors import AuthenticationFailed
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody
from cxone_provider.archive.recording import RecordingDescription, RecordingRef, checked_recording_id


@dataclass(slots=True)
class _Call:
    """One request that may be sent more than once: where, how long, and how often it was sent so far."""

    path: str
    limit_s: float
    params: Mapping[str, str] | None = None
    requests: int = 0


class RecordingV2Source:
    """A tenant that speaks ``recording-v2``; implements :class:`cxone_provider.archive.ports.RecordingSource`.

    Args:
        settings: the tenant.
        clock: waits, and measures token lifetimes.
        on_token: told every new token before it is used, so that whoever writes the logs can hide it.

    Raises:
        InvalidSetting: the CA bundle does not exist.
    """

    def __init__(self, settings: CXoneSettings, clock: Clock, *, on_token: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._api = ApiSession(settings)
        self._tokens = TokenClient(settings, self._api, clock, on_token)
        self._signing = ChunkSigning(settings.stream_signature_header, settings.stream_secret)

    def check(self) -> None:
        """Fetch a token: shows that address, TLS and credentials are right, and touches no recording.

        Raises:
            AuthenticationFailed, AccessDenied, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        self._tokens.token()

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return the recording's metadata, by one GET.

        Raises:
            InvalidRecordingId: before any request.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        recording_id = checked_recording_id(ref.recording_id)
        call = _Call(f"/api/v2/recording/{quote(recording_id, safe='')}", self._settings.timeouts.metadata_s)

        def attempt() -> bytes:
            with self._ask(call, {"Accept": "application/json"}) as answer:
                if answer.status_code != 200:
                    raise self._refused(answer, f"metadata of {recording_id}")
                return read_document(answer, "metadata")

        body = self._settings.retries.call(attempt, self._clock)
        return parse_description(parse_object(body, "metadata"), ref)

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return the one file behind a plan; costs no request."""
        recording_id = checked_recording_id(plan.recording_id)
        return (Media(recording_id, plan.requested_format, plan.size_bytes, plan.etag),)

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        call = self._download(media)

        def refuse(answer: requests.Response) -> Exception:
            return self._refused(answer, f"media of {media.recording_id}")

        fetch = SegmentFetch(media, segment, buffer, partial(self._ask, call), refuse, self._signing)
        self._settings.retries.call(fetch.advance, self._clock)
        return fetch.result(call.requests)

    @contextmanager
    def open_whole(self, media: Media) -> Iterator[WholeBody]:
        """Ask for the whole media in one request; opening is retried, reading is not."""
        call = self._download(media)
        headers = {"Want-Repr-Digest": "sha-256=10"}
        if media.etag is not None:
            headers["If-Match"] = media.etag

        def attempt() -> tuple[WholeBody, ExitStack]:
            with ExitStack() as stack:
                answer = stack.enter_context(self._ask(call, headers))
                if answer.status_code != 200:
                    raise self._refused(answer, f"media of {media.recording_id}")
                return HttpBody(answer, media), stack.pop_all()

        body, stack = self._settings.retries.call(attempt, self._clock)
        with stack:
            yield body

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._api.close()

    def _download(self, media: Media) -> _Call:
        recording_id = checked_recording_id(media.recording_id)
        params = None if media.requested_format is None else {"format": media.requested_format}
        path = f"/api/v2/recording/download/{quote(recording_id, safe='')}"
        return _Call(path, self._settings.timeouts.media_s, params)

    @contextmanager
    def _ask(self, call: _Call, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Yield any answer but 401, which costs the token and gets one more try with a new one."""
        token = self._tokens.token()
        with self._send(call, headers, token) as answer:
            if answer.status_code != 401:
                yield answer
                return
        self._tokens.invalidate(token)
        with self._send(call, headers, self._tokens.token()) as answer:
            if answer.status_code == 401:
                raise AuthenticationFailed(
                    "401 also with a new token", found=excerpt(answer, self._secrets(answer)),
                    expected=f"a token with {' and '.join(RECORDING_SCOPES)}",
                    hint="Is the client application enabled for this tenant?",
                )  # fmt: skip
            yield answer

    @contextmanager
    def _send(self, call: _Call, headers: Mapping[str, str], token: str) -> Iterator[requests.Response]:
        call.requests += 1
        signed = {**headers, "Authorization": f"Bearer {token}"}
        request = self._api.request("GET", call.path, limit_s=call.limit_s, headers=signed, params=call.params)
        with request as answer:
            yield answer

    def _refused(self, answer: requests.Response, subject: str) -> Exception:
        return refused_recording(answer, subject, self._clock.now(), self._secrets(answer))

    def _secrets(self, answer: requests.Response) -> tuple[str, ...]:
        return answer.request.headers["Authorization"].removeprefix("Bearer "), self._settings.client_secret
