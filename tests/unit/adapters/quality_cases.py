"""Recordings, plans, audit logs and suites for the tests of the data rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pendulum

from cxone_provider.adapters.quality import QualityReport, check_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy, recording_row
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome, RecordingDescription

NOW = pendulum.datetime(2026, 11, 23, 10)
GOOD = RecordingDescription("call-1", "wav", 320_044, 20.0, "completed", "available", NOW.subtract(hours=30))
SHA256 = "0123456789abcdef" * 4


def row(requested_format: str | None = None, **changes: Any) -> dict[str, Any]:
    return recording_row(replace(GOOD, **changes), requested_format, NOW)


def checked(*rows: Mapping[str, Any], policy: ArchivePolicy | None = None, suite: Any = None) -> QualityReport:
    return check_recordings(rows, policy or ArchivePolicy(), NOW, suite)


def suite_of(*expectations: object, name: str = "own") -> dict[str, Any]:
    return {"name": name, "expectations": list(expectations)}


def expectation(kind: str, severity: str = "critical", meta: Any = None, **kwargs: Any) -> dict[str, Any]:
    return {"type": f"expect_{kind}", "kwargs": kwargs, "severity": severity, "meta": meta}


def plan(recording_id: str = "call-1", size_bytes: int | None = 1000, **changes: Any) -> SegmentPlan:
    settings: dict[str, Any] = {"outcome": Outcome.READY, "segment_size_bytes": 256, **changes}
    return SegmentPlan(recording_id, size_bytes=size_bytes, **settings)


def audit_log(recording_id: str = "call-1", outcome: Outcome = Outcome.ARCHIVED, **changes: Any) -> dict[str, Any]:
    stored: dict[str, Any] = {
        "s3_uri": f"s3://archive/cxone/recordings/date=2026-11-22/{recording_id}.wav",
        "manifest_uri": f"s3://archive/cxone/manifests/{recording_id}.json",
        "total_bytes": 1000,
        "chunks_processed": 4,
        "latency_ms": 12.5,
        "sha256": SHA256,
    }
    log = AuditLog(recording_id, outcome, NOW, NOW, **(stored if outcome in ARCHIVED_OUTCOMES else {}))
    return {**log.to_document(), **changes}
