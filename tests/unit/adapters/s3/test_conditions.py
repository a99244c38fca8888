"""Conditional writes on stores that have them, refuse them, or silently ignore them."""

from __future__ import annotations

import logging

import pytest

from cxone_provider.adapters.s3 import store_settings
from cxone_provider.archive.errors import LockUnsupported, ObjectExists, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, Part
from tests.fakes.http_server import Answer, answer
from tests.fakes.s3_answers import ETAG, XML, completed, described, document, nothing, ok, refusal
from tests.unit.adapters.s3.conftest import Scripted

AUDIO = ObjectAttributes("audio/mpeg")
PROBED = store_settings(probe_key="cxone/probe", tags={"a": "b"})
EMULATED = store_settings(conditional_writes="emulated")
ABSENT = nothing(404)


@pytest.mark.parametrize("honoured", [refusal(412, "PreconditionFailed"), refusal(404, "NoSuchKey")])
def test_a_store_that_honours_conditions_is_found_by_one_request(scripted: Scripted, honoured: Answer) -> None:
    store, server = scripted(ok(), honoured, ok(), settings=PROBED)

    store.check()
    store.put("k", b"1", AUDIO, if_absent=True)

    probe, put = server.requests[1:]
    assert probe.line == "PUT /archive/cxone/probe HTTP/1.1"
    assert probe.headers["if-match"] == '"' + "0" * 32 + '"'
    assert probe.headers["x-amz-tagging"] == "a=b"
    assert put.headers["if-none-match"] == "*"


@pytest.mark.parametrize("ignored", [ok(), refusal(501, "NotImplemented")], ids=["ignored", "not implemented"])
def test_conditions_that_do_not_hold_are_emulated_and_said_to_be(
    scripted: Scripted, ignored: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    store, server = scripted(ok(), ignored, ABSENT, ok(), described(1), settings=PROBED)

    with caplog.at_level(logging.WARNING):
        store.check()
    store.put("k", b"1", AUDIO, if_absent=True)
    with pytest.raises(ObjectExists):
        store.put("k", b"2", AUDIO, if_absent=True)

    assert "conditional" in caplog.text
    assert [request.line.split()[0] for request in server.requests] == ["HEAD", "PUT", "HEAD", "PUT", "HEAD"]
    assert "if-none-match" not in server.requests[3].headers


def test_the_probe_shows_a_missing_right_to_write(scripted: Scripted) -> None:
    store, _ = scripted(ok(), refusal(403, "AccessDenied"), settings=PROBED)

    with pytest.raises(StoreRefused, match="s3:PutObject"):
        store.check()


def test_the_probe_is_never_locked(scripted: Scripted) -> None:
    enabled = document("ObjectLockConfiguration", {"ObjectLockEnabled": "Enabled"})
    settings = store_settings(probe_key="p", legal_hold=True)
    store, server = scripted(ok(), answer(200, enabled, XML), refusal(412, "PreconditionFailed"), settings=settings)

    store.check()

    assert not any("object-lock" in name for name in server.requests[2].headers)
    assert server.requests[2].headers["content-md5"]


@pytest.mark.parametrize(
    ("there", "if_absent", "if_match", "written"),
    [
        (ABSENT, True, None, True),
        (described(1), True, None, False),
        (described(1), False, ETAG, True),
        (described(1), False, "0" * 32, False),
        (ABSENT, False, ETAG, False),
    ],
)
def test_emulated_conditions_look_first(
    scripted: Scripted, there: Answer, if_absent: bool, if_match: str | None, written: bool
) -> None:
    store, server = scripted(there, ok(), settings=EMULATED)

    if written:
        store.put("k", b"1", AUDIO, if_absent=if_absent, if_match=if_match)
    else:
        with pytest.raises(ObjectExists):
            store.put("k", b"1", AUDIO, if_absent=if_absent, if_match=if_match)

    assert len(server.requests) == 1 + written
    assert not any("if-" in name for request in server.requests for name in request.headers)


def test_an_emulated_completion_looks_first(scripted: Scripted) -> None:
    store, server = scripted(ABSENT, completed(), described(5), settings=EMULATED)

    store.complete_upload("k", "u-1", [Part(1, 5, ETAG)], if_absent=True)

    assert [request.line.split()[0] for request in server.requests] == ["HEAD", "POST", "HEAD"]
    assert "if-none-match" not in server.requests[1].headers


def test_unconditional_writes_do_not_look(scripted: Scripted) -> None:
    store, server = scripted(ok(), settings=EMULATED)

    store.put("k", b"1", AUDIO)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "without",
    [
        refusal(404, "ObjectLockConfigurationNotFoundError"),
        refusal(501, "NotImplemented"),
        answer(200, document("ObjectLockConfiguration", {}), XML),
    ],
)
def test_a_bucket_without_lock_is_refused_before_the_first_byte(scripted: Scripted, without: Answer) -> None:
    store, server = scripted(ok(), without, settings=store_settings(legal_hold=True))

    with pytest.raises(LockUnsupported):
        store.check()

    assert len(server.requests) == 2
