from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from cxone_provider.simulator import ManualClock, ScenarioError, Simulator
from tests.unit.simulator.client import TenantClient
from tests.unit.simulator.conftest import STREAM_SECRET

AUDIO_SUFFIXES = {".mp3": "audio/mpeg", ".wav": "audio/wav", ".mp4": "audio/mp4", ".ogg": "audio/ogg"}


def test_metadata_has_the_six_fields_of_the_contract(client: TenantClient, audio: bytes) -> None:
    assert client.metadata("call").document == {
        "id": "call",
        "format": "mp3",
        "size": len(audio),
        "duration": 12.5,
        "status": "completed",
        "storageState": "available",
    }


def test_metadata_can_lie_about_the_size(client: TenantClient, audio: bytes) -> None:
    client.simulator.add_recording("liar", audio, format="mp3", size=17, status="in_progress")
    document = client.metadata("liar").document
    assert (document["size"], document["status"]) == (17, "in_progress")
    assert client.media("liar").body == audio


def test_unknown_recordings_paths_and_methods(client: TenantClient) -> None:
    assert (client.metadata("nope").status, client.media("nope").status) == (404, 404)
    assert client.get("/api/v1/recording/call").status == 404
    refused = client.get("/api/v2/recording/call", method="DELETE")
    assert (refused.status, refused.header("Allow")) == (405, "GET, HEAD")


def test_an_id_is_decoded_once(client: TenantClient, audio: bytes) -> None:
    client.simulator.add_recording("a b%2F", audio, format="mp3")
    assert client.metadata("a%20b%252F").document["id"] == "a b%2F"
    assert client.metadata("a%2520b%252F").status == 404


def test_media_has_strong_validators_and_its_type(client: TenantClient, audio_dir: Path) -> None:
    for path in sorted(audio_dir.iterdir()):
        if path.suffix in AUDIO_SUFFIXES:
            client.simulator.add_recording(path.name, path)
            reply = client.media(path.name)
            assert reply.status == 200
            assert reply.body == path.read_bytes()
            assert reply.header("Content-Type") == AUDIO_SUFFIXES[path.suffix]
            assert reply.header("ETag") == f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
            assert reply.header("Accept-Ranges") == "bytes"
            assert reply.header("Last-Modified")


def test_renditions_are_reached_by_format(client: TenantClient) -> None:
    client.simulator.add_recording("two", b"native", format="wav", renditions={"mp3": b"smaller"})
    assert client.media("two").body == b"native"
    assert client.media("two?format=wav").body == b"native"
    assert client.media("two?format=mp3").body == b"smaller"
    assert client.media("two?format=mp3").header("Content-Type") == "audio/mpeg"
    for query in ("?format=mp4", "?format=", "?format=wav&format=mp3", "?format=../x"):
        reply = client.media("two" + query)
        assert (reply.status, reply.document["formats"]) == (400, ["wav", "mp3"])


@pytest.mark.parametrize("start", [0, 1, 4096, 19_999])
def test_every_partial_answer_is_signed_over_offset_and_bytes(client: TenantClient, audio: bytes, start: int) -> None:
    reply = client.media("call", f"bytes={start}-{start + 99}")
    signed = start.to_bytes(8, "big") + audio[start : start + 100]
    assert reply.header("X-Chunk-HMAC-SHA256") == hmac.new(STREAM_SECRET.encode(), signed, "sha256").hexdigest()
    assert client.media("call", f"bytes={start}-{start + 99}").header("x-chunk-hmac-sha256") == reply.header(
        "x-chunk-hmac-sha256"
    )


def test_a_whole_answer_is_not_signed_and_without_a_secret_none_is(client: TenantClient, audio: bytes) -> None:
    assert client.media("call").header("X-Chunk-HMAC-SHA256") is None
    with Simulator() as plain:
        plain.add_recording("call", audio, format="mp3")
        assert TenantClient(plain).media("call", "bytes=0-9").header("X-Chunk-HMAC-SHA256") is None


def test_the_signature_header_has_another_name_if_asked(audio: bytes) -> None:
    with Simulator(stream_secret="k", signature_header="X-Signed") as simulator:
        simulator.add_recording("call", audio, format="mp3")
        assert TenantClient(simulator).media("call", "bytes=0-9").header("X-Signed")


def test_storage_states_pass_with_requests_and_time(client: TenantClient, clock: ManualClock) -> None:
    phases: list[dict[str, object]] = [
        {"state": "archived", "for_requests": 2},
        {"state": "restoring", "for_s": 5},
        {"state": "available", "for_s": 10},
        {"state": "deleted"},
    ]
    client.simulator.set_state("call", phases)
    clock.advance(1000)
    assert client.metadata("call").document["storageState"] == "archived"
    refused = client.media("call")
    assert (refused.status, refused.document["storageState"]) == (409, "archived")
    assert client.metadata("call").document["storageState"] == "restoring"
    clock.advance(4.9)
    assert client.media("call").status == 409
    clock.advance(0.1)
    assert (client.metadata("call").document["storageState"], client.media("call").status) == ("available", 200)
    clock.advance(60)
    assert client.metadata("call").document["storageState"] == "deleted"


@pytest.mark.parametrize("state", ["available", "stored"])
def test_streamable_states_stream(client: TenantClient, state: str) -> None:
    client.simulator.set_state("call", state)
    assert client.media("call").status == 200


@pytest.mark.parametrize(
    "state",
    [
        [],
        5,
        [{}],
        [{"state": "x", "until": 1}],
        [{"state": "x", "for_requests": 0}],
        [{"state": "x", "for_s": -1}],
        [{"state": "x", "for_s": float("inf")}],
    ],
)
def test_states_that_make_no_sense_are_told(simulator: Simulator, state: object) -> None:
    with pytest.raises(ScenarioError):
        simulator.add_recording("x", b"x", format="mp3", storage_state=state)  # type: ignore[arg-type]  # on purpose


def test_recordings_that_make_no_sense_are_told(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="needs a format"):
        simulator.add_recording("x", b"x")
    with pytest.raises(ScenarioError, match="needs a format"):
        simulator.add_recording("x", tmp_path / "call.txt")
    for recording_id in ("", "a/b"):
        with pytest.raises(ScenarioError, match="without a slash"):
            simulator.add_recording(recording_id, b"x", format="mp3")
    with pytest.raises(ScenarioError, match="no recording 'nope'"):
        simulator.script("nope", [])
    with pytest.raises(ScenarioError, match="no rendition 'mp4'"):
        simulator.media_bytes("call", "mp4")
