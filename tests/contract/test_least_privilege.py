"""The rights that the documentation names are enough, and each that is missing is named by the error.

SeaweedFS 4.48 enforces a bucket policy for a user without rights of its own, action by action, but for two: it lets
whoever may put objects list an upload's parts and abort it. Those two are asked of moto, in test_upload_rights.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import StoreError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.notification import announce
from cxone_provider.archive.parts import MIN_PART_BYTES
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.retention import lock_policy
from cxone_provider.archive.slices import Slice, known_ids
from cxone_provider.archive.sweeping import sweep_uploads
from cxone_provider.archive.verifying import Verifier
from cxone_provider.simulator import Simulator
from tests.conftest import LOCKED_BUCKET
from tests.docs.snippets import snippet
from tests.fakes.notifier import FakeNotifier
from tests.fakes.source import FakeRecording, FakeSource
from tools.servers.seaweedfs import S3Server, seaweedfs

pytestmark = pytest.mark.server
CLOCK = SystemClock()
POLICY = snippet("docs/archive.md", "worker-policy")
ACTIONS = [action for statement in json.loads(POLICY)["Statement"] for action in statement["Action"]]
NOT_ENFORCED = {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
SMALL = (Path(__file__).parents[1] / "audio" / "one-second.mp3").read_bytes()


@dataclass(frozen=True)
class Site:
    """A bucket, its owner, and a worker who may do there what the bucket's policy says."""

    owner: Any
    worker: Any
    worker_arn: str

    def allow(self, prefix: str, without: str = "") -> None:
        """Give the worker the documented rights on a prefix, but for one of them."""
        text = POLICY.replace("archive/cxone", f"{LOCKED_BUCKET}/{prefix}".rstrip("/"))
        policy = json.loads(text.replace(":::archive", f":::{LOCKED_BUCKET}"))
        for statement in policy["Statement"]:
            statement["Principal"] = {"AWS": self.worker_arn}
            statement["Action"] = [action for action in statement["Action"] if action != without]
        self.owner.put_bucket_policy(Bucket=LOCKED_BUCKET, Policy=json.dumps(policy))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("seaweedfs")
    with seaweedfs(directory, locked_buckets=[LOCKED_BUCKET], users_can_be_made=True) as server:
        iam = boto3.session.Session().client(
            "iam", endpoint_url=server.endpoint, region_name=server.region,
            aws_access_key_id=server.access_key, aws_secret_access_key=server.secret_key,
        )  # fmt: skip
        arn = iam.create_user(UserName="worker")["User"]["Arn"]
        key = iam.create_access_key(UserName="worker")["AccessKey"]
        worker = S3Server(server.endpoint, key["AccessKeyId"], key["SecretAccessKey"]).client(tuned_client_config())
        owner = server.client()
        yield Site(owner, worker, arn)
        for client in (iam, worker, owner):
            client.close()


@pytest.fixture(scope="module")
def large() -> bytes:
    with Simulator() as tenant:
        tenant.add_generated("large", MIN_PART_BYTES + 4096)
        return tenant.media_bytes("large")


def archived(store: S3Store, prefix: str, large: bytes) -> list[AuditLog]:
    """Archive a recording in one Put and one in parts, under a lock, and announce them."""
    plans = [
        SegmentPlan("small", Outcome.READY, format="mp3", size_bytes=len(SMALL)),
        SegmentPlan("large", Outcome.READY, 2**20, format="wav", size_bytes=len(large)),
    ]
    lock = lock_policy(object_lock_mode="GOVERNANCE", retain_until="P7Y", legal_hold=True, now=CLOCK.now())
    logs = archive_recordings(
        plans,
        source=FakeSource({"small": FakeRecording(SMALL), "large": FakeRecording(large)}),
        store=store,
        clock=CLOCK,
        settings=ArchiveSettings(prefix=prefix, part_size_bytes=MIN_PART_BYTES, lock=lock),
    )
    for log in logs:
        if log.success:
            announce(log.to_document(), notifier=FakeNotifier(), store=store)
    return logs


def told_of(site: Site, prefix: str, large: bytes) -> str:
    """Archive, verify and sweep; return everything that went wrong, in words."""
    store, layout = S3Store(site.worker, LOCKED_BUCKET), ArchiveLayout(LOCKED_BUCKET, prefix)
    told: list[str | None] = []
    try:
        told += [log.error.message for log in archived(store, prefix, large) if log.error is not None]
        told += [found.problem for found in Verifier(store, layout).verify_all(known_ids(store, layout, Slice()))]
        told += [swept.problem for swept in sweep_uploads(store, layout, CLOCK)]
    except StoreError as error:
        told.append(str(error))
    return "\n".join(text for text in told if text is not None)


def test_the_documented_rights_are_enough(site: Site, prefix: str, large: bytes) -> None:
    site.allow(prefix)
    assert told_of(site, prefix, large) == ""


@pytest.mark.parametrize("action", [action for action in ACTIONS if action not in NOT_ENFORCED])
def test_a_right_that_is_missing_is_named(site: Site, prefix: str, large: bytes, action: str) -> None:
    site.allow(prefix, without=action)
    told = told_of(site, prefix, large)
    assert "403" in told
    assert f"{action} " in told


def test_the_worker_can_neither_remove_nor_weaken_nor_leave_its_prefix(site: Site, prefix: str, large: bytes) -> None:
    site.allow(prefix)
    archived(S3Store(site.worker, LOCKED_BUCKET), prefix, large)
    key = f"{prefix}recordings/date=unknown/small.mp3"
    kept = site.owner.head_object(Bucket=LOCKED_BUCKET, Key=key)
    version = {"Bucket": LOCKED_BUCKET, "Key": key, "VersionId": kept["VersionId"]}
    shorter = {"Mode": "GOVERNANCE", "RetainUntilDate": CLOCK.now().add(hours=1)}
    outside = {"Bucket": LOCKED_BUCKET, "Key": f"outside/{prefix}"}
    forbidden: list[Callable[[], object]] = [
        lambda: site.worker.delete_object(Bucket=LOCKED_BUCKET, Key=key),
        lambda: site.worker.delete_object(**version),
        lambda: site.worker.delete_object(**version, BypassGovernanceRetention=True),
        lambda: site.worker.put_object_retention(**version, Retention=shorter),
        lambda: site.worker.put_object_retention(**version, Retention=shorter, BypassGovernanceRetention=True),
        lambda: site.worker.put_object(**outside, Body=b""),
        lambda: site.worker.get_object(**outside),
        lambda: site.worker.delete_bucket_policy(Bucket=LOCKED_BUCKET),
    ]
    for call in forbidden:
        with pytest.raises(ClientError) as raised:
            call()
        assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert site.owner.head_object(**version)["ObjectLockRetainUntilDate"] == kept["ObjectLockRetainUntilDate"]
