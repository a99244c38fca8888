"""One bucket under the lock of one recording: its own headers, everything else shared."""

from __future__ import annotations

from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.s3 import default_client, store_settings
from cxone_provider.archive.errors import InvalidSetting, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock, StoredObject
from cxone_provider.archive.settings import recordings_at_once
from tests.fakes.s3_answers import ok, opened, parts_page, refusal
from tests.unit.adapters.s3.conftest import Scripted

AUDIO = ObjectAttributes("audio/mpeg")
LISTED = {"ChecksumAlgorithm": "SHA256"}
UNTIL = pendulum.datetime(2033, 1, 1)
MODE, END, HOLD = (f"x-amz-object-lock-{name}" for name in ("mode", "retain-until-date", "legal-hold"))


def test_every_store_writes_under_its_own_lock_and_the_first_one_under_none(scripted: Scripted) -> None:
    store, server = scripted(ok())
    for one in (store.locked(ObjectLock("COMPLIANCE", UNTIL)), store, store.locked(ObjectLock(legal_hold=True))):
        one.put("k", b"hello", AUDIO)
    sent = [tuple(request.headers.get(name) for name in (MODE, END, HOLD)) for request in server.requests]
    assert sent == [("COMPLIANCE", "2033-01-01T00:00:00Z", None), (None, None, None), (None, None, "ON")]


def test_a_lock_takes_the_place_of_the_stores_own(scripted: Scripted) -> None:
    store, server = scripted(ok(), settings=store_settings(legal_hold=True, tags={"team": "voice"}))
    store.locked(ObjectLock("GOVERNANCE", UNTIL)).put("k", b"hello", AUDIO)
    [request] = server.requests
    assert (request.headers[MODE], HOLD in request.headers, request.headers["x-amz-tagging"]) == (
        "GOVERNANCE", False, "team=voice",
    )  # fmt: skip


def test_what_one_finds_out_about_the_store_all_know(scripted: Scripted) -> None:
    store, server = scripted(opened("first"), parts_page(**LISTED), opened("second"))
    uploads = [store.locked(ObjectLock(legal_hold=True)).create_upload("k", AUDIO) for _ in range(2)]
    assert uploads == ["first", "second"]
    assert len(server.requests) == 3, "only the first upload of all asks whether digests are listed"


def test_a_refusal_names_the_rights_that_the_lock_needs(scripted: Scripted) -> None:
    store, _ = scripted(refusal(403, "AccessDenied"))
    with pytest.raises(StoreRefused, match="Allow s3:PutObject and s3:PutObjectRetention on "):
        store.locked(ObjectLock("GOVERNANCE", UNTIL)).create_upload("k", AUDIO)
    with pytest.raises(StoreRefused, match="Allow s3:PutObject on "):
        store.create_upload("k", AUDIO)


def test_without_a_lock_there_is_nothing_to_make_sure_of(scripted: Scripted) -> None:
    store, server = scripted(ok())
    store.ensure_locked(StoredObject("k", 5, "etag"))
    assert server.requests == []


@pytest.mark.parametrize("endpoint_url", ["nonsense", "http://"])
def test_an_endpoint_that_boto3_cannot_use_is_a_setting(endpoint_url: str) -> None:
    with pytest.raises(InvalidSetting, match="boto3 cannot make an S3 client"):
        default_client(endpoint_url=endpoint_url)


def test_the_default_client_is_tuned_for_its_threads() -> None:
    client: Any = default_client(endpoint_url="http://127.0.0.1:9", concurrency=9)
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.config.max_pool_connections == recordings_at_once(9) + 2 == 38
    client.close()
