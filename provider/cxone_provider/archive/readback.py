"""Reading a finished object back from the store: the proof of what no single try has seen from first to last byte."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cxone_provider.archive.audit import AuditEntry, read_back_entry
from cxone_provider.archive.errors import DigestMismatch
from cxone_provider.archive.integrity import Proof, Witness
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import Clock, ObjectStore, StoredObject


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What an object in the store holds: its proof and the hex digest of every segment, in order."""

    proof: Proof
    segment_sha256: tuple[str, ...]


class _SegmentDigests:
    def __init__(self, segment_size_bytes: int) -> None:
        self._size_bytes = segment_size_bytes
        self._digest = hashlib.sha256()
        self._room = segment_size_bytes
        self._done: list[str] = []

    def see(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            taken, view = view[: self._room], view[self._room :]
            self._digest.update(taken)
            self._room -= len(taken)
            if not self._room:
                self._close()

    def _close(self) -> None:
        self._done.append(self._digest.hexdigest())
        self._digest, self._room = hashlib.sha256(), self._size_bytes

    def finish(self) -> tuple[str, ...]:
        if self._room < self._size_bytes:
            self._close()
        return tuple(self._done)


def read_back(store: ObjectStore, stored: StoredObject, plan: SegmentPlan) -> ReadBack:
    """Hash an object again, walk its audio, and take the digest of every segment of its plan.

    Raises:
        AudioError: it is not whole audio of the plan's format.
        ShortBody, StoreError: it cannot be read.
    """
    witness = Witness(plan.format)
    digests = _SegmentDigests(plan.segment_size_bytes)
    with store.stream(stored.key, version_id=stored.version_id) as pieces:
        for piece in pieces:
            witness.see(piece)
            digests.see(piece)
    return ReadBack(witness.testify(), digests.finish())


def entries_of(
    found: ReadBack, plan: SegmentPlan, fetched: Mapping[int, AuditEntry], clock: Clock
) -> dict[int, AuditEntry]:
    """Return an entry for every segment: as fetched where this try did so, else as read back.

    Raises:
        DigestMismatch: the store holds other bytes than this try fetched.
    """
    entries = {}
    for segment, sha256 in zip(plan.resolved(found.proof.size_bytes).segments(), found.segment_sha256, strict=True):
        entry = fetched.get(segment.index)
        if entry is not None and entry.sha256 != sha256:
            raise DigestMismatch(
                f"the store holds other bytes than were fetched for {segment.inclusive}", found=sha256,
                expected=entry.sha256,
            )  # fmt: skip
        entries[segment.index] = entry or read_back_entry(segment, sha256, clock.now())
    return entries
