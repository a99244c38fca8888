"""A `recording-v2` tenant whose every answer is scripted, byte for byte."""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import Any

from cxone_provider.adapters.cxone.credentials import Credentials
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import CXoneSettings, Timeouts
from cxone_provider.adapters.retrying import RetryPolicy
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer

CLIENT_SECRET = "canary&client+secret=%/é"
METADATA = {
    "id": "call-1",
    "format": "MP3",
    "size": 1000,
    "duration": 12.5,
    "status": "completed",
    "storageState": "Stored",
}
Reply = Answer | Callable[[WireRequest], Answer]


def json_answer(document: object, status: int = 200, headers: Mapping[str, str | int] | None = None) -> Answer:
    """Return a JSON answer."""
    return answer(status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})


def range_of(request: WireRequest) -> tuple[int, int]:
    """Return the half-open range that was asked for."""
    first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
    return int(first), int(last) + 1


def ranged(
    content: bytes,
    *,
    etag: str | None = '"v1"',
    at_most: int | None = None,
    headers: Mapping[str, str | int] | None = None,
) -> Reply:
    """Return a reply that cuts the asked range out of `content`, no more than `at_most` bytes of it."""

    def reply(request: WireRequest) -> Answer:
        start, stop = range_of(request)
        chunk = content[start : min(stop, start + (at_most or stop))]
        fields: dict[str, str | int] = {"Content-Range": f"bytes {start}-{start + len(chunk) - 1}/{len(content)}"}
        if etag is not None:
            fields["ETag"] = etag
        return answer(206, chunk, {"Content-Type": "audio/mpeg", **fields, **(headers or {})})

    return reply


class ScriptedTenant:
    """Answers tokens by itself and everything else from queues by path; the last answer of a queue stays.

    Attributes:
        token_replies: answers of the token endpoint that come before the ordinary ones.
        tokens: the tokens given out.
    """

    def __init__(self) -> None:
        self.token_replies: deque[Reply] = deque()
        self.tokens: list[str] = []
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._lock = threading.Lock()
        self.server = ScriptedServer(self._handle)

    def metadata(self, *replies: Reply, recording_id: str = "call-1") -> None:
        """Script the metadata endpoint."""
        self._replies[f"/api/v2/recording/{recording_id}"].extend(replies)

    def media(self, *replies: Reply, recording_id: str = "call-1") -> None:
        """Script the download endpoint."""
        self._replies[f"/api/v2/recording/download/{recording_id}"].extend(replies)

    def script(self, path: str, *replies: Reply) -> None:
        """Script any other path."""
        self._replies[path].extend(replies)

    def settings(self, **changes: Any) -> CXoneSettings:
        """Return settings that reach this tenant."""
        fields: dict[str, Any] = {
            "base_url": self.server.url,
            "credentials": Credentials(client_id="client-1", client_secret=CLIENT_SECRET),
            "timeouts": Timeouts(connect_s=5, token_s=5, metadata_s=5, media_s=5),
            "retries": RetryPolicy(attempts=4, random=lambda: 0.5),
        }
        return CXoneSettings(**{**fields, **changes})

    def source(self, clock: FakeClock | None = None, **changes: Any) -> RecordingV2Source:
        """Return a source that reads from this tenant."""
        return RecordingV2Source(self.settings(**changes), clock or FakeClock())

    def to(self, path: str) -> list[WireRequest]:
        """Return the requests whose path holds `path`."""
        return [request for request in self.server.requests if path in request.target]

    def _handle(self, request: WireRequest) -> Answer:
        with self._lock:
            reply = self._token_reply() if request.target == "/oauth/token" else self._reply(request)
        return reply if isinstance(reply, Answer) else reply(request)

    def _token_reply(self) -> Reply:
        if self.token_replies:
            return self.token_replies.popleft()
        self.tokens.append(f"canary-token-{len(self.tokens) + 1}")
        scope = "recording:download recording:read"
        return json_answer(
            {"access_token": self.tokens[-1], "expires_in": 3600, "token_type": "Bearer", "scope": scope}
        )

    def _reply(self, request: WireRequest) -> Reply:
        queue = self._replies[request.target.partition("?")[0]]
        if not queue:
            return answer(404, b"nothing scripted")
        return queue.popleft() if len(queue) > 1 else queue[0]
