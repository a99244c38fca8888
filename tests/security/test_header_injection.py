"""Whatever metadata says, requests to S3 and to the webhook have the same header fields: seen as bytes on the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cxone_provider.adapters.s3 import store_settings
from cxone_provider.archive.errors import InvalidSetting
from tests.faults.row import AUDIO
from tests.security.world import World, world_of
from tests.servers.forward_proxy import RawRequest
from tools.servers.seaweedfs import S3Server

pytestmark = [pytest.mark.server, pytest.mark.filterwarnings("ignore")]  # Great Expectations warns

INJECTED = "x\r\nX-Injected: yes\r\n\r\nGET /evil HTTP/1.1\r\n"
HOSTILE: dict[str, Any] = {
    "line end": INJECTED,
    "lone line feed": "x\nX-Injected: yes",
    "name": {INJECTED: "value"},
    "nested": {"a": [INJECTED, {"b": INJECTED}]},
    "unicode": "Jürgen \u560a\u560dX-Injected: yes",  # its low bytes are a line end
    "folded": "x\r\n\tX-Injected: yes",
    "huge": INJECTED * 2000,
    "not text": [None, 1e308, True],
}


@pytest.fixture(scope="module")
def world(moto_server: S3Server) -> Iterator[World]:
    with world_of(moto_server, None) as made:
        made.tenant.add_recording("call-1", AUDIO / "one-second.mp3")
        yield made


def requests_of(world: World, metadata: dict[str, Any], prefix: str) -> dict[str, list[RawRequest]]:
    """Archive the recording with such metadata; return what was sent, by what it was for."""
    world.proxy.requests.clear()
    world.metadata = metadata
    assert world.run("call-1", prefix) == ["ARCHIVED, announced"]
    sent: dict[str, list[RawRequest]] = {}
    for request in world.proxy.requests:
        method, url, _ = request.line.split(" ")
        sent.setdefault(f"{method} {url.partition('?')[0].replace(prefix, '…')}", []).append(request)
    return sent


def field_names(requests: dict[str, list[RawRequest]]) -> dict[str, set[tuple[str, ...]]]:
    """Return the header fields of each request; one that a busy machine made repeat has the same."""
    return {name: {tuple(request.field_names) for request in sent} for name, sent in requests.items()}


def test_no_metadata_adds_a_header_field_to_any_request(world: World) -> None:
    plain = requests_of(world, {"skill": "billing"}, "first")
    hostile = requests_of(world, {"skill": "billing", **HOSTILE, INJECTED: INJECTED}, "second")
    assert any("PUT" in name and "/recordings/" in name for name in plain)
    assert any("POST" in name and "/webhook" in name for name in plain)
    assert field_names(hostile) == field_names(plain)
    for request in (one for sent in hostile.values() for one in sent):
        assert request.head.isascii()
        assert b"njected" not in request.head
        assert not {b"\r", b"\n"} & {piece[-1:] for piece in request.head.split(b"\r\n")}


def test_what_was_said_is_kept_where_it_can_do_no_harm(world: World) -> None:
    prefix = "kept-headers"
    requests_of(world, dict(HOSTILE), prefix)
    [manifest] = [body for key, body in world.bucket_content(prefix).items() if "/manifests/" in key]
    assert b"X-Injected: yes" in manifest
    [media] = [body for key, body in world.bucket_content(prefix).items() if "/recordings/" in key]
    assert b"njected" not in media


@pytest.mark.parametrize("text", [INJECTED, "a\nb", "a\x00", "a\u2028b"])
def test_settings_that_become_headers_are_refused_before_any_request(text: str) -> None:
    for setting in (
        {"tags": {"a": text}}, {"tags": {text: "a"}}, {"storage_class": text}, {"expected_bucket_owner": text},
        {"encryption": {"type": "SSE-KMS", "key_id": text}}, {"object_lock_mode": text, "retain_until": "2036-01-01"},
    ):  # fmt: skip
        with pytest.raises(InvalidSetting):
            store_settings(**setting)
