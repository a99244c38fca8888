"""A store over a server that says what a test scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from cxone_provider.adapters.s3 import S3Store, StoreSettings, tuned_client_config
from tests.fakes.clock import FakeClock
from tests.fakes.http_server import ScriptedServer
from tests.fakes.s3_answers import Script, Step
from tools.servers.seaweedfs import S3Server

Scripted = Callable[..., tuple[S3Store, ScriptedServer]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=[True, False], ids=["direct", "botocore"])
def scripted(clock: FakeClock, request: pytest.FixtureRequest) -> Iterator[Scripted]:
    """A function that starts a server with the given steps, and returns a store over it and the server.

    What a store does is the same whether it sends its plain requests itself or through botocore.
    """
    with ExitStack() as stack:

        def start(*steps: Step, settings: StoreSettings | None = None) -> tuple[S3Store, ScriptedServer]:
            server = stack.enter_context(ScriptedServer(Script(*steps)))
            checksum = settings.checksum if settings else "sha256"
            client = S3Server(server.url, "AKIDEXAMPLE", "made-up").client(tuned_client_config(checksum=checksum))
            stack.callback(client.close)
            return S3Store(client, "archive", settings, clock=clock, direct=request.param), server

        yield start
