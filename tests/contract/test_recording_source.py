"""What every RecordingSource does: the tenant in memory, ``recording-v2`` against the simulator, a vendor's bucket."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from uuid import uuid4

import pendulum
import pytest

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.external_access.settings import external_access_settings
from cxone_provider.adapters.external_access.source import ExternalAccessSource
from cxone_provider.adapters.s3 import tuned_client_config
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    InvalidRecordingId,
    RangeIgnored,
    RangeNotSatisfiable,
    RateLimited,
    RecordingChanged,
    RecordingNotFound,
    ShortBody,
    SizeDisagrees,
    SourceUnavailable,
    UnexpectedAnswer,
)
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media, RecordingSource
from cxone_provider.archive.recording import Outcome, RecordingRef
from cxone_provider.simulator import ApiSettings, Interaction, Simulator
from tests.conftest import PLAIN_BUCKET
from tests.fakes.clock import FakeClock
from tests.fakes.source import DESCRIBE, WHOLE, FakeRecording, FakeSource
from tests.servers.s3_faults import ALWAYS, S3Fault
from tests.servers.s3_proxy import S3Proxy, s3_proxy

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.server

STREAM_SECRET = b"0123456789abcdef"
CONTENT = bytes(range(256)) * 40 + b"the end"
SIZE = len(CONTENT)
STEP = 1000
TOTALS_HIDDEN: list[dict[str, object]] = [
    {
        "fault": "wrong_content_range",
        "value": f"bytes {start}-{min(start + STEP, SIZE) - 1}/*",
        "segment_start": start,
        "times": "always",
    }
    for start in range(0, SIZE, STEP)
]


class Tenant(Protocol):
    """A source, and what a test may do to the tenant behind it. What a kind of source cannot do skips the test.

    Attributes:
        source: what is tested.
        signs: whether the tenant signs its chunks.
        settled_by_media: whether only the media tells size and format, and recordings are a contact's.
    """

    source: RecordingSource
    signs: bool
    settled_by_media: bool

    def media(self, recording_id: str) -> Media:
        """Return what names the recording's media, and nothing else of it."""

    def add(self, recording_id: str, content: bytes, **facts: Any) -> None:
        """Add or replace a recording; facts are format, duration_s, storage_state, status, size."""

    def ignore_ranges(self, recording_id: str) -> None:
        """Answer ranged requests with the whole from now on."""

    def hide_total(self, recording_id: str) -> None:
        """Leave sizes out of ranged answers and of the metadata from now on."""

    def break_whole(self, recording_id: str, after_bytes: int) -> None:
        """Let the next whole body end early."""

    def refuse(self, recording_id: str, status: int) -> None:
        """Answer every request about a recording with this status from now on."""


@dataclass
class InMemory:
    """The fake."""

    source: FakeSource
    signs: bool = True
    settled_by_media: bool = False

    def media(self, recording_id: str) -> Media:
        return Media(recording_id)

    def add(self, recording_id: str, content: bytes, **facts: Any) -> None:
        size = {"described_size_bytes": facts.pop("size")} if "size" in facts else {}
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        self.source.recordings[recording_id] = FakeRecording(content, etag=etag, **facts, **size)

    def ignore_ranges(self, recording_id: str) -> None:
        self.source.recordings[recording_id].ranges = False

    def hide_total(self, recording_id: str) -> None:
        recording = self.source.recordings[recording_id]
        recording.total_told, recording.described_size_bytes = False, None

    def break_whole(self, recording_id: str, after_bytes: int) -> None:
        self.source.cut_whole(recording_id, [after_bytes])

    def refuse(self, recording_id: str, status: int) -> None:
        kinds: dict[int, type[ArchiveError]] = {
            403: AccessDenied, 404: RecordingNotFound, 410: RecordingNotFound, 418: UnexpectedAnswer, 429: RateLimited,
            503: SourceUnavailable,
        }  # fmt: skip
        for place in (DESCRIBE, WHOLE, 0):
            self.source.script(recording_id, place, [kinds[status](f"{status}")])


@dataclass
class OverHttp:
    """The adapter of ``recording-v2`` and the simulator."""

    source: RecordingV2Source
    simulator: Simulator
    signs: bool = True
    settled_by_media: bool = False

    def media(self, recording_id: str) -> Media:
        return Media(recording_id)

    def add(self, recording_id: str, content: bytes, **facts: Any) -> None:
        self.simulator.add_recording(recording_id, content, **{"format": "mp3", "duration_s": 1.0, **facts})

    def ignore_ranges(self, recording_id: str) -> None:
        self.simulator.script(recording_id, [{"fault": "ignore_range", "times": "always"}])

    def hide_total(self, recording_id: str) -> None:
        size = {"fault": "override_fields", "fields": {"size": None}, "times": "always"}
        self.simulator.script(recording_id, [size, *TOTALS_HIDDEN])

    def break_whole(self, recording_id: str, after_bytes: int) -> None:
        self.simulator.script(recording_id, [{"fault": "close", "after_bytes": after_bytes}])

    def refuse(self, recording_id: str, status: int) -> None:
        fault = {"fault": "status", "status": status, "times": "always"}
        self.simulator.script(recording_id, [{**fault, "on": "metadata"}, {**fault, "on": "media"}])


@dataclass
class Playback:
    """The adapter of ``media-playback`` and the simulator; each recording is a contact with one interaction."""

    source: MediaPlaybackSource
    simulator: Simulator
    signs: bool = False
    settled_by_media: bool = True

    def media(self, recording_id: str) -> Media:
        [media] = self.source.resolve(SegmentPlan(recording_id, Outcome.READY))
        return media

    def add(self, recording_id: str, content: bytes, **facts: Any) -> None:
        state = facts.get("storage_state", "available")
        interaction = Interaction(content, format="mp4", duration_s=facts.get("duration_s", 1.0), storage_state=state)
        self.simulator.add_contact(recording_id, [interaction])

    def ignore_ranges(self, recording_id: str) -> None:
        self.simulator.script(f"{recording_id}.1", [{"fault": "ignore_range", "times": "always"}])

    def hide_total(self, recording_id: str) -> None:
        self.simulator.script(f"{recording_id}.1", TOTALS_HIDDEN)

    def break_whole(self, recording_id: str, after_bytes: int) -> None:
        self.simulator.script(f"{recording_id}.1", [{"fault": "close", "after_bytes": after_bytes}])

    def refuse(self, recording_id: str, status: int) -> None:
        fault = {"fault": "status", "status": status, "times": "always"}
        self.simulator.script(recording_id, [{**fault, "on": "metadata"}, {**fault, "on": "media"}])


@dataclass
class InABucket:
    """The vendor's bucket on a real S3 server, which is reached through a proxy that can be told to fail."""

    source: ExternalAccessSource
    client: S3Client
    proxy: S3Proxy
    prefix: str
    signs: bool = False
    settled_by_media: bool = False
    _codes: ClassVar[dict[int, str]] = {
        403: "AccessDenied", 404: "NoSuchKey", 410: "Gone", 418: "Teapot", 429: "TooManyRequests",
        503: "ServiceUnavailable",
    }  # fmt: skip

    def media(self, recording_id: str) -> Media:
        return Media(recording_id)

    def add(self, recording_id: str, content: bytes, **facts: Any) -> None:
        state = facts.get("storage_state", "available")
        if state not in ("available", "archived"):
            pytest.skip(f"no object of a bucket is {state}")
        key = f"{self.prefix}{recording_id}.{facts.get('format', 'mp3')}"
        sidecar = json.dumps({"seconds": facts.get("duration_s", 1.0)}).encode()
        self.client.put_object(Bucket=PLAIN_BUCKET, Key=f"{self.prefix}{recording_id}.json", Body=sidecar)
        self.client.put_object(
            Bucket=PLAIN_BUCKET, Key=key, Body=content, StorageClass="GLACIER" if state == "archived" else "STANDARD"
        )

    def ignore_ranges(self, recording_id: str) -> None:
        whole = {"Content-Type": "audio/mpeg", "ETag": f'"{hashlib.md5(CONTENT).hexdigest()}"'}
        self._script(S3Fault("answer", "GetObject", status=200, headers=whole, body=CONTENT, times=ALWAYS))

    def hide_total(self, recording_id: str) -> None:
        pytest.skip("S3 always tells an object's size")

    def break_whole(self, recording_id: str, after_bytes: int) -> None:
        self._script(S3Fault("cut", "GetObject", after_bytes=after_bytes))

    def refuse(self, recording_id: str, status: int) -> None:
        fault = S3Fault("answer", status=status, code=self._codes[status], times=ALWAYS)
        self._script(replace(fault, operation="HeadObject", body=b""), fault)

    def _script(self, *faults: S3Fault) -> None:
        self.proxy.script.replace(faults)


def _in_a_bucket(stack: ExitStack, request: pytest.FixtureRequest, server: str) -> InABucket:
    client: S3Client = request.getfixturevalue(f"{server}_client")
    proxy = stack.enter_context(s3_proxy(request.getfixturevalue(f"{server}_server")))
    prefix = f"{uuid4().hex}/"
    settings = external_access_settings(
        {"bucket": PLAIN_BUCKET, "prefix": prefix, "sidecar": "{stem}.json", "sidecar_duration_s": "seconds"}
    )
    source = ExternalAccessSource(proxy.server.client(tuned_client_config()), settings, FakeClock())
    stack.callback(source.close)
    return InABucket(source, client, proxy, prefix)


def _on_seaweedfs(stack: ExitStack, request: pytest.FixtureRequest) -> InABucket:
    return _in_a_bucket(stack, request, "seaweedfs")


def _on_moto(stack: ExitStack, request: pytest.FixtureRequest) -> InABucket:
    return _in_a_bucket(stack, request, "moto")


def _in_memory(_stack: ExitStack, _request: pytest.FixtureRequest) -> InMemory:
    return InMemory(FakeSource(stream_secret=STREAM_SECRET))


def _over_http(stack: ExitStack, _request: pytest.FixtureRequest) -> OverHttp:
    simulator = stack.enter_context(Simulator(stream_secret=STREAM_SECRET.decode()))
    settings = settings_of(simulator.base_url, simulator.client_id, simulator.client_secret)
    source = RecordingV2Source(replace(settings, stream_secret=STREAM_SECRET), FakeClock())
    stack.callback(source.close)
    return OverHttp(source, simulator)


def _playback(stack: ExitStack, _request: pytest.FixtureRequest) -> Playback:
    apis = ApiSettings(quota_requests=0, playback_shape="value+capital+wrapped")
    simulator = stack.enter_context(Simulator(apis=apis))
    extra = {
        "api": "media-playback",
        "access_key_id": apis.access_key_id,
        "access_key_secret": apis.access_key_secret,
        "media_hosts": ["127.0.0.1"],
    }
    settings = settings_of(simulator.base_url, simulator.client_id, simulator.client_secret, extra)
    source = MediaPlaybackSource(settings, FakeClock())
    stack.callback(source.close)
    return Playback(source, simulator)


@pytest.fixture(
    params=[_in_memory, _over_http, _playback, _on_seaweedfs, _on_moto],
    ids=["fake", "recording-v2", "media-playback", "bucket-seaweedfs", "bucket-moto"],
)
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    with ExitStack() as stack:
        set_up: Callable[[ExitStack, pytest.FixtureRequest], Tenant] = request.param
        staged = set_up(stack, request)
        staged.add("call-1", CONTENT, duration_s=12.5)
        yield staged


def media_of(tenant: Tenant, **changes: Any) -> Media:
    """Return the media of call-1 as a transfer would know it after its first answer."""
    buffer = memoryview(bytearray(1))
    named = tenant.media("call-1")
    first = tenant.source.read_segment(named, Segment(0, 0, 1), buffer)
    return replace(named, **{"size_bytes": SIZE, "etag": first.etag, **changes})


def read(tenant: Tenant, media: Media, segment: Segment) -> bytes:
    buffer = memoryview(bytearray(segment.size_bytes))
    return bytes(buffer[: tenant.source.read_segment(media, segment, buffer).bytes_read])


def test_describes_a_recording_and_keeps_what_the_listing_knew(tenant: Tenant) -> None:
    at = pendulum.datetime(2026, 11, 21, 10, tz="UTC")
    description = tenant.source.describe(RecordingRef("call-1", at, metadata={"agent": "7"}))
    assert description.recording_id == "call-1"
    facts = (description.format, description.size_bytes, description.duration_s)
    assert facts == ((None,) * 3 if tenant.settled_by_media else ("mp3", SIZE, 12.5))
    states = (description.status, description.storage_state)
    assert states == ((None,) * 2 if tenant.settled_by_media else ("completed", "available"))
    assert description.settled_by_media is tenant.settled_by_media
    assert (description.recorded_at, description.metadata["agent"]) == (at, "7")


@pytest.mark.parametrize("state", ["stored", "archived", "cold", "restoring", "pending", "deleted"])
def test_describes_every_state(tenant: Tenant, state: str) -> None:
    tenant.add("call-2", CONTENT, storage_state=state)
    told = tenant.source.describe(RecordingRef("call-2")).storage_state
    assert told == (None if tenant.settled_by_media else state)


def test_an_unknown_recording_is_not_found(tenant: Tenant) -> None:
    with pytest.raises(RecordingNotFound):
        tenant.source.describe(RecordingRef("call-404"))
    with pytest.raises(RecordingNotFound):
        read(tenant, tenant.media("call-404"), Segment(0, 0, 1))
    with pytest.raises(RecordingNotFound), tenant.source.open_whole(tenant.media("call-404")):
        pass


def test_a_hostile_id_is_refused(tenant: Tenant) -> None:
    with pytest.raises(InvalidRecordingId):
        tenant.source.describe(RecordingRef("../admin"))
    with pytest.raises(InvalidRecordingId):
        tenant.source.resolve(SegmentPlan("../admin", Outcome.READY))


def test_resolves_to_what_the_plan_agreed(tenant: Tenant) -> None:
    [media] = tenant.source.resolve(SegmentPlan("call-1", Outcome.READY, size_bytes=SIZE, etag='"t"'))
    agreed = ("call-1.1", None, None, None) if tenant.settled_by_media else ("call-1", None, SIZE, '"t"')
    assert (media.recording_id, media.requested_format, media.size_bytes, media.etag) == agreed
    assert (media.identity is not None) is tenant.settled_by_media


@pytest.mark.parametrize("step", [1000, SIZE - 1, SIZE, SIZE + 1])
def test_the_segments_of_a_plan_are_the_media(tenant: Tenant, step: int) -> None:
    media = media_of(tenant)
    plan = SegmentPlan("call-1", Outcome.READY, step, size_bytes=SIZE)
    assert b"".join(read(tenant, media, segment) for segment in plan.segments()) == CONTENT


def test_a_read_tells_size_tag_tries_and_signature(tenant: Tenant) -> None:
    media = media_of(tenant)
    result = tenant.source.read_segment(media, Segment(0, 100, 200), memoryview(bytearray(100)))
    assert (result.bytes_read, result.total_bytes, result.attempts) == (100, SIZE, 1)
    assert result.etag == media.etag
    assert result.etag is not None
    signed = (100).to_bytes(8, "big") + CONTENT[100:200]
    expected = hmac.new(STREAM_SECRET, signed, hashlib.sha256).hexdigest() if tenant.signs else None
    assert result.signature == expected


def test_nothing_is_written_behind_the_segment(tenant: Tenant) -> None:
    buffer = bytearray(b"\xaa" * 200)
    tenant.source.read_segment(media_of(tenant), Segment(0, 100, 200), memoryview(buffer))
    assert bytes(buffer) == CONTENT[100:200] + b"\xaa" * 100


def test_a_segment_of_unknown_size_may_end_with_the_media(tenant: Tenant) -> None:
    assert read(tenant, tenant.media("call-1"), Segment(0, SIZE - 100, SIZE + 900)) == CONTENT[-100:]


def test_a_size_that_is_not_told_is_none(tenant: Tenant) -> None:
    tenant.hide_total("call-1")
    assert tenant.source.describe(RecordingRef("call-1")).size_bytes is None
    media = tenant.media("call-1")
    result = tenant.source.read_segment(media, Segment(1, STEP, 2 * STEP), memoryview(bytearray(STEP)))
    assert (result.bytes_read, result.total_bytes) == (STEP, None)


def test_behind_the_end_is_no_segment(tenant: Tenant) -> None:
    with pytest.raises(RangeNotSatisfiable) as raised:
        read(tenant, media_of(tenant, size_bytes=2 * SIZE), Segment(1, SIZE, 2 * SIZE))
    assert raised.value.actual_size_bytes == SIZE


def test_a_media_that_ends_inside_a_segment_disagrees_with_the_agreed_size(tenant: Tenant) -> None:
    with pytest.raises(SizeDisagrees):
        read(tenant, media_of(tenant, size_bytes=SIZE + 100), Segment(0, SIZE - 100, SIZE + 100))


def test_another_entity_is_not_read(tenant: Tenant) -> None:
    media = media_of(tenant)
    tenant.add("call-1", CONTENT[::-1])
    with pytest.raises(RecordingChanged) as raised:
        read(tenant, media, Segment(0, 0, 100))
    assert raised.value.retryable
    with pytest.raises(RecordingChanged), tenant.source.open_whole(media):
        pass


def test_a_source_without_ranges_gives_the_whole(tenant: Tenant) -> None:
    tenant.ignore_ranges("call-1")
    media = replace(tenant.media("call-1"), size_bytes=SIZE)
    with pytest.raises(RangeIgnored):
        read(tenant, media, Segment(0, 0, 100))
    with tenant.source.open_whole(media) as body:
        buffer = memoryview(bytearray(SIZE))
        assert body.readinto(buffer) == SIZE
    assert bytes(buffer) == CONTENT


@pytest.mark.parametrize("step", [1, 7, 4096, SIZE, SIZE + 1])
def test_the_whole_comes_in_order(tenant: Tenant, step: int) -> None:
    received = bytearray()
    buffer = memoryview(bytearray(step))
    with tenant.source.open_whole(media_of(tenant)) as body:
        assert body.total_bytes == SIZE
        assert body.etag == media_of(tenant).etag
        while count := body.readinto(buffer):
            assert count == step or len(received) + count == SIZE
            received += buffer[:count]
        assert body.readinto(buffer) == 0
    assert bytes(received) == CONTENT


@pytest.mark.parametrize("start", [1, 5000, SIZE - 1])
@pytest.mark.parametrize("step", [7, SIZE])
def test_the_rest_comes_in_order_from_where_it_is_asked_for(tenant: Tenant, start: int, step: int) -> None:
    received = bytearray()
    buffer = memoryview(bytearray(step))
    with tenant.source.open_whole(media_of(tenant), start) as body:
        assert (body.total_bytes, body.etag, body.position) == (SIZE, media_of(tenant).etag, start)
        while count := body.readinto(buffer):
            received += buffer[:count]
            assert body.position == start + len(received)
    assert bytes(received) == CONTENT[start:]


def test_the_rest_of_another_entity_is_not_read(tenant: Tenant) -> None:
    media = media_of(tenant)
    tenant.add("call-1", CONTENT[::-1])
    with pytest.raises(RecordingChanged), tenant.source.open_whole(media, 100):
        pytest.fail("opened")


def test_the_rest_of_a_media_without_a_strong_tag_is_not_asked_for(tenant: Tenant) -> None:
    media = replace(tenant.media("call-1"), size_bytes=SIZE)
    with pytest.raises(RangeIgnored), tenant.source.open_whole(media, 100):
        pytest.fail("opened")


def test_a_source_without_ranges_has_no_rest(tenant: Tenant) -> None:
    media = media_of(tenant)
    tenant.ignore_ranges("call-1")
    with pytest.raises(RangeIgnored), tenant.source.open_whole(media, 100):
        pytest.fail("opened")


def test_behind_the_end_is_no_rest(tenant: Tenant) -> None:
    with pytest.raises(RangeNotSatisfiable), tenant.source.open_whole(media_of(tenant), SIZE):
        pytest.fail("opened")


def test_after_a_break_the_rest_is_joined_where_the_body_came_to(tenant: Tenant) -> None:
    media = media_of(tenant)
    tenant.break_whole("call-1", 5000)
    buffer = memoryview(bytearray(SIZE))
    with tenant.source.open_whole(media) as body:
        with pytest.raises((ShortBody, SourceUnavailable)):
            body.readinto(buffer)
        came = body.position
    assert came <= 5000
    assert bytes(buffer[:came]) == CONTENT[:came]
    with tenant.source.open_whole(media, came) as rest:
        assert rest.readinto(buffer[came:]) == SIZE - came
    assert bytes(buffer) == CONTENT


def test_a_whole_of_another_size_disagrees(tenant: Tenant) -> None:
    media = replace(tenant.media("call-1"), size_bytes=SIZE + 1)
    with pytest.raises(SizeDisagrees), tenant.source.open_whole(media):
        pass


def test_a_whole_that_breaks_off_is_an_error_that_another_run_may_mend(tenant: Tenant) -> None:
    tenant.break_whole("call-1", 5000)
    with (
        pytest.raises((ShortBody, SourceUnavailable)) as raised,
        tenant.source.open_whole(replace(tenant.media("call-1"), size_bytes=SIZE)) as body,
    ):
        body.readinto(memoryview(bytearray(SIZE)))
    assert raised.value.retryable


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (403, AccessDenied, False),
        (404, RecordingNotFound, False),
        (410, RecordingNotFound, False),
        (418, UnexpectedAnswer, False),
        (429, RateLimited, True),
        (503, SourceUnavailable, True),
    ],
)
def test_a_refusal_has_its_own_error_wherever_it_comes(
    tenant: Tenant, status: int, kind: type[ArchiveError], *, retryable: bool
) -> None:
    media = tenant.media("call-1")
    tenant.refuse("call-1", status)
    with pytest.raises(kind) as described:
        tenant.source.describe(RecordingRef("call-1"))
    with pytest.raises(kind):
        read(tenant, media, Segment(0, 0, 1))
    with pytest.raises(kind), tenant.source.open_whole(media):
        pass
    assert described.value.retryable is retryable


def test_many_threads_read_at_once(tenant: Tenant) -> None:
    media = media_of(tenant)
    segments = list(SegmentPlan("call-1", Outcome.READY, 500, size_bytes=SIZE).segments())
    with ThreadPoolExecutor(8) as pool:
        chunks = list(pool.map(lambda segment: read(tenant, media, segment), segments))
    assert b"".join(chunks) == CONTENT


def test_closing_twice_is_no_error(tenant: Tenant) -> None:
    tenant.source.close()
    tenant.source.close()
