"""The dialect ``recording-v2``: token, metadata and media as the API's contract has them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from cxone_provider.simulator.answer import Answer, Span, error_answer, json_answer
from cxone_provider.simulator.conditional import (
    RangeNotSatisfiable,
    Validators,
    http_date,
    precondition_status,
    selected_range,
)
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.media import Media
from cxone_provider.simulator.recording import Recording
from cxone_provider.simulator.request import Headers, Request
from cxone_provider.simulator.signature import ChunkSigner, SignatureSettings
from cxone_provider.simulator.storage import STREAMABLE_STATES
from cxone_provider.simulator.tenant import Tenant
from cxone_provider.simulator.token_endpoint import token_answer
from cxone_provider.simulator.tokens import DOWNLOAD_SCOPE, READ_SCOPE

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
_RECORDING_PATH = re.compile(r"/api/v2/recording/(download/)?([^/]+)")
_CONTENT_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "audio/mp4", "ogg": "audio/ogg"}


class RecordingV2:
    """Answers the three calls of the dialect."""

    def __init__(self, tenant: Tenant, signature: SignatureSettings) -> None:
        self._tenant = tenant
        self._signature_header = signature.header
        self._signer = ChunkSigner(signature.stream_secret) if signature.stream_secret else None

    def route(self, request: Request) -> Route | None:
        """Return the route of a token, metadata or media request, or None."""
        if request.path == TOKEN_PATH:
            respond = functools.partial(token_answer, desk=self._tenant.tokens)
            return Route(Endpoint.TOKEN, None, _only({"POST"}, respond))
        match = _RECORDING_PATH.fullmatch(request.path)
        if match is None:
            return None
        recording_id = unquote(match[2])
        if match[1]:
            respond = functools.partial(self._media, recording_id)
            return Route(Endpoint.MEDIA, recording_id, _only({"GET", "HEAD"}, respond))
        respond = functools.partial(self._metadata, recording_id)
        return Route(Endpoint.METADATA, recording_id, _only({"GET", "HEAD"}, respond))

    def _metadata(self, recording_id: str, request: Request) -> Answer:
        found = self._opened(recording_id, request, READ_SCOPE)
        return found if isinstance(found, Answer) else json_answer(200, found.description(found.storage.observe()))

    def _media(self, recording_id: str, request: Request) -> Answer:
        found = self._opened(recording_id, request, DOWNLOAD_SCOPE)
        if isinstance(found, Answer):
            return found
        state = found.storage.observe()
        if state not in STREAMABLE_STATES:
            return error_answer(409, "not_streamable", f"the recording is {state}", {"storageState": state})
        wanted = parse_qs(request.query, keep_blank_values=True).get("format", [None])
        rendition = found.media(wanted[0]) if wanted[0] != "" and len(wanted) == 1 else None
        if rendition is None:
            return error_answer(400, "unsupported_format", "no such rendition", {"formats": found.formats()})
        return self._representation(request, *rendition)

    def _opened(self, recording_id: str, request: Request, scope: str) -> Recording | Answer:
        """Return the recording if the request may see it, else the refusal."""
        refused = self._tenant.tokens.refusal(request.header("authorization"), scope)
        if refused == 401:
            denied = error_answer(401, "unauthorized", "the access token is missing, unknown or expired")
            return denied.with_header("WWW-Authenticate", 'Bearer error="invalid_token"')
        if refused is not None:
            return error_answer(403, "insufficient_scope", f"the access token lacks {scope}", {"scope": scope})
        return self._tenant.find(recording_id) or error_answer(404, "not_found", "no such recording")

    def _representation(self, request: Request, audio_format: str, media: Media) -> Answer:
        validators = Validators(media.etag, media.modified_at)
        headers: Headers = (
            ("ETag", media.etag),
            ("Last-Modified", http_date(media.modified_at)),
            ("Accept-Ranges", "bytes"),
        )
        decided = precondition_status(request, validators)
        if decided == 304:
            return Answer(304, headers)
        if decided is not None:
            return error_answer(decided, "precondition_failed", "the recording is another version")
        headers = (("Content-Type", _CONTENT_TYPES.get(audio_format, "application/octet-stream")), *headers)
        try:
            chosen = selected_range(request, media.size_bytes, validators, self._tenant.clock.now())
        except RangeNotSatisfiable:
            refused = error_answer(416, "range_not_satisfiable", "the range lies outside the recording")
            return refused.with_header("Content-Range", f"bytes */{media.size_bytes}")
        if chosen is None:
            whole = Span(media, 0, media.size_bytes)
            return Answer(200, headers, (whole,), selected=whole)
        return self._partial(headers, Span(media, *chosen))

    # Only 206 is signed: the signature names a range's place in the recording.
    def _partial(self, headers: Headers, chunk: Span) -> Answer:
        content_range = f"bytes {chunk.start}-{chunk.stop - 1}/{chunk.media.size_bytes}"
        answer = Answer(206, (*headers, ("Content-Range", content_range)), (chunk,), selected=chunk)
        return answer if self._signer is None else answer.with_header(self._signature_header, self._signer.sign(chunk))


def _only(methods: set[str], respond: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """Return `respond` for these methods; others are answered with 405."""

    def guarded(request: Request) -> Answer:
        if request.method in methods:
            return respond(request)
        refused = error_answer(405, "method_not_allowed", f"allowed: {', '.join(sorted(methods))}")
        return refused.with_header("Allow", ", ".join(sorted(methods)))

    return guarded
