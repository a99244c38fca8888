"""The sweep on a real server: our stale uploads go with their parts, living and foreign ones stay.

moto is left out: it says of every upload that it was begun in 2010.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pendulum
import pytest

from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.errors import UploadVanished
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.sweeping import DEFAULT_AGE, sweep_uploads
from tests.conftest import VERSIONED_BUCKET
from tests.fakes.clock import FakeClock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server
AUDIO = ObjectAttributes("audio/mpeg")
PART = bytearray(b"of a killed task")


def clock_in(ahead: pendulum.Duration) -> FakeClock:
    """Return a clock that is ahead of the server's: what was begun now is that old."""
    return FakeClock((pendulum.now("UTC") + ahead).format("YYYY-MM-DDTHH:mm:ss[Z]"))


def test_what_killed_tasks_left_goes_and_nothing_else(seaweedfs_client: S3Client, prefix: str) -> None:
    store, layout = S3Store(seaweedfs_client, VERSIONED_BUCKET), ArchiveLayout(VERSIONED_BUCKET, f"{prefix}cxone")
    ours = [layout.media_key(f"rec-{number}", pendulum.datetime(2026, 11, 22), "mp3") for number in range(8)]
    foreign = [
        f"{prefix}backup.tar",
        f"{prefix}cxone-2/recordings/date=unknown/a.mp3",
        f"{prefix}cxone/recordings/of-somebody-else.mp3",
    ]
    opened = {key: store.create_upload(key, AUDIO) for key in [*ours, *foreign]}
    for key, upload_id in opened.items():
        store.put_part(key, upload_id, 1, memoryview(PART), hashlib.sha256(PART).digest())

    hour = pendulum.duration(hours=1)
    assert list(sweep_uploads(store, layout, clock_in(DEFAULT_AGE - hour))) == [], "they may be living"
    swept = list(sweep_uploads(store, layout, clock_in(DEFAULT_AGE + hour)))

    assert sorted(one.upload.key for one in swept) == ours
    assert {one.problem for one in swept} == {None}
    assert sorted(upload.key for upload in store.uploads(prefix)) == sorted(foreign)
    for key in ours:
        with pytest.raises(UploadVanished):
            store.parts(key, opened[key])
    for key in foreign:
        assert len(store.parts(key, opened[key])) == 1
        store.abort_upload(key, opened[key])
