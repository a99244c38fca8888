"""What every object store must do, asked of the fake and of S3Store over two servers.

A server that is known not to do a thing is left out of that thing's tests. moto verifies no digests, orders no parts,
and answers 500 for an upload that is gone. SeaweedFS 4.48 checks the condition of a Complete before it completes, not
in one step, and lists a replaced part beside its replacement.
"""

from __future__ import annotations

import hashlib
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import pytest

from cxone_provider.adapters.s3 import S3Store, StoreSettings
from cxone_provider.archive.errors import (
    ArchiveError,
    InvalidSetting,
    LockUnsupported,
    ObjectExists,
    StoreRefused,
    UploadVanished,
)
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock, ObjectStore, Part, StoredObject
from tests.conftest import PLAIN_BUCKET, VERSIONED_BUCKET
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MIB = 2**20
AUDIO = ObjectAttributes("audio/mpeg", {"recording-id": "r 1", "agent": "~!@#$%^&*()"})
BIG = bytearray(range(256)) * (5 * MIB // 256)
TAIL = bytearray(b"the end")
StoreName = Literal["fake", "seaweedfs", "moto"]
OpenStore = Callable[..., ObjectStore]

_SEAWEEDFS = pytest.param("seaweedfs", marks=pytest.mark.server)
every_store = pytest.mark.parametrize("opened", ["fake", _SEAWEEDFS, "moto"], indirect=True)
strict_store = pytest.mark.parametrize("opened", ["fake", _SEAWEEDFS], indirect=True)


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> OpenStore:
    """A function that opens the store of this test, with a lock and on a bucket of choice."""
    name: StoreName = request.param
    if name == "fake":
        return lambda *, lock=None, bucket=PLAIN_BUCKET: FakeStore(bucket, lock=lock)
    client: S3Client = request.getfixturevalue(f"{name}_client")
    clock = FakeClock()
    return lambda *, lock=None, bucket=PLAIN_BUCKET: S3Store(client, bucket, StoreSettings(lock=lock), clock=clock)


@pytest.fixture
def store(opened: OpenStore) -> ObjectStore:
    return opened()


@pytest.fixture
def key(prefix: str) -> str:
    return f"{prefix}recordings/date=2026-11-23/r:1~a.mp3"


def content_of(store: ObjectStore, key: str, version_id: str | None = None) -> bytes:
    with store.stream(key, version_id=version_id) as pieces:
        return b"".join(pieces)


def put_parts(store: ObjectStore, key: str, upload_id: str, *bodies: bytearray) -> list[Part]:
    return [
        store.put_part(key, upload_id, number, memoryview(body), hashlib.sha256(body).digest())
        for number, body in enumerate(bodies, start=1)
    ]


def open_with_parts(store: ObjectStore, key: str, *bodies: bytearray) -> tuple[str, list[Part]]:
    upload_id = store.create_upload(key, AUDIO)
    return upload_id, put_parts(store, key, upload_id, *bodies)


def outcome_of(call: Callable[[], StoredObject]) -> StoredObject | type[ArchiveError]:
    try:
        return call()
    except ArchiveError as error:
        return type(error)


@every_store
@pytest.mark.parametrize("size_bytes", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 5])
def test_what_is_put_is_read_back_in_bounded_pieces(store: ObjectStore, key: str, size_bytes: int) -> None:
    body = bytes(BIG[:size_bytes])

    stored = store.put(key, body, AUDIO)

    assert (stored.key, stored.size_bytes, stored.metadata) == (key, size_bytes, AUDIO.metadata)
    assert store.stat(key) is not None
    with store.stream(key) as pieces:
        sizes = [len(piece) for piece in pieces]
    assert sum(sizes) == size_bytes
    assert all(0 < size <= MIB for size in sizes)
    assert content_of(store, key) == body


@every_store
@pytest.mark.parametrize(
    "body",
    [b"abcdef", bytearray(b"abcdef"), memoryview(b"abcdef"), memoryview(bytearray(b"_abcdef_"))[1:-1]],
    ids=["bytes", "bytearray", "memoryview", "slice"],
)
def test_every_kind_of_body_is_taken(store: ObjectStore, key: str, body: bytes | bytearray | memoryview) -> None:
    store.put(key, body, AUDIO)

    assert content_of(store, key) == b"abcdef"


@every_store
def test_stat_tells_what_put_told(store: ObjectStore, key: str) -> None:
    stored = store.put(key, b"audio", AUDIO)
    seen = store.stat(key)

    assert seen is not None
    assert (seen.key, seen.size_bytes, seen.etag, seen.metadata) == (key, 5, stored.etag, AUDIO.metadata)
    assert seen.version_id == stored.version_id
    assert '"' not in seen.etag


@strict_store
def test_the_store_keeps_the_checksum_of_the_whole(store: ObjectStore, key: str) -> None:
    digest = hashlib.sha256(b"audio")

    store.put(key, b"audio", ObjectAttributes("audio/mpeg", sha256=digest.hexdigest()))

    seen = store.stat(key)
    assert seen is not None
    assert seen.checksums["sha256"] == b64encode(digest.digest()).decode()


@every_store
def test_what_is_not_there_is_none_or_refused(store: ObjectStore, key: str) -> None:
    assert store.stat(key) is None
    assert store.read(key, max_bytes=10) is None
    with pytest.raises(StoreRefused), store.stream(key):
        pass


@every_store
def test_a_small_object_is_read_whole(store: ObjectStore, key: str) -> None:
    store.put(key, b"{}", ObjectAttributes("application/json"))

    answer = store.read(key, max_bytes=2)

    assert answer is not None
    assert (answer[0], answer[1].size_bytes, answer[1].etag) == (b"{}", 2, hashlib.md5(b"{}").hexdigest())


@every_store
def test_a_larger_object_than_expected_is_not_read(store: ObjectStore, key: str) -> None:
    store.put(key, b"123", ObjectAttributes("application/json"))

    with pytest.raises(StoreRefused, match="found 3"):
        store.read(key, max_bytes=2)


@every_store
def test_a_put_replaces_unless_it_says_otherwise(store: ObjectStore, key: str) -> None:
    store.put(key, b"first", AUDIO, if_absent=True)
    store.put(key, b"second", AUDIO)

    with pytest.raises(ObjectExists):
        store.put(key, b"third", AUDIO, if_absent=True)
    assert content_of(store, key) == b"second"


@every_store
def test_a_put_can_insist_on_what_it_replaces(store: ObjectStore, key: str) -> None:
    first = store.put(key, b"first", AUDIO)
    second = store.put(key, b"second", AUDIO, if_match=first.etag)

    with pytest.raises(ObjectExists):
        store.put(key, b"third", AUDIO, if_match=first.etag)
    with pytest.raises(ObjectExists):
        store.put(f"{key}-absent", b"third", AUDIO, if_match=second.etag)
    assert content_of(store, key) == b"second"
    assert store.stat(f"{key}-absent") is None


@strict_store
def test_bytes_that_are_not_what_their_digest_says_are_refused(store: ObjectStore, key: str) -> None:
    with pytest.raises(StoreRefused):
        store.put(key, b"audio", ObjectAttributes("audio/mpeg", sha256="0" * 64))

    assert store.stat(key) is None


@every_store
@pytest.mark.parametrize("value", ["Zoë", "a\r\nx-amz-acl: public-read", "\x00", "v" * 2049])
def test_metadata_that_headers_cannot_carry_is_refused(store: ObjectStore, key: str, value: str) -> None:
    attributes = ObjectAttributes("audio/mpeg", {"agent": value})

    with pytest.raises(InvalidSetting):
        store.put(key, b"audio", attributes)
    with pytest.raises(InvalidSetting):
        store.create_upload(key, attributes)

    assert store.stat(key) is None
    assert list(store.uploads(key)) == []


@every_store
def test_parts_become_one_object_only_when_completed(store: ObjectStore, key: str) -> None:
    upload_id, parts = open_with_parts(store, key, BIG, TAIL)
    assert store.stat(key) is None

    stored = store.complete_upload(key, upload_id, parts, if_absent=True)

    assert (stored.size_bytes, stored.metadata) == (len(BIG) + len(TAIL), AUDIO.metadata)
    assert stored == store.stat(key)
    assert content_of(store, key) == BIG + TAIL
    assert list(store.uploads(key)) == []


@every_store
def test_stored_parts_are_listed_in_order_and_once(store: ObjectStore, key: str) -> None:
    upload_id = store.create_upload(key, AUDIO)
    for number, body in [(3, b"three"), (1, b"one"), (2, b"two"), (1, b"one")]:
        store.put_part(key, upload_id, number, memoryview(body), hashlib.sha256(body).digest())

    listed = store.parts(key, upload_id)

    assert [(part.number, part.size_bytes) for part in listed] == [(1, 3), (2, 3), (3, 5)]
    assert listed[0].etag == hashlib.md5(b"one").hexdigest()
    store.abort_upload(key, upload_id)


@every_store
def test_the_last_part_of_a_number_is_the_one_that_counts(store: ObjectStore, key: str) -> None:
    upload_id, _ = open_with_parts(store, key, BIG)
    parts = put_parts(store, key, upload_id, TAIL)

    stored = store.complete_upload(key, upload_id, parts)

    assert stored.size_bytes == len(TAIL)
    assert content_of(store, key) == TAIL


@every_store
def test_listed_parts_complete_an_upload_as_well(store: ObjectStore, key: str) -> None:
    upload_id, _ = open_with_parts(store, key, BIG, TAIL)

    stored = store.complete_upload(key, upload_id, store.parts(key, upload_id))

    assert stored.size_bytes == len(BIG) + len(TAIL)


@every_store
def test_parts_may_arrive_from_several_threads(store: ObjectStore, key: str) -> None:
    upload_id = store.create_upload(key, AUDIO)
    bodies = [bytearray([number]) * (5 * MIB) for number in range(4)]

    def put(number: int) -> Part:
        body = bodies[number]
        return store.put_part(key, upload_id, number + 1, memoryview(body), hashlib.sha256(body).digest())

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(put, range(4)))

    store.complete_upload(key, upload_id, parts)
    assert content_of(store, key) == b"".join(bodies)


@every_store
def test_completing_in_the_place_of_another_object_is_refused(store: ObjectStore, key: str) -> None:
    store.put(key, b"earlier", AUDIO)
    upload_id, parts = open_with_parts(store, key, BIG, TAIL)

    with pytest.raises(ObjectExists):
        store.complete_upload(key, upload_id, parts, if_absent=True)

    assert content_of(store, key) == b"earlier"
    store.abort_upload(key, upload_id)
    assert list(store.uploads(key)) == []


@every_store
def test_a_part_that_is_too_small_keeps_the_object_from_appearing(store: ObjectStore, key: str) -> None:
    upload_id, parts = open_with_parts(store, key, TAIL, TAIL)

    with pytest.raises(StoreRefused):
        store.complete_upload(key, upload_id, parts)

    assert store.stat(key) is None
    store.abort_upload(key, upload_id)


@every_store
def test_an_upload_without_parts_is_not_completed(store: ObjectStore, key: str) -> None:
    upload_id = store.create_upload(key, AUDIO)

    with pytest.raises(StoreRefused):
        store.complete_upload(key, upload_id, [])

    assert store.stat(key) is None
    store.abort_upload(key, upload_id)


@strict_store
def test_parts_out_of_order_or_unknown_are_refused(store: ObjectStore, key: str) -> None:
    upload_id, parts = open_with_parts(store, key, BIG, BIG)

    with pytest.raises(StoreRefused):
        store.complete_upload(key, upload_id, parts[::-1])
    with pytest.raises(StoreRefused):
        store.complete_upload(key, upload_id, [*parts, Part(3, 1, "0" * 32)])

    assert store.stat(key) is None
    store.abort_upload(key, upload_id)


@strict_store
def test_a_part_that_is_not_what_its_digest_says_is_refused(store: ObjectStore, key: str) -> None:
    upload_id = store.create_upload(key, AUDIO)

    with pytest.raises(StoreRefused):
        store.put_part(key, upload_id, 1, memoryview(TAIL), bytes(32))

    assert store.parts(key, upload_id) == []
    store.abort_upload(key, upload_id)


@every_store
def test_an_aborted_upload_is_gone_and_may_be_aborted_again(store: ObjectStore, key: str) -> None:
    upload_id, _ = open_with_parts(store, key, TAIL)

    store.abort_upload(key, upload_id)
    store.abort_upload(key, upload_id)

    with pytest.raises(UploadVanished):
        store.parts(key, upload_id)
    assert list(store.uploads(key)) == []
    assert store.stat(key) is None


@strict_store
def test_an_upload_that_is_gone_takes_no_part_and_cannot_be_completed(store: ObjectStore, key: str) -> None:
    upload_id, parts = open_with_parts(store, key, TAIL)
    store.abort_upload(key, upload_id)

    with pytest.raises(UploadVanished):
        put_parts(store, key, upload_id, TAIL)
    with pytest.raises(UploadVanished):
        store.complete_upload(key, upload_id, parts)


@every_store
def test_completing_twice_gives_the_same_object_or_says_that_the_upload_is_gone(store: ObjectStore, key: str) -> None:
    upload_id, parts = open_with_parts(store, key, BIG, TAIL)
    stored = store.complete_upload(key, upload_id, parts)

    again = outcome_of(lambda: store.complete_upload(key, upload_id, parts))

    assert again in (stored, UploadVanished)
    assert store.stat(key) == stored


@every_store
def test_unfinished_uploads_are_found_by_prefix(store: ObjectStore, prefix: str) -> None:
    made = {key: store.create_upload(key, AUDIO) for key in (f"{prefix}a/1", f"{prefix}a/2", f"{prefix}b/1")}

    found = list(store.uploads(f"{prefix}a/"))

    assert {upload.key: upload.upload_id for upload in found} == {
        key: upload_id for key, upload_id in made.items() if "/a/" in key
    }
    assert all(upload.initiated_at.utcoffset() is not None for upload in found)
    for key, upload_id in made.items():
        store.abort_upload(key, upload_id)


@strict_store
def test_an_earlier_version_can_be_read(opened: OpenStore, key: str) -> None:
    store = opened(bucket=VERSIONED_BUCKET)
    first = store.put(key, b"first", AUDIO)
    second = store.put(key, b"second", AUDIO)

    assert first.version_id != second.version_id
    assert content_of(store, key, first.version_id) == b"first"
    assert content_of(store, key) == b"second"


@every_store
def test_a_usable_bucket_passes_the_check(store: ObjectStore) -> None:
    store.check()


@every_store
def test_a_lock_on_a_bucket_without_lock_fails_the_check(opened: OpenStore) -> None:
    with pytest.raises(LockUnsupported):
        opened(lock=ObjectLock(legal_hold=True)).check()


@every_store
def test_keys_are_listed_by_prefix_in_order(store: ObjectStore, prefix: str) -> None:
    for name in ("b/2", "a/10", "b/1", "a/9", "c"):
        store.put(f"{prefix}{name}", b"", AUDIO)

    assert list(store.list_keys(f"{prefix}a/")) == [f"{prefix}a/10", f"{prefix}a/9"]
    assert list(store.list_keys(prefix)) == [f"{prefix}{name}" for name in ("a/10", "a/9", "b/1", "b/2", "c")]
    assert list(store.list_keys(f"{prefix}z")) == []


def race(store: ObjectStore, prefix: str, write: Callable[[str, bytearray], Callable[[], StoredObject]]) -> None:
    """Let three writers write one key at once, three times; `write` prepares and returns the last step."""
    writers, rounds = 3, 3
    together = threading.Barrier(writers)

    def outcome(job: tuple[int, int]) -> StoredObject | type[ArchiveError]:
        last_step = write(f"{prefix}{job[0]}", bytearray(f"writer {job[1]}".encode()))
        together.wait()
        return outcome_of(last_step)

    with ThreadPoolExecutor(writers) as pool:
        for number in range(rounds):
            outcomes = list(pool.map(outcome, [(number, writer) for writer in range(writers)]))
            winners = [writer for writer, ended in enumerate(outcomes) if isinstance(ended, StoredObject)]
            assert len(winners) == 1
            assert outcomes.count(ObjectExists) == writers - 1
            assert content_of(store, f"{prefix}{number}") == f"writer {winners[0]}".encode()


@every_store
def test_of_many_puts_at_once_exactly_one_wins(opened: OpenStore, prefix: str) -> None:
    store = opened(bucket=VERSIONED_BUCKET)

    race(store, prefix, lambda key, body: lambda: store.put(key, body, AUDIO, if_absent=True))


@pytest.mark.parametrize("opened", ["fake", "moto"], indirect=True)
def test_of_many_completions_at_once_exactly_one_wins(opened: OpenStore, prefix: str) -> None:
    store = opened(bucket=VERSIONED_BUCKET)

    def prepared(key: str, body: bytearray) -> Callable[[], StoredObject]:
        upload_id, parts = open_with_parts(store, key, body)
        return lambda: store.complete_upload(key, upload_id, parts, if_absent=True)

    race(store, prefix, prepared)
