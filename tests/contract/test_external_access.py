"""The vendor's bucket on real S3 servers: listed, pinned, verified against its checksums, gone after 30 days."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
from botocore.exceptions import ClientError

from cxone_provider.adapters.external_access.settings import external_access_settings
from cxone_provider.adapters.external_access.source import ExternalAccessSource
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.errors import (
    AccessDenied,
    AuthenticationFailed,
    RecordingNotFound,
    UnexpectedAnswer,
    WrongFormat,
)
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window
from cxone_provider.archive.manifest import read_manifest
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import Outcome, RecordingRef, parse_ref
from tests.conftest import PLAIN_BUCKET, VERSIONED_BUCKET
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server

AUDIO = (Path(__file__).resolve().parents[1] / "audio" / "one-second.mp3").read_bytes()
OTHER = AUDIO[: len(AUDIO) // 2]


@pytest.fixture(params=["seaweedfs", "moto"])
def client(request: pytest.FixtureRequest) -> S3Client:
    found: S3Client = request.getfixturevalue(f"{request.param}_client")
    return found


class Clock(FakeClock):
    """The machine's own time at the start, for a server stamps what it stores; only waiting moves it on."""

    def now(self) -> pendulum.DateTime:
        return pendulum.now("UTC").add(days=self.days)

    days = 0


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeSource = Callable[..., ExternalAccessSource]


@pytest.fixture
def source_of(client: S3Client, prefix: str, clock: Clock) -> MakeSource:
    """A function that gives the bucket below this test's own prefix as a source."""

    def make(bucket: str = PLAIN_BUCKET, **settings: Any) -> ExternalAccessSource:
        document = {"bucket": bucket, "prefix": prefix, **settings}
        return ExternalAccessSource(client, external_access_settings(document), clock)

    return make


@pytest.fixture
def put(client: S3Client, prefix: str) -> Callable[..., None]:
    """A function that puts an object below this test's own prefix."""

    def place(name: str, body: bytes = AUDIO, bucket: str = PLAIN_BUCKET, **options: Any) -> None:
        client.put_object(Bucket=bucket, Key=prefix + name, Body=body, **options)

    return place


def last_hours(clock: Clock, hours: int = 1) -> Window:
    return Window(clock.now().subtract(hours=hours), clock.now().add(minutes=1))


def planned(source: ExternalAccessSource, value: object, clock: Clock) -> SegmentPlan:
    ref = parse_ref(value)
    return plan_of(
        ref, source.describe(ref), audio_format=None, segment_size_bytes=4096, policy=ArchivePolicy(), now=clock.now()
    )


def test_what_is_listed_is_archived_byte_for_byte_and_its_origin_is_in_the_manifest(
    source_of: MakeSource, put: Callable[..., None], clock: Clock, prefix: str
) -> None:
    put("2026/11/4711_1.mp3")
    put("2026/11/4711_2.mp3")
    source = source_of(key_template="{any}/{any}/{contact_id}_{n}.{ext}")
    assert all("source_day" not in document["metadata"] for document in source.refs(last_hours(clock)))
    plans = [planned(source, document, clock) for document in source.refs(last_hours(clock))]
    store = FakeStore("archive")
    logs = archive_recordings(plans, source=source, store=store, clock=clock, settings=ArchiveSettings())
    assert [(log.recording_id, log.outcome) for log in logs] == [
        ("4711.1", Outcome.ARCHIVED), ("4711.2", Outcome.ARCHIVED),
    ]  # fmt: skip
    manifest = read_manifest(store, ArchiveLayout("archive"), "4711.1")
    assert manifest is not None
    assert manifest.sha256 == hashlib.sha256(AUDIO).hexdigest()
    assert manifest.metadata["source_key"] == f"{prefix}2026/11/4711_1.mp3"
    assert manifest.metadata["source_bucket"] == PLAIN_BUCKET


def test_a_day_in_the_key_is_kept_and_is_no_start(
    source_of: MakeSource, put: Callable[..., None], clock: Clock
) -> None:
    put("2026/02/28/1.mp3")
    [document] = source_of(key_template="{year}/{month}/{day}/{contact_id}.{ext}").refs(last_hours(clock))
    assert (document["recorded_at"], document["metadata"]["source_day"]) == (None, "2026-02-28")


def test_the_window_is_the_time_of_the_copy(source_of: MakeSource, put: Callable[..., None], clock: Clock) -> None:
    put("1.mp3")
    source = source_of()
    assert [one["recording_id"] for one in source.refs(last_hours(clock))] == ["1"]
    before = Window(clock.now().subtract(days=2), clock.now().subtract(days=1))
    assert list(source.refs(before)) == []
    assert [one["recording_id"] for one in source.refs(last_hours(clock).widened(pendulum.duration(days=2)))] == ["1"]


def test_more_than_a_page_is_listed_once_and_in_order(
    source_of: MakeSource, put: Callable[..., None], clock: Clock, client: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:02}.mp3" for number in range(25)]
    for name in names:
        put(name, b"x")
    asked: list[dict[str, Any]] = []
    send = client.list_objects_v2

    def in_small_pages(**parameters: Any) -> Any:
        asked.append(parameters)
        return send(**parameters, MaxKeys=10)

    monkeypatch.setattr(client, "list_objects_v2", in_small_pages)
    listed = list(source_of().refs(last_hours(clock)))
    assert [one["recording_id"] for one in listed] == [name.removesuffix(".mp3") for name in names]
    assert len(asked) == 3


def test_nothing_is_passed_over_unseen(source_of: MakeSource, put: Callable[..., None], clock: Clock) -> None:
    for name in ("4711.mp4", "4711.wav", "notes.txt", "a b.mp3", "folder/"):
        put(name, b"" if name == "folder/" else b"x")
    listed = {
        one["recording_id"].rpartition("/")[2]: one.get("malformed") for one in source_of().refs(last_hours(clock))
    }
    assert listed == {
        "4711": None,
        "4711.wav": "a second object of one recording",
        "a b.mp3": "the key does not fit key_template",
        "notes.txt": "the key does not fit key_template",
    }
    quiet = source_of(unmatched="ignore").refs(last_hours(clock))
    assert [one.get("malformed") for one in quiet] == [None, "a second object of one recording"]


def test_a_sidecar_tells_what_the_object_does_not(
    source_of: MakeSource, put: Callable[..., None], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    told = {"started": "2026-11-21T10:00:00Z", "seconds": 1.0, "agent": "Ada", "source_key": "elsewhere/1.mp3"}
    put("1.mp3")
    put("1.json", json.dumps(told).encode())
    put("2.mp3")
    put("3.mp3")
    put("3.json", b"{")
    source = source_of(sidecar="{stem}.json", sidecar_recorded_at="started", sidecar_duration_s="seconds")
    first, second, third = (source.describe(RecordingRef(name)) for name in "123")
    assert (first.recorded_at, first.duration_s) == (pendulum.datetime(2026, 11, 21, 10), 1.0)
    assert (first.metadata["agent"], first.metadata["source_key"].endswith("/1.mp3")) == ("Ada", True)
    assert (second.recorded_at, second.duration_s) == (None, None)
    assert third.metadata["sidecar_problem"] == "not JSON"
    assert "metadata beside an object" in caplog.text
    assert [one["recording_id"] for one in source.refs(last_hours(clock))] == ["1", "2", "3"]


def test_a_csv_may_stand_beside_the_object(source_of: MakeSource, put: Callable[..., None]) -> None:
    put("1.mp3")
    put("1.mp3.csv", b"\xef\xbb\xbfstarted,seconds\r\n2026-11-21T10:00:00Z,1.5\r\n")
    source = source_of(sidecar="{key}.csv", sidecar_recorded_at="started", sidecar_duration_s="seconds")
    described = source.describe(RecordingRef("1"))
    assert (described.recorded_at, described.duration_s) == (pendulum.datetime(2026, 11, 21, 10), 1.5)


def test_a_version_is_read_to_the_end_although_a_newer_one_comes(
    source_of: MakeSource, put: Callable[..., None]
) -> None:
    put("1.mp3", bucket=VERSIONED_BUCKET)
    source = source_of(VERSIONED_BUCKET)
    [media] = source.resolve(SegmentPlan("1", Outcome.READY))
    put("1.mp3", OTHER, bucket=VERSIONED_BUCKET)
    buffer = memoryview(bytearray(len(AUDIO)))
    read = source.read_segment(media, Segment(0, 0, len(AUDIO)), buffer)
    assert bytes(buffer) == AUDIO
    assert (media.size_bytes, read.etag, read.total_bytes) == (len(AUDIO), media.etag, len(AUDIO))
    with source.open_whole(media) as body:
        assert body.readinto(memoryview(bytearray(len(AUDIO) + 1))) == len(AUDIO)


def test_the_checksum_of_the_source_is_what_must_arrive(
    source_of: MakeSource, put: Callable[..., None], clock: Clock
) -> None:
    digest = hashlib.sha256(AUDIO).digest()
    put("1.mp3", ChecksumSHA256=base64.b64encode(digest).decode(), ChecksumAlgorithm="SHA256")
    [media] = source_of().resolve(SegmentPlan("1", Outcome.READY))
    assert media.sha256 == digest.hex()


def test_a_checksum_over_parts_is_no_digest_of_the_whole(source_of: MakeSource, client: S3Client, prefix: str) -> None:
    key = f"{prefix}1.mp3"
    upload = client.create_multipart_upload(Bucket=PLAIN_BUCKET, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
    part = client.upload_part(
        Bucket=PLAIN_BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=AUDIO, ChecksumAlgorithm="SHA256"
    )
    done: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]}
    client.complete_multipart_upload(Bucket=PLAIN_BUCKET, Key=key, UploadId=upload, MultipartUpload=done)
    [media] = source_of().resolve(SegmentPlan("1", Outcome.READY))
    assert media.sha256 is None


class Lying(ExternalAccessSource):
    """A bucket whose checksum is that of other bytes."""

    def resolve(self, plan: SegmentPlan) -> tuple[Media, ...]:
        from dataclasses import replace

        return tuple(replace(media, sha256=hashlib.sha256(b"other").hexdigest()) for media in super().resolve(plan))


def test_bytes_that_the_source_did_not_hash_are_not_archived(
    client: S3Client, put: Callable[..., None], clock: Clock, prefix: str
) -> None:
    put("1.mp3")
    source = Lying(client, external_access_settings({"bucket": PLAIN_BUCKET, "prefix": prefix}), clock)
    store = FakeStore("archive")
    [log] = archive_recordings(
        [planned(source, "1", clock)], source=source, store=store, clock=clock, settings=ArchiveSettings()
    )
    assert (log.outcome, log.error and log.error.type) == (Outcome.FAILED, "DigestMismatch")
    assert not [key for key in store.objects if "/recordings/" in key or "/manifests/" in key]


def test_what_is_deleted_soon_is_warned_of(
    source_of: MakeSource, put: Callable[..., None], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    put("1.mp3")
    source, window = source_of(), last_hours(clock)
    list(source.refs(window))
    source.describe(RecordingRef("1"))
    assert "deletes it" not in caplog.text
    clock.days = 26
    with caplog.at_level(logging.WARNING):
        list(source.refs(window))
        source.describe(RecordingRef("1"))
    assert "1 recordings are deleted by the vendor within 5 days" in caplog.text
    assert "recording 1: the vendor deletes it at 20" in caplog.text


def test_what_was_deleted_when_its_time_was_over_is_deleted_and_nothing_else(
    source_of: MakeSource, put: Callable[..., None], client: S3Client, clock: Clock, prefix: str
) -> None:
    put("1.mp3")
    source = source_of()
    [document] = source.refs(last_hours(clock))
    client.delete_object(Bucket=PLAIN_BUCKET, Key=f"{prefix}1.mp3")
    ref = parse_ref(document)
    with pytest.raises(RecordingNotFound):
        source.describe(ref)
    clock.days = 31
    assert planned(source, document, clock).outcome is Outcome.DELETED
    with pytest.raises(RecordingNotFound):
        source.describe(RecordingRef("1"))


def test_a_key_that_is_not_of_the_recording_is_not_followed(source_of: MakeSource, put: Callable[..., None]) -> None:
    put("1.mp3")
    put("2.mp3", OTHER)
    source = source_of()
    strayed = source.describe(RecordingRef("1", metadata={"source_key": f"{source_key(source, '2')}"}))
    assert strayed.size_bytes == len(AUDIO)


def source_key(source: ExternalAccessSource, recording_id: str) -> str:
    return str(source.describe(RecordingRef(recording_id)).metadata["source_key"])


def test_two_objects_of_one_id_are_an_error_and_no_guess(source_of: MakeSource, put: Callable[..., None]) -> None:
    put("1.mp3")
    put("1.wav")
    with pytest.raises(UnexpectedAnswer, match="several objects"):
        source_of().describe(RecordingRef("1"))


def test_a_bucket_does_not_transcode(source_of: MakeSource, put: Callable[..., None]) -> None:
    put("1.mp3")
    with pytest.raises(WrongFormat):
        source_of().resolve(SegmentPlan("1", Outcome.READY, requested_format="wav"))


def test_a_bucket_that_is_not_there_is_told_from_a_recording_that_is_not(client: S3Client, clock: Clock) -> None:
    source = ExternalAccessSource(client, external_access_settings({"bucket": "no-such-bucket"}), clock)
    with pytest.raises((UnexpectedAnswer, AccessDenied)):
        source.check()


def test_credentials_that_are_refused_are_named_as_such(seaweedfs_server: Any, clock: Clock) -> None:
    from dataclasses import replace

    strange = replace(seaweedfs_server, secret_key="another").client()
    source = ExternalAccessSource(strange, external_access_settings({"bucket": PLAIN_BUCKET}), clock)
    with pytest.raises(AuthenticationFailed) as raised:
        source.check()
    assert "another" not in str(raised.value)
    source.close()


@pytest.mark.parametrize("taken_for_empty", [False, True])
def test_a_refused_listing_is_an_empty_folder_only_where_that_is_set(
    source_of: MakeSource, client: S3Client, clock: Clock, monkeypatch: pytest.MonkeyPatch, taken_for_empty: bool
) -> None:
    def refused(**parameters: Any) -> None:
        answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(answer, "ListObjectsV2")

    monkeypatch.setattr(client, "list_objects_v2", refused)
    source = source_of(denied_means_empty=taken_for_empty)
    if taken_for_empty:
        assert list(source.refs(last_hours(clock))) == []
    else:
        with pytest.raises(AccessDenied, match="denied_means_empty"):
            list(source.refs(last_hours(clock)))
