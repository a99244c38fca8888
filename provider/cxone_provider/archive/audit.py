"""The audit log: how one recording ended and what happened to each of its segments, as tasks hand it on."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import ArchiveError, InvalidDocument
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome, iso, parse_size_bytes, parse_time
from cxone_provider.archive.stored import ObjectLock

AUDIT_SCHEMA = "cxone.audit-log/1"
XCOM_BUDGET_BYTES = 48 * 1024
_MESSAGE_CHARACTERS = 500
_ID_CHARACTERS = 128
# as lists and the vendor's documents name the agent
_AGENT_NAMES = ("agent", "agent_name", "agentName", "agent_id", "agentId")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What happened to one segment.

    Attributes:
        timestamp: when its bytes were verified.
        chunk_index: index of the segment, from 0.
        bytes_read: verified bytes.
        range: the bytes, inclusive, e.g. ``0-262143``.
        status: ``success``; ``read-back`` where the bytes were stored by an earlier try and read from the store.
        attempts: requests it took.
        latency_ms: from the first request to the last byte.
        sha256: hex digest of the chunk.
        signature: ``verified`` or ``none``.
    """

    timestamp: pendulum.DateTime
    chunk_index: int
    bytes_read: int
    range: str
    status: str
    attempts: int
    latency_ms: float
    sha256: str
    signature: str

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of the contract."""
        return {
            "timestamp": iso(self.timestamp),
            "chunk_index": self.chunk_index,
            "bytes_read": self.bytes_read,
            "range": self.range,
            "status": self.status,
            "attempts": self.attempts,
            "latency_ms": self.latency_ms,
            "sha256": self.sha256,
            "signature": self.signature,
        }

    @classmethod
    def from_document(cls, document: object) -> AuditEntry:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: a field is missing or has the wrong type.
        """
        if not isinstance(document, Mapping):
            raise InvalidDocument("not an audit entry", found=document, expected="an object")
        timestamp = parse_time(document.get("timestamp"), "timestamp")
        if timestamp is None:
            raise InvalidDocument("audit entry without timestamp", found=document)
        return cls(
            timestamp=timestamp,
            chunk_index=_count(document, "chunk_index"),
            bytes_read=_count(document, "bytes_read"),
            range=_text(document, "range"),
            status=_text(document, "status"),
            attempts=_count(document, "attempts"),
            latency_ms=_number(document, "latency_ms"),
            sha256=_text(document, "sha256"),
            signature=_text(document, "signature"),
        )


def read_back_entry(segment: Segment, sha256: str, at: pendulum.DateTime) -> AuditEntry:
    """Return the entry of a segment that an earlier try stored and this one read from the store."""
    return AuditEntry(at, segment.index, segment.size_bytes, segment.inclusive, "read-back", 0, 0.0, sha256, "none")


@dataclass(frozen=True, slots=True)
class AuditError:
    """Why a recording was not archived; `retryable` says whether another try can help."""

    type: str
    message: str
    retryable: bool = False

    @classmethod
    def of(cls, error: ArchiveError) -> AuditError:
        """Return what is safe and useful to keep of an error."""
        return cls(type(error).__name__, escaped(str(error), limit=_MESSAGE_CHARACTERS), error.retryable)

    def to_document(self) -> dict[str, Any]:
        """Return the JSON object of the contract."""
        return {"type": self.type, "message": self.message, "retryable": self.retryable}


@dataclass(frozen=True, slots=True)
class AuditLog:
    """How one recording ended.

    Attributes:
        recording_id: the recording.
        outcome: how it ended.
        started_at, finished_at: of this try.
        s3_uri, manifest_uri, audit_uri: where media, manifest and audit trail lie; None where there is none.
        audit_head: hash of the audit trail's last line; kept elsewhere it shows a cut tail.
        total_bytes, chunks_processed: verified bytes and segments.
        latency_ms: wall time of this try.
        sha256: hex digest of the whole media.
        error: why it FAILED or was REJECTED.
        entries: one per segment, in order; empty for an ALREADY_ARCHIVED recording.
        entries_omitted: entries that are complete only at `audit_uri`.
        duration_s, format: of the audio as measured.
        lock: Object Lock of its objects; None where the bucket decides.
        attempts: requests of the segment that took most; None where this try fetched nothing.
        recorded_at: start of the recording, where it is known.
        agent: who spoke for the house, as the source or the list names them.
    """

    recording_id: str
    outcome: Outcome
    started_at: pendulum.DateTime
    finished_at: pendulum.DateTime
    s3_uri: str | None = None
    manifest_uri: str | None = None
    audit_uri: str | None = None
    audit_head: str | None = None
    total_bytes: int = 0
    chunks_processed: int = 0
    latency_ms: float = 0.0
    sha256: str | None = None
    error: AuditError | None = None
    entries: Sequence[AuditEntry] = field(default_factory=tuple)
    entries_omitted: int = 0
    duration_s: float | None = None
    format: str | None = None
    lock: ObjectLock | None = None
    attempts: int | None = None
    recorded_at: pendulum.DateTime | None = None
    agent: str | None = None

    @property
    def success(self) -> bool:
        """True when the recording is archived."""
        return self.outcome in ARCHIVED_OUTCOMES

    def to_document(self, *, with_entries: bool = True) -> dict[str, Any]:
        """Return the JSON object of the contract, without the entries where they would be too much."""
        omitted = self.entries_omitted + (0 if with_entries else len(self.entries))
        document: dict[str, Any] = {
            "schema": AUDIT_SCHEMA,
            "recording_id": escaped(self.recording_id, limit=_ID_CHARACTERS),
            "outcome": str(self.outcome),
            "success": self.success,
            "s3_uri": self.s3_uri,
            "manifest_uri": self.manifest_uri,
            "audit_uri": self.audit_uri,
            "audit_head": self.audit_head,
            "total_bytes": self.total_bytes,
            "chunks_processed": self.chunks_processed,
            "latency_ms": self.latency_ms,
            "sha256": self.sha256,
            "format": self.format,
            "duration_s": self.duration_s,
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "error": None if self.error is None else self.error.to_document(),
            "audit_entries": [entry.to_document() for entry in self.entries] if with_entries else [],
        }
        if omitted:
            document["audit_entries_omitted"] = omitted
        if self.lock is not None:
            document["object_lock"] = self.lock.to_document()
        told = {"attempts": self.attempts, "recorded_at": iso(self.recorded_at), "agent": self.agent}
        return document | {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_document(cls, document: object) -> AuditLog:
        """Read the JSON object of :meth:`to_document`.

        Raises:
            InvalidDocument: another schema, or a field that does not fit.
        """
        if not isinstance(document, Mapping) or document.get("schema") != AUDIT_SCHEMA:
            raise InvalidDocument("not an audit log", found=document, expected=f"an object with schema {AUDIT_SCHEMA}")
        outcome = document.get("outcome")
        if not isinstance(outcome, str) or outcome not in Outcome.__members__:
            raise InvalidDocument("outcome of an audit log", found=outcome, expected=", ".join(Outcome.__members__))
        started_at = parse_time(document.get("started_at"), "started_at")
        finished_at = parse_time(document.get("finished_at"), "finished_at")
        entries = document.get("audit_entries")
        if started_at is None or finished_at is None or not isinstance(entries, (list, tuple)):
            raise InvalidDocument("incomplete audit log", found=document, expected="both times and audit_entries")
        return cls(
            recording_id=escaped(_text(document, "recording_id"), limit=_ID_CHARACTERS),
            outcome=Outcome(outcome),
            started_at=started_at,
            finished_at=finished_at,
            s3_uri=_optional_text(document, "s3_uri"),
            manifest_uri=_optional_text(document, "manifest_uri"),
            audit_uri=_optional_text(document, "audit_uri"),
            audit_head=_optional_text(document, "audit_head"),
            total_bytes=_count(document, "total_bytes"),
            chunks_processed=_count(document, "chunks_processed"),
            latency_ms=_number(document, "latency_ms"),
            sha256=_optional_text(document, "sha256"),
            error=_error(document.get("error")),
            entries=tuple(AuditEntry.from_document(entry) for entry in entries),
            entries_omitted=_count({"audit_entries_omitted": 0, **document}, "audit_entries_omitted"),
            duration_s=None if document.get("duration_s") is None else _number(document, "duration_s"),
            format=_optional_text(document, "format"),
            lock=_lock(document.get("object_lock")),
            attempts=parse_size_bytes(document.get("attempts"), "attempts"),
            recorded_at=parse_time(document.get("recorded_at"), "recorded_at"),
            agent=_optional_text(document, "agent"),
        )


def agent_of(metadata: Mapping[str, Any]) -> str | None:
    """Return the agent that a recording's metadata names, or None."""
    named = (metadata.get(name) for name in _AGENT_NAMES)
    found = next((value for value in named if isinstance(value, (str, int)) and not isinstance(value, bool)), None)
    return None if found is None or found == "" else escaped(str(found), limit=_ID_CHARACTERS)


def most_attempts(entries: Iterable[AuditEntry]) -> int | None:
    """Return the requests of the segment that took most of them, or None where none was fetched."""
    return max((entry.attempts for entry in entries), default=None)


def audit_documents(logs: Iterable[AuditLog], budget_bytes: int = XCOM_BUDGET_BYTES) -> list[dict[str, Any]]:
    """Return the logs for XCom: with their entries while the whole stays under `budget_bytes`, else without any."""
    kept = list(logs)
    documents: list[dict[str, Any]] = []
    size_bytes = 0
    for log in kept:  # one by one: the documents of ten thousand recordings are not all made to be thrown away
        documents.append(log.to_document())
        size_bytes += len(json.dumps(documents[-1])) + len(", ")
        if size_bytes >= budget_bytes:
            return [log.to_document(with_entries=False) for log in kept]
    return documents


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise InvalidDocument(f"{name} of an audit log", found=value, expected="text")
    return value


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    return None if document.get(name) is None else _text(document, name)


def _count(document: Mapping[str, Any], name: str) -> int:
    value = parse_size_bytes(document.get(name), name)
    if value is None:
        raise InvalidDocument(f"{name} of an audit log is missing", expected="a whole number")
    return value


def _number(document: Mapping[str, Any], name: str) -> float:
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidDocument(f"{name} of an audit log", found=value, expected="a finite number")
    return value


def _lock(value: object) -> ObjectLock | None:
    return ObjectLock.from_document(value) if isinstance(value, Mapping) else None


def _error(value: object) -> AuditError | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidDocument("error of an audit log", found=value, expected="an object or null")
    kind, message = escaped(_text(value, "type")), escaped(_text(value, "message"), limit=_MESSAGE_CHARACTERS)
    return AuditError(kind, message, bool(value.get("retryable")))
