"""What every RecordingListing does: in memory, completed contacts, and Data Extraction, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Protocol

import pendulum
import pytest

from cxone_provider.adapters.cxone.completed_contacts import CompletedContacts
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    RateLimited,
    SourceUnavailable,
    UnexpectedAnswer,
)
from cxone_provider.archive.jobs import JobListing
from cxone_provider.archive.listing import Selection, Window
from cxone_provider.archive.listing_ports import RecordingListing
from tests.fakes.clock import FakeClock
from tests.fakes.contact_list import ContactList, contact
from tests.fakes.cxone_tenant import ScriptedTenant
from tests.fakes.extraction import ACCEPTED, JOB, JOBS, RESULT, ScriptedExtraction, csv_of, row
from tests.fakes.http_server import Answer, WireRequest, answer
from tests.fakes.listing import FakeLeg, FakeListing

pytestmark = pytest.mark.server

DAY = Window(pendulum.datetime(2026, 11, 22), pendulum.datetime(2026, 11, 23))
MORNING = DAY.start.add(hours=8)
CONTACTS = "/incontactapi/services/v27.0/contacts/completed"


class Tenant(Protocol):
    """A listing, and what a test may do to the tenant behind it."""

    @property
    def listing(self) -> RecordingListing:
        """The listing."""

    def add(self, leg: FakeLeg) -> None:
        """Add one leg of a contact."""

    def add_unusable(self) -> None:
        """Add a row that no ref can be made of."""

    def refuse(self, status: int) -> None:
        """Answer every request with this status from now on."""


@dataclass
class InMemory:
    """The fake."""

    listing: FakeListing

    def add(self, leg: FakeLeg) -> None:
        self.listing.legs.append(leg)

    def add_unusable(self) -> None:
        self.listing.unusable.append("../x")

    def refuse(self, status: int) -> None:
        kinds: dict[int, type[ArchiveError]] = {
            401: AuthenticationFailed, 403: AccessDenied, 418: UnexpectedAnswer, 429: RateLimited,
            503: SourceUnavailable,
        }  # fmt: skip
        self.listing.refuse_with = kinds[status](str(status))


@dataclass
class Contacts:
    """Completed contacts."""

    listing: CompletedContacts
    rows: ContactList
    status: int | None = None

    def add(self, leg: FakeLeg) -> None:
        number = len(self.rows.rows) + 1
        self.rows.rows.append(
            contact(
                f"{leg.contact_id}-{number}",
                masterContactId=leg.contact_id,
                contactStartDate=leg.started_at.to_iso8601_string(),
                totalDurationSeconds=leg.duration_s,
                isLogged=leg.has_media,
                agentId=leg.metadata.get("agent_id"),
            )
        )

    def add_unusable(self) -> None:
        self.rows.rows.append(contact("../x"))

    def refuse(self, status: int) -> None:
        self.status = status

    def answered(self, request: WireRequest) -> Answer:
        return answer(self.status) if self.status is not None else self.rows(request)


@dataclass
class Extraction:
    """Data Extraction, its jobs waited for."""

    listing: JobListing
    rows: list[list[str]]
    status: int | None = None

    def add(self, leg: FakeLeg) -> None:
        cells = {
            "acd": leg.contact_id,
            "start": leg.started_at.to_iso8601_string(),
            "end": leg.started_at.add(seconds=leg.duration_s).to_iso8601_string(),
            "voice": {True: "Success", False: "None", None: ""}[leg.has_media],
            "agent_id": str(leg.metadata.get("agent_id", "")),
        }
        self.rows.append(row(**cells))

    def add_unusable(self) -> None:
        self.rows.append(row(acd="../x"))

    def refuse(self, status: int) -> None:
        self.status = status

    def looked(self, done: Answer) -> Callable[[WireRequest], Answer]:
        return lambda request: done if self.status is None else answer(self.status)

    def result(self, request: WireRequest) -> Answer:
        return answer(200, csv_of(*self.rows))


def in_memory(stack: ExitStack) -> Tenant:
    return InMemory(FakeListing())


def completed_contacts(stack: ExitStack) -> Tenant:
    tenant = ScriptedTenant()
    stack.enter_context(tenant.server)
    api = TenantApi(tenant.settings(), FakeClock())
    made = Contacts(CompletedContacts(api, ListingSettings(page_size=2)), ContactList([]))
    tenant.script(CONTACTS, made.answered)
    return made


def data_extraction(stack: ExitStack) -> Tenant:
    tenant = ScriptedTenant()
    stack.enter_context(tenant.server)
    scripted = ScriptedExtraction(tenant)
    made = Extraction(JobListing(scripted.adapter(unrecorded_statuses=["None"]), scripted.clock), [])
    tenant.script(JOBS, ACCEPTED)
    tenant.script(JOB, made.looked(scripted.done()))
    tenant.script(RESULT, made.result)
    return made


@pytest.fixture(params=[in_memory, completed_contacts, data_extraction], ids=lambda make: make.__name__)
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    with ExitStack() as stack:
        made = request.param(stack)
        yield made
        made.listing.close()


def refs(tenant: Tenant, window: Window = DAY) -> dict[str, dict[str, Any]]:
    listed = list(tenant.listing.refs(window))
    named = {ref["recording_id"]: ref for ref in listed}
    assert len(named) == len(listed), "each contact once"
    return named


def test_nothing_there_is_an_empty_listing(tenant: Tenant) -> None:
    assert refs(tenant) == {}


def test_a_contact_is_a_ref_with_what_the_listing_knows(tenant: Tenant) -> None:
    tenant.add(FakeLeg("4711", MORNING, 90, metadata={"agent_id": "7"}))
    found = refs(tenant)["4711"]
    assert found["recorded_at"] == "2026-11-22T08:00:00Z"
    assert found["duration_s"] == 90
    assert found["has_media"] is True
    assert found["metadata"]["agent_id"] == "7"


def test_legs_are_merged(tenant: Tenant) -> None:
    tenant.add(FakeLeg("4711", MORNING.add(minutes=5), 600, has_media=False))
    tenant.add(FakeLeg("8", MORNING))
    tenant.add(FakeLeg("4711", MORNING, 60))
    found = refs(tenant)
    assert set(found) == {"4711", "8"}
    assert found["4711"]["recorded_at"] == "2026-11-22T08:00:00Z"
    assert found["4711"]["duration_s"] == 900
    assert found["4711"]["has_media"] is True
    assert found["4711"]["metadata"]["legs"] == 2


@pytest.mark.parametrize(
    ("told", "has_media"),
    [
        ((True,), True), ((False,), False), ((None,), None), ((False, False), False), ((False, None), None),
        ((None, True), True),
    ],
)  # fmt: skip
def test_there_is_no_media_only_where_every_leg_says_so(
    tenant: Tenant, told: tuple[bool | None, ...], has_media: bool | None
) -> None:
    for minute, media in enumerate(told):
        tenant.add(FakeLeg("4711", MORNING.add(minutes=minute), has_media=media))
    assert refs(tenant)["4711"]["has_media"] is has_media


def test_a_row_that_cannot_be_used_is_carried_and_stops_no_other(tenant: Tenant) -> None:
    tenant.add(FakeLeg("1", MORNING))
    tenant.add_unusable()
    tenant.add(FakeLeg("2", MORNING))
    carried = [ref for ref in refs(tenant).values() if "malformed" in ref]
    assert set(refs(tenant)) > {"1", "2"}
    assert [ref["malformed"] for ref in carried] == ["unusable recording id"]


def test_many_contacts_come_in_bounded_refs(tenant: Tenant) -> None:
    for number in range(25):
        tenant.add(FakeLeg(f"c{number}", MORNING.add(minutes=number), metadata={"agent_id": "9" * 5000}))
    found = refs(tenant)
    assert len(found) == 25
    assert max(len(str(ref)) for ref in found.values()) < 1500


def test_the_caller_cuts_what_a_listing_gives_too_much(tenant: Tenant) -> None:
    for hours in (-1, 0, 23, 24):
        tenant.add(FakeLeg(f"at{hours}", DAY.start.add(hours=hours)))
    assert {ref["recording_id"] for ref in Selection(tenant.listing.refs(DAY), DAY)} == {"at0", "at23"}


def test_each_call_asks_anew(tenant: Tenant) -> None:
    tenant.add(FakeLeg("1", MORNING))
    assert set(refs(tenant)) == {"1"}
    tenant.add(FakeLeg("2", MORNING))
    assert set(refs(tenant)) == {"1", "2"}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationFailed), (403, AccessDenied), (418, UnexpectedAnswer), (429, RateLimited),
        (503, SourceUnavailable),
    ],
)  # fmt: skip
def test_a_tenant_that_will_not_answer_ends_in_a_typed_error(
    tenant: Tenant, status: int, kind: type[ArchiveError]
) -> None:
    tenant.refuse(status)
    with pytest.raises(kind):
        list(tenant.listing.refs(DAY))


def test_closing_twice_is_no_error(tenant: Tenant) -> None:
    tenant.listing.close()
    tenant.listing.close()
