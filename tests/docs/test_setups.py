"""The pages on set-ups: their code runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pendulum
import pytest

from tests.conftest import PLAIN_BUCKET
from tests.docs.snippets import snippet

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.mark.server
def test_the_page_on_secure_external_access_lists_what_is_new(seaweedfs_client: S3Client, prefix: str) -> None:
    namespace: dict[str, Any] = {}
    exec(snippet("docs/setups/secure-external-access.md", "external-access"), namespace)  # the page's code is tested
    for name in ("4711_1.mp4", "4711_2.mp4"):
        seaweedfs_client.put_object(Bucket=PLAIN_BUCKET, Key=prefix + name, Body=b"x")
    now = pendulum.now("UTC")
    refs = namespace["new_recordings"](seaweedfs_client, PLAIN_BUCKET, prefix, now.subtract(hours=1), now.add(hours=1))
    assert [ref["recording_id"] for ref in refs] == ["4711.1", "4711.2"]
