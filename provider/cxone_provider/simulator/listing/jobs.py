"""Data Extraction jobs: how they run and end, and the table they leave."""

from __future__ import annotations

import csv
import io
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cxone_provider.simulator.clock import Clock
from cxone_provider.simulator.contacts import ContactBook, KeptContact, KeptInteraction, Segment
from cxone_provider.simulator.dialect import Endpoint
from cxone_provider.simulator.media import BytesMedia
from cxone_provider.simulator.playback.documents import timestamp
from cxone_provider.simulator.playback.store import StoredObject
from cxone_provider.simulator.settings import ApiSettings

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
_PREFIX, _SUFFIX = "extraction/", ".csv"
_KEPT_JOBS = 1000


@dataclass(slots=True)
class Job:
    """An extraction.

    Attributes:
        end: the status after `ends_at`.
        link: to the table, once somebody has seen that the job has succeeded.
    """

    job_id: str
    ends_at: datetime
    end: str
    table: bytes
    link: str | None = None

    @property
    def key(self) -> str:
        """The table's key in the object store."""
        return f"{_PREFIX}{self.job_id}{_SUFFIX}"


class ExtractionJobs:
    """Keeps the latest thousand jobs. Safe under threads."""

    def __init__(self, settings: ApiSettings, contacts: ContactBook, clock: Clock) -> None:
        self._settings = settings
        self._contacts = contacts
        self._clock = clock
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._posted_at: datetime | None = None
        self._posted = 0

    @property
    def posted(self) -> int:
        """How many jobs were accepted since the start or the last reset."""
        return self._posted

    def post(self, start: datetime, end: datetime) -> Job | None:
        """Start a job over the contacts that began in [start, end); None when it is too early for another one."""
        now = self._clock.now()
        with self._lock:
            interval = timedelta(seconds=self._settings.extraction_interval_s)
            if self._posted_at is not None and now < self._posted_at + interval:
                return None
            ends = self._settings.extraction_ends.split(",")
            job = Job(
                job_id=secrets.token_hex(16),
                ends_at=now + timedelta(seconds=self._settings.extraction_job_s),
                end=ends[min(self._posted, len(ends) - 1)],
                table=self._table(start, end),
            )
            self._posted_at, self._posted = now, self._posted + 1
            self._jobs[job.job_id] = job
            if len(self._jobs) > _KEPT_JOBS:
                del self._jobs[next(iter(self._jobs))]
            return job

    def find(self, job_id: str) -> tuple[Job, str] | None:
        """Return a job and its status, or None."""
        with self._lock:
            job = self._jobs.get(job_id)
        return None if job is None else (job, RUNNING if self._clock.now() < job.ends_at else job.end)

    def stored(self, key: str) -> StoredObject | None:
        """Return the table behind a key of the object store, or None."""
        if not key.startswith(_PREFIX) or not key.endswith(_SUFFIX):
            return None
        found = self.find(key.removeprefix(_PREFIX).removesuffix(_SUFFIX))
        if found is None:
            return None
        return StoredObject("text/csv", BytesMedia(found[0].table, found[0].ends_at), Endpoint.LISTING)

    def reset(self) -> None:
        """Forget every job."""
        with self._lock:
            self._jobs.clear()
            self._posted_at, self._posted = None, 0

    def _table(self, start: datetime, end: datetime) -> bytes:
        found = [
            contact
            for contact in self._contacts.contacts()
            if contact.is_listed and contact.spec.is_logged and start <= contact.started_at < end
        ]
        return extracted_table(found, self._settings.extraction_id_header)


def extracted_table(contacts: Iterable[KeptContact], id_header: str) -> bytes:
    """Return a row per segment, as CSV in UTF-8 with a byte order mark and headers for people."""
    rows = [
        _row(contact, known, segment)
        for contact in contacts
        for known in contact.interactions
        for segment in known.segments
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["Segment ID", id_header, *_HEADERS])
    writer.writerows(rows)
    return text.getvalue().encode("utf-8-sig", "replace")


_HEADERS = (
    "Start Date",
    "End Date",
    "Media Type",
    "Direction",
    "Voice Recording Status",
    "ANI",
    "DNIS",
    "Skill",
    "Disposition",
    "Agent 1 ID",
    "Agent 1 Name",
    "Agent 1 Contact Number",
)


def _row(contact: KeptContact, interaction: KeptInteraction, segment: Segment) -> list[str]:
    spec = contact.spec
    return [
        segment.segment_id,
        spec.contact_id,
        timestamp(interaction.at(segment.start_s)),
        timestamp(interaction.at(segment.end_s)),
        interaction.spec.media_type,
        spec.direction,
        segment.recording_status,
        spec.ani,
        spec.dnis,
        segment.skill or spec.skill,
        spec.disposition,
        segment.agent_id or spec.agent_id,
        segment.agent_name or spec.agent_name,
        next(iter(spec.contact_ids), spec.contact_id),
    ]
