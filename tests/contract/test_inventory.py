"""What an archive holds, found by a listing that jumps, on every store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.inventory import holdings, media_sizes
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore
from tests.conftest import PLAIN_BUCKET
from tests.contract.stores import every_store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

JSON = ObjectAttributes("application/json")
ODD = ("a", "a-b", "a:b", "a.b", ".a", "a~", "A", "aa", "7", "7.1", "7.2", "7.10", "70", "8.1")


@every_store
def test_what_is_held_is_found_whatever_the_ids(store: ObjectStore, prefix: str) -> None:
    layout = ArchiveLayout(store.bucket, prefix)
    for name in ODD:
        store.put(layout.manifest_key(name), b"{}", JSON)
        store.put(layout.media_key(name, None, "mp3"), name.encode(), JSON)

    for asked in (ODD, ("7",), ("a", "zz", "8"), ("A", "a:b"), ("b", "~")):
        found = holdings(store, layout, asked)
        assert {name for name, held in found.items() if held.archived} == set(asked) & set(ODD)
        assert all(held.committed_at is not None for held in found.values() if held.archived)
    assert list(holdings(store, layout, ("7",))["7"].recordings) == ["7.1", "7.2", "7.10"]
    assert not holdings(store, layout, ("8",))["8"].archived
    assert media_sizes(store, layout, dict.fromkeys((*ODD, "zz"))) == {name: len(name) for name in ODD}


@pytest.mark.server
def test_more_keys_than_a_page_are_read_on(seaweedfs_client: S3Client, prefix: str) -> None:
    store = S3Store(seaweedfs_client, PLAIN_BUCKET)
    layout = ArchiveLayout(store.bucket, prefix)
    names = [f"{400_000 + number}" for number in range(1100)]
    for name in names:
        store.put(layout.manifest_key(name), b"", JSON)
    assert list(holdings(store, layout, names)) == names
    assert list(holdings(store, layout, [names[0], names[-1]])) == [names[0], names[-1]]
