from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cxone_provider.simulator import Interaction, ManualClock, Participant, Simulator, Stage
from tests.unit.simulator.client import TenantClient
from tests.unit.simulator.playback import PlaybackClient

STREAM_SECRET = "stream & secret"
STARTED_AT = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)
_AGENT = Participant("AGENT", "77", 0, [Stage("HOLD", 10, 20), Stage("MASK", 30.5)])


@pytest.fixture
def audio_dir() -> Path:
    return Path(__file__).parents[2] / "audio"


@pytest.fixture
def audio() -> bytes:
    """Bytes that differ everywhere, longer than two strides of a changed entity."""
    return random.Random(7).randbytes(20_000)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(audio: bytes, clock: ManualClock) -> Iterator[Simulator]:
    with Simulator(stream_secret=STREAM_SECRET, clock=clock) as running:
        running.add_recording("call", audio, format="mp3", duration_s=12.5)
        clock.advance(60)
        yield running


@pytest.fixture
def client(simulator: Simulator) -> TenantClient:
    return TenantClient(simulator)


@pytest.fixture
def script(simulator: Simulator) -> Callable[..., None]:
    """Script one fault on the recording `call`."""

    def scripted(fault: str, **fields: object) -> None:
        simulator.script("call", [{"fault": fault, **fields}])

    return scripted


@pytest.fixture
def playback(simulator: Simulator, audio: bytes) -> PlaybackClient:
    """Return a client of a tenant whose contact `4711` has two recordings, of 20,000 and of 4,096 bytes."""
    first = Interaction(audio, format="mp4", duration_s=70, participants=[_AGENT, Participant("CUSTOMER", channel=1)])
    simulator.add_contact("4711", [first, Interaction(4096)], started_at=STARTED_AT, disposition="Sold")
    return PlaybackClient(simulator)
