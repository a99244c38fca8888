"""What every object store must do with multipart uploads, asked of the fake and of S3Store over two servers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxone_provider.archive.errors import ObjectExists, StoreRefused, UploadVanished
from cxone_provider.archive.ports import ObjectStore, Part, StoredObject
from tests.conftest import VERSIONED_BUCKET
from tests.contract.stores import (
    AUDIO,
    BIG,
    MIB,
    TAIL,
    OpenStore,
    content_of,
    every_store,
    open_with_parts,
    outcome_of,
    put_parts,
    race,
    strict_store,
)


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


@every_store
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


@pytest.mark.parametrize("opened", ["fake", "moto"], indirect=True)
def test_of_many_completions_at_once_exactly_one_wins(opened: OpenStore, prefix: str) -> None:
    store = opened(bucket=VERSIONED_BUCKET)

    def prepared(key: str, body: bytearray) -> Callable[[], StoredObject]:
        upload_id, parts = open_with_parts(store, key, body)
        return lambda: store.complete_upload(key, upload_id, parts, if_absent=True)

    race(store, prefix, prepared)
