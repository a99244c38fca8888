"""An archive as runs leave it, written document by document with the archive's own classes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditError, AuditLog
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.manifest import Manifest
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import Outcome, iso
from cxone_provider.archive.trail import Trail, empty_trail
from cxone_provider.archive.verifying import Verification
from tests.fakes.browser import FakeBrowser

LAYOUT = ArchiveLayout("archive", "cxone")
JSON = ObjectAttributes("application/json")
DAY = pendulum.date(2026, 11, 25)
AT = pendulum.datetime(2026, 11, 25, 3, 0, 0)
RUN = "scheduled__2026-11-25T00:00:00+00:00"
CONTEXT = {"dag_id": "cxone_daily_archive", "run_id": RUN, "task_id": "batch.stream", "map_index": 0, "try_number": 1}


def log_of(recording_id: str, outcome: Outcome = Outcome.ARCHIVED, **fields: Any) -> AuditLog:
    """Return how a recording ended, with a size and times that a real one has."""
    known: dict[str, Any] = {"started_at": AT, "finished_at": AT.add(seconds=2), "latency_ms": 2000.0}
    if outcome in {Outcome.ARCHIVED, Outcome.ALREADY_ARCHIVED}:
        uri = f"s3://archive/cxone/recordings/date=2026-11-24/{recording_id}.wav"
        known |= {"s3_uri": uri, "total_bytes": 1000, "chunks_processed": 2, "attempts": 1, "agent": "Ada"}
    if outcome is Outcome.FAILED:
        known["error"] = AuditError("ShortBody", "the body ended early", retryable=True)
    return AuditLog(recording_id, outcome, **{**known, **fields})


class ConsoleArchive:
    """What the console is shown.

    Attributes:
        store: the bucket.
    """

    def __init__(self, store: FakeBrowser | None = None) -> None:
        self.store = store or FakeBrowser("archive")

    def add_run(self, logs: Sequence[AuditLog], day: pendulum.Date = DAY, name: str = RUN) -> str:
        """Write a run's report as `CheckArchiveRunOperator` does; return its key."""
        lines = [json.dumps(log.to_document(with_entries=False), sort_keys=True) for log in logs]
        return self.add_file(LAYOUT.run_key(day, name), "".join(f"{line}\n" for line in lines).encode())

    def add_checks(self, found: Sequence[Verification], day: pendulum.Date = DAY) -> str:
        """Write a verification's report."""
        lines = "".join(f"{json.dumps(one.to_document(), sort_keys=True)}\n" for one in found)
        return self.add_file(LAYOUT.run_key(day, "manual__1.verify_archive"), lines.encode())

    def add_completeness(self, day: pendulum.Date = DAY, name: str = "reconcile-1", **fields: Any) -> str:
        """Write a completeness report."""
        document = {"schema": "cxone.completeness/1", "day": day.to_date_string(), **fields}
        key = f"{LAYOUT.runs_prefix()}date={day.to_date_string()}/{name}.json"
        return self.add_file(key, json.dumps(document).encode())

    def add_file(self, key: str, body: bytes) -> str:
        """Write any object."""
        self.store.put(key, body, JSON)
        return key

    def add_recording(
        self, recording_id: str, media: bytes, *, metadata: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] = CONTEXT, audio: Mapping[str, Any] | None = None,
    ) -> Manifest:  # fmt: skip
        """Write media, trail, manifest and receipt of one recording."""
        audio = audio or {"format": "wav", "codec": "pcm", "duration_s": 1.0, "sample_rate_hz": 8000, "channels": 1}
        key = LAYOUT.media_key(recording_id, AT, str(audio["format"]))
        stored = self.store.put(key, media, ObjectAttributes("audio/wav"))
        trail = trail_of(recording_id, media)
        self.add_file(LAYOUT.audit_key(recording_id), trail.raw)
        manifest = Manifest(
            recording_id=recording_id, s3_uri=LAYOUT.uri(key), size_bytes=len(media), etag=stored.etag,
            version_id=stored.version_id, sha256=hashlib.sha256(media).hexdigest(), archived_at=AT, started_at=AT,
            audit={"uri": "s3://archive/x", "sha256": trail.sha256, "head": trail.head, "lines": len(trail.events)},
            provider_version="1", metadata=metadata or {"agent": "Ada"}, context=context, audio=audio,
            plan={"recorded_at": "2026-11-24T08:00:00Z", "segment_count": 2},
        )  # fmt: skip
        self.add_file(LAYOUT.manifest_key(recording_id), manifest.to_bytes())
        receipt = {"schema": "cxone.receipt/1", "recording_id": recording_id, "status_code": 204, "attempts": 1}
        self.add_file(LAYOUT.receipt_key(recording_id), json.dumps(receipt).encode())
        return manifest


def trail_of(recording_id: str, media: bytes) -> Trail:
    """Return the trail of a recording that came in two segments."""
    half = len(media) // 2
    segments = [
        {
            "event": "segment", "timestamp": iso(AT), "chunk_index": n, "bytes_read": stop - start,
            "range": f"{start}-{stop - 1}", "status": "success", "attempts": n + 1, "latency_ms": 10.0 * (n + 1),
            "sha256": hashlib.sha256(media[start:stop]).hexdigest(), "signature": "verified",
        }
        for n, (start, stop) in enumerate([(0, half), (half, len(media))])
    ]  # fmt: skip
    whole = hashlib.sha256(media).hexdigest()
    end = {"event": "verified", "at": iso(AT), "by": "in-flight", "size_bytes": len(media), "sha256": whole}
    return empty_trail(recording_id).extended([*segments, end])
