"""Whatever is sent to the APIs of a real tenant gets an answer, and none of them is the simulator's own failure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxone_provider.simulator import ApiSettings, Interaction, Simulator
from tests.unit.simulator.client import FORM
from tests.unit.simulator.playback import PlaybackClient

PATHS = (
    "/.well-known/openid-configuration",
    "/.well-known/cxone-configuration",
    "/auth/token",
    "/authentication/v1/token/access-key",
    "/media-playback/v1/contacts",
    "/media-playback/v1/segments/",
    "/media-store/cxone-media/",
    "/incontactapi/services/v31.0/contacts/completed",
    "/data-extraction/v1/jobs",
    "/data-extraction/v1/jobs/",
    "/media-download/v1/contacts",
    "/media-download/v1/segments",
    "/media-download/v1/status/",
)
FIELDS = (
    *("tenantId", "acd-call-id", "media-type", "isDownload", "startDate", "endDate", "updatedSince", "mediaTypeId"),
    *("top", "skip", "orderBy", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires", "entityName", "version"),
    *("entityIds", "accessKeyId", "accessKeySecret", "grant_type", "username", "password", "refresh_token"),
)
ODD = ("", "4711", "4711.1", "4711-1", "true", "2026-01-01", "9999-12-31", "..", "\x00", "é", "\U0001f600")
TEXTS = st.sampled_from(ODD) | st.text(max_size=20)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
QUERIES = st.lists(st.tuples(st.sampled_from(FIELDS), TEXTS), max_size=4)
DOCUMENTS = st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5)
BODIES = st.binary(max_size=60) | DOCUMENTS.map(lambda document: json.dumps(document).encode())
AUTHORIZATIONS = st.sampled_from(["own", "Basic", "Basic Og==", "Bearer", "Bearer x", "Digest \xff", None])


@pytest.fixture(scope="module")
def tenant() -> Iterator[PlaybackClient]:
    with Simulator(apis=ApiSettings(quota_requests=0, download_requests=0, extraction_interval_s=0)) as simulator:
        simulator.add_contact("4711", [Interaction(4096)])
        yield PlaybackClient(simulator)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"]),
    path=st.sampled_from(PATHS),
    tail=TEXTS,
    query=QUERIES,
    body=BODIES,
    authorization=AUTHORIZATIONS,
    content_type=st.sampled_from([FORM, "application/json", ""]),
    byte_range=st.sampled_from(["", "bytes=0-0", "bytes=-0", "bytes=9-1", "bytes=5000-", "lines=1"]),
)
@settings(max_examples=400, deadline=None)
def test_any_request_is_answered(  # one for each part of a request
    *,
    tenant: PlaybackClient,
    method: str,
    path: str,
    tail: str,
    query: list[tuple[str, str]],
    body: bytes,
    authorization: str | None,
    content_type: str,
    byte_range: str,
) -> None:
    tail = quote(tail, safe="") if path.endswith("/") else ""
    target = f"{path}{tail}?" + "&".join(f"{quote(name)}={quote(value)}" for name, value in query)
    credential = f"Bearer {tenant.token()}" if authorization == "own" else authorization
    headers = {"Authorization": credential, "Content-Type": content_type or None, "Range": byte_range or None}
    reply = tenant.call(method, target, body=body, headers={name: text for name, text in headers.items() if text})
    assert 200 <= reply.status < 500
    if reply.header("Content-Type") == "application/json" and method != "HEAD":
        assert reply.document is not None
    assert tenant.call("GET", "/_simulator/health").status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/data-extraction/v1/jobs", '{"version": "\\ud800", "entityName": "recording-interaction-metadata"}'),
        ("/media-download/v1/contacts", '{"entityIds": ["\\ud800"]}'),
        ("/authentication/v1/token/access-key", '{"accessKeyId": "\\ud800", "accessKeySecret": "\\udfff"}'),
    ],
)
def test_halves_of_surrogate_pairs_are_text_like_any_other(tenant: PlaybackClient, path: str, body: str) -> None:
    reply = tenant.call("POST", path, body=body, headers={"Authorization": f"Bearer {tenant.token()}"})
    assert 200 <= reply.status < 500
    if "requestId" in reply.document:
        status = tenant.get(f"/media-download/v1/status/{reply.document['requestId']}").document
        assert status["entities"] == [{"entityId": "\ud800", "status": "FAILED", "failureReason": "NOT_FOUND"}]
