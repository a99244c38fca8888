"""Contacts archived through ``media-playback`` from the simulator: all of a contact, once, by one counted request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import Media, WholeBody
from cxone_provider.archive.recording import Outcome, RecordingRef, parse_ref
from cxone_provider.simulator import ApiSettings, Interaction, Participant, Refusal, Segment, Simulator, Stage
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore

pytestmark = pytest.mark.server

AUDIO = Path(__file__).parents[1] / "audio"
FIRST, SECOND = AUDIO / "call-aac-faststart.mp4", AUDIO / "call-pcm16-8k-stereo.wav"
STAGES = [Stage("MASK", 1, 2), Stage("TALK", 2, 3), Stage("HOLD", 3)]
AGENT = Participant("AGENT", "77", channel=0, stages=STAGES)
CUSTOMER = Participant("CUSTOMER", channel=1)
BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)


def voice(path: Path, minute: int, **facts: Any) -> Interaction:
    started_at = BEGAN.replace(minute=minute)
    return Interaction(path, started_at=started_at, participants=[AGENT, CUSTOMER], **facts)


class ExpiringSource(MediaPlaybackSource):
    """A source whose links have always expired by the time they are opened."""

    simulator: Simulator

    @contextmanager
    def open_whole(self, media: Media, start: int = 0) -> Iterator[WholeBody]:
        self.simulator.expire_links()
        with super().open_whole(media, start) as body:
            yield body


class Yard:
    """A tenant, an archive in memory, and one way from a ref to audit logs."""

    def __init__(self, stack: ExitStack, kind: type[MediaPlaybackSource] = MediaPlaybackSource, **apis: Any) -> None:
        settings = ApiSettings(**apis)
        self.simulator = stack.enter_context(Simulator(apis=settings))
        extra = {
            "api": "media-playback",
            "access_key_id": settings.access_key_id,
            "access_key_secret": settings.access_key_secret,
            "media_hosts": ["127.0.0.1"],
        }
        connection = settings_of(self.simulator.base_url, self.simulator.client_id, self.simulator.client_secret, extra)
        self.clock = FakeClock("2026-11-22T06:00:00Z")
        self.source = stack.enter_context(closing(kind(connection, self.clock)))
        if isinstance(self.source, ExpiringSource):
            self.source.simulator = self.simulator
        self.store = FakeStore(min_part_bytes=1)

    def add(self, *interactions: Interaction, contact_id: str = "4711", **facts: Any) -> None:
        self.simulator.add_contact(
            contact_id, interactions, started_at=BEGAN, skill="Sales", disposition="sold", **facts
        )

    def plan(self, ref: RecordingRef) -> SegmentPlan:
        described = self.source.describe(ref)
        return plan_of(
            ref, described, audio_format=None, segment_size_bytes=20_000, policy=ArchivePolicy(), now=self.clock.now()
        )

    def archive(self, *refs: object) -> Sequence[AuditLog]:
        plans = [self.plan(parse_ref(ref)) for ref in refs or [{"recording_id": "4711", "metadata": {"listed": True}}]]
        settings = ArchiveSettings(part_size_bytes=60_000)
        return archive_recordings(plans, source=self.source, store=self.store, clock=self.clock, settings=settings)

    def stored(self, key: str) -> Mapping[str, Any]:
        found = self.store.read(key, max_bytes=2**20)
        assert found is not None
        document: dict[str, Any] = json.loads(found[0])
        return document

    def media(self, log: AuditLog) -> bytes:
        assert log.s3_uri is not None
        with self.store.stream(log.s3_uri.removeprefix(f"s3://{self.store.bucket}/")) as pieces:
            return b"".join(pieces)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.parametrize("shape", ["plain", "value", "capital", "wrapped", "value+capital+wrapped"])
def test_every_interaction_of_a_contact_is_archived_by_one_request(stack: ExitStack, shape: str) -> None:
    yard = Yard(stack, playback_shape=shape)
    chat = Interaction(b"x", format="mp4", media_type="chat", started_at=BEGAN)
    yard.add(voice(SECOND, 9), chat, voice(FIRST, 3))
    logs = yard.archive()
    assert [(log.recording_id, log.outcome) for log in logs] == [
        ("4711.1", Outcome.ARCHIVED), ("4711.2", Outcome.ARCHIVED),
    ]  # fmt: skip
    assert [log.format for log in logs] == ["mp4", "wav"]
    assert [yard.media(log) for log in logs] == [FIRST.read_bytes(), SECOND.read_bytes()]
    assert (yard.simulator.quota.used, yard.source.requests_used) == (1, 1)
    assert len([one for one in yard.simulator.requests if one.endpoint == "media"]) == 2, "one GET for each media"


def test_what_is_archived_costs_no_request(stack: ExitStack) -> None:
    yard = Yard(stack)
    yard.add(voice(FIRST, 3))
    yard.archive()
    [log] = yard.archive()
    assert (log.outcome, yard.simulator.quota.used) == (Outcome.ALREADY_ARCHIVED, 1)


def test_the_manifest_tells_who_spoke_where_and_what_was_masked(stack: ExitStack) -> None:
    yard = Yard(stack)
    yard.add(voice(FIRST, 3, segments=[Segment("leg-1", agent_id="77")]), direction="outbound")
    yard.archive()
    manifest = yard.stored("manifests/4711.1.json")
    metadata = manifest["metadata"]
    assert (metadata["direction"], metadata["skill"], metadata["disposition"]) == ("outbound", "Sales", "sold")
    assert metadata["listed"] is True
    agent, customer = metadata["participants"]
    assert (agent["type"], agent["id"], agent["channel"]) == ("AGENT", "77", 0)
    assert [(stage["type"], stage["started_at"]) for stage in agent["stages"]] == [
        ("MASK", "2026-11-21T10:03:01Z"), ("HOLD", "2026-11-21T10:03:03Z"),
    ]  # fmt: skip
    assert (customer["type"], customer["channel"], customer["stages"]) == ("CUSTOMER", 1, [])
    assert metadata["contact_segments"][0]["id"] == "leg-1"
    assert "X-Amz" not in json.dumps(manifest)
    assert "://127.0.0.1" not in json.dumps(manifest)


@pytest.mark.parametrize("path", [FIRST, SECOND])
def test_links_that_expire_before_every_request_cost_a_request_each_and_no_byte(stack: ExitStack, path: Path) -> None:
    yard = Yard(stack, ExpiringSource)
    yard.add(voice(path, 3))
    yard.simulator.script("4711.1", [{"fault": "close", "after_bytes": 5000, "at": 2}])
    [log] = yard.archive()
    assert log.outcome is Outcome.ARCHIVED
    assert yard.media(log) == path.read_bytes()
    assert yard.source.requests_used == 3, "the contact, and one new link for each of two requests"
    [*_, rest] = [one for one in yard.simulator.requests if one.endpoint == "media" and one.status == 206]
    assert rest.header("if-match") is not None
    assert (rest.header("range") or "").endswith("-")


def test_a_media_that_changes_with_its_link_is_started_over(stack: ExitStack) -> None:
    yard = Yard(stack, ExpiringSource)
    yard.add(voice(SECOND, 3, changes_with_link=True))
    yard.simulator.script("4711.1", [{"fault": "close", "after_bytes": 5000, "at": 2}])
    [log] = yard.archive()
    assert log.outcome is Outcome.ARCHIVED
    assert yard.media(log) == yard.simulator.media_bytes("4711.1")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("no-link", Outcome.IN_COLD_STORAGE), ("null-link", Outcome.IN_COLD_STORAGE), ("not-found", Outcome.NOT_FOUND),
    ],
)  # fmt: skip
def test_archived_media_ends_by_name_and_is_found_later(stack: ExitStack, answer: str, outcome: Outcome) -> None:
    yard = Yard(stack, archived_answer=answer)
    yard.add(voice(FIRST, 3, storage_state=[{"state": "archived", "for_requests": 1}, {"state": "available"}]))
    assert {log.outcome for log in yard.archive()} == {outcome}
    yard.simulator.set_state("4711.1", "available")
    assert [log.outcome for log in yard.archive()] == [Outcome.ARCHIVED]


def test_a_contact_ends_by_what_playback_says_of_it(stack: ExitStack) -> None:
    yard = Yard(stack)
    chat = Interaction(b"x", format="mp4", media_type="chat")
    yard.add(chat, contact_id="1")
    yard.add(contact_id="2", refusal=Refusal(404))
    yard.add(contact_id="3", refusal=Refusal(403, "PlaybackLocked", "Locked"))
    refs = [{"recording_id": name, "metadata": {"listed": True}} for name in ("1", "2", "3", "4")]
    logs = yard.archive(*refs)
    ends = [Outcome.NO_RECORDING, Outcome.NOT_FOUND, Outcome.FAILED, Outcome.NOT_FOUND]
    assert [log.outcome for log in logs] == ends
    assert logs[2].error is not None
    assert logs[2].error.type == "AccessDenied"


def test_a_bare_id_costs_a_request_for_each_task(stack: ExitStack) -> None:
    yard = Yard(stack)
    yard.add(voice(FIRST, 3))
    assert [log.outcome for log in yard.archive("4711")] == [Outcome.ARCHIVED]
    assert yard.simulator.quota.used == 2


def test_a_contact_segment_is_archived_under_its_own_name(stack: ExitStack) -> None:
    yard = Yard(stack)
    yard.add(voice(FIRST, 3, segments=[Segment("leg-7")]))
    assert [(log.recording_id, log.outcome) for log in yard.archive("segment:leg-7")] == [
        ("segment:leg-7.1", Outcome.ARCHIVED)
    ]


def test_no_request_to_a_link_carries_a_token_and_none_is_head(stack: ExitStack) -> None:
    yard = Yard(stack, ExpiringSource)
    yard.add(voice(FIRST, 3), voice(SECOND, 9))
    yard.archive()
    links = [one for one in yard.simulator.requests if one.endpoint == "media"]
    assert len(links) == 4
    assert {one.method for one in links} == {"GET"}
    assert [one for one in links if one.header("authorization") or one.header("cookie")] == []
