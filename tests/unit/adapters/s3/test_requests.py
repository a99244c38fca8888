"""What S3Store puts on the wire, and that it puts no more there than it must."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qs

import pytest

from cxone_provider.adapters.s3 import StoreSettings, store_settings
from cxone_provider.adapters.s3.writing import as_body
from cxone_provider.archive.errors import StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, Part
from tests.fakes.s3_answers import completed, described, nothing, ok, opened, parts_page, refusal, uploads_page
from tests.unit.adapters.s3.conftest import Scripted

AUDIO = ObjectAttributes("audio/mpeg", {"Recording-Id": "r-1"})
BODY = b"hello"
DIGEST = hashlib.sha256(BODY).digest()
SHA256 = b64encode(DIGEST).decode()
MD5 = b64encode(hashlib.md5(BODY).digest()).decode()
PART = Part(1, 5, "5d41402abc4b2a76b9719d911017c592", SHA256)
LISTED = {"ChecksumAlgorithm": "SHA256", "ChecksumType": "COMPOSITE"}
LOCK: dict[str, Any] = {"object_lock_mode": "COMPLIANCE", "retain_until": "2033-01-01T00:00:00.25Z", "legal_hold": True}
LOCK_HEADERS = {
    "x-amz-object-lock-mode": "COMPLIANCE",
    # rounded up: a store that drops fractions must not end the retention early
    "x-amz-object-lock-retain-until-date": "2033-01-01T00:00:01Z",
    "x-amz-object-lock-legal-hold": "ON",
}


def test_a_put_is_one_plain_request_that_says_what_its_bytes_are(scripted: Scripted) -> None:
    store, server = scripted(ok())

    store.put("recordings/r:1~a.mp3", BODY, AUDIO)

    (request,) = server.requests
    assert request.line == "PUT /archive/recordings/r%3A1~a.mp3 HTTP/1.1"
    assert request.body == BODY
    headers = request.headers
    assert headers["content-type"] == "audio/mpeg"
    assert headers["x-amz-meta-recording-id"] == "r-1"
    assert headers["x-amz-checksum-sha256"] == SHA256
    assert headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert headers["content-length"] == "5"
    assert headers["user-agent"].startswith("airflow-provider-cxone/")
    for absent in (
        "expect",
        "content-encoding",
        "x-amz-trailer",
        "transfer-encoding",
        "if-none-match",
        "x-amz-tagging",
    ):
        assert absent not in headers


def test_the_digest_is_part_of_the_signature(scripted: Scripted) -> None:
    store, server = scripted(ok())

    store.put("k", BODY, AUDIO)

    signed = server.requests[0].headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"x-amz-checksum-sha256", "x-amz-meta-recording-id", "content-type", "host"} <= set(signed)


def test_without_checksums_the_body_itself_is_signed(scripted: Scripted) -> None:
    store, server = scripted(ok(), settings=store_settings(checksum="none"))

    store.put("k", BODY, AUDIO)
    store.stat("k")

    put, head = server.requests
    assert put.headers["x-amz-content-sha256"] == DIGEST.hex()
    assert not any(name.startswith("x-amz-checksum") for name in (*put.headers, *head.headers))
    assert "content-md5" not in put.headers


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        (store_settings(encryption="SSE-S3"), {"x-amz-server-side-encryption": "AES256"}),
        (
            store_settings(encryption={"type": "SSE-KMS", "key_id": "alias/calls", "bucket_key": True}),
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/calls",
                "x-amz-server-side-encryption-bucket-key-enabled": "true",
            },
        ),
        (store_settings(tags={"team": "Ä + B", "x": ""}), {"x-amz-tagging": "team=%C3%84%20%2B%20B&x="}),
        (store_settings(storage_class="STANDARD_IA"), {"x-amz-storage-class": "STANDARD_IA"}),
        (store_settings(**LOCK), {**LOCK_HEADERS, "x-amz-sdk-checksum-algorithm": "SHA256"}),
        (store_settings(checksum="none", **LOCK), {**LOCK_HEADERS, "content-md5": MD5}),
    ],
    ids=["SSE-S3", "SSE-KMS", "tags", "class", "lock", "lock without checksum"],
)
def test_settings_travel_with_every_object(
    scripted: Scripted, settings: StoreSettings, headers: dict[str, str]
) -> None:
    echoed = {name: value for name, value in headers.items() if name == "x-amz-server-side-encryption"}
    steps = [ok(echoed), opened(headers=echoed), parts_page(**LISTED)]
    store, server = scripted(*steps, settings=settings)

    store.put("k", BODY, AUDIO)
    store.create_upload("k", AUDIO)

    put, create = server.requests[:2]
    assert headers.items() <= put.headers.items()
    about_the_body = {"content-md5", "x-amz-sdk-checksum-algorithm"}
    assert {n: v for n, v in headers.items() if n not in about_the_body}.items() <= create.headers.items()


@pytest.mark.parametrize("checksum", ["sha256", "none"])
def test_parts_of_locked_uploads_carry_a_digest_too(scripted: Scripted, checksum: str) -> None:
    store, server = scripted(ok(), settings=store_settings(checksum=checksum, **LOCK))

    store.put_part("k", "u-1", 1, memoryview(BODY), DIGEST)

    headers = server.requests[0].headers
    assert (headers.get("x-amz-checksum-sha256"), headers.get("content-md5")) in {(SHA256, None), (None, MD5)}


def test_an_unencrypted_answer_to_an_encrypted_put_is_refused(scripted: Scripted) -> None:
    store, _ = scripted(ok(), settings=store_settings(encryption="SSE-S3"))

    with pytest.raises(StoreRefused, match="no encryption"):
        store.put("k", BODY, AUDIO)


def test_every_request_names_the_owner_the_bucket_must_have(scripted: Scripted) -> None:
    gone = refusal(404, "NoSuchUpload")
    store, server = scripted(
        ok(), described(5), ok(body=BODY), ok(), opened(), parts_page(**LISTED), ok(), completed(),
        described(5), nothing(204), gone, uploads_page(), parts_page(),
        settings=store_settings(expected_bucket_owner="123456789012"),
    )  # fmt: skip

    store.check()
    store.stat("k")
    store.read("k", max_bytes=9)
    store.put("k", BODY, AUDIO)
    upload_id = store.create_upload("k", AUDIO)
    store.put_part("k", upload_id, 1, memoryview(BODY), DIGEST)
    store.complete_upload("k", upload_id, [PART])
    store.abort_upload("k", upload_id)
    list(store.uploads(""))
    store.parts("k", upload_id)

    assert len(server.requests) == 13
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in server.requests} == {"123456789012"}


def test_a_completion_names_size_and_digests(scripted: Scripted) -> None:
    store, server = scripted(completed(), described(10))

    store.complete_upload("k", "u 1", [PART, Part(2, 5, PART.etag, SHA256)])

    request = server.requests[0]
    assert parse_qs(request.target.partition("?")[2]) == {"uploadId": ["u 1"]}
    assert request.headers["x-amz-mp-object-size"] == "10"
    assert request.body.count(f"<ChecksumSHA256>{SHA256}</ChecksumSHA256>".encode()) == 2


def test_a_completion_with_an_unknown_digest_names_none(scripted: Scripted) -> None:
    store, server = scripted(completed(), described(10))

    store.complete_upload("k", "u-1", [PART, Part(2, 5, PART.etag, None)])

    assert b"Checksum" not in server.requests[0].body


def test_a_whole_bytearray_is_sent_without_a_copy() -> None:
    body = bytearray(b"0123456789")

    assert as_body(body) is body
    assert as_body(memoryview(body)) is body
    assert as_body(memoryview(body)[:]) is body


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (memoryview(bytearray(b"0123456789"))[2:5], b"234"),
        (memoryview(bytearray(b"0123456789"))[::-1], b"9876543210"),
        (memoryview(b"bytes"), b"bytes"),
        (memoryview(bytearray())[:0], b""),
    ],
)
def test_other_views_are_sent_as_what_they_show(view: memoryview, expected: bytes) -> None:
    body = as_body(view)

    assert isinstance(body, bytearray)
    assert body == expected
