"""`media-playback`, byte for byte: one request for a contact's links, and the links read without a token."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pendulum
import pytest

from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.quota import Quota
from cxone_provider.adapters.retrying import RetryPolicy
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    MediaWithheld,
    RateLimited,
    RecordingChanged,
    RecordingNotFound,
    SourceUnavailable,
    UnexpectedAnswer,
)
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media
from cxone_provider.archive.recording import Outcome, RecordingRef
from tests.fakes.clock import FakeClock
from tests.fakes.cxone_tenant import Reply, json_answer, ranged
from tests.fakes.http_server import Answer, ScriptedServer, WireRequest, answer
from tests.fakes.playback_tenant import ScriptedPlayback

pytestmark = pytest.mark.server

CONTACTS = "/media-playback/v1/contacts"
CONTENT = bytes(range(256)) * 8
EXPIRED = answer(403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")
PACED = Quota(10, 100, 1)
INTERVAL_S = PACED.interval_s


@dataclass
class Stage:
    """A scripted tenant, the store behind its links, and a source.

    Attributes:
        opened: by the number a link was made with, what the store answers to it.
        made: how many links were made.
    """

    playback: ScriptedPlayback
    store: ScriptedServer
    source: MediaPlaybackSource
    clock: FakeClock
    opened: dict[int, Reply]
    made: int = 0
    interactions: list[dict[str, Any]] = field(default_factory=list)

    def contact(self, request: WireRequest) -> Answer:
        """Answer a playback request with a new link for each interaction."""
        items = []
        for index, known in enumerate(self.interactions):
            self.made += 1
            link = f"{self.store.url}/media-{index}.mp4?X-Amz-Signature=canary-{self.made}"
            data = {"fileToPlayUrl": link, **known.get("data", {})}
            items.append({"mediaType": "voice-only", **known, "data": data})
        return json_answer({"interactions": items})

    def resolve(self, contact_id: str = "4711") -> list[Media]:
        return list(self.source.resolve(SegmentPlan(contact_id, Outcome.READY)))

    def one(self) -> Media:
        [media] = self.resolve()
        return media

    def read(self, media: Media, start: int = 0, stop: int = len(CONTENT)) -> bytes:
        buffer = memoryview(bytearray(stop - start))
        return bytes(buffer[: self.source.read_segment(media, Segment(0, start, stop), buffer).bytes_read])

    def asked(self) -> int:
        """Return how many playback requests were sent."""
        return len(self.playback.to(CONTACTS))


Make = Callable[..., Stage]


@pytest.fixture
def make() -> Iterator[Make]:
    with ExitStack() as stack:

        def made(**changes: Any) -> Stage:
            opened: dict[int, Reply] = {}

            def store_reply(request: WireRequest) -> Answer:
                number = int(request.target.rpartition("-")[2])
                reply = opened.get(number, ranged(CONTENT))
                return reply if isinstance(reply, Answer) else reply(request)

            playback = ScriptedPlayback()
            stack.enter_context(playback.server)
            store = stack.enter_context(ScriptedServer(store_reply))
            clock = FakeClock()
            source = MediaPlaybackSource(playback.settings(**{"quota": PACED, **changes}), clock)
            stack.callback(source.close)
            staged = Stage(playback, store, source, clock, opened)
            staged.interactions = [{"startTime": "2026-11-22T10:00:00Z", "endTime": "2026-11-22T10:01:00Z"}]
            playback.script(CONTACTS, staged.contact)
            return staged

        yield made


def test_one_request_to_the_letter_brings_every_voice_interaction(make: Make) -> None:
    stage = make()
    chat = {**stage.interactions[0], "mediaType": "chat"}
    second = {"startTime": "2026-11-22T10:02:00Z", "endTime": "2026-11-22T10:02:30Z", "mediaType": "voice-and-screen"}
    stage.interactions = [second, chat, stage.interactions[0]]
    first, then = stage.resolve()
    [request] = stage.playback.to(CONTACTS)
    assert request.line.startswith("GET ")
    assert parse_qs(urlsplit(request.target).query) == {
        "acd-call-id": ["4711"],
        "media-type": ["all"],
        "exclude-waveforms": ["true"],
        "isDownload": ["false"],
    }
    assert request.headers["authorization"] == f"Bearer {stage.playback.tokens[0]}"
    assert (first.recording_id, first.duration_s, then.recording_id, then.duration_s) == ("4711.1", 60, "4711.2", 30)
    assert first.recorded_at == pendulum.datetime(2026, 11, 22, 10)
    assert first.single_request
    assert first.identity != then.identity
    assert (first.size_bytes, first.etag, first.requested_format) == (None, None, None)
    assert stage.source.requests_used == 1
    assert stage.store.requests == []
    assert "canary" not in f"{first!r} {stage.source!r}"


def test_a_contact_segment_is_asked_for_by_its_own_path(make: Make) -> None:
    stage = make()
    stage.playback.script("/media-playback/v1/segments/leg-1~2", stage.contact)
    [media] = stage.resolve("segment:leg-1~2")
    assert media.recording_id == "segment:leg-1~2.1"
    [request] = [sent for sent in stage.playback.server.requests if "/segments/" in sent.target]
    assert request.target.startswith("/media-playback/v1/segments/leg-1")
    assert "acd-call-id" not in request.target
    assert "exclude-waveforms=true" in request.target


def test_a_listed_contact_is_described_without_a_request(make: Make) -> None:
    stage = make()
    at = pendulum.datetime(2026, 11, 22)
    for ref in (RecordingRef("4711", at, 60.0, metadata={"skill": "Sales"}), RecordingRef("4711", at)):
        described = stage.source.describe(ref)
        assert (described.recorded_at, described.duration_s) == (ref.recorded_at, ref.duration_s)
        assert dict(described.metadata) == dict(ref.metadata)
        assert described.settled_by_media
    assert stage.playback.server.requests == []


def test_a_bare_id_costs_one_request(make: Make) -> None:
    stage = make()
    described = stage.source.describe(RecordingRef("4711"))
    assert (described.recorded_at, described.duration_s) == (pendulum.datetime(2026, 11, 22, 10), 60)
    stage.interactions.append({"startTime": "2026-11-22T11:00:00Z", "endTime": "2026-11-22T12:00:00Z"})
    assert stage.source.describe(RecordingRef("4711")).duration_s is None
    stage.interactions.clear()
    assert stage.source.describe(RecordingRef("4711")).recorded_at is None
    assert (stage.asked(), stage.source.requests_used) == (3, 3)


def test_no_voice_is_no_media(make: Make) -> None:
    stage = make()
    stage.interactions[0]["mediaType"] = "email"
    assert stage.resolve() == []


def test_the_media_comes_from_the_link_and_no_token_goes_there(make: Make) -> None:
    stage = make()
    media = stage.one()
    buffer = memoryview(bytearray(len(CONTENT)))
    first = stage.source.read_segment(media, Segment(0, 0, 100), buffer)
    assert (first.total_bytes, first.etag, first.signature, first.attempts) == (len(CONTENT), '"v1"', None, 1)
    assert stage.read(replace(media, etag='"v1"'), 100) == CONTENT[100:]
    stage.opened[1] = answer(200, CONTENT, {"ETag": '"v1"', "Content-Type": "audio/mp4"})
    with stage.source.open_whole(media) as body:
        assert body.total_bytes == len(CONTENT)
        assert body.readinto(buffer) == len(CONTENT)
    assert [request.line.split(" ")[0] for request in stage.store.requests] == ["GET"] * 3
    assert not any("authorization" in request.headers for request in stage.store.requests)
    assert not any(stage.playback.tokens[0] in repr(request) for request in stage.store.requests)
    assert (stage.asked(), stage.source.requests_used) == (1, 1)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_expired_link_is_resolved_once_and_read_on_with_if_match(make: Make, status: int) -> None:
    stage = make()
    media = replace(stage.one(), etag='"v1"')
    stage.opened[1] = answer(status)
    buffer = memoryview(bytearray(100))
    result = stage.source.read_segment(media, Segment(0, 100, 200), buffer)
    assert (bytes(buffer), result.attempts) == (CONTENT[100:200], 2)
    assert stage.read(media, 200) == CONTENT[200:]
    last = stage.store.requests[1]
    assert (last.headers["range"], last.headers["if-match"]) == ("bytes=100-199", '"v1"')
    assert [request.target[-8:] for request in stage.store.requests] == ["canary-1", "canary-2", "canary-2"]
    assert (stage.asked(), stage.source.requests_used) == (2, 2)


def test_the_rest_of_a_body_goes_on_by_a_new_link(make: Make) -> None:
    stage = make()
    media = replace(stage.one(), etag='"v1"')
    stage.opened[1] = EXPIRED
    rest = {"Content-Range": f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": '"v1"'}
    stage.opened[2] = answer(206, CONTENT[1000:], rest)
    buffer = memoryview(bytearray(len(CONTENT)))
    with stage.source.open_whole(media, 1000) as body:
        assert body.readinto(buffer) == len(CONTENT) - 1000
    assert stage.store.requests[1].headers["if-match"] == '"v1"'


def test_however_many_readers_are_refused_one_request_makes_the_new_link(make: Make) -> None:
    stage = make()
    media = replace(stage.one(), etag='"v1"')
    together = threading.Barrier(8)

    def refused(request: WireRequest) -> Answer:
        together.wait(10)
        return EXPIRED

    stage.opened[1] = refused
    with ThreadPoolExecutor(8) as pool:
        chunks = list(pool.map(lambda number: stage.read(media, number * 256, (number + 1) * 256), range(8)))
    assert b"".join(chunks) == CONTENT
    assert stage.asked() == 2


def test_a_new_link_that_is_refused_too_is_the_end(make: Make) -> None:
    stage = make()
    media = stage.one()
    stage.opened.update({1: EXPIRED, 2: EXPIRED, 3: EXPIRED})
    with pytest.raises(AccessDenied, match="also a new one") as raised:
        stage.read(media)
    assert not raised.value.retryable
    with pytest.raises(AccessDenied):
        stage.read(media)
    assert (stage.asked(), len(stage.store.requests)) == (2, 3)


def test_a_link_that_worked_may_expire_again(make: Make) -> None:
    stage = make()
    media = replace(stage.one(), etag='"v1"')
    for number in range(1, 4):
        stage.opened[number] = EXPIRED
        assert stage.read(media) == CONTENT
        assert stage.asked() == number + 1


def test_a_new_link_that_only_fails_in_passing_is_not_made_anew_again(make: Make) -> None:
    stage = make()
    media = stage.one()
    answers = iter([answer(503), EXPIRED, EXPIRED])
    stage.opened.update({1: EXPIRED, 2: lambda request: next(answers)})
    with pytest.raises(AccessDenied):
        stage.read(media)
    assert stage.asked() == 2


@pytest.mark.parametrize("changed", [answer(412), ranged(CONTENT, etag='"v2"'), ranged(CONTENT, etag=None)])
def test_another_entity_behind_the_new_link_is_not_joined(make: Make, changed: Reply) -> None:
    stage = make()
    media = replace(stage.one(), etag='"v1"')
    stage.opened.update({1: EXPIRED, 2: changed})
    with pytest.raises(RecordingChanged):
        stage.read(media)


def test_an_interaction_that_is_gone_when_its_link_expires_is_not_found(make: Make) -> None:
    stage = make()
    media = stage.one()
    stage.opened[1] = EXPIRED
    stage.interactions[0]["startTime"] = "2026-11-22T09:00:00Z"
    with pytest.raises(RecordingNotFound, match=r"4711\.1"):
        stage.read(media)


def test_a_link_that_cannot_be_made_anew_fails_every_reader_with_the_same(make: Make) -> None:
    stage = make()
    media = stage.one()
    stage.opened[1] = EXPIRED
    stage.playback.replace(CONTACTS, answer(503))
    errors: list[ArchiveError] = []
    for _ in range(3):
        with pytest.raises(ArchiveError) as raised:
            stage.read(media)
        errors.append(raised.value)
    assert {type(error) for error in errors} == {SourceUnavailable}
    assert stage.asked() == 1 + 4, "the source's retries, once"


@pytest.mark.parametrize("link", [None, ""])
def test_an_interaction_without_a_link_is_withheld(make: Make, link: object) -> None:
    stage = make()
    stage.interactions[0]["data"] = {"fileToPlayUrl": link}
    media = stage.one()
    with pytest.raises(MediaWithheld, match="archived, locked, or not ready"):
        stage.read(media)
    with pytest.raises(MediaWithheld), stage.source.open_whole(media):
        pytest.fail("opened")


def test_a_link_to_another_host_is_not_followed(make: Make) -> None:
    stage = make()
    with ScriptedServer(lambda request: answer(200), address="127.0.0.2") as elsewhere:
        stage.interactions[0]["data"] = {"fileToPlayUrl": f"{elsewhere.url}/canary"}
        with pytest.raises(UnexpectedAnswer, match="not allowed") as raised:
            stage.read(stage.one())
    assert elsewhere.requests == []
    assert "canary" not in str(raised.value)


def test_resolving_again_takes_the_new_links(make: Make) -> None:
    stage = make()
    first = stage.one()
    stage.read(first)
    stage.read(stage.one())
    assert [request.target[-8:] for request in stage.store.requests] == ["canary-1", "canary-2"]


LINK = "https://bucket.s3.amazonaws.com/canary?X-Amz-Signature=canary"


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (
            json_answer({"internalCode": "NotFound", "message": "Interaction not found"}, 404),
            RecordingNotFound,
            "NotFo",
        ),
        (answer(410), RecordingNotFound, "410"),
        (json_answer({"internalCode": "Locked", "message": LINK}, 403), AccessDenied, "permission to play"),
        (json_answer({"message": f"see {LINK}", "route": CONTACTS}, 418), UnexpectedAnswer, "route"),
        (json_answer({"message": "down " + LINK.replace("/", "\\/")}, 503), SourceUnavailable, "down"),
        (json_answer({"message": "Too many", "route": CONTACTS}, 429), RateLimited, "Too many"),
        (answer(302, b"", {"Location": LINK}), UnexpectedAnswer, "302"),
        (answer(200, f'{{"redirectUrl": "{LINK}"}}'.encode()), UnexpectedAnswer, "interactions"),
        (answer(200, LINK.encode()), UnexpectedAnswer, "JSON"),
        (answer(200, f'["{LINK}"]'.encode()), UnexpectedAnswer, "object"),
        (answer(204), UnexpectedAnswer, "204"),
    ],
)
def test_a_refusal_is_typed_and_shows_no_link(make: Make, reply: Answer, kind: type[ArchiveError], said: str) -> None:
    stage = make()
    stage.playback.replace(CONTACTS, reply)
    with pytest.raises(kind, match=said) as raised:
        stage.resolve()
    error = raised.value
    assert "canary" not in f"{error} {error!r} {error.found!r} {error.__cause__} {error.__context__}"


def throttled(stage: Stage, count: int, **headers: str | int) -> None:
    """Refuse the next playback requests for the quota."""
    left = iter(range(count))

    def reply(request: WireRequest) -> Answer:
        if next(left, None) is None:
            return stage.contact(request)
        return json_answer({"message": "Too many requests", "route": CONTACTS}, 429, headers)

    stage.playback.replace(CONTACTS, reply)


def test_429_without_a_word_waits_out_the_window(make: Make) -> None:
    stage = make(retries=RetryPolicy(attempts=4, max_retry_after_s=300, deadline_s=3600))
    throttled(stage, 2)
    stage.one()
    assert stage.clock.monotonic_s() == pytest.approx(INTERVAL_S + 2 * 100)
    assert stage.source.requests_used == 3


def test_429_with_retry_after_waits_that(make: Make) -> None:
    stage = make(retries=RetryPolicy(attempts=4, max_retry_after_s=300, deadline_s=3600))
    throttled(stage, 1, **{"Retry-After": 42})
    stage.one()
    assert stage.clock.monotonic_s() == pytest.approx(INTERVAL_S + 42)


def test_a_herd_that_is_refused_waits_the_window_out_once(make: Make) -> None:
    stage = make(retries=RetryPolicy(attempts=4, max_retry_after_s=300, deadline_s=3600))
    throttled(stage, 3)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(stage.resolve, ["1", "2", "3"]))
    assert [len(medias) for medias in found] == [1, 1, 1]
    assert stage.source.requests_used == 6


def test_a_window_longer_than_the_deadline_is_not_waited_for(make: Make) -> None:
    stage = make(retries=RetryPolicy(attempts=4, deadline_s=50))
    throttled(stage, 9)
    with pytest.raises(RateLimited) as raised:
        stage.one()
    assert raised.value.retry_after_s == 100
    assert stage.asked() == 1


def test_every_playback_request_is_paced_and_no_other_is(make: Make) -> None:
    stage = make()
    stage.playback.replace(CONTACTS, answer(401), answer(503), stage.contact)
    media = replace(stage.one(), etag='"v1"')
    assert (stage.asked(), stage.source.requests_used) == (3, 3)
    for _ in range(5):
        stage.read(media)
    stage.opened[1] = EXPIRED
    stage.read(media)
    assert stage.source.requests_used == 4
    assert stage.clock.monotonic_s() >= 4 * INTERVAL_S - 0.001
    assert stage.clock.monotonic_s() < 5 * INTERVAL_S + 1


def test_no_link_and_no_secret_is_logged(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage = make()
    media = replace(stage.one(), etag='"v1"')
    stage.opened[1] = EXPIRED
    stage.read(media)
    stage.opened[2] = answer(200, CONTENT, {"ETag": '"v1"'})
    with stage.source.open_whole(media) as body:
        body.readinto(memoryview(bytearray(10)))
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("urllib3")]
    assert sum('"GET ***' in line for line in logged) == 3
    assert "canary" not in caplog.text
