"""What the tests of contacts share: a tenant whose contact has several interactions, and a bucket, all in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pendulum

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.contact import ContactManifest, read_archived
from cxone_provider.archive.finishing import limits_of
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import ResumeJournal
from cxone_provider.archive.recording import Outcome
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeInteraction, FakeRecording
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import CALL, LAYOUT, OTHER_CALL, WatchedSource

CONTACT = "4711"
CONTACT_KEY = LAYOUT.manifest_key(CONTACT)
SHORT_CALL = CALL[:65_000]
CONTENTS = {"leg-a": CALL, "leg-b": OTHER_CALL}
STARTS = {
    "leg-a": pendulum.datetime(2026, 11, 21, 23, 59, tz="UTC"),
    "leg-b": pendulum.datetime(2026, 11, 22, 0, 5, tz="UTC"),
}


def interaction(identity: str, **facts: Any) -> FakeInteraction:
    """Return one of the contact's interactions; facts are those of a FakeRecording, and `at`."""
    at = facts.pop("at", None) or STARTS[identity]
    content = facts.pop("content", None) or CONTENTS[identity]
    metadata = facts.pop("metadata", {"direction": "inbound", "participants": [{"type": "AGENT", "channel": 1}]})
    return FakeInteraction(identity, at, FakeRecording(content, **facts), metadata)


class ContactCase:
    """One contact with two interactions, one bucket, one way to archive."""

    def __init__(self, *, policy: ArchivePolicy | None = None, concurrency: int = 1, **facts: Any) -> None:
        self.source = WatchedSource(contacts={CONTACT: [interaction(name, **facts) for name in STARTS]})
        self.store = FakeStore(min_part_bytes=1)
        self.clock = FakeClock(tick_s=0.001)
        self.settings: dict[str, Any] = {
            "prefix": "cxone", "concurrency": concurrency, "part_size_bytes": 60_000,
        }  # fmt: skip
        self.plan = SegmentPlan(
            CONTACT,
            Outcome.READY,
            segment_size_bytes=20_000,
            recorded_at=STARTS["leg-a"],
            duration_s=900.0,
            metadata={"skill": "billing"},
            limits=limits_of(policy or ArchivePolicy()),
        )

    @property
    def interactions(self) -> list[FakeInteraction]:
        """The contact's, in the tenant's order."""
        return self.source.contacts[CONTACT]

    def run(self, journal: ResumeJournal | None = None, **settings: Any) -> list[AuditLog]:
        """Archive the contact once and return how its recordings ended."""
        return archive_recordings(
            [self.plan],
            source=self.source,
            store=self.store,
            clock=self.clock,
            settings=ArchiveSettings(**{**self.settings, **settings}),
            journal=journal,
        )

    def manifest(self) -> ContactManifest:
        """Return the contact's manifest."""
        found = read_archived(self.store, LAYOUT, CONTACT)
        assert isinstance(found, ContactManifest)
        return found

    def versions(self) -> Mapping[str, int]:
        """Return how many versions each key has."""
        return {key: len(versions) for key, versions in self.store.objects.items()}


def ends(logs: list[AuditLog]) -> dict[str, str]:
    """Return each recording's outcome, or the error that it FAILED by."""
    return {
        log.recording_id: log.error.type if log.outcome is Outcome.FAILED and log.error else str(log.outcome)
        for log in logs
    }


def media_key(number: int, day: str) -> str:
    """Return where a recording of the contact lies."""
    return f"cxone/recordings/date={day}/{CONTACT}.{number}.mp3"
