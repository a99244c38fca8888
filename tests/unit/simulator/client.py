"""A client that hides nothing: raw answers, and how the connection ended."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from cxone_provider.simulator import Simulator

ALL_SCOPES = "recording:download recording:read"
FORM = "application/x-www-form-urlencoded"
DOWNLOAD = "/api/v2/recording/download/"
METADATA = "/api/v2/recording/"
TIMEOUT_S = 10
# Follows the request under test on the same connection: it is answered only if the connection outlives the fault.
_PROBE = "GET /_simulator/probe HTTP/1.1\r\nHost: tenant\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class RawReply:
    """Every byte that came, and `ending`: ``next`` (the connection served another request), ``fin`` or ``rst``."""

    received: bytes
    ending: str

    @property
    def head(self) -> str:
        return self.received.partition(b"\r\n\r\n")[0].decode()

    @property
    def body(self) -> bytes:
        return self.received.partition(b"\r\n\r\n")[2]

    def header(self, name: str) -> str | None:
        lines = (line.partition(": ") for line in self.head.split("\r\n")[1:])
        return next((value for key, _, value in lines if key.lower() == name.lower()), None)


class TenantClient:
    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._token: str | None = None

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.simulator.base_url)
        return parts.hostname or "", parts.port or 0

    def call(
        self, method: str, path: str, *, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def send_json(self, method: str, path: str, document: object) -> Reply:
        return self.call(method, path, body=json.dumps(document))

    def ask_token(self, **changes: str) -> Reply:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
            "scope": ALL_SCOPES,
            **changes,
        }
        return self.call("POST", "/oauth/token", body=urlencode(form), headers={"Content-Type": FORM})

    def token(self) -> str:
        if self._token is None:
            self._token = str(self.ask_token().document["access_token"])
        return self._token

    def get(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """GET with a token; underscores in header names are hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(method, path, headers={"Authorization": f"Bearer {self.token()}", **named})

    def metadata(self, recording_id: str) -> Reply:
        return self.get(METADATA + recording_id)

    def media(self, recording_id: str, byte_range: str | None = None, **headers: str) -> Reply:
        return self.get(DOWNLOAD + recording_id, **({"Range": byte_range} if byte_range else {}), **headers)

    def raw(self, path: str, *, limit_bytes: int = 2**24, **headers: str) -> RawReply:
        """Return what comes over the wire for a GET, until the connection ends or `limit_bytes` have come."""
        lines = [f"GET {path} HTTP/1.1", "Host: tenant", f"Authorization: Bearer {self.token()}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        with socket.create_connection(self.address, timeout=TIMEOUT_S) as connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + _PROBE).encode())
            received, ending = _received(connection, limit_bytes)
        answer, _, probe = received.rpartition(b"HTTP/1.1 404 Not Found\r\n")
        return RawReply(answer, "next") if b"no such admin endpoint" in probe else RawReply(received, ending)

    def raw_media(self, recording_id: str, byte_range: str = "bytes=0-", *, limit_bytes: int = 2**24) -> RawReply:
        return self.raw(DOWNLOAD + recording_id, limit_bytes=limit_bytes, Range=byte_range)


def _received(connection: socket.socket, limit_bytes: int) -> tuple[bytes, str]:
    received = bytearray()
    try:
        while len(received) < limit_bytes:
            block = connection.recv(2**18)
            if not block:
                return bytes(received), "fin"
            received += block
    except ConnectionResetError:
        return bytes(received), "rst"
    return bytes(received), "limit"
