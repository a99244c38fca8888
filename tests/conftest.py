"""Servers that several suites share: started once a session, on free ports, and gone when the session is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

from cxone_provider.adapters.s3 import tuned_client_config
from tests.servers.moto import moto
from tools.servers.seaweedfs import S3Server, seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PLAIN_BUCKET = "plain"
VERSIONED_BUCKET = "versioned"
LOCKED_BUCKET = "locked"

# Time is no property of what is tested: a new machine builds Unicode tables at the first draw, and cores are shared.
# People's runs look somewhere new each time; CI judges a change by the same examples as the change before.
settings.register_profile(
    "project", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True,
    derandomize=bool(os.environ.get("CI")),
)  # fmt: skip
settings.load_profile("project")


def _with_versions(server: S3Server) -> S3Server:
    client = server.client()
    client.put_bucket_versioning(Bucket=VERSIONED_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    return server


def _client(server: S3Server) -> Iterator[S3Client]:
    client = server.client(tuned_client_config())
    yield client
    client.close()


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A SeaweedFS with the buckets ``plain``, ``versioned`` and ``locked`` (Object Lock, versioned)."""
    directory: Path = tmp_path_factory.mktemp("seaweedfs")
    with seaweedfs(directory, buckets=[PLAIN_BUCKET, VERSIONED_BUCKET], locked_buckets=[LOCKED_BUCKET]) as server:
        yield _with_versions(server)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """A moto server with the same buckets; it verifies no digests and enforces locks in part."""
    with moto(buckets=[PLAIN_BUCKET, VERSIONED_BUCKET], locked_buckets=[LOCKED_BUCKET]) as server:
        yield _with_versions(server)


@pytest.fixture(scope="session")
def seaweedfs_client(seaweedfs_server: S3Server) -> Iterator[S3Client]:
    """A client as the provider makes it; one for the session, because making one takes longer than most tests."""
    yield from _client(seaweedfs_server)


@pytest.fixture(scope="session")
def moto_client(moto_server: S3Server) -> Iterator[S3Client]:
    """The same for moto."""
    yield from _client(moto_server)


@pytest.fixture
def prefix() -> str:
    """A key prefix of this test's own."""
    return f"{uuid4().hex}/"
