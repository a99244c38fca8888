"""WORM: what the whole pipeline leaves cannot be removed, shortened or weakened, on a server that enforces Object Lock.

The tenant is the simulator, the store SeaweedFS. It refuses what S3 refuses; as on S3, a newer version or a delete
marker may still be put over a locked one, which is what the verification looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
from botocore.exceptions import ClientError

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.s3 import S3Store
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import LockUnsupported
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import read_manifest
from cxone_provider.archive.notification import announce
from cxone_provider.archive.parts import MIN_PART_BYTES
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome, RecordingRef
from cxone_provider.archive.retention import lock_policy
from cxone_provider.archive.verifying import verify_recording
from cxone_provider.simulator import Simulator
from tests.conftest import LOCKED_BUCKET, PLAIN_BUCKET
from tests.fakes.notifier import FakeNotifier

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server
CALL = Path(__file__).parents[1] / "audio" / "call-cbr32k-8k-id3v23.mp3"
LARGE_BYTES = 2 * MIN_PART_BYTES + 4096
CLOCK = SystemClock()
RECORDED_AT = CLOCK.now().subtract(days=3).replace(microsecond=0)
UNTIL = CLOCK.now().add(days=2).replace(microsecond=0)
KINDS = ("audit", "manifests", "receipts", "recordings")


@dataclass
class Archive:
    """A tenant with a small and a large recording, and a prefix in a bucket."""

    tenant: Simulator
    client: Any
    prefix: str
    bucket: str = LOCKED_BUCKET

    def run(self, recording_id: str = "small", metadata: dict[str, Any] | None = None, **lock: Any) -> AuditLog:
        """Archive and announce one recording under a lock."""
        asked: dict[str, Any] = {"object_lock_mode": None, "retain_until": None, "legal_hold": False, **lock}
        ref = RecordingRef(recording_id, RECORDED_AT, metadata=metadata or {})
        source = RecordingV2Source(
            settings_of(self.tenant.base_url, self.tenant.client_id, self.tenant.client_secret), CLOCK
        )
        described = source.describe(ref)
        self.tenant.reset()  # what is counted afterwards is what archiving asks
        plan = plan_of(
            ref, described, audio_format=None, segment_size_bytes=2**20, policy=ArchivePolicy(), now=CLOCK.now()
        )
        store = S3Store(self.client, self.bucket)
        settings = ArchiveSettings(
            prefix=self.prefix, part_size_bytes=MIN_PART_BYTES, lock=lock_policy(now=CLOCK.now(), **asked)
        )
        try:
            [log] = archive_recordings([plan], source=source, store=store, clock=CLOCK, settings=settings)
        finally:
            source.close()
        if log.success:
            announce(log.to_document(), notifier=FakeNotifier(), store=store)
        return log

    def versions(self) -> list[dict[str, Any]]:
        """Return every version of every object, as boto3's calls name one."""
        found = self.client.list_object_versions(Bucket=self.bucket, Prefix=self.prefix).get("Versions", [])
        return [{"Bucket": self.bucket, "Key": one["Key"], "VersionId": one["VersionId"]} for one in found]

    def kinds(self) -> set[str]:
        """Return what the versions are of."""
        return {version["Key"].removeprefix(self.prefix).split("/")[0] for version in self.versions()}


@pytest.fixture
def archive(seaweedfs_client: S3Client, prefix: str) -> Iterator[Archive]:
    with Simulator(stream_secret=None) as tenant:
        tenant.add_recording("small", CALL)
        tenant.add_generated("large", LARGE_BYTES)
        yield Archive(tenant, seaweedfs_client, prefix)


def refused(call: Callable[..., object], **arguments: Any) -> bool:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return str(raised.value.response["Error"]["Code"]) == "AccessDenied"


@pytest.mark.parametrize("recording_id", ["small", "large"])
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_every_object_is_kept_until_the_end_of_its_retention(
    archive: Archive, recording_id: str, mode: str, held: bool
) -> None:
    log = archive.run(recording_id, object_lock_mode=mode, retain_until=UNTIL, legal_hold=held)

    assert log.outcome is Outcome.ARCHIVED, log.error
    assert archive.kinds() == set(KINDS)
    client, sooner = archive.client, UNTIL.subtract(hours=1)
    for version in archive.versions():
        retention = client.get_object_retention(**version)["Retention"]
        assert (retention["Mode"], retention["RetainUntilDate"]) == (mode, UNTIL)
        assert refused(client.delete_object, **version)
        assert refused(client.put_object_retention, **version, Retention={"Mode": mode, "RetainUntilDate": sooner})
        if mode == "COMPLIANCE":
            weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": UNTIL}
            bypassing = {**version, "BypassGovernanceRetention": True}
            assert refused(client.delete_object, **bypassing)
            assert refused(client.put_object_retention, **bypassing, Retention=weaker)
        assert held is (client.head_object(**version).get("ObjectLockLegalHoldStatus") == "ON")


@pytest.mark.parametrize("recording_id", ["small", "large"])
def test_a_legal_hold_alone_keeps_everything_until_it_is_lifted(archive: Archive, recording_id: str) -> None:
    archive.run(recording_id, legal_hold=True)

    assert archive.kinds() == set(KINDS)
    for version in archive.versions():
        assert archive.client.get_object_legal_hold(**version)["LegalHold"]["Status"] == "ON"
        assert refused(archive.client.delete_object, **version, BypassGovernanceRetention=True)
        archive.client.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
        archive.client.delete_object(**version)
    assert archive.versions() == []


@pytest.mark.parametrize(
    ("metadata", "years"), [({"retention_class": "complaint"}, 10), ({"retention_class": "sale"}, 7), ({}, 7)]
)
def test_the_metadata_decides_how_long(archive: Archive, metadata: dict[str, Any], years: int) -> None:
    rule = {"field": "retention_class", "values": {"complaint": "P10Y"}, "default": "P7Y"}
    archive.run(metadata=metadata, object_lock_mode="COMPLIANCE", retain_until=rule)

    end = RECORDED_AT.add(years=years)
    kept = [archive.client.get_object_retention(**version)["Retention"] for version in archive.versions()]
    assert {retention["RetainUntilDate"] for retention in kept} == {end}
    layout = ArchiveLayout(LOCKED_BUCKET, archive.prefix)
    manifest = read_manifest(S3Store(archive.client, LOCKED_BUCKET), layout, "small")
    assert manifest is not None
    assert pendulum.parse(manifest.storage["retain_until"]) == end


def test_a_bucket_without_lock_is_refused_before_the_tenant_is_asked(archive: Archive) -> None:
    archive.bucket = PLAIN_BUCKET
    with pytest.raises(LockUnsupported, match="plain"):
        archive.run(object_lock_mode="GOVERNANCE", retain_until=UNTIL)
    assert archive.tenant.requests == []
    assert "Contents" not in archive.client.list_objects_v2(Bucket=PLAIN_BUCKET, Prefix=archive.prefix)


def test_a_retention_that_is_over_is_refused_before_the_tenant_is_asked(archive: Archive) -> None:
    log = archive.run(object_lock_mode="GOVERNANCE", retain_until="P1D")
    assert log.outcome is Outcome.REJECTED
    assert archive.tenant.requests == []
    assert archive.versions() == []


@pytest.mark.parametrize("over", ["delete marker", "newer version"])
def test_what_hides_a_locked_recording_is_found_and_the_recording_is_still_there(archive: Archive, over: str) -> None:
    log = archive.run(object_lock_mode="COMPLIANCE", retain_until=UNTIL)
    store, layout = S3Store(archive.client, LOCKED_BUCKET), ArchiveLayout(LOCKED_BUCKET, archive.prefix)
    target = {"Bucket": LOCKED_BUCKET, "Key": str(log.s3_uri).removeprefix(f"s3://{LOCKED_BUCKET}/")}
    if over == "delete marker":
        put = archive.client.delete_object(**target)["VersionId"]
    else:
        put = archive.client.put_object(**target, Body=b"forged")["VersionId"]

    found = verify_recording(store, layout, "small")

    assert found.error_type == "ObjectConflict"
    assert over.rsplit(maxsplit=1)[-1] in str(found.problem)
    archive.client.delete_object(**target, VersionId=put)
    assert verify_recording(store, layout, "small").intact
