"""What is left to prove a recording's story: the events of its trail, and the manifest made from them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import pendulum

from cxone_provider import __version__
from cxone_provider.archive.audit import AuditEntry, AuditError
from cxone_provider.archive.errors import AuditBroken, StoreError
from cxone_provider.archive.integrity import Proof
from cxone_provider.archive.manifest import Manifest, storable_metadata
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.ports import ObjectStore, StoredObject
from cxone_provider.archive.recording import iso, parse_time
from cxone_provider.archive.settings import Workbench
from cxone_provider.archive.trail import TrailFile


class Evidence:
    """The audit trail of one try, and the manifest that refers to it."""

    def __init__(self, bench: Workbench, recording_id: str) -> None:
        self._bench = bench
        self._recording_id = recording_id
        self._started_at = bench.clock.now()
        self._key = bench.layout.audit_key(recording_id)
        self._file = TrailFile(bench.store, self._key, recording_id)
        self._written: set[int] = set()

    @property
    def uri(self) -> str:
        """Where the trail lies."""
        return self._bench.layout.uri(self._key)

    def verified(self, proof: Proof, how: str, entries: Iterable[AuditEntry]) -> pendulum.DateTime | None:
        """Store every segment's entry and the proof of the whole: before the object becomes visible.

        Returns:
            When another worker said so before, if one did and has not failed since: it may be publishing right now.
        """
        self._append(entries)
        audio = {name: value for name, value in asdict(proof.audio).items() if value is not None}
        self._event("verified", by=how, size_bytes=proof.size_bytes, sha256=proof.sha256, audio=audio)
        return _verified_at(self._file.save().events[:-1])

    def failed(self, error: AuditError, entries: Iterable[AuditEntry]) -> str | None:
        """Store what was fetched and why the try failed; return the trail's head, or None if it could not be stored."""
        self._append(entries)
        self._event("failed", error=error.to_document())
        try:
            return self._file.save().head
        except (StoreError, AuditBroken) as problem:
            # The failure itself is reported in any case; the trail is the lesser loss.
            logging.getLogger(__name__).warning(
                "recording %s: its failure is not in the audit trail: %s", self._recording_id, problem
            )
            return None

    def verified_before(self, size_bytes: int) -> str | None:
        """Return the digest that an earlier try put into the trail before it published `size_bytes`, or None."""
        event = self._file.load().last("verified")
        return str(event["sha256"]) if event is not None and event.get("size_bytes") == size_bytes else None

    def manifest(
        self, stored: StoredObject, proof: Proof, how: str, plan: SegmentPlan, identity: str | None = None
    ) -> Manifest:
        """Return the manifest of a published recording."""
        bench, trail = self._bench, self._file.trail
        metadata = storable_metadata(plan.metadata)
        return Manifest(
            recording_id=self._recording_id,
            s3_uri=bench.layout.uri(stored.key),
            version_id=stored.version_id,
            etag=stored.etag,
            size_bytes=proof.size_bytes,
            sha256=proof.sha256,
            checksums=stored.checksums,
            proof=how,
            audio=asdict(proof.audio),
            plan=replace(plan, size_bytes=proof.size_bytes, metadata=metadata).to_document(),
            metadata=metadata,
            metadata_omitted=len(plan.metadata) - len(metadata),
            identity=identity,
            audit={"uri": self.uri, "sha256": trail.sha256, "head": trail.head, "lines": len(trail.events)},
            storage={**bench.settings.storage, **({} if bench.lock is None else bench.lock.to_document())},
            context=bench.settings.context,
            started_at=self._started_at,
            archived_at=bench.clock.now(),
            provider_version=__version__,
        )

    def _append(self, entries: Iterable[AuditEntry]) -> None:
        for entry in entries:
            if entry.chunk_index not in self._written:
                self._file.append({"event": "segment", **entry.to_document()})
                self._written.add(entry.chunk_index)

    def _event(self, kind: str, **values: Any) -> None:
        self._file.append({"event": kind, "at": iso(self._bench.clock.now()), **values})


def _verified_at(events: Sequence[Mapping[str, Any]]) -> pendulum.DateTime | None:
    last: Mapping[str, Any] = next(
        (event for event in reversed(events) if event.get("event") in {"verified", "failed"}), {}
    )
    return parse_time(last.get("at"), "at") if last.get("event") == "verified" else None


class TrailJournal:
    """Remembers an unfinished upload in the recording's own audit trail: for runs without a task state store.

    It costs one request when an upload is opened, and one when a recording is tried again.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def load(self, recording_id: str) -> Mapping[str, Any] | None:
        """Return the upload that was opened last, or None."""
        event = self._file(recording_id).load().last("opened")
        upload = None if event is None else event.get("upload")
        return upload if isinstance(upload, Mapping) else None

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        """Append that an upload was opened."""
        file = self._file(recording_id)
        file.append({"event": "opened", "at": iso(self._bench.clock.now()), "upload": dict(state)})
        file.save()

    def clear(self, recording_id: str) -> None:
        """Leave the trail as it is: an upload that is gone is found to be gone."""

    def _file(self, recording_id: str) -> TrailFile:
        store: ObjectStore = self._bench.store
        return TrailFile(store, self._bench.layout.audit_key(recording_id), recording_id)
