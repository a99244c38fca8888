"""A client of the APIs of a real tenant: tokens by access key, contacts, links without a token."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode, urlsplit

from cxone_provider.simulator import Simulator
from tests.unit.simulator.client import FORM, Reply, TenantClient

CONTACTS = "/media-playback/v1/contacts"
SEGMENTS = "/media-playback/v1/segments/"


class PlaybackClient(TenantClient):
    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._by_key: str | None = None

    def grant(self, **changes: str | None) -> Reply:
        """Ask for a token by access key; a change to None leaves the field out."""
        form = {
            "grant_type": "password",
            "username": self.simulator.apis.access_key_id,
            "password": self.simulator.apis.access_key_secret,
            "client_id": self.simulator.client_id,
            "client_secret": self.simulator.client_secret,
            **changes,
        }
        return self.post_form({name: value for name, value in form.items() if value is not None})

    def post_form(self, form: dict[str, str], **headers: str) -> Reply:
        return self.call("POST", "/auth/token", body=urlencode(form), headers={"Content-Type": FORM, **headers})

    def token(self) -> str:
        if self._by_key is None:
            self._by_key = str(self.grant().document["access_token"])
        return self._by_key

    def contact(self, contact_id: str, **more: str) -> Reply:
        query = {"acd-call-id": contact_id, "media-type": "all", "exclude-waveforms": "true", "isDownload": "false"}
        changed = {**query, **{name.replace("_", "-"): value for name, value in more.items()}}
        return self.get(f"{CONTACTS}?{urlencode(changed)}")

    def links(self, contact_id: str) -> list[str]:
        return [item["data"]["fileToPlayUrl"] for item in self.contact(contact_id).document["interactions"]]

    def follow(self, link: str, method: str = "GET", **headers: str) -> Reply:
        """Ask for a link as it is, without a token; underscores in header names are hyphens."""
        parts = urlsplit(link)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(method, f"{parts.path}?{parts.query}", headers=named)


def claims(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
