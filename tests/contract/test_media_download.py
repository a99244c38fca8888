"""Media Download against the simulator: asked for within its quota, ended one by one, read from where it was put."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxone_provider.adapters.cxone.quota import RequestBudget
from cxone_provider.adapters.cxone.settings import CXoneSettings, settings_of
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.adapters.external_access.source import ExternalAccessSource
from cxone_provider.adapters.media_download.api import MediaDownloadApi
from cxone_provider.adapters.media_download.bucket_place import BucketPlace
from cxone_provider.adapters.media_download.link_place import LinkPlace
from cxone_provider.adapters.media_download.source import DownloadedSource
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.contact import ContactManifest, read_archived
from cxone_provider.archive.downloads import DownloadRequest, EntityKind, documents_after
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    InvalidSetting,
    RecordingNotFound,
    UnexpectedAnswer,
)
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import Outcome, RecordingRef, parse_ref
from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Refusal, Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server

AUDIO = (Path(__file__).resolve().parents[1] / "audio" / "one-second.mp3").read_bytes()
WAV = Path(__file__).resolve().parents[1] / "audio" / "one-second.wav"
EXPORTS = "cxone-media"


class SharedClock(FakeClock):
    """A clock whose waits are the simulator's time as well."""

    def __init__(self, tenant: ManualClock) -> None:
        super().__init__()
        self._tenant = tenant

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._tenant.advance(seconds)


@dataclass
class Bulk:
    """A tenant, and what was made ready there."""

    tenant: Simulator
    settings: CXoneSettings
    clock: SharedClock
    api: MediaDownloadApi
    source: DownloadedSource
    store: FakeStore = field(default_factory=lambda: FakeStore("archive"))

    def asked_for(self, *contact_ids: str, kind: EntityKind = EntityKind.CONTACTS) -> tuple[str, list[dict[str, Any]]]:
        """Ask for contacts; return the request and what is handed on once it has ended."""
        request_id = self.api.request(kind, contact_ids)
        request = DownloadRequest(
            request_id, self.clock.now(), [RecordingRef(one).to_document() for one in contact_ids]
        )
        return request_id, documents_after(request, self.api.status(request_id))

    def planned(self, document: dict[str, Any]) -> SegmentPlan:
        ref = parse_ref(document)
        return plan_of(
            ref, self.source.describe(ref), audio_format=None, segment_size_bytes=1000, policy=ArchivePolicy(),
            now=self.clock.now(),
        )  # fmt: skip

    def archived(self, *documents: dict[str, Any]) -> list[AuditLog]:
        plans = [self.planned(document) for document in documents]
        return archive_recordings(
            plans, source=self.source, store=self.store, clock=self.clock, settings=ArchiveSettings()
        )


def extra_of(tenant: Simulator, **options: Any) -> dict[str, Any]:
    return {
        "api": "media-playback",
        "access_key_id": tenant.apis.access_key_id,
        "access_key_secret": tenant.apis.access_key_secret,
        "media_hosts": ["127.0.0.1"],
        "media_download": options,
    }


@contextmanager
def bulk_at(s3: S3Client | None = None, *, options: dict[str, Any] | None = None, **apis: Any) -> Iterator[Bulk]:
    """Start a tenant with two contacts; with an S3 client its files lie in a bucket, else behind links."""
    ticking = ManualClock()
    with ExitStack() as stack:
        form = "listing" if s3 is None else "s3"
        tenant = stack.enter_context(Simulator(clock=ticking, apis=ApiSettings(download_location=form, **apis)))
        tenant.add_contact("1", [Interaction(AUDIO, format="mp3"), Interaction(AUDIO, format="mp3")])
        tenant.add_contact("2", [Interaction(AUDIO, format="mp3")], refusal=Refusal(403, "Locked", "no"))
        place: dict[str, Any] = {"location": "links"} if s3 is None else {"location": "s3", "bucket": EXPORTS}
        extra = extra_of(tenant, **{**place, **(options or {})})
        settings = settings_of(tenant.base_url, tenant.client_id, tenant.client_secret, extra)
        clock = SharedClock(ticking)
        connected = TenantApi(settings, clock)
        api = MediaDownloadApi(connected, settings.media_download, RequestBudget(settings.media_download.quota, clock))
        source = DownloadedSource(api.status, _place(settings, api, clock, s3), connected.close)
        stack.callback(source.close)
        yield Bulk(tenant, settings, clock, api, source)


def _place(
    settings: CXoneSettings, api: MediaDownloadApi, clock: FakeClock, s3: S3Client | None
) -> LinkPlace | BucketPlace:
    if s3 is None:
        return LinkPlace(settings, api.status, clock)
    bucket = settings.media_download.bucket
    assert bucket is not None
    return BucketPlace(bucket.bucket, ExternalAccessSource(s3, bucket, clock))


@pytest.fixture
def bulk() -> Iterator[Bulk]:
    with bulk_at() as started:
        yield started


@pytest.fixture(params=["seaweedfs", "moto"])
def exports(request: pytest.FixtureRequest) -> S3Client:
    client: S3Client = request.getfixturevalue(f"{request.param}_client")
    if EXPORTS not in {one["Name"] for one in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=EXPORTS)
    return client


def exported(bulk: Bulk, client: S3Client, request_id: str) -> None:
    """Put the files where the tenant says they are."""
    for key, body in bulk.tenant.downloaded(request_id).items():
        client.put_object(Bucket=EXPORTS, Key=key, Body=body)


def outcomes(documents: list[dict[str, Any]]) -> dict[str, str]:
    return {one["recording_id"]: one.get("outcome", "ready") for one in documents}


def assert_both_are_archived(bulk: Bulk, logs: list[AuditLog]) -> None:
    assert [(log.recording_id, log.outcome) for log in logs] == [("1.1", Outcome.ARCHIVED), ("1.2", Outcome.ARCHIVED)]
    assert {log.sha256 for log in logs} == {hashlib.sha256(AUDIO).hexdigest()}
    assert isinstance(read_archived(bulk.store, ArchiveLayout("archive"), "1"), ContactManifest)


def test_every_contact_has_its_outcome_and_what_is_ready_is_archived_from_links(bulk: Bulk) -> None:
    _, documents = bulk.asked_for("1", "2", "nobody")
    assert outcomes(documents) == {"1": "ready", "2": "LOCKED", "nobody": "NOT_FOUND"}
    assert_both_are_archived(bulk, bulk.archived(documents[0]))
    assert bulk.tenant.quota.used == 0
    media = [record for record in bulk.tenant.requests if record.path.startswith("/media-store/")]
    assert media
    assert not [record for record in media if record.header("Authorization")]


def test_and_from_a_bucket(exports: S3Client) -> None:
    with bulk_at(exports) as bulk:
        request_id, documents = bulk.asked_for("1", "2")
        exported(bulk, exports, request_id)
        assert_both_are_archived(bulk, bulk.archived(documents[0]))


def test_a_batch_asks_once_where_its_media_lies(bulk: Bulk) -> None:
    for number in range(3, 8):
        bulk.tenant.add_contact(str(number), [Interaction(AUDIO, format="mp3")])
    _, documents = bulk.asked_for(*map(str, range(3, 8)))
    before = len(bulk.tenant.requests)
    logs = bulk.archived(*documents)
    asked = [record.path for record in list(bulk.tenant.requests)[before:] if "/media-download/" in record.path]
    assert {log.outcome for log in logs} == {Outcome.ARCHIVED}
    assert len(asked) == 1


def test_links_that_expired_meanwhile_are_made_anew(bulk: Bulk) -> None:
    _, [document] = bulk.asked_for("1")
    medias = bulk.source.resolve(bulk.planned(document))
    bulk.tenant.expire_links()
    for media in medias:
        buffer = memoryview(bytearray(len(AUDIO)))
        with bulk.source.open_whole(media) as body:
            assert body.readinto(buffer) == len(AUDIO)
        assert bytes(buffer) == AUDIO


def test_no_link_is_shown(bulk: Bulk) -> None:
    _, [document] = bulk.asked_for("1")
    [first, _] = bulk.source.resolve(bulk.planned(document))
    assert "Signature" in first.locator
    assert "Signature" not in f"{document}{first!r}"


def test_no_link_and_no_token_is_logged(bulk: Bulk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        _, [document] = bulk.asked_for("1")
        assert_both_are_archived(bulk, bulk.archived(document))
    assert "media-download" in caplog.text
    for secret in ("Signature=", "Bearer ", bulk.tenant.apis.access_key_secret):
        assert secret not in caplog.text


def test_seventeen_requests_are_spread_over_the_periods_of_the_quota(bulk: Bulk) -> None:
    for _ in range(17):
        bulk.api.request(EntityKind.CONTACTS, ["1"])
    quota = bulk.tenant.download_quota
    assert (quota.used, quota.refused, quota.most_in_window <= 15) == (17, 0, True)
    assert sum(bulk.clock.sleeps) < 17 * 300 / 15 * 1.1


def test_looks_keep_to_the_quota_too_where_they_count() -> None:
    with bulk_at(download_status_counts=True) as bulk:
        request_id = bulk.api.request(EntityKind.CONTACTS, ["1"])
        for _ in range(20):
            bulk.api.status(request_id)
        assert bulk.tenant.download_quota.refused == 0
    with bulk_at(options={"status_counts": False}) as bulk:
        request_id = bulk.api.request(EntityKind.CONTACTS, ["1"])
        waited_s = sum(bulk.clock.sleeps)
        for _ in range(20):
            bulk.api.status(request_id)
        assert sum(bulk.clock.sleeps) == waited_s


def test_a_refusal_for_the_quota_that_others_used_up_is_waited_out(bulk: Bulk) -> None:
    other = MediaDownloadApi(
        TenantApi(bulk.settings, FakeClock()), bulk.settings.media_download, None
    )  # one that keeps no pace
    for _ in range(15):
        other.request(EntityKind.CONTACTS, ["1"])
    bulk.api.request(EntityKind.CONTACTS, ["1"])
    assert bulk.tenant.download_quota.refused == 1
    assert max(bulk.clock.sleeps) == pytest.approx(300, abs=1)


@pytest.mark.parametrize(("status", "kind"), [(403, AccessDenied), (404, UnexpectedAnswer)])
def test_a_tenant_without_the_api_is_told_apart_from_one_without_the_recording(
    bulk: Bulk, status: int, kind: type[ArchiveError]
) -> None:
    bulk.tenant.script_tenant([{"fault": "status", "status": status, "on": "bulk"}])
    with pytest.raises(kind, match="licence"):
        bulk.api.request(EntityKind.CONTACTS, ["1"])


def test_a_download_takes_its_time_and_restores_what_is_archived() -> None:
    with bulk_at(download_job_s=600) as bulk:
        bulk.tenant.add_contact("3", [Interaction(AUDIO, format="mp3", storage_state="archived")])
        request_id = bulk.api.request(EntityKind.CONTACTS, ["3"])
        assert not bulk.api.status(request_id).is_ended
        bulk.clock.sleep(600)
        status = bulk.api.status(request_id)
        assert (status.is_ended, status.entities["3"].outcome) == (True, Outcome.READY)


def test_where_nothing_is_restored_it_is_in_cold_storage() -> None:
    with bulk_at(download_restores=False) as bulk:
        bulk.tenant.add_contact("3", [Interaction(AUDIO, format="mp3", storage_state="archived")])
        assert outcomes(bulk.asked_for("3")[1]) == {"3": "IN_COLD_STORAGE"}


def test_contact_segments_are_asked_for_by_their_own_ids(bulk: Bulk) -> None:
    request_id = bulk.api.request(EntityKind.CONTACT_SEGMENTS, ["1-1"])
    assert bulk.api.status(request_id).entities["1-1"].outcome is Outcome.READY


def test_what_cannot_be_asked_for_is_refused_before_any_request(bulk: Bulk) -> None:
    with pytest.raises(InvalidSetting):
        bulk.api.request(EntityKind.CONTACTS, [])
    with pytest.raises(InvalidSetting):
        bulk.api.request(EntityKind.CONTACTS, ["1"] * 101)
    assert not [record for record in bulk.tenant.requests if "media-download" in record.path]


def test_a_request_that_nobody_made_is_not_found(bulk: Bulk) -> None:
    with pytest.raises(RecordingNotFound):
        bulk.api.status("nobody")


def test_a_plan_that_is_not_ready_by_its_request_is_not_read(bulk: Bulk) -> None:
    request_id, _ = bulk.asked_for("1", "2")
    for recording_id in ("2", "3"):
        with pytest.raises(UnexpectedAnswer, match="is not ready"):
            bulk.source.resolve(SegmentPlan(recording_id, Outcome.READY, metadata={"media_download": request_id}))
    with pytest.raises(UnexpectedAnswer, match="names no media download"):
        bulk.source.resolve(SegmentPlan("1", Outcome.READY))


def test_a_location_in_another_form_or_bucket_is_an_error_and_no_guess(exports: S3Client) -> None:
    with bulk_at(exports, options={"bucket": "another"}) as bulk:
        _, [document] = bulk.asked_for("1")
        with pytest.raises(InvalidSetting, match="another bucket"):
            bulk.source.resolve(bulk.planned(document))
        place = LinkPlace(bulk.settings, bulk.api.status, bulk.clock)
        with pytest.raises(UnexpectedAnswer):
            DownloadedSource(bulk.api.status, place, place.close).resolve(bulk.planned(document))
        place.close()
    with bulk_at() as bulk:
        _, [document] = bulk.asked_for("1")
        bucket = BucketPlace(EXPORTS, ExternalAccessSource(exports, bulk_bucket(), bulk.clock))
        with pytest.raises(UnexpectedAnswer) as raised:
            DownloadedSource(bulk.api.status, bucket, lambda: None).resolve(bulk.planned(document))
        assert "Signature" not in str(raised.value)


def bulk_bucket() -> Any:
    from cxone_provider.adapters.media_download.settings import media_download_settings

    return media_download_settings({"bucket": EXPORTS}).bucket


def test_media_that_is_not_where_its_request_says_is_an_error(exports: S3Client) -> None:
    with bulk_at(exports) as bulk:
        _, [document] = bulk.asked_for("1")
        [log] = bulk.archived(document)
        assert (log.outcome, log.error and log.error.type) == (Outcome.FAILED, "UnexpectedAnswer")


def test_a_link_may_lead_to_allowed_hosts_only(bulk: Bulk) -> None:
    from dataclasses import replace

    from cxone_provider.adapters.cxone.media_hosts import MediaHosts

    _, [document] = bulk.asked_for("1")
    elsewhere = replace(bulk.settings, media_hosts=MediaHosts.parse(["media.example.com"]))
    place = LinkPlace(elsewhere, bulk.api.status, bulk.clock)
    with pytest.raises(UnexpectedAnswer, match="host that is not allowed"):
        DownloadedSource(bulk.api.status, place, place.close).resolve(bulk.planned(document))
    place.close()


def test_a_media_that_is_none_of_the_place_has_no_link(bulk: Bulk) -> None:
    _, [document] = bulk.asked_for("1")
    [first, _] = bulk.source.resolve(bulk.planned(document))
    bulk.tenant.expire_links()
    bulk.tenant.reset()
    with pytest.raises((RecordingNotFound, AccessDenied)), bulk.source.open_whole(Media(**_fields(first))):
        pass


def _fields(media: Media) -> dict[str, Any]:
    return {name: getattr(media, name) for name in ("recording_id", "locator", "identity", "single_request")}
