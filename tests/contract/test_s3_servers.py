"""What S3Store's promises are worth on servers: digests, encryption, tags, Object Lock, rights, long listings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
from botocore.exceptions import ClientError

from cxone_provider.adapters.s3 import S3Store, StoreSettings, store_settings, tuned_client_config
from cxone_provider.archive.errors import LockUnsupported, ObjectExists, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, StoredObject
from tests.conftest import LOCKED_BUCKET, PLAIN_BUCKET
from tests.fakes.clock import FakeClock
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AUDIO = ObjectAttributes("audio/mpeg")
BIG = bytearray(5 * 2**20)
TAIL = bytearray(b"the end")
TOMORROW = pendulum.now("UTC").add(days=1).replace(microsecond=0)


def open_store(client: S3Client, settings: StoreSettings | None = None, bucket: str = PLAIN_BUCKET) -> S3Store:
    return S3Store(client, bucket, settings, clock=FakeClock())


def written(store: S3Store, key: str, manner: str) -> StoredObject:
    if manner == "put":
        return store.put(key, b"audio", AUDIO, if_absent=True)
    upload_id = store.create_upload(key, AUDIO)
    parts = [
        store.put_part(key, upload_id, number, memoryview(body), hashlib.sha256(body).digest())
        for number, body in enumerate([BIG, TAIL], start=1)
    ]
    return store.complete_upload(key, upload_id, parts, if_absent=True)


def refused(call: Callable[[], object]) -> str:
    """Return the code of the refusal of a boto3 call."""
    with pytest.raises(ClientError) as raised:
        call()
    return str(raised.value.response["Error"]["Code"])


both_manners = pytest.mark.parametrize("manner", ["put", "multipart"])
pytestmark = pytest.mark.server


@both_manners
def test_encryption_and_tags_arrive(seaweedfs_client: S3Client, prefix: str, manner: str) -> None:
    settings = store_settings(encryption="SSE-S3", tags={"retention": "7 years", "Büro": "Köln/1+2"})

    written(open_store(seaweedfs_client, settings), f"{prefix}k", manner)

    head = seaweedfs_client.head_object(Bucket=PLAIN_BUCKET, Key=f"{prefix}k")
    assert head["ServerSideEncryption"] == "AES256"
    assert head["ContentType"] == "audio/mpeg"
    tags = seaweedfs_client.get_object_tagging(Bucket=PLAIN_BUCKET, Key=f"{prefix}k")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == settings.tags


@both_manners
@pytest.mark.parametrize("checksum", ["sha256", "none"])
@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_object_cannot_be_removed_or_its_retention_shortened(
    seaweedfs_client: S3Client, prefix: str, manner: str, checksum: str, mode: str
) -> None:
    client: Any = seaweedfs_client
    settings = store_settings(object_lock_mode=mode, retain_until=TOMORROW, legal_hold=True, checksum=checksum)
    store = open_store(client, settings, LOCKED_BUCKET)
    store.check()

    stored = written(store, f"{prefix}k", manner)

    assert stored.version_id is not None
    version = {"Bucket": LOCKED_BUCKET, "Key": f"{prefix}k", "VersionId": stored.version_id}
    retention = client.get_object_retention(**version)["Retention"]
    assert (retention["Mode"], retention["RetainUntilDate"]) == (mode, TOMORROW)
    assert client.get_object_legal_hold(**version)["LegalHold"]["Status"] == "ON"
    sooner = TOMORROW.subtract(hours=1)
    assert refused(lambda: client.delete_object(**version)) == "AccessDenied"
    assert refused(lambda: client.delete_object(**version, BypassGovernanceRetention=True)) == "AccessDenied"
    client.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    assert refused(lambda: client.delete_object(**version)) == "AccessDenied"
    shortened = {"Mode": mode, "RetainUntilDate": sooner}
    assert refused(lambda: client.put_object_retention(**version, Retention=shortened)) == "AccessDenied"
    client.put_object_retention(**version, Retention={"Mode": mode, "RetainUntilDate": TOMORROW.add(hours=1)})


@both_manners
def test_compliance_yields_to_nobody(seaweedfs_client: S3Client, prefix: str, manner: str) -> None:
    client: Any = seaweedfs_client
    settings = store_settings(object_lock_mode="COMPLIANCE", retain_until=TOMORROW)
    stored = written(open_store(client, settings, LOCKED_BUCKET), f"{prefix}k", manner)

    version = {"Bucket": LOCKED_BUCKET, "Key": f"{prefix}k", "VersionId": stored.version_id}
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": TOMORROW}

    assert refused(lambda: client.delete_object(**version, BypassGovernanceRetention=True)) == "AccessDenied"
    assert refused(
        lambda: client.put_object_retention(**version, Retention=weaker, BypassGovernanceRetention=True)
    ) == "AccessDenied"  # fmt: skip


def test_a_fraction_of_a_second_does_not_shorten_a_retention(seaweedfs_client: S3Client, prefix: str) -> None:
    until = TOMORROW.add(microseconds=1)
    store = open_store(
        seaweedfs_client, store_settings(object_lock_mode="GOVERNANCE", retain_until=until), LOCKED_BUCKET
    )

    written(store, f"{prefix}k", "multipart")

    kept = seaweedfs_client.get_object_retention(Bucket=LOCKED_BUCKET, Key=f"{prefix}k")["Retention"]
    assert kept["RetainUntilDate"] >= until


def test_a_hold_that_moto_drops_at_the_end_of_an_upload_is_set_again(moto_client: S3Client, prefix: str) -> None:
    store = open_store(moto_client, store_settings(legal_hold=True), LOCKED_BUCKET)

    written(store, f"{prefix}k", "multipart")

    assert moto_client.get_object_legal_hold(Bucket=LOCKED_BUCKET, Key=f"{prefix}k")["LegalHold"]["Status"] == "ON"


def test_a_lock_asked_of_a_bucket_without_is_refused_before_and_at_the_write(
    seaweedfs_client: S3Client, prefix: str
) -> None:
    store = open_store(seaweedfs_client, store_settings(object_lock_mode="COMPLIANCE", retain_until=TOMORROW))

    with pytest.raises(LockUnsupported):
        store.check()
    for manner in ("put", "multipart"):
        with pytest.raises(StoreRefused):
            written(store, f"{prefix}k", manner)

    assert open_store(seaweedfs_client).stat(f"{prefix}k") is None


def test_a_bucket_that_does_not_exist_is_named(seaweedfs_client: S3Client) -> None:
    with pytest.raises(StoreRefused, match="nowhere"):
        open_store(seaweedfs_client, bucket="nowhere").check()


@pytest.mark.parametrize("wrong", [{"access_key": "nobody"}, {"secret_key": "wrong"}])
def test_wrong_credentials_are_refused_without_repeating(seaweedfs_server: S3Server, wrong: dict[str, str]) -> None:
    client = replace(seaweedfs_server, **wrong).client(tuned_client_config())
    clock = FakeClock()
    store = S3Store(client, PLAIN_BUCKET, clock=clock)

    for call in (store.check, lambda: store.put("k", b"", AUDIO)):
        with pytest.raises(StoreRefused):
            call()

    assert clock.sleeps == []
    client.close()


@pytest.mark.parametrize("server", ["seaweedfs", "moto"])
def test_conditions_hold_and_the_probe_leaves_nothing(request: pytest.FixtureRequest, prefix: str, server: str) -> None:
    client: S3Client = request.getfixturevalue(f"{server}_client")
    store = open_store(client, store_settings(probe_key=f"{prefix}probe"))

    store.check()

    assert store.stat(f"{prefix}probe") is None
    store.put(f"{prefix}k", b"1", AUDIO, if_absent=True)
    with pytest.raises(ObjectExists):
        store.put(f"{prefix}k", b"2", AUDIO, if_absent=True)


def test_another_process_completes_an_upload_from_what_the_store_lists(
    seaweedfs_server: S3Server, seaweedfs_client: S3Client, prefix: str
) -> None:
    first, key = open_store(seaweedfs_client), f"{prefix}k"
    upload_id = first.create_upload(key, AUDIO)
    first.put_part(key, upload_id, 1, memoryview(BIG), hashlib.sha256(BIG).digest())

    client = seaweedfs_server.client(tuned_client_config())
    second = open_store(client)
    last = second.put_part(key, upload_id, 2, memoryview(TAIL), hashlib.sha256(TAIL).digest())
    stored = second.complete_upload(key, upload_id, [*second.parts(key, upload_id)[:1], last], if_absent=True)

    assert stored.size_bytes == len(BIG) + len(TAIL)
    client.close()


def test_more_parts_than_a_page_are_listed(seaweedfs_client: S3Client, prefix: str) -> None:
    store, count = open_store(seaweedfs_client), 1_001
    upload_id = store.create_upload(f"{prefix}parts", AUDIO)
    digest = hashlib.sha256(TAIL).digest()
    for number in range(1, count + 1):
        store.put_part(f"{prefix}parts", upload_id, number, memoryview(TAIL), digest)

    assert [part.number for part in store.parts(f"{prefix}parts", upload_id)] == list(range(1, count + 1))
    store.abort_upload(f"{prefix}parts", upload_id)


def test_more_uploads_than_a_page_are_found(seaweedfs_client: S3Client, prefix: str) -> None:
    store, count = open_store(seaweedfs_client), 1_001
    made = {store.create_upload(f"{prefix}{number}", AUDIO) for number in range(count)}

    assert {upload.upload_id for upload in store.uploads(prefix)} == made


def test_more_objects_than_a_page_are_listed(seaweedfs_client: S3Client, prefix: str) -> None:
    store, count = open_store(seaweedfs_client), 1_001
    for number in range(count):
        store.put(f"{prefix}{number:05}", b"", AUDIO)

    assert list(store.list_keys(prefix)) == [f"{prefix}{number:05}" for number in range(count)]
    listed = [one.key for one in store.list_objects(prefix, after=f"{prefix}00000")]
    assert listed == [f"{prefix}{number:05}" for number in range(1, count)]
    assert len(list(store.list_objects(prefix))) == count
