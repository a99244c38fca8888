"""What S3Store takes as final, and what it tells the person who has to mend it."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from cxone_provider.adapters.s3 import S3Store, store_settings, tuned_client_config
from cxone_provider.archive.errors import (
    DigestMismatch,
    StoreError,
    StoreRefused,
)
from tests.fakes.certificates import Authority
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer, ScriptedServer
from tests.fakes.s3_answers import Script, completed, described, nothing, ok, refusal
from tests.unit.adapters.s3.calls import CALLS, PART, Call, every_call
from tests.unit.adapters.s3.conftest import Scripted
from tools.servers.ports import LOOPBACK
from tools.servers.seaweedfs import S3Server


@pytest.mark.parametrize("name", ["put", "put_part"])
def test_a_store_that_reports_another_digest_is_not_believed(scripted: Scripted, name: str) -> None:
    store, _ = scripted(ok({"x-amz-checksum-sha256": "bm90IHRoZSBkaWdlc3Q="}))

    with pytest.raises(DigestMismatch):
        CALLS[name](store)


@pytest.mark.parametrize(
    ("name", "actions", "resource"),
    [
        ("check", ["s3:ListBucket"], "arn:aws:s3:::archive"),
        ("read", ["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::archive/k"),
        ("stat", ["s3:GetObject", "s3:ListBucket"], "arn:aws:s3:::archive/k"),
        ("list_keys", ["s3:ListBucket"], "arn:aws:s3:::archive"),
        ("list_objects", ["s3:ListBucket"], "arn:aws:s3:::archive"),
        ("put", ["s3:PutObject"], "arn:aws:s3:::archive/k"),
        ("create_upload", ["s3:PutObject"], "arn:aws:s3:::archive/k"),
        ("put_part", ["s3:PutObject"], "arn:aws:s3:::archive/k"),
        ("complete_upload", ["s3:PutObject"], "arn:aws:s3:::archive/k"),
        ("abort_upload", ["s3:AbortMultipartUpload"], "arn:aws:s3:::archive/k"),
        ("uploads", ["s3:ListBucketMultipartUploads"], "arn:aws:s3:::archive"),
        ("parts", ["s3:ListMultipartUploadParts"], "arn:aws:s3:::archive/k"),
    ],
)
def test_a_missing_right_is_named(scripted: Scripted, name: str, actions: list[str], resource: str) -> None:
    store, server = scripted(refusal(403, "AccessDenied") if name not in {"check", "stat"} else nothing(403))

    with pytest.raises(StoreRefused) as raised:
        CALLS[name](store)

    assert raised.value.hint == f"Allow {' and '.join(actions)} on {resource}."
    assert len(server.requests) == 1


def test_the_rights_that_settings_need_are_named_too(scripted: Scripted) -> None:
    settings = store_settings(
        tags={"a": "b"}, encryption="SSE-KMS", object_lock_mode="GOVERNANCE", retain_until="2027-01-01", legal_hold=True
    )
    store, _ = scripted(refusal(403, "AccessDenied"), settings=settings)

    with pytest.raises(StoreRefused) as raised:
        CALLS["put"](store)

    needed = ["s3:PutObjectTagging", "s3:PutObjectRetention", "s3:PutObjectLegalHold", "kms:GenerateDataKey"]
    assert all(action in str(raised.value.hint) for action in needed)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (refusal(400, "ExpiredToken"), "session token"),
        (refusal(403, "InvalidAccessKeyId"), "access key"),
        (refusal(403, "SignatureDoesNotMatch"), "secret"),
        (refusal(400, "AuthorizationHeaderMalformed"), "region"),
        (refusal(404, "NoSuchBucket"), "bucket"),
        (refusal(501, "NotImplemented"), "conditional_writes"),
        (refusal(400, "KMS.NotFoundException"), "key_id"),
    ],
)
def test_a_refusal_says_what_to_do(scripted: Scripted, answer: Answer, hint: str) -> None:
    store, server = scripted(answer)

    with pytest.raises(StoreRefused) as raised:
        CALLS["put"](store)

    assert hint in str(raised.value.hint)
    assert not raised.value.retryable
    assert len(server.requests) == 1


def test_a_wrong_clock_is_said_to_be_one(scripted: Scripted) -> None:
    times = {"RequestTime": "20261123T104000Z", "ServerTime": "2026-11-23T10:00:00Z"}
    store, server = scripted(refusal(403, "RequestTimeTooSkewed", **times))

    with pytest.raises(StoreRefused, match=r"clock is wrong.*20261123T104000Z.*2026-11-23T10:00:00Z.*NTP"):
        CALLS["put"](store)

    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [404, 403, 400])
def test_a_bucket_that_cannot_be_used_fails_the_check(scripted: Scripted, status: int) -> None:
    store, _ = scripted(nothing(status))

    with pytest.raises(StoreRefused) as raised:
        store.check()

    assert raised.value.found is not None


def test_missing_credentials_are_not_taken_for_an_outage(monkeypatch: pytest.MonkeyPatch, clock: FakeClock) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    session = boto3.session.Session(region_name="us-east-1")
    client = session.client("s3", endpoint_url="http://127.0.0.1:9", config=tuned_client_config())

    with pytest.raises(StoreRefused, match="credentials"):
        S3Store(client, "archive", clock=clock).stat("k")

    assert clock.sleeps == []
    client.close()


def test_a_certificate_nobody_vouches_for_is_refused_without_repeating(tmp_path: Path, clock: FakeClock) -> None:
    with ScriptedServer(Script(ok()), tls=Authority(tmp_path).server(LOOPBACK)) as server:
        client = S3Server(server.url, "a", "b").client(tuned_client_config())

        with pytest.raises(StoreRefused, match="certificate"):
            S3Store(client, "archive", clock=clock).stat("k")

        client.close()
    assert clock.sleeps == []
    assert server.requests == []


def test_an_object_that_is_not_encrypted_as_asked_is_an_error(scripted: Scripted) -> None:
    head = described(5, {"ETag": '"5d41402abc4b2a76b9719d911017c592-1"', "x-amz-server-side-encryption": "AES256"})
    store, _ = scripted(completed(), head, settings=store_settings(encryption="SSE-KMS"))

    with pytest.raises(StoreRefused, match="aws:kms"):
        store.complete_upload("k", "u-1", [PART])


@every_call
def test_nothing_of_boto3_passes_through(scripted: Scripted, call: Call) -> None:
    store, _ = scripted(refusal(418, "Teapot"))

    with pytest.raises(StoreError):
        call(store)
