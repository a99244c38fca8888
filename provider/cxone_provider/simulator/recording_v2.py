"""The dialect ``recording-v2``: token, metadata and media as the API's contract has them."""

from __future__ import annotations

import functools
import re
from urllib.parse import parse_qs, unquote

from cxone_provider.simulator.answer import Answer, error_answer, json_answer
from cxone_provider.simulator.dialect import Endpoint, Route
from cxone_provider.simulator.media import Media
from cxone_provider.simulator.recording import Recording
from cxone_provider.simulator.representation import ANY_TYPE, CONTENT_TYPES, represented
from cxone_provider.simulator.request import Request
from cxone_provider.simulator.routing import only
from cxone_provider.simulator.signature import ChunkSigner, SignatureSettings
from cxone_provider.simulator.storage import STREAMABLE_STATES
from cxone_provider.simulator.tenant import Tenant
from cxone_provider.simulator.token_endpoint import token_answer
from cxone_provider.simulator.tokens import DOWNLOAD_SCOPE, READ_SCOPE

TOKEN_PATH = "/oauth/token"  # noqa: S105  # a path
_RECORDING_PATH = re.compile(r"/api/v2/recording/(download/)?([^/]+)")


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
            return Route(Endpoint.TOKEN, None, only({"POST"}, respond))
        match = _RECORDING_PATH.fullmatch(request.path)
        if match is None:
            return None
        recording_id = unquote(match[2])
        if match[1]:
            respond = functools.partial(self._media, recording_id)
            return Route(Endpoint.MEDIA, recording_id, only({"GET", "HEAD"}, respond))
        respond = functools.partial(self._metadata, recording_id)
        return Route(Endpoint.METADATA, recording_id, only({"GET", "HEAD"}, respond))

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

    # Only 206 is signed: the signature names a range's place in the recording.
    def _representation(self, request: Request, audio_format: str, media: Media) -> Answer:
        content_type = CONTENT_TYPES.get(audio_format, ANY_TYPE)
        answer = represented(request, media, content_type, self._tenant.clock.now())
        if self._signer is None or answer.status != 206 or answer.selected is None:
            return answer
        return answer.with_header(self._signature_header, self._signer.sign(answer.selected))
