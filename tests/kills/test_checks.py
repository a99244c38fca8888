"""The checks see what they are there for: a whole archive, damaged in one way each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from cxone_provider.archive.notification import sign
from tests.conftest import VERSIONED_BUCKET
from tests.kills.checks import Costs, costs_of, problems_of, transfer_problems, unfinished_uploads
from tests.kills.site import WEBHOOK_SECRET, Scene, Store, exit_code_of
from tests.kills.steps import Recording, Shape
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server
RECORDING = Recording(Shape.WHOLE, 400_000, 100_000, concurrency=1, journalled=True)


@pytest.fixture
def archived(seaweedfs_server: S3Server, seaweedfs_client: S3Client, prefix: str, tmp_path: Path) -> Iterator[Scene]:
    """Archive and announce one recording in a process that nothing happens to."""
    store = Store(seaweedfs_server, seaweedfs_client, VERSIONED_BUCKET)
    with store.scene(prefix.strip("/"), RECORDING, tmp_path / "case") as scene:
        assert exit_code_of(scene.start(scene.told)) == 0
        yield scene


def put(scene: Scene, key: str, body: bytes) -> None:
    scene.store.client.put_object(Bucket=scene.store.bucket, Key=key, Body=body)


def read(scene: Scene, key: str) -> bytes:
    return scene.store.client.get_object(Bucket=scene.store.bucket, Key=key)["Body"].read()


def media_key(scene: Scene) -> str:
    return scene.layout.media_key(scene.told.recording_id, None, "wav")


def second_version(scene: Scene) -> None:
    put(scene, media_key(scene), read(scene, media_key(scene)))


def delete_marker(scene: Scene) -> None:
    scene.store.client.delete_object(Bucket=scene.store.bucket, Key=media_key(scene))


def other_bytes(scene: Scene) -> None:
    scene.tenant.add_generated(scene.told.recording_id, RECORDING.size_bytes + 4)


def cut_trail(scene: Scene) -> None:
    key = scene.layout.audit_key(scene.told.recording_id)
    put(scene, key, b"".join(read(scene, key).splitlines(keepends=True)[:-1]))


def no_receipt(scene: Scene) -> None:
    key = scene.layout.receipt_key(scene.told.recording_id)
    for version in scene.store.client.list_object_versions(Bucket=scene.store.bucket, Prefix=key)["Versions"]:
        scene.store.client.delete_object(Bucket=scene.store.bucket, Key=key, VersionId=version["VersionId"])


def told_again(scene: Scene) -> None:
    """Deliver what was told under another id."""
    body, now_s = scene.deliveries()[0].body.encode(), int(scene.deliveries()[0].at.timestamp())
    headers = {
        "webhook-id": "msg_other",
        "webhook-timestamp": str(now_s),
        "webhook-signature": sign(WEBHOOK_SECRET, "msg_other", now_s, body),
    }
    url = f"{scene.tenant.base_url}/_simulator/webhook"
    assert requests.post(url, data=body, headers=headers, timeout=10).status_code == 204


def test_a_whole_archive_has_no_problem_and_cost_nothing_extra(archived: Scene) -> None:
    costs = costs_of(archived)
    assert list(problems_of(archived)) == []
    assert costs == Costs(bytes_again=0, swept=0, deliveries=1)
    assert json.loads(archived.told.result_path.read_text())["outcome"] == "ARCHIVED"


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        (second_version, "has 2 versions"),
        (delete_marker, "has 2 versions"),
        (other_bytes, "holds other bytes than the tenant"),
        (cut_trail, "the evidence does not hold"),
        (no_receipt, "there is no receipt"),
        (told_again, "told under 2 ids"),
    ],
)
def test_a_damage_is_seen(archived: Scene, damage: Callable[[Scene], None], seen: str) -> None:
    damage(archived)
    assert any(seen in problem for problem in problems_of(archived))


def test_an_upload_that_the_sweep_leaves_is_seen(archived: Scene) -> None:
    foreign = f"{archived.told.prefix}/recordings/not-ours"
    upload = archived.store.client.create_multipart_upload(Bucket=archived.store.bucket, Key=foreign)
    assert costs_of(archived).swept == 0
    assert unfinished_uploads(archived) == 1
    assert list(problems_of(archived)) == ["1 unfinished uploads are left after the sweep"]
    archived.store.client.abort_multipart_upload(Bucket=archived.store.bucket, Key=foreign, UploadId=upload["UploadId"])


def test_bytes_that_are_fetched_again_beyond_a_part_for_each_reader_are_seen(archived: Scene) -> None:
    allowed = Costs(bytes_again=RECORDING.size_bytes, swept=0, deliveries=1)
    assert list(transfer_problems(archived, allowed, deaths=1)) == []
    assert list(transfer_problems(archived, allowed, deaths=0)) != []
