"""Archives, audit logs and runs for the tests of completeness."""

from __future__ import annotations

import json
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditEntry, AuditError, AuditLog
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.reconciling import Run
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome
from tests.fakes.store import FakeStore

DAY = "2026-11-22"
DAY_BEFORE = "2026-11-21"
START = pendulum.datetime(2026, 11, 22)
NOW = pendulum.datetime(2026, 11, 23, 6)
LAYOUT = ArchiveLayout("archive", "p")


def run_of(run_id: str = "run", **changes: Any) -> Run:
    """Return the run of 2026-11-22, which began on the day after at five."""
    fields: dict[str, Any] = {
        "window": Window(START, START.add(days=1)), "now": NOW, "started_at": NOW.subtract(hours=1), **changes,
    }  # fmt: skip
    return Run(run_id, **fields)


def ref(recording_id: str, recorded_at: pendulum.DateTime | None = START, **fields: Any) -> dict[str, Any]:
    """Return a ref's document; the recording began at midnight of the run's day."""
    moment = None if recorded_at is None else recorded_at.to_iso8601_string()
    return {"recording_id": recording_id, "recorded_at": moment, "metadata": {}, **fields}


def log(recording_id: str, outcome: Outcome = Outcome.ARCHIVED, **fields: Any) -> AuditLog:
    """Return an audit log; of an archived recording one with two requests for 1,000 bytes."""
    if outcome is Outcome.FAILED:
        fields.setdefault("error", AuditError("ShortBody", "fewer bytes than declared"))
    if outcome in ARCHIVED_OUTCOMES:
        fields = {"total_bytes": 1000, "chunks_processed": 2, **fields}
    return AuditLog(recording_id, outcome, NOW, NOW, **fields)


def entry(number: int = 0, attempts: int = 1) -> AuditEntry:
    """Return what happened to one segment."""
    return AuditEntry(NOW, number, 500, "0-499", "success", attempts, 1.0, "0" * 64, "none")


def commit(
    store: FakeStore, recording_id: str, size_bytes: int = 1000, recorded_at: pendulum.DateTime | None = START
) -> None:
    """Store what makes a recording archived: media and manifest."""
    store.put(LAYOUT.media_key(recording_id, recorded_at, "mp3"), bytes(size_bytes), ObjectAttributes("audio/mpeg"))
    commit_contact(store, recording_id)


def commit_contact(store: FakeStore, contact_id: str) -> None:
    """Store a manifest alone, as a contact's is."""
    body = json.dumps({"recording_id": contact_id}).encode()
    store.put(LAYOUT.manifest_key(contact_id), body, ObjectAttributes("application/json"))
