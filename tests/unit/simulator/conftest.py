from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cxone_provider.simulator import ManualClock, Simulator
from tests.unit.simulator.client import TenantClient

STREAM_SECRET = "stream & secret"


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
