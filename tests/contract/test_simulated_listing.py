"""Listings of a tenant that behaves as the vendor's documents say: the simulator, over HTTP, with an access key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

import pendulum
import pytest

from cxone_provider.adapters.cxone.completed_contacts import CompletedContacts
from cxone_provider.adapters.cxone.data_extraction import DataExtraction
from cxone_provider.adapters.cxone.links import LinkSession
from cxone_provider.adapters.cxone.settings import CXoneSettings, settings_of
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.archive.errors import UnexpectedAnswer
from cxone_provider.archive.jobs import JobListing
from cxone_provider.archive.listing import Selection, Window
from cxone_provider.archive.listing_errors import JobCancelled, JobExpired, JobFailed, JobOverdue, ListingFailed
from cxone_provider.archive.listing_ports import RecordingListing
from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Segment, Simulator
from tests.fakes.clock import FakeClock
from tests.fakes.listing import FakeJobJournal

pytestmark = pytest.mark.server

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
DAY = Window(pendulum.datetime(2026, 11, 22), pendulum.datetime(2026, 11, 23))
SECRET = "canary-access-key-secret===="


class SharedTime(FakeClock):
    """A clock that the simulator's goes with."""

    def __init__(self, simulated: ManualClock) -> None:
        super().__init__("2026-11-24T06:00:00Z")
        self._simulated = simulated

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._simulated.advance(seconds)


class Stage:
    """A simulated tenant, and the adapters that ask it."""

    def __init__(self, stack: ExitStack, **apis: Any) -> None:
        simulated = ManualClock(datetime(2026, 11, 24, 6, tzinfo=UTC))
        settings = ApiSettings(access_key_secret=SECRET, **apis)
        self.tenant = stack.enter_context(Simulator(clock=simulated, apis=settings))
        self.clock = SharedTime(simulated)
        self._stack = stack

    def settings(self, **listing: Any) -> CXoneSettings:
        extra = {
            "api": "media-playback",
            "access_key_id": self.tenant.apis.access_key_id,
            "access_key_secret": SECRET,
            "media_hosts": ["127.0.0.1"],
            "listing": listing,
        }
        return settings_of(self.tenant.base_url, self.tenant.client_id, self.tenant.client_secret, extra)

    def contacts(self, *, updated_since: pendulum.DateTime | None = None, **listing: Any) -> CompletedContacts:
        settings = self.settings(**listing)
        made = CompletedContacts(TenantApi(settings, self.clock), settings.listing, updated_since=updated_since)
        return self._stack.enter_context(closing(made))

    def jobs(self, **listing: Any) -> DataExtraction:
        settings = self.settings(**listing)
        made = DataExtraction(TenantApi(settings, self.clock), LinkSession(settings), settings.listing)
        return self._stack.enter_context(closing(made))

    def extraction(self, **listing: Any) -> JobListing:
        return JobListing(self.jobs(**listing), self.clock)

    def listed(self, path: str) -> int:
        """Return how many requests there were below a path."""
        return sum(path in record.path for record in self.tenant.requests)


@pytest.fixture
def stage() -> Iterator[Callable[..., Stage]]:
    with ExitStack() as stack:
        yield lambda **apis: Stage(stack, **apis)


def refs(listing: RecordingListing, window: Window = DAY) -> dict[str, Any]:
    return {ref["recording_id"]: ref for ref in Selection(listing.refs(window), window)}


@pytest.mark.parametrize("shape", [{}, {"completed_spelling": "older"}, {"completed_numeric_ids": True}])
def test_completed_contacts_in_every_documented_shape(stage: Callable[..., Stage], shape: dict[str, Any]) -> None:
    at = stage(**shape)
    at.tenant.add_contact(
        "4711", [Interaction(4096)], started_at=START, duration_s=61.5, contact_ids=["4711", "4712"],
        direction="outbound", disposition="Sold",
    )  # fmt: skip
    at.tenant.add_contact("4713", started_at=START, is_logged=False)
    at.tenant.add_contact("4714", [Interaction(4096)], started_at=datetime(2026, 11, 23, tzinfo=UTC))
    found = refs(at.contacts())
    assert set(found) == {"4711", "4713"}
    assert found["4711"] == {
        "recording_id": "4711",
        "recorded_at": "2026-11-22T08:00:00Z",
        "duration_s": 61.5,
        "has_media": True,
        "metadata": {
            "agent_id": "1001",
            "agent_name": "Sam Agent",
            "skill": "Support",
            "direction": "outbound",
            "ani": "+15550100",
            "dnis": "+15550199",
            "disposition": "Sold",
            "legs": 2,
        },
    }
    assert found["4713"]["has_media"] is False


@pytest.mark.parametrize("order_by", ["contactId", "contactStartDate desc", "lastUpdateTime asc"])
def test_many_pages_in_any_order(stage: Callable[..., Stage], order_by: str) -> None:
    at = stage()
    for number in range(40):
        at.tenant.add_contact(f"c{number}", started_at=START, duration_s=60)
    assert set(refs(at.contacts(page_size=7, order_by=order_by))) == {f"c{number}" for number in range(40)}
    assert at.listed("contacts/completed") == 7


def test_an_empty_window_is_answered_with_204(stage: Callable[..., Stage]) -> None:
    assert refs(stage().contacts()) == {}


def test_a_late_contact_is_found_again_by_what_was_updated(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.tenant.add_contact("early", started_at=START, duration_s=60)
    at.tenant.add_contact("late", started_at=START, listed_at=datetime(2026, 11, 24, 7, tzinfo=UTC))
    assert set(refs(at.contacts())) == {"early"}
    at.clock.sleep(3600)
    assert set(refs(at.contacts())) == {"early", "late"}
    since = pendulum.datetime(2026, 11, 24)
    assert set(refs(at.contacts(updated_since=since))) == {"late"}, "in a long look-back, only what is new"


def test_extraction_gives_each_contact_once(stage: Callable[..., Stage]) -> None:
    at = stage(extraction_job_s=70, extraction_id_header="ACD Call ID (Master Contact ID)")
    legs = [Segment("s-1", 0, 5, agent_id="7", agent_name="Zoë"), Segment("s-2", 5, 9, recording_status="Deleted")]
    at.tenant.add_contact(
        "4711", [Interaction(4096, segments=legs, duration_s=9)], started_at=START, disposition='Sold, "gold"\n'
    )
    at.tenant.add_contact("4712", [Interaction(4096)], started_at=datetime(2026, 11, 23, 1, tzinfo=UTC))
    found = refs(at.extraction())
    assert found == {
        "4711": {
            "recording_id": "4711",
            "recorded_at": "2026-11-22T08:00:00Z",
            "duration_s": 9.0,
            "has_media": True,
            "metadata": {
                "agent_id": "7",
                "agent_name": "Zoë",
                "skill": "Support",
                "direction": "inbound",
                "ani": "+15550100",
                "dnis": "+15550199",
                "disposition": 'Sold, "gold"',
                "media_type": "voice-only",
                "recording_status": "Available",
                "legs": 2,
            },
        }
    }
    assert sum(at.clock.sleeps) >= 70


def test_the_second_job_waits_its_turn(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.tenant.add_contact("4711", [Interaction(4096)], started_at=START)
    for _ in range(3):
        assert set(refs(at.extraction())) == {"4711"}
    assert 60 <= sum(at.clock.sleeps) <= 120


@pytest.mark.parametrize(("end", "kind"), [("FAILED", JobFailed), ("CANCELLED", JobCancelled), ("EXPIRED", JobExpired)])
def test_every_end_of_a_job_is_typed(stage: Callable[..., Stage], end: str, kind: type[ListingFailed]) -> None:
    at = stage(extraction_ends=f"{end},SUCCEEDED")
    journal = FakeJobJournal()
    listing = JobListing(at.jobs(), at.clock, journal=journal)
    with pytest.raises(kind):
        refs(listing)
    assert refs(listing) == {}, "the next try begins another one"
    assert journal.state is None


def test_a_job_is_gone_on_with_after_its_wait(stage: Callable[..., Stage]) -> None:
    at = stage(extraction_job_s=1000)
    at.tenant.add_contact("4711", [Interaction(4096)], started_at=START)
    journal = FakeJobJournal()
    listing = JobListing(at.jobs(), at.clock, wait_s=600, journal=journal)
    with pytest.raises(JobOverdue):
        refs(listing)
    assert set(refs(listing)) == {"4711"}
    assert sum(record.method == "POST" and "/jobs" in record.path for record in at.tenant.requests) == 1


def test_a_link_that_expired_between_two_reads_is_had_again(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.tenant.add_contact("4711", [Interaction(4096)], started_at=START)
    jobs = at.jobs()
    job_id = jobs.begin(jobs.request(DAY))
    for _ in range(2):
        assert [ref["recording_id"] for ref in jobs.refs(job_id)] == ["4711"]
        at.clock.sleep(31)


def test_a_version_that_the_tenant_does_not_have_is_said_so(stage: Callable[..., Stage]) -> None:
    at = stage(extraction_versions="10,12")
    with pytest.raises(UnexpectedAnswer, match="no such version"):
        refs(at.extraction())
    assert refs(at.extraction(entity_version=12)) == {}


def test_faults_of_a_listing_are_outlasted(stage: Callable[..., Stage]) -> None:
    at = stage()
    at.tenant.add_contact("4711", [Interaction(4096)], started_at=START)
    at.tenant.script_tenant([
        {"fault": "status", "status": 503, "on": "listing", "times": 2},
        {"fault": "status", "status": 401, "on": "listing", "at": 4},
    ])  # fmt: skip
    assert set(refs(at.contacts())) == {"4711"}
    assert set(refs(at.extraction())) == {"4711"}
