"""What a process works with: an S3 server that outlives it, and a tenant of its own for every recording."""

from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING

from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.simulator import Simulator
from cxone_provider.simulator.request_log import RequestRecord
from cxone_provider.simulator.webhook import Delivery
from tests.kills.child import Tenant, Try, run_try
from tests.kills.steps import Recording
from tests.kills.wire import Place
from tools.servers.seaweedfs import S3Server, seaweedfs

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "kills"
CLIENT_SECRET = "kills-client-secret-&+=%41"
STREAM_SECRET = "kills-stream-secret-0123456789abcdef"
WEBHOOK_SECRET = "whsec_a2lsbHMtd2ViaG9vay1zZWNyZXQtMDEyMzQ1Njc4OQ=="
SAMPLE_RATE_HZ = 48_000
LIMIT_S = 100.0
# Starting a process asks all others for their exit codes, and each gives its own only once.
_EXIT_CODES = threading.Lock()


class ProcessStuck(Exception):
    """A process did not come to its end, or to the place where it is waited for; it was killed."""


def _processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    # Processes are forked from one that has imported everything and has no thread: a start takes milliseconds.
    context.set_forkserver_preload(["__main__", "tests.kills.child"])
    return context


PROCESSES = _processes()


@dataclass(frozen=True, slots=True)
class Store:
    """An S3 server, a client that knows nothing of the provider, and a versioned bucket."""

    server: S3Server
    client: S3Client
    bucket: str = BUCKET

    @contextmanager
    def scene(self, recording_id: str, recording: Recording, folder: Path) -> Iterator[Scene]:
        """Set a recording up at a tenant of its own."""
        folder.mkdir(parents=True)
        with Simulator(client_secret=CLIENT_SECRET, stream_secret=STREAM_SECRET) as tenant:
            tenant.add_generated(recording_id, recording.size_bytes, sample_rate_hz=SAMPLE_RATE_HZ)
            known = Tenant(tenant.base_url, tenant.client_id, CLIENT_SECRET, STREAM_SECRET, WEBHOOK_SECRET)
            yield Scene(self, tenant, Try(known, self.server, self.bucket, recording_id, recording, folder))


@dataclass(frozen=True, slots=True)
class Scene:
    """One recording that is about to be archived.

    Attributes:
        store: the S3 server.
        tenant: the simulator.
        told: what every process is told.
    """

    store: Store
    tenant: Simulator
    told: Try

    @property
    def layout(self) -> ArchiveLayout:
        """Where the archive of this recording lies."""
        return ArchiveLayout(self.store.bucket, self.told.prefix)

    def start(self, told: Try, place: Place | None = None, waiting: Connection | None = None) -> ForkServerProcess:
        """Start a process; see :func:`~tests.kills.child.run_try`."""
        process = PROCESSES.Process(target=run_try, args=(told, place, waiting))
        with _EXIT_CODES:
            process.start()
        return process

    def requests(self) -> list[RequestRecord]:
        """Return the requests for the recording's media."""
        return [
            one
            for one in self.tenant.requests
            if one.endpoint == "media" and one.recording_id == self.told.recording_id
        ]

    def deliveries(self) -> list[Delivery]:
        """Return what the receiver was told of the recording."""
        return [one for one in self.tenant.webhooks if json.loads(one.body)["recording_id"] == self.told.recording_id]


def exit_code_of(process: ForkServerProcess) -> int:
    """Wait for a process's end and return its exit code, negative for a signal.

    Raises:
        ProcessStuck: it does not end.
    """
    ended = wait([process.sentinel], LIMIT_S)
    if not ended:
        process.kill()
    with _EXIT_CODES:
        process.join()
        code = process.exitcode
        process.close()
    if not ended or code is None:
        raise ProcessStuck(f"a process did not end within {LIMIT_S:g} s")
    return code


@contextmanager
def started_until(scene: Scene, told: Try, place: Place) -> Iterator[tuple[ForkServerProcess, Connection]]:
    """Start a process and wait until it waits at a place; whatever is sent lets it go on.

    Raises:
        ProcessStuck: it does not come there.
    """
    ours, theirs = PROCESSES.Pipe()
    with ours, theirs:
        process = scene.start(told, place, theirs)
        if ours not in wait([ours, process.sentinel], LIMIT_S):
            process.kill()
            raise ProcessStuck(f"a process did not come to {place}: {told.log_path.read_text()[-1000:]}")
        ours.recv()
        yield process, ours


@contextmanager
def versioned(server: S3Server) -> Iterator[Store]:
    """Use a server's bucket with versions."""
    client = server.client()
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield Store(server, client)
    client.close()


@contextmanager
def seaweedfs_store(folder: Path) -> Iterator[Store]:
    """Start a SeaweedFS and use it."""
    with seaweedfs(folder, buckets=[BUCKET]) as server, versioned(server) as store:
        yield store
