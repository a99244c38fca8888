"""Listings in memory: contacts are rows, a job is a queue of states, faults are data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pendulum

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.jobs import check_succeeded
from cxone_provider.archive.listing import Window, carried
from cxone_provider.archive.listing_errors import JobUnknown
from cxone_provider.archive.listing_ports import JobLook, JobState


@dataclass(frozen=True, slots=True)
class FakeLeg:
    """One leg of a contact."""

    contact_id: str
    started_at: pendulum.DateTime
    duration_s: float = 60.0
    has_media: bool | None = True
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class FakeListing:
    """Implements :class:`cxone_provider.archive.listing_ports.RecordingListing`.

    Attributes:
        legs: what there is, in order.
        unusable: values that no listing can make a ref of.
        refuse_with: raised in place of an answer.
    """

    legs: list[FakeLeg] = field(default_factory=list)
    unusable: list[Any] = field(default_factory=list)
    refuse_with: ArchiveError | None = None
    asked: list[Window] = field(default_factory=list)
    closed: int = 0

    def refs(self, window: Window) -> Iterator[dict[str, Any]]:
        """Yield one ref document for each contact."""
        self.asked.append(window)
        if self.refuse_with is not None:
            raise self.refuse_with
        yield from self.documents(window)

    def documents(self, window: Window) -> list[dict[str, Any]]:
        """Return what is listed."""
        named: dict[str, list[FakeLeg]] = {}
        for leg in self.legs:
            if window.holds(leg.started_at):
                named.setdefault(leg.contact_id, []).append(leg)
        refs = [carried(_merged(name, legs), name) for name, legs in named.items()]
        return refs + [carried(value, f"row {place}") for place, value in enumerate(self.unusable, start=1)]

    def close(self) -> None:
        """Count."""
        self.closed += 1


def _merged(contact_id: str, legs: list[FakeLeg]) -> dict[str, Any]:
    first = min(legs, key=lambda leg: leg.started_at)
    ended_at = max(leg.started_at.add(seconds=leg.duration_s) for leg in legs)
    media = {leg.has_media for leg in legs}
    legs_told = {"legs": len(legs)} if len(legs) > 1 else {}
    return {
        "recording_id": contact_id,
        "recorded_at": first.started_at,
        "duration_s": (ended_at - first.started_at).total_seconds(),
        "has_media": True if True in media else (None if None in media else False),
        "metadata": {**first.metadata, **legs_told},
    }


class FakeJobs:
    """Implements :class:`cxone_provider.archive.listing_ports.ListingJobs`.

    Attributes:
        listing: what the jobs list.
        states: how each new job stands at each look; the last one stays.
        faults: raised by looks, one each, before states are told.
        begun: requests that were posted, by job id.
    """

    def __init__(self, *states: JobState) -> None:
        self.listing = FakeListing()
        self.states = states or (JobState.SUCCEEDED,)
        self.faults: deque[ArchiveError] = deque()
        self.begun: dict[str, Mapping[str, str]] = {}
        self.looks = 0
        self.closed = 0
        self.message: str | None = None
        self._jobs: dict[str, deque[JobState]] = {}

    def request(self, window: Window) -> Mapping[str, str]:
        """Return the window."""
        return {"start": window.start.to_iso8601_string(), "end": window.end.to_iso8601_string()}

    def begin(self, request: Mapping[str, str]) -> str:
        """Post a job."""
        job_id = f"job-{len(self.begun) + 1}"
        self.begun[job_id] = request
        self._jobs[job_id] = deque(self.states)
        return job_id

    def stand(self, job_id: str, *states: JobState) -> None:
        """Have a job stand like this from now on."""
        self._jobs[job_id] = deque(states)

    def forget(self, job_id: str) -> None:
        """Have no such job from now on."""
        del self._jobs[job_id]

    def look(self, job_id: str) -> JobLook:
        """Return the next state."""
        self.looks += 1
        if self.faults:
            raise self.faults.popleft()
        if job_id not in self._jobs:
            raise JobUnknown(f"no listing job {job_id}")
        states = self._jobs[job_id]
        return JobLook(states.popleft() if len(states) > 1 else states[0], self.message)

    def refs(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield what the job lists."""
        check_succeeded(job_id, self.look(job_id))
        request = self.begun[job_id]
        start, end = (pendulum.parse(request[name]) for name in ("start", "end"))
        assert isinstance(start, pendulum.DateTime)
        assert isinstance(end, pendulum.DateTime)
        yield from self.listing.refs(Window(start, end))

    def close(self) -> None:
        """Count."""
        self.closed += 1


class FakeJobJournal:
    """Implements :class:`cxone_provider.archive.listing_ports.JobJournal`; outlives the tries of a test."""

    def __init__(self) -> None:
        self.state: Mapping[str, Any] | None = None

    def load(self) -> Mapping[str, Any] | None:
        return self.state

    def save(self, state: Mapping[str, Any]) -> None:
        self.state = dict(state)

    def clear(self) -> None:
        self.state = None
