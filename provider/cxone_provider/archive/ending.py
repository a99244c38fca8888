"""How recordings ended, as the audit logs of the tasks that follow."""

from __future__ import annotations

import logging
from typing import Any

import pendulum

from cxone_provider.archive.audit import AuditError, AuditLog, agent_of
from cxone_provider.archive.contact import StoredRecording
from cxone_provider.archive.errors import (
    ArchiveError,
    MediaWithheld,
    RecordingNotFound,
    RecordingRejected,
    WrongFormat,
)
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.recording import Outcome

log = logging.getLogger(__name__)


def log_of_plan(plan: SegmentPlan, started_at: pendulum.DateTime) -> AuditLog:
    """Carry on the outcome of a plan that ended before a byte moved."""
    message = "; ".join(str(reason) for reason in plan.reasons)
    told = plan.outcome in {Outcome.REJECTED, Outcome.FAILED}
    error = AuditError(str(plan.outcome).capitalize(), message or "no reason was given") if told else None
    return AuditLog(plan.recording_id, plan.outcome, started_at, started_at, error=error, **known_of(plan))


def log_of_error(
    error: ArchiveError, plan: SegmentPlan, started_at: pendulum.DateTime, finished_at: pendulum.DateTime
) -> AuditLog:
    """Return how a recording ended that an error stopped: NOT_FOUND, IN_COLD_STORAGE, REJECTED or FAILED."""
    log.warning("recording %s: %s: %s", escaped(plan.recording_id), type(error).__name__, error)
    if isinstance(error, RecordingNotFound):
        return AuditLog(plan.recording_id, Outcome.NOT_FOUND, started_at, finished_at, **known_of(plan))
    if isinstance(error, MediaWithheld):
        return AuditLog(plan.recording_id, Outcome.IN_COLD_STORAGE, started_at, finished_at, **known_of(plan))
    # Where validation could not know the format, the one that arrives is judged as validation would have done.
    unasked = plan.limits is not None and isinstance(error, WrongFormat)
    rejected = unasked or isinstance(error, RecordingRejected)
    return AuditLog(
        plan.recording_id,
        Outcome.REJECTED if rejected else Outcome.FAILED,
        started_at,
        finished_at,
        latency_ms=elapsed_ms(started_at, finished_at),
        error=AuditError.of(error),
        **known_of(plan),
    )


def log_of_stored(stored: StoredRecording, started_at: pendulum.DateTime, finished_at: pendulum.DateTime) -> AuditLog:
    """Return the audit log of a recording that was archived before."""
    return AuditLog(
        recording_id=stored.recording_id,
        outcome=Outcome.ALREADY_ARCHIVED,
        started_at=started_at,
        finished_at=finished_at,
        s3_uri=stored.s3_uri,
        manifest_uri=stored.manifest_uri,
        audit_uri=stored.audit_uri,
        audit_head=stored.audit_head,
        total_bytes=stored.size_bytes,
        chunks_processed=stored.segment_count,
        latency_ms=elapsed_ms(started_at, finished_at),
        sha256=stored.sha256,
        entries_omitted=stored.segment_count,
        duration_s=stored.duration_s,
        format=stored.format,
        lock=stored.lock,
        recorded_at=stored.recorded_at,
    )


def known_of(plan: SegmentPlan) -> dict[str, Any]:
    """Return what a plan knows of a recording and an audit log tells of it: its start and its agent."""
    return {"recorded_at": plan.recorded_at, "agent": agent_of(plan.metadata)}


def elapsed_ms(started_at: pendulum.DateTime, finished_at: pendulum.DateTime) -> float:
    """Return milliseconds of wall time."""
    return round((finished_at - started_at).total_seconds() * 1000, 3)
