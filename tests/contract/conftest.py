"""The stores that the conformance tests ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

from cxone_provider.adapters.s3 import S3Store, StoreSettings
from cxone_provider.archive.ports import ObjectStore
from tests.conftest import LOCKED_BUCKET, PLAIN_BUCKET
from tests.contract.stores import OpenStore
from tests.fakes.browser import FakeBrowser
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def opened(request: pytest.FixtureRequest) -> OpenStore:
    """A function that opens the store of this test, with a lock and on a bucket of choice."""
    name: Literal["fake", "seaweedfs", "seaweedfs-botocore", "moto"] = request.param
    if name == "fake":
        return lambda *, lock=None, bucket=PLAIN_BUCKET: FakeBrowser(
            bucket, lock=lock, bucket_has_lock=bucket == LOCKED_BUCKET
        )
    server, _, without = name.partition("-")
    client: S3Client = request.getfixturevalue(f"{server}_client")
    clock = FakeClock()
    return lambda *, lock=None, bucket=PLAIN_BUCKET: S3Store(
        client, bucket, StoreSettings(lock=lock), clock=clock, direct=not without
    )


@pytest.fixture
def store(opened: OpenStore) -> ObjectStore:
    return opened()


@pytest.fixture
def key(prefix: str) -> str:
    return f"{prefix}recordings/date=2026-11-23/r:1~a.mp3"
