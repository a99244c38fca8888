"""Other tools that fetch the same recording over the same faults, each as its own documentation says to call it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import requests

from cxone_provider.simulator import Simulator
from tests.faults.peer_worker import WITHOUT_END
from tests.faults.row import AUDIO, SEGMENT_SIZE_BYTES, SEVERAL_PARTS, Row, Strike
from tests.faults.stage import seeded
from tools.servers.seaweedfs import S3Server

# "hang": no end within the deadline, or within far more bytes than there are; "n/a": the tool never met the fault
PeerVerdict = Literal["ok", "err", "BAD", "hang", "n/a"]
DEADLINE_S = 12.0
_READY_S = 90.0
_RECORDING = "call"


@dataclass(frozen=True, slots=True)
class Order:
    """One recording to fetch, and where to: a file, or an object in `bucket`."""

    url: str
    token: str
    target: Path
    bucket: str
    s3_key: str


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool.

    Attributes:
        name: in tables.
        version: as it says itself.
        command: of a program that fetches one recording and ends; None for what the worker process does.
        to_s3: it writes to the bucket, not to a file.
    """

    name: str
    version: str
    command: Callable[[Order, S3Server], Sequence[str]] | None = None
    to_s3: bool = False


def _curl(order: Order, _: S3Server) -> Sequence[str]:
    header = f"Authorization: Bearer {order.token}"
    return ("curl", "-sS", "--fail", "--location", "--retry", "3", "-H", header, "-o", str(order.target), order.url)


def _wget(order: Order, _: S3Server) -> Sequence[str]:
    header = f"--header=Authorization: Bearer {order.token}"
    return ("wget", "-q", "--tries=3", "--waitretry=2", header, "-O", str(order.target), order.url)


def _rclone_copyurl(order: Order, _: S3Server) -> Sequence[str]:
    header = f"Authorization: Bearer {order.token}"
    return ("rclone", "copyurl", order.url, str(order.target), "--header", header, "--config", os.devnull)


def _rclone_to_s3(order: Order, server: S3Server) -> Sequence[str]:
    folder, _, name = order.url.rpartition("/")
    return (
        "rclone", "copyto", f":http:{name}", f":s3:{order.bucket}/{order.s3_key}", "--config", os.devnull,
        "--http-url", folder, "--http-headers", f"Authorization,Bearer {order.token}", "--s3-provider", "Other",
        "--s3-endpoint", server.endpoint, "--s3-access-key-id", server.access_key,
        "--s3-secret-access-key", server.secret_key, "--multi-thread-cutoff", "1M", "--multi-thread-streams", "4",
        "--s3-no-check-bucket",
    )  # fmt: skip


def installed_peers() -> list[Peer]:
    """Return the tools that this machine has, in the order of the table's columns."""
    rclone = _first_line("rclone", "version")
    found = [
        Peer("tutorial loop", "ported from Go"),
        Peer("requests.raw", requests.__version__),
        Peer("requests.iter", requests.__version__),
        Peer("HttpToS3Operator", _version_of("apache-airflow-providers-amazon"), to_s3=True),
        Peer("curl --retry", _first_line("curl", "--version"), _curl),
        Peer("wget --tries", _first_line("wget", "--version"), _wget),
        Peer("rclone copyurl", rclone, _rclone_copyurl),
        Peer("rclone http to S3", rclone, _rclone_to_s3, to_s3=True),
    ]
    return [peer for peer in found if peer.version]


def _version_of(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    with contextlib.suppress(PackageNotFoundError):
        return version(distribution)
    return ""


def _first_line(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return ""
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return next(word.removeprefix("v") for word in words if word.removeprefix("v")[:1].isdigit())


class PeerRun:
    """One tool, a tenant of its own, and a folder; a context manager.

    Args:
        peer: the tool.
        server, bucket: where it stores, if it does.
        folder: for what it downloads.
    """

    def __init__(self, peer: Peer, server: S3Server, bucket: str, folder: Path) -> None:
        self._peer = peer
        self._server = server
        self._bucket = bucket
        self._folder = folder
        self._stack = ExitStack()
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        self._simulator = self._stack.enter_context(Simulator())
        self._client = self._stack.enter_context(closing(self._server.client()))
        if self._peer.command is None:
            self._worker = self._stack.enter_context(_Worker(self._peer.name, self._server, self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def meet(self, row: Row, seed: int) -> PeerVerdict:
        """Let the tool fetch a recording over a row's faults."""
        size = SEVERAL_PARTS if SEVERAL_PARTS in row.sizes else row.sizes[-1]
        self._simulator.reset()
        if size.file is None:
            self._simulator.add_generated(_RECORDING, size.size_bytes)
        else:
            self._simulator.add_recording(_RECORDING, AUDIO / size.file)
        order = self._order(row)
        strike = Strike.drawn(size, seeded(seed, row.name, size.name, "peers"))
        self._simulator.script(_RECORDING, [strike.resolve(fault) for fault in row.tenant])
        ended = self._fetched(order)
        if not self._met(row):
            return "n/a"
        if ended != "ended":
            return ended
        return "ok" if self._content_sha256(order) == self._right_sha256() else "BAD"

    def _met(self, row: Row) -> bool:
        fetched = [record for record in self._simulator.requests if record.endpoint == "media"]
        if row.ranged and not any(record.header("range") for record in fetched):
            return False
        return not row.tenant or any(record.faults for record in fetched)

    def _order(self, row: Row) -> Order:
        base = self._simulator.base_url
        form = {
            "grant_type": "client_credentials", "client_id": self._simulator.client_id,
            "client_secret": self._simulator.client_secret, "scope": "recording:download recording:read",
        }  # fmt: skip
        token = requests.post(f"{base}/oauth/token", data=form, timeout=10).json()["access_token"]
        target = self._folder / f"{row.name}.part"
        key = f"peers/{self._peer.name.replace(' ', '-')}/{row.name}"
        return Order(f"{base}/api/v2/recording/download/{_RECORDING}", token, target, self._bucket, key)

    def _fetched(self, order: Order) -> Literal["ended", "err", "hang"]:
        if self._worker is not None:
            return self._worker.fetch(order)
        assert self._peer.command is not None
        command = self._peer.command(order, self._server)
        try:
            done = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False, env=_environment())
        except subprocess.TimeoutExpired:
            return "hang"
        return "ended" if done.returncode == 0 else "err"

    def _content_sha256(self, order: Order) -> str:
        digest = hashlib.sha256()
        if self._peer.to_s3:
            for piece in self._client.get_object(Bucket=order.bucket, Key=order.s3_key)["Body"].iter_chunks(2**20):
                digest.update(piece)
        else:
            digest.update(order.target.read_bytes())
            order.target.unlink()
        return digest.hexdigest()

    def _right_sha256(self) -> str:
        return hashlib.sha256(self._simulator.media_bytes(_RECORDING)).hexdigest()


def _environment() -> Mapping[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ}


class _Worker:
    """A process that fetches recordings one after another; ended and started again when it does not answer."""

    def __init__(self, peer_name: str, server: S3Server, folder: Path) -> None:
        self._peer_name = peer_name
        self._setup = {
            "endpoint": server.endpoint, "access_key": server.access_key, "secret_key": server.secret_key,
            "home": str(folder), "segment_size_bytes": SEGMENT_SIZE_BYTES,
        }  # fmt: skip
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def fetch(self, order: Order) -> Literal["ended", "err", "hang"]:
        """Fetch one recording within the deadline."""
        process = self._process or self._started()
        answer = self._ask(process, {**asdict(order), "target": str(order.target)}, DEADLINE_S)
        if answer is None or answer["error"] == WITHOUT_END:
            self._end()
            return "hang"
        return "ended" if answer["error"] is None else "err"

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.peer_worker", self._peer_name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1,
        )  # fmt: skip
        self._process = process
        if self._ask(process, self._setup, _READY_S) is None:
            raise RuntimeError(f"the worker for {self._peer_name} does not start")
        return process

    @staticmethod
    def _ask(process: subprocess.Popen[str], document: object, limit_s: float) -> Mapping[str, str | None] | None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(document) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:  # unlike select(), also for descriptors past 1023
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(limit_s) else ""
        answer: Mapping[str, str | None] | None = json.loads(line) if line else None
        return answer

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
