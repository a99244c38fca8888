"""What the core asks of a tenant's listings. Each docstring is a contract; one conformance suite checks it.

As for :mod:`cxone_provider.archive.ports`: adapters turn every failure into an error of the core.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from cxone_provider.archive.listing import Window


class RecordingListing(Protocol):
    """Which recordings a tenant says there are. Used by one thread."""

    def refs(self, window: Window) -> Iterator[dict[str, Any]]:
        """Yield one ref document for each contact of the window, each contact once however many legs it had.

        Legs are merged: the earliest start, the time from there to the last end, media where any leg has it. Starts are
        the tenant's; one outside the window may be among them, so that the caller cuts. ``has_media`` is null where the
        tenant does not tell. Metadata is bounded as in every ref and holds no secret. A row that cannot be used fails
        nothing: it is yielded as :func:`~cxone_provider.archive.listing.malformed` has it. Nothing is yielded before
        the listing is known to be complete. May be called again; each call asks the tenant anew.

        Raises:
            ListingFailed: the tenant could not say it.
            AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
            TransferCancelled: the work was cancelled while waiting.
        """

    def close(self) -> None:
        """Release connections; may be called twice."""


class JobState(StrEnum):
    """What a tenant says of a listing that it makes in the background; all but ``RUNNING`` are final."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class JobLook:
    """One look at a job.

    Attributes:
        state: how it stands.
        message: the tenant's reason, escaped and bounded; None where it gives none. Never a link.
    """

    state: JobState
    message: str | None = None


class ListingJobs(Protocol):
    """Listings that a tenant makes in the background: ask for one, look at it, read it."""

    def request(self, window: Window) -> Mapping[str, str]:
        """Return what :meth:`begin` asks for, as text by name: two equal ones ask for the same listing. Sends nothing.

        Raises:
            InvalidSetting: no listing can be asked for this window.
        """

    def begin(self, request: Mapping[str, str]) -> str:
        """Ask for a listing and return the job's id; waits its turn where the tenant takes one only so often.

        An answer that is lost may leave a job that nobody reads; that does no harm.

        Raises:
            JobRefused: its turn did not come.
            AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer, TransferCancelled.
        """

    def look(self, job_id: str) -> JobLook:
        """Return how a job stands, by one request; only reads.

        Raises:
            JobUnknown: there is no such job.
            AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """

    def refs(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Yield the ref documents of a job that succeeded, as :meth:`RecordingListing.refs` does; may be called again.

        Raises:
            JobFailed, JobCancelled, JobExpired: it did not succeed.
            JobOverdue: it still runs.
            the errors of :meth:`look`.
        """

    def close(self) -> None:
        """Release connections; may be called twice."""


class JobJournal(Protocol):
    """Where a job is remembered between tries, e.g. Airflow's task state store."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved last, or None."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Remember `state` (a small JSON object) across a crash of this process."""

    def clear(self) -> None:
        """Forget it; forgetting twice is no error."""
