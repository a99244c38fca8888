"""A `media-playback` tenant whose every answer is scripted, byte for byte."""

from __future__ import annotations

import base64
import json
import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from cxone_provider.adapters.cxone.credentials import Auth, Credentials
from cxone_provider.adapters.cxone.media_hosts import MediaHosts
from cxone_provider.adapters.cxone.settings import Api, CXoneSettings, Timeouts
from cxone_provider.adapters.retrying import RetryPolicy
from tests.fakes.cxone_tenant import Reply, json_answer
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer

KEY_ID = "canary+key/id===="
KEY_SECRET = "canary&key+secret%/===="
CLIENT_SECRET = "canary:client&secret="
TENANT_ID = "11e9-tenant"
OPENID = "/.well-known/openid-configuration"
CONFIGURATION = "/.well-known/cxone-configuration"
TOKEN = "/auth/token"
JSON_TOKEN = "/authentication/v1/token/access-key"


def jwt(claims: object) -> str:
    """Return a token with these claims and a signature that nobody checks."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{payload}.c2ln"


def form_of(request: WireRequest) -> dict[str, str]:
    """Return the fields of a form that was sent."""
    fields = parse_qs(request.body.decode("ascii"), strict_parsing=True, errors="strict")
    return {name: value for name, [value] in fields.items()}


class ScriptedPlayback:
    """Answers discovery and tokens by itself and everything else from queues by path; the last answer of a queue stays.

    Attributes:
        server: issuer and API.
        token_replies: answers of the token endpoints that come before the ordinary ones.
        tokens: the access tokens given out.
        openid: what the issuer's document says.
        configuration: what the tenant's document says.
    """

    def __init__(self) -> None:
        self.server = ScriptedServer(self._handle)
        self.token_replies: deque[Reply] = deque()
        self.tokens: list[str] = []
        self.openid: dict[str, object] = {}
        self.configuration: dict[str, object] = {}
        self._replies: dict[str, deque[Reply]] = defaultdict(deque)
        self._lock = threading.Lock()

    def script(self, path: str, *replies: Reply) -> None:
        """Let a path answer these, in place of what it says by itself."""
        self._replies[path].extend(replies)

    def replace(self, path: str, *replies: Reply) -> None:
        """Let a path answer these and nothing that was scripted before."""
        with self._lock:
            self._replies[path] = deque(replies)

    def settings(self, **changes: Any) -> CXoneSettings:
        """Return settings that reach this tenant."""
        fields: dict[str, Any] = {
            "base_url": self.server.url,
            "api": Api.MEDIA_PLAYBACK,
            "credentials": Credentials(
                Auth.ACCESS_KEY, "client-1", CLIENT_SECRET, access_key_id=KEY_ID, access_key_secret=KEY_SECRET
            ),
            "media_hosts": MediaHosts.parse(["127.0.0.1"]),
            "timeouts": Timeouts(connect_s=5, token_s=5, metadata_s=5, media_s=5),
            "retries": RetryPolicy(attempts=4, random=lambda: 0.5),
        }
        return CXoneSettings(**{**fields, **changes})

    def to(self, path: str) -> list[WireRequest]:
        """Return the requests to a path, whatever their query."""
        return [request for request in self.server.requests if request.target.partition("?")[0] == path]

    def token_document(self, **changes: Any) -> dict[str, Any]:
        """Return a new token answer; a change to None leaves the field out."""
        number = len(self.tokens) + 1
        self.tokens.append(jwt({"tenantId": TENANT_ID, "n": f"canary-{number}"}))
        document = {
            "access_token": self.tokens[-1],
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"canary-refresh-{number}",
            "id_token": jwt({"n": f"canary-id-{number}"}),
            **changes,
        }
        return {name: value for name, value in document.items() if value is not None}

    def _handle(self, request: WireRequest) -> Answer:
        path = request.target.partition("?")[0]
        with self._lock:
            queue = self._replies[path]
            if queue:
                reply: Reply = queue.popleft() if len(queue) > 1 else queue[0]
            elif path in (TOKEN, JSON_TOKEN) and self.token_replies:
                reply = self.token_replies.popleft()
            else:
                document = self._document(path)
                reply = answer(404, b"nothing scripted") if document is None else json_answer(document)
        return reply if isinstance(reply, Answer) else reply(request)

    def _document(self, path: str) -> Mapping[str, Any] | None:
        if path in (TOKEN, JSON_TOKEN):
            return self.token_document()
        if path == OPENID:
            return {"issuer": self.server.url, "token_endpoint": f"{self.server.url}{TOKEN}", **self.openid}
        if path == CONFIGURATION:
            return {"api_endpoint": self.server.url, "area": "na1", **self.configuration}
        return None
