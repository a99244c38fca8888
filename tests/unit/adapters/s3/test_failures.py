"""What S3Store makes of answers that are not the hoped-for ones: what is repeated, what is raised, what it says."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import boto3
import pytest

from cxone_provider.adapters.s3 import S3Store, store_settings, tuned_client_config
from cxone_provider.archive.errors import (
    ArchiveError,
    DigestMismatch,
    ObjectExists,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    TransferCancelled,
    UploadVanished,
)
from cxone_provider.archive.ports import ObjectAttributes, Part
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import Answer
from tests.fakes.s3_answers import completed, described, nothing, ok, parts_page, refusal
from tests.unit.adapters.s3.conftest import Scripted
from tools.servers.ports import LOOPBACK, free_ports
from tools.servers.seaweedfs import S3Server

AUDIO = ObjectAttributes("audio/mpeg")
BODY = b"hello"
PART = Part(1, 5, "5d41402abc4b2a76b9719d911017c592")
RESET = Answer([], reset=True)
SILENT_END = Answer([], close=True)
TRIES = 5

Call = Callable[[S3Store], object]
CALLS: dict[str, Call] = {
    "check": lambda store: store.check(),
    "read": lambda store: store.read("k", max_bytes=10),
    "stat": lambda store: store.stat("k"),
    "stream": lambda store: store.stream("k").__enter__(),
    "list_keys": lambda store: list(store.list_keys("p/")),
    "put": lambda store: store.put("k", BODY, AUDIO),
    "create_upload": lambda store: store.create_upload("k", AUDIO),
    "put_part": lambda store: store.put_part("k", "u-1", 1, memoryview(BODY), hashlib.sha256(BODY).digest()),
    "complete_upload": lambda store: store.complete_upload("k", "u-1", [PART]),
    "abort_upload": lambda store: store.abort_upload("k", "u-1"),
    "uploads": lambda store: list(store.uploads("p/")),
    "parts": lambda store: store.parts("k", "u-1"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def put(store: S3Store) -> object:
    return store.put("k", BODY, AUDIO)


@every_call
@pytest.mark.parametrize("broken", [nothing(503), RESET, SILENT_END], ids=["503", "reset", "closed"])
def test_every_call_is_repeated_within_bounds(scripted: Scripted, clock: FakeClock, call: Call, broken: Answer) -> None:
    store, server = scripted(broken)

    with pytest.raises(StoreUnavailable) as raised:
        call(store)

    assert len(server.requests) == TRIES
    assert len(clock.sleeps) == TRIES - 1
    assert raised.value.retryable


@pytest.mark.parametrize("broken", [nothing(500), refusal(503, "SlowDown"), refusal(409, "OperationAborted"), RESET])
def test_a_put_that_fails_once_sends_the_same_body_again(scripted: Scripted, broken: Answer) -> None:
    store, server = scripted(broken, ok())

    stored = store.put("k", BODY, AUDIO, if_absent=True)

    assert stored.size_bytes == len(BODY)
    assert [request.body for request in server.requests] == [BODY, BODY]


def test_a_refused_connection_is_a_store_that_is_not_there(clock: FakeClock) -> None:
    nobody = S3Server(f"http://{LOOPBACK}:{free_ports(1)[0]}", "a", "b").client(tuned_client_config())

    with pytest.raises(StoreUnavailable):
        S3Store(nobody, "archive", clock=clock).stat("k")

    assert len(clock.sleeps) == TRIES - 1
    nobody.close()


def test_a_kill_ends_the_waiting(scripted: Scripted, clock: FakeClock) -> None:
    store, server = scripted(nothing(503))
    clock.cancelled.set()

    with pytest.raises(TransferCancelled):
        put(store)

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "first",
    [
        refusal(200, "InternalError"),
        refusal(409, "ConditionalRequestConflict"),
        refusal(503, "SlowDown"),
        SILENT_END,
    ],
    ids=["200 with an error", "conflict", "slow down", "answer lost"],
)
def test_a_completion_is_repeated(scripted: Scripted, first: Answer) -> None:
    store, server = scripted(first, completed(), described(5, {"ETag": '"5d41402abc4b2a76b9719d911017c592-1"'}))

    stored = store.complete_upload("k", "u-1", [PART], if_absent=True)

    assert stored.size_bytes == 5
    assert [request.line.split()[0] for request in server.requests] == ["POST", "POST", "HEAD"]
    assert all(request.headers["if-none-match"] == "*" for request in server.requests[:2])


@pytest.mark.parametrize(
    ("answers", "error", "requests"),
    [
        ([refusal(200, "InternalError")], StoreUnavailable, TRIES),
        ([refusal(200, "PreconditionFailed")], ObjectExists, 1),
        ([refusal(412, "PreconditionFailed")], ObjectExists, 1),
        ([refusal(404, "NoSuchUpload")], UploadVanished, 1),
        ([nothing(500), refusal(404, "NoSuchUpload")], UploadVanished, 2),
        ([SILENT_END, refusal(412, "PreconditionFailed")], ObjectExists, 2),
        ([refusal(400, "EntityTooSmall")], StoreRefused, 1),
        ([refusal(400, "InvalidPart")], StoreRefused, 1),
        ([refusal(409, "ConditionalRequestConflict")], StoreUnavailable, TRIES),
    ],
)
def test_how_a_completion_ends(
    scripted: Scripted, answers: list[Answer], error: type[ArchiveError], requests: int
) -> None:
    store, server = scripted(*answers)

    with pytest.raises(error):
        store.complete_upload("k", "u-1", [PART], if_absent=True)

    assert len(server.requests) == requests


@pytest.mark.parametrize("code", ["BadDigest", "XAmzContentChecksumMismatch"])
def test_a_body_that_was_damaged_on_its_way_is_sent_again(scripted: Scripted, code: str) -> None:
    store, server = scripted(refusal(400, code), ok())

    CALLS["put_part"](store)

    assert [request.body for request in server.requests] == [BODY, BODY]


def test_a_body_that_never_fits_its_digest_is_refused(scripted: Scripted) -> None:
    store, server = scripted(refusal(400, "BadDigest"))

    with pytest.raises(StoreRefused, match="BadDigest"):
        CALLS["put_part"](store)

    assert len(server.requests) == TRIES


@pytest.mark.parametrize("name", ["put", "put_part"])
def test_a_store_that_reports_another_digest_is_not_believed(scripted: Scripted, name: str) -> None:
    store, _ = scripted(ok({"x-amz-checksum-sha256": "bm90IHRoZSBkaWdlc3Q="}))

    with pytest.raises(DigestMismatch):
        CALLS[name](store)


@pytest.mark.parametrize(
    ("name", "actions", "resource"),
    [
        ("check", ["s3:ListBucket"], "arn:aws:s3:::archive"),
        ("read", ["s3:GetObject"], "arn:aws:s3:::archive/k"),
        ("stat", ["s3:GetObject", "s3:ListBucket"], "arn:aws:s3:::archive/k"),
        ("list_keys", ["s3:ListBucket"], "arn:aws:s3:::archive"),
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
        put(store)

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
        put(store)

    assert hint in str(raised.value.hint)
    assert not raised.value.retryable
    assert len(server.requests) == 1


def test_a_wrong_clock_is_said_to_be_one(scripted: Scripted) -> None:
    times = {"RequestTime": "20261123T104000Z", "ServerTime": "2026-11-23T10:00:00Z"}
    store, server = scripted(refusal(403, "RequestTimeTooSkewed", **times))

    with pytest.raises(StoreRefused, match=r"clock is wrong.*20261123T104000Z.*2026-11-23T10:00:00Z.*NTP"):
        put(store)

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


def test_the_abort_is_repeated_until_no_part_is_left(scripted: Scripted) -> None:
    part = "<Part><PartNumber>1</PartNumber><Size>5</Size></Part>"
    gone = refusal(404, "NoSuchUpload")
    store, server = scripted(nothing(204), parts_page(part), nothing(204), parts_page(part), gone, gone)

    store.abort_upload("k", "u-1")

    assert [request.line.split()[0] for request in server.requests] == ["DELETE", "GET"] * 3


def test_parts_that_no_abort_removes_are_an_error(scripted: Scripted) -> None:
    store, server = scripted(
        lambda request: (
            nothing(204)
            if request.line.startswith("DELETE")
            else parts_page("<Part><PartNumber>1</PartNumber><Size>5</Size></Part>")
        )
    )

    with pytest.raises(StoreUnavailable, match="remain"):
        store.abort_upload("k", "u-1")

    assert len(server.requests) == 2 * TRIES


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
