"""Media links: an object store that takes no bearer token, whose links expire, and whose objects may change."""

from __future__ import annotations

import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from cxone_provider.simulator import Interaction, ManualClock, Simulator
from cxone_provider.simulator.playback import LinkDesk
from cxone_provider.simulator.request import Request
from tests.unit.simulator.client import Reply
from tests.unit.simulator.playback import PlaybackClient


def code_of(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.body.decode().partition("<Code>")[2].partition("</Code>")[0]


@pytest.fixture
def link(playback: PlaybackClient) -> str:
    return playback.links("4711")[0]


def test_a_link_gives_media_without_a_token(playback: PlaybackClient, link: str, audio: bytes) -> None:
    whole = playback.follow(link)
    assert (whole.status, whole.body, whole.header("Content-Type")) == (200, audio, "audio/mp4")
    part = playback.follow(link, Range="bytes=0-0")
    assert (part.status, part.body, part.header("Content-Range")) == (206, audio[:1], f"bytes 0-0/{len(audio)}")
    assert part.header("X-Chunk-HMAC-SHA256") is None


def test_a_link_looks_like_an_object_store_s(link: str) -> None:
    names = set(parse_qs(urlsplit(link).query))
    assert names == {
        f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    }


def test_a_bearer_token_is_refused_and_recorded(playback: PlaybackClient, link: str) -> None:
    refused = playback.follow(link, Authorization=f"Bearer {playback.token()}")
    assert code_of(refused) == (400, "InvalidArgument")
    playback.follow(link)
    with_token, without = (record for record in playback.simulator.requests if record.endpoint == "media")
    assert str(with_token.header("authorization")).startswith("Bearer sha256:")
    assert without.header("authorization") is None


def test_the_log_keeps_no_link_that_works(playback: PlaybackClient, link: str) -> None:
    for _ in range(2):
        playback.follow(link)
    first, second = (record for record in playback.simulator.requests if record.endpoint == "media")
    signature = parse_qs(urlsplit(link).query)["X-Amz-Signature"][0]
    assert signature not in str(first)
    assert first.query == second.query
    assert playback.follow(f"{first.path}?{first.query}").status == 403


def test_a_link_is_signed_for_get(playback: PlaybackClient, link: str) -> None:
    head = playback.follow(link, "HEAD")
    assert (head.status, head.body) == (403, b"")
    assert playback.follow(link, "PUT").status == 405


def test_preconditions_and_ranges_are_the_rfc_s_with_errors_in_xml(playback: PlaybackClient, link: str) -> None:
    etag = str(playback.follow(link).header("ETag"))
    assert etag.startswith('"')
    assert playback.follow(link, Range="bytes=5-9", If_Match=etag).status == 206
    assert code_of(playback.follow(link, Range="bytes=5-9", If_Match='"other"')) == (412, "PreconditionFailed")
    beyond = playback.follow(link, Range="bytes=20000-")
    assert (code_of(beyond), beyond.header("Content-Range")) == ((416, "InvalidRange"), "bytes */20000")
    assert playback.follow(link, Range="bytes=5-9", If_Range='"other"').status == 200
    assert playback.follow(link, If_None_Match=etag).status == 304


def test_expiry_is_checked_when_a_request_starts(playback: PlaybackClient, link: str, clock: ManualClock) -> None:
    clock.advance(3599)
    assert playback.follow(link).status == 200
    clock.advance(1)
    expired = playback.follow(link, Range="bytes=0-9")
    assert code_of(expired) == (403, "AccessDenied")
    assert b"<Message>Request has expired</Message>" in expired.body
    assert expired.header("Content-Type") == "application/xml"


def test_an_answer_that_has_begun_outlives_its_link(playback: PlaybackClient, link: str, clock: ManualClock) -> None:
    playback.simulator.script("4711.1", [{"fault": "drip", "block_bytes": 5000, "interval_s": 3600}])
    assert len(playback.follow(link).body) == 20_000
    assert playback.follow(link).status == 403
    assert clock.now().hour >= 3


def test_all_links_can_be_made_to_expire(playback: PlaybackClient) -> None:
    old = playback.links("4711")
    assert playback.simulator.expire_links() == 2
    assert [code_of(playback.follow(link)) for link in old] == [(403, "AccessDenied")] * 2
    (again, _) = playback.links("4711")
    assert playback.follow(again).status == 200
    assert playback.call("POST", "/_simulator/links/expire").document == {"expired": 2}
    assert playback.follow(again).status == 403


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("4711.1", "4711.2", (403, "SignatureDoesNotMatch")),
        ("X-Amz-Expires=3600", "X-Amz-Expires=9999999", (403, "SignatureDoesNotMatch")),
        ("X-Amz-Date=2", "X-Amz-Date=3", (403, "SignatureDoesNotMatch")),
        ("X-Amz-Signature=", "X-Amz-Signature=%ff", (403, "SignatureDoesNotMatch")),
        ("X-Amz-Signature=", "X-Amz-Signature=1&X-Amz-Signature=", (403, "AccessDenied")),
        ("X-Amz-Signature", "X-Amz-Other", (403, "AccessDenied")),
        ("cxone-media", "other-bucket", (403, "SignatureDoesNotMatch")),
    ],
)
def test_a_link_that_was_tampered_with_opens_nothing(
    playback: PlaybackClient, link: str, old: str, new: str, code: tuple[int, str]
) -> None:
    assert old in link
    assert code_of(playback.follow(link.replace(old, new))) == code


@pytest.mark.parametrize("path", ["", "cxone-media", "cxone-media/../../etc/passwd", "cxone-media/%2e%2e%2fetc"])
def test_no_path_leads_anywhere_else(playback: PlaybackClient, path: str) -> None:
    assert code_of(playback.call("GET", "/media-store/" + path)) == (403, "AccessDenied")


def test_an_object_that_is_gone_is_404(audio: bytes) -> None:
    with Simulator() as simulator:
        simulator.add_contact("1", [Interaction(audio, format="mp4"), Interaction(4096)])
        client = PlaybackClient(simulator)
        gone = client.links("1")[1]
        simulator.add_contact("1", [Interaction(audio, format="mp4")])
        assert code_of(client.follow(gone)) == (404, "NoSuchKey")


def test_tens_of_thousands_of_links_are_signed_quickly_and_forgotten(clock: ManualClock) -> None:
    desk = LinkDesk(clock, 300, "http://tenant")
    request = Request("GET", "/", "HTTP/1.1", (), b"", 1)
    began_at = time.process_time()
    for number in range(40_000):
        desk.sign(str(number), request)
        clock.advance(0.01)
    assert time.process_time() - began_at < 10
    assert desk.expire_all() == 29_999
    assert desk.expire_all() == 0


def test_links_may_lead_to_another_host(playback: PlaybackClient) -> None:
    settings = replace(playback.simulator.apis, link_origin="http://169.254.169.254/")
    with Simulator(apis=settings) as simulator:
        elsewhere = "https://media.example.com/x.mp4?a=b"
        simulator.add_contact("1", [Interaction(4096), Interaction(4096, link=elsewhere)])
        internal, foreign = PlaybackClient(simulator).links("1")
    assert internal.startswith("http://169.254.169.254/media-store/cxone-media/1.1?X-Amz-")
    assert foreign == elsewhere


def test_links_lead_to_the_address_the_client_used(playback: PlaybackClient) -> None:
    reply = playback.get("/media-playback/v1/contacts?acd-call-id=4711", Host="cxone:8765")
    assert reply.document["interactions"][0]["data"]["fileToPlayUrl"].startswith("http://cxone:8765/media-store/")


def test_a_new_link_may_lead_to_a_changed_entity(playback: PlaybackClient, audio: bytes) -> None:
    playback.simulator.add_contact("1", [Interaction(audio, format="mp4", changes_with_link=True)])
    (first,) = playback.links("1")
    etag = str(playback.follow(first).header("ETag"))
    playback.simulator.expire_links()
    (second,) = playback.links("1")
    assert code_of(playback.follow(second, If_Match=etag)) == (412, "PreconditionFailed")
    changed = playback.follow(second)
    assert (changed.status, len(changed.body)) == (200, len(audio))
    assert (changed.body != audio, changed.header("ETag") != etag) == (True, True)


def test_a_download_that_its_link_does_not_outlive_goes_on_with_a_new_one(
    playback: PlaybackClient, clock: ManualClock, audio: bytes
) -> None:
    (link, _) = playback.links("4711")
    first = playback.follow(link, Range="bytes=0-9999")
    clock.advance(3600)
    assert playback.follow(link, Range="bytes=10000-").status == 403
    renewed = PlaybackClient(playback.simulator)
    second = renewed.follow(renewed.links("4711")[0], Range="bytes=10000-", If_Match=str(first.header("ETag")))
    assert (second.status, first.body + second.body) == (206, audio)


def test_an_entity_may_change_behind_a_link_that_holds(playback: PlaybackClient, link: str, audio: bytes) -> None:
    playback.simulator.script("4711.1", [{"fault": "change_entity", "at": 2, "size_change_bytes": 4}])
    etag = str(playback.follow(link, Range="bytes=0-9").header("ETag"))
    assert code_of(playback.follow(link, Range="bytes=10-19", If_Match=etag)) == (412, "PreconditionFailed")
    assert len(playback.follow(link).body) == len(audio) + 4


def test_media_faults_act_on_links(playback: PlaybackClient, link: str, audio: bytes) -> None:
    playback.simulator.script(
        "4711.1", [{"fault": "short_206", "size_bytes": 10}, {"fault": "flip_bit", "offset": 5, "at": 2}]
    )
    assert playback.follow(link, Range="bytes=0-99").header("Content-Range") == "bytes 0-9/20000"
    assert playback.follow(link, Range="bytes=0-9").body != audio[:10]
    playback.simulator.script_tenant([{"fault": "status", "status": 503, "on": "media"}])
    assert [playback.follow(link).status for _ in range(2)] == [503, 200]


def test_a_reset_forgets_links(playback: PlaybackClient, link: str) -> None:
    playback.simulator.reset()
    assert playback.follow(link).status == 403
