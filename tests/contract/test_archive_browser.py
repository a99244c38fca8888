"""What every store must show of its objects, asked of the fake and of S3Store over two servers.

moto knows no requests for a single object's lock. SeaweedFS takes a folder's name without its slash for all that lies
in it, so listings begin behind names with one.
"""

from __future__ import annotations

import pendulum
import pytest

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.errors import ArchiveError, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes, ObjectLock
from tests.conftest import LOCKED_BUCKET, VERSIONED_BUCKET
from tests.contract.stores import OpenStore, every_store, strict_store

TEXT = ObjectAttributes("text/plain")


@pytest.fixture
def browser(opened: OpenStore) -> ArchiveBrowser:
    store = opened(bucket=VERSIONED_BUCKET)
    assert hasattr(store, "read_range")
    return store  # type: ignore[return-value]  # the fixture opens stores that are both


@every_store
def test_a_listing_tells_key_size_and_entity_tag_in_order(browser: ArchiveBrowser, prefix: str) -> None:
    stored = [browser.put(f"{prefix}{name}", name.encode() * 3, TEXT) for name in ("b", "a", "c/d")]
    listed = list(browser.list_objects(prefix))
    assert [(one.key, one.size_bytes, one.etag) for one in listed] == sorted(
        (one.key, one.size_bytes, one.etag) for one in stored
    )


@every_store
def test_a_listing_begins_behind_a_key(browser: ArchiveBrowser, prefix: str) -> None:
    for day in (1, 2, 3):
        browser.put(f"{prefix}date={day}/run", b"x", TEXT)
    behind = [one.key for one in browser.list_objects(prefix, after=f"{prefix}date=2/")]
    assert behind == [f"{prefix}date=2/run", f"{prefix}date=3/run"]
    assert [one.key for one in browser.list_objects(prefix, after=behind[0])] == behind[1:]


@every_store
@pytest.mark.parametrize(("start", "stop", "expected"), [(0, 3, b"abc"), (2, 4, b"cd"), (4, 99, b"ef"), (5, 6, b"f")])
def test_a_range_is_read_and_ends_with_the_object(
    browser: ArchiveBrowser, key: str, start: int, stop: int, expected: bytes
) -> None:
    browser.put(key, b"abcdef", TEXT)
    assert browser.read_range(key, start, stop) == expected


@every_store
def test_a_range_of_the_version_that_is_named(browser: ArchiveBrowser, key: str) -> None:
    first = browser.put(key, b"first", TEXT)
    browser.put(key, b"second", TEXT)
    assert browser.read_range(key, 0, 5, version_id=first.version_id) == b"first"


@every_store
def test_what_is_not_there_is_refused(browser: ArchiveBrowser, key: str) -> None:
    with pytest.raises(StoreRefused):
        browser.read_range(key, 0, 1)
    browser.put(key, b"abc", TEXT)
    with pytest.raises(ArchiveError):
        browser.read_range(key, 3, 4)


@strict_store
def test_an_object_without_a_lock_has_none(browser: ArchiveBrowser, key: str) -> None:
    stored = browser.put(key, b"abc", TEXT)
    assert browser.lock_of(key, version_id=stored.version_id) is None


@strict_store
def test_a_lock_is_told_as_it_was_set(opened: OpenStore, key: str) -> None:
    until = pendulum.now("UTC").add(days=1).start_of("day")
    store = opened(lock=ObjectLock("GOVERNANCE", until), bucket=LOCKED_BUCKET)
    assert hasattr(store, "lock_of")
    stored = store.put(key, b"abc", TEXT)
    found = store.lock_of(key, version_id=stored.version_id)
    assert (found.mode, found.retain_until, found.legal_hold) == ("GOVERNANCE", until, False)
