"""What every RecordingSource of contacts does: every interaction, named so that none is taken for another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol

import pendulum
import pytest

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.archive.errors import RecordingNotFound
from cxone_provider.archive.finishing import is_contact
from cxone_provider.archive.media import Media
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import RecordingSource
from cxone_provider.archive.recording import Outcome, RecordingRef
from cxone_provider.simulator import ApiSettings, Interaction, Simulator
from cxone_provider.simulator import Segment as ContactSegment
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeInteraction, FakeRecording, FakeSource

START = pendulum.datetime(2026, 11, 21, 23, 50, tz="UTC")
FIRST, SECOND, THIRD = (bytes([number]) * 5000 for number in (1, 2, 3))
PLAN = SegmentPlan("4711", Outcome.READY)


@dataclass(frozen=True, slots=True)
class Leg:
    """One interaction of a contact as a test makes it."""

    name: str
    content: bytes
    starts_at: pendulum.DateTime
    duration_s: float = 12.5


LEGS = (
    Leg("b", SECOND, START.add(minutes=5)),
    Leg("a", FIRST, START),
    Leg("c", THIRD, START.add(minutes=5)),
)


class ContactTenant(Protocol):
    """A source, and what a test may do to the tenant behind it."""

    @property
    def source(self) -> RecordingSource:
        """What is tested."""

    def put(self, contact_id: str, legs: Sequence[Leg]) -> None:
        """Make the contact have exactly these interactions with voice media, answered in this order."""


@dataclass
class InMemory:
    """The fake."""

    source: FakeSource = field(default_factory=FakeSource)

    def put(self, contact_id: str, legs: Sequence[Leg]) -> None:
        self.source.contacts[contact_id] = [
            FakeInteraction(
                leg.name, leg.starts_at, FakeRecording(leg.content, duration_s=leg.duration_s), {"direction": "inbound"}
            )
            for leg in legs
        ]


@dataclass
class Playback:
    """The adapter of ``media-playback`` and the simulator; chats lie between the calls."""

    source: MediaPlaybackSource
    simulator: Simulator

    def put(self, contact_id: str, legs: Sequence[Leg]) -> None:
        chat = Interaction(b"x", format="mp4", media_type="chat", started_at=START, duration_s=1)
        voices = [
            Interaction(
                leg.content, format="mp4", started_at=leg.starts_at, duration_s=leg.duration_s,
                segments=[ContactSegment(leg.name)],
            )
            for leg in legs
        ]  # fmt: skip
        self.simulator.add_contact(contact_id, [chat, *voices])


def in_memory(_stack: ExitStack) -> ContactTenant:
    return InMemory()


def over_http(stack: ExitStack) -> ContactTenant:
    apis = ApiSettings(quota_requests=0)
    simulator = stack.enter_context(Simulator(apis=apis))
    extra = {
        "api": "media-playback",
        "access_key_id": apis.access_key_id,
        "access_key_secret": apis.access_key_secret,
        "media_hosts": ["127.0.0.1"],
    }
    settings = settings_of(simulator.base_url, simulator.client_id, simulator.client_secret, extra)
    source = stack.enter_context(closing(MediaPlaybackSource(settings, FakeClock())))
    return Playback(source, simulator)


@pytest.fixture(params=[in_memory, pytest.param(over_http, marks=pytest.mark.server)], ids=["fake", "media-playback"])
def tenant(request: pytest.FixtureRequest) -> Iterator[ContactTenant]:
    with ExitStack() as stack:
        staged: ContactTenant = request.param(stack)
        staged.put("4711", LEGS)
        yield staged


def whole(tenant: ContactTenant, media: Media) -> bytes:
    buffer = memoryview(bytearray(6000))
    with tenant.source.open_whole(media) as body:
        return bytes(buffer[: body.readinto(buffer)])


def test_every_interaction_is_resolved_and_numbered_by_its_start(tenant: ContactTenant) -> None:
    medias = tenant.source.resolve(PLAN)
    assert is_contact(PLAN, medias)
    assert [media.recording_id for media in medias] == ["4711.1", "4711.2", "4711.3"]
    assert [media.recorded_at for media in medias] == sorted(leg.starts_at for leg in LEGS)
    assert [media.duration_s for media in medias] == [12.5] * 3
    assert whole(tenant, medias[0]) == FIRST
    assert {whole(tenant, media) for media in medias[1:]} == {SECOND, THIRD}


def test_another_order_of_the_answer_gives_the_same_numbers(tenant: ContactTenant) -> None:
    before = [(media.recording_id, media.identity) for media in tenant.source.resolve(PLAN)]
    tenant.put("4711", LEGS[::-1])
    assert [(media.recording_id, media.identity) for media in tenant.source.resolve(PLAN)] == before


def test_an_identity_stays_when_an_earlier_interaction_appears(tenant: ContactTenant) -> None:
    before = {whole(tenant, media): media.identity for media in tenant.source.resolve(PLAN)}
    early = Leg("z", b"\x09" * 5000, START.subtract(minutes=5))
    tenant.put("4711", [*LEGS, early])
    after = {whole(tenant, media): media.identity for media in tenant.source.resolve(PLAN)}
    assert {content: after[content] for content in before} == before
    assert len(set(after.values())) == 4
    assert tenant.source.resolve(PLAN)[0].identity == after[early.content]


def test_a_contact_with_one_interaction_is_numbered_as_well(tenant: ContactTenant) -> None:
    tenant.put("4711", LEGS[:1])
    assert [media.recording_id for media in tenant.source.resolve(PLAN)] == ["4711.1"]


def test_a_contact_without_voice_media_resolves_to_nothing(tenant: ContactTenant) -> None:
    tenant.put("4711", [])
    assert list(tenant.source.resolve(PLAN)) == []


def test_nothing_of_a_media_shows_where_it_lies(tenant: ContactTenant) -> None:
    for media in tenant.source.resolve(PLAN):
        if media.locator:
            shown = repr(media) + json.dumps(dict(media.metadata)) + str(media.recording_id)
            assert f"locator={media.locator!r}" not in shown
            assert "://" not in shown


def test_only_the_media_settles_what_a_contact_is(tenant: ContactTenant) -> None:
    listed = RecordingRef("4711", START, 900.0, metadata={"skill": "billing"})
    description = tenant.source.describe(listed)
    assert description.settled_by_media
    assert (description.size_bytes, description.format) == (None, None)
    assert (description.recorded_at, description.duration_s) == (START, 900.0)
    assert description.metadata["skill"] == "billing"


def test_the_media_is_read_by_ranges_too(tenant: ContactTenant) -> None:
    media = tenant.source.resolve(PLAN)[0]
    buffer = memoryview(bytearray(1000))
    answer = tenant.source.read_segment(media, Segment(1, 1000, 2000), buffer)
    assert (answer.bytes_read, answer.total_bytes, bytes(buffer)) == (1000, len(FIRST), FIRST[1000:2000])


def test_a_media_that_is_gone_is_not_found(tenant: ContactTenant) -> None:
    media = tenant.source.resolve(PLAN)[0]
    tenant.put("4711", [])
    with pytest.raises(RecordingNotFound):
        whole(tenant, media)
