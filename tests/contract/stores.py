"""What the object stores' conformance tests share: which stores they ask, and how they write to them.

A server that is known not to do a thing is left out of that thing's tests. moto verifies no digests, orders no parts,
and answers 500 for an upload that is gone. SeaweedFS 4.48 checks the condition of a Complete before it completes, not
in one step, and lists a replaced part beside its replacement.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from cxone_provider.archive.errors import ArchiveError, ObjectExists
from cxone_provider.archive.ports import ObjectAttributes, ObjectStore, Part, StoredObject

MIB = 2**20
AUDIO = ObjectAttributes("audio/mpeg", {"recording-id": "r 1", "agent": "~!@#$%^&*()"})
BIG = bytearray(range(256)) * (5 * MIB // 256)
TAIL = bytearray(b"the end")
OpenStore = Callable[..., ObjectStore]

# The archive's own requests, and the same ones through botocore.
_SEAWEEDFS = [pytest.param(name, marks=pytest.mark.server) for name in ("seaweedfs", "seaweedfs-botocore")]
every_store = pytest.mark.parametrize("opened", ["fake", *_SEAWEEDFS, "moto"], indirect=True)
strict_store = pytest.mark.parametrize("opened", ["fake", *_SEAWEEDFS], indirect=True)


def content_of(store: ObjectStore, key: str, version_id: str | None = None) -> bytes:
    """Return an object's bytes."""
    with store.stream(key, version_id=version_id) as pieces:
        return b"".join(pieces)


def put_parts(store: ObjectStore, key: str, upload_id: str, *bodies: bytearray) -> list[Part]:
    """Store parts from number 1 on."""
    return [
        store.put_part(key, upload_id, number, memoryview(body), hashlib.sha256(body).digest())
        for number, body in enumerate(bodies, start=1)
    ]


def open_with_parts(store: ObjectStore, key: str, *bodies: bytearray) -> tuple[str, list[Part]]:
    """Open an upload and store its parts; return its id and them."""
    upload_id = store.create_upload(key, AUDIO)
    return upload_id, put_parts(store, key, upload_id, *bodies)


def outcome_of(call: Callable[[], StoredObject]) -> StoredObject | type[ArchiveError]:
    """Return what a call returns, or the type of what it raises."""
    try:
        return call()
    except ArchiveError as error:
        return type(error)


def race(store: ObjectStore, prefix: str, write: Callable[[str, bytearray], Callable[[], StoredObject]]) -> None:
    """Let three writers write one key at once, three times; `write` prepares and returns the last step."""
    writers, rounds = 3, 3
    together = threading.Barrier(writers)

    def outcome(job: tuple[int, int]) -> StoredObject | type[ArchiveError]:
        last_step = write(f"{prefix}{job[0]}", bytearray(f"writer {job[1]}".encode()))
        together.wait()
        return outcome_of(last_step)

    with ThreadPoolExecutor(writers) as pool:
        for number in range(rounds):
            outcomes = list(pool.map(outcome, [(number, writer) for writer in range(writers)]))
            winners = [writer for writer, ended in enumerate(outcomes) if isinstance(ended, StoredObject)]
            assert len(winners) == 1
            assert outcomes.count(ObjectExists) == writers - 1
            assert content_of(store, f"{prefix}{number}") == f"writer {winners[0]}".encode()
