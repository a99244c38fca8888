"""What every object store must do with objects, asked of the fake and of S3Store over two servers."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from cxone_provider.archive.errors import InvalidSetting, LockUnsupported, ObjectExists, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock, ObjectStore
from tests.conftest import LOCKED_BUCKET, VERSIONED_BUCKET
from tests.contract.stores import AUDIO, BIG, MIB, OpenStore, content_of, every_store, race, strict_store


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
def test_another_lock_is_the_same_bucket(opened: OpenStore, prefix: str) -> None:
    store = opened(bucket=LOCKED_BUCKET)
    store.put(f"{prefix}before", b"1", AUDIO)
    held = store.locked(ObjectLock(legal_hold=True))
    held.check()

    stored = held.put(f"{prefix}after", b"2", AUDIO, if_absent=True)
    held.ensure_locked(stored)
    store.ensure_locked(stored)

    assert list(store.list_keys(prefix)) == list(held.list_keys(prefix)) == [f"{prefix}after", f"{prefix}before"]
    with pytest.raises(LockUnsupported):
        opened().locked(ObjectLock(legal_hold=True)).check()


@every_store
def test_keys_are_listed_by_prefix_in_order(store: ObjectStore, prefix: str) -> None:
    for name in ("b/2", "a/10", "b/1", "a/9", "c"):
        store.put(f"{prefix}{name}", b"", AUDIO)

    assert list(store.list_keys(f"{prefix}a/")) == [f"{prefix}a/10", f"{prefix}a/9"]
    assert list(store.list_keys(prefix)) == [f"{prefix}{name}" for name in ("a/10", "a/9", "b/1", "b/2", "c")]
    assert list(store.list_keys(f"{prefix}z")) == []


@every_store
def test_objects_are_listed_behind_a_key_as_the_store_tells_them(store: ObjectStore, prefix: str) -> None:
    stored = [store.put(f"{prefix}{name}", name.encode(), AUDIO) for name in ("a.1.json", "a.json", "b", "c/d")]

    listed = list(store.list_objects(prefix))

    assert [(one.key, one.size_bytes, one.etag) for one in listed] == [
        (one.key, one.size_bytes, one.etag) for one in stored
    ]
    assert all(one.modified_at is not None and one.modified_at.timezone_name == "UTC" for one in listed)
    for after, left in {"a": 4, "a.1.json": 3, "a.2": 3, "a.json": 2, "b.": 1, "c/d": 0, "z": 0}.items():
        found = [one.key for one in store.list_objects(prefix, after=f"{prefix}{after}")]
        assert found == [one.key for one in stored][4 - left :]


@every_store
def test_of_many_puts_at_once_exactly_one_wins(opened: OpenStore, prefix: str) -> None:
    store = opened(bucket=VERSIONED_BUCKET)

    race(store, prefix, lambda key, body: lambda: store.put(key, body, AUDIO, if_absent=True))
