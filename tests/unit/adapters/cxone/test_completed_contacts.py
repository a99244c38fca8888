"""Completed contacts: what is asked, how pages fit together, and every answer that is not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

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
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import ListingUnstable
from tests.fakes.clock import FakeClock
from tests.fakes.contact_list import ContactList, contact
from tests.fakes.cxone_tenant import CLIENT_SECRET, Reply, ScriptedTenant, json_answer
from tests.fakes.http_server import Answer, answer, endless

pytestmark = pytest.mark.server

PATH = "/incontactapi/services/v27.0/contacts/completed"
DAY = Window(pendulum.datetime(2026, 11, 22), pendulum.datetime(2026, 11, 23))
OTHER_IDS = ("2", "3", "4", "5", "6", "7", "8", "9")


def listing(tenant: ScriptedTenant, clock: FakeClock | None = None, **options: Any) -> CompletedContacts:
    updated_since = options.pop("updated_since", None)
    api = TenantApi(tenant.settings(), clock or FakeClock())
    return CompletedContacts(api, ListingSettings().changed(options), updated_since=updated_since)


def refs(tenant: ScriptedTenant, *replies: Reply, clock: FakeClock | None = None, **options: Any) -> list[Any]:
    tenant.script(PATH, *replies)
    return list(listing(tenant, clock, **options).refs(DAY))


def ids(documents: list[Any]) -> list[str]:
    return [document["recording_id"] for document in documents]


def page(*rows: Any, total: Any = None) -> Answer:
    return json_answer({"totalRecords": len(rows) if total is None else total, "completedContacts": list(rows)})


def test_a_contact_becomes_a_ref(tenant: ScriptedTenant) -> None:
    assert refs(tenant, page(contact(4711, isOutbound=False, teamName="Blue", firstName="Sam", lastName="Agent"))) == [
        {
            "recording_id": "4711",
            "recorded_at": "2026-11-22T10:00:00Z",
            "duration_s": 60.0,
            "has_media": True,
            "metadata": {
                "agent_id": "7",
                "agent_name": "Sam Agent",
                "skill": "Support",
                "direction": "inbound",
                "ani": "+15550100",
                "dnis": "+15550199",
                "team": "Blue",
            },
        }
    ]


def test_one_request_asks_for_the_window(tenant: ScriptedTenant) -> None:
    contacts = ContactList([contact(1)])
    refs(tenant, contacts)
    assert contacts.queries == [
        {
            "startDate": "2026-11-22T00:00:00Z",
            "endDate": "2026-11-23T00:00:00Z",
            "mediaTypeId": "4",
            "top": "1000",
            "skip": "0",
            "orderBy": "contactId",
        }
    ]
    [request] = tenant.to("/contacts")
    assert request.headers["authorization"] == "Bearer canary-token-1"


def test_what_a_tenant_wants_otherwise_is_a_setting(tenant: ScriptedTenant) -> None:
    contacts = ContactList([contact(1)])
    tenant.script("/incontactapi/services/v31.0/contacts/completed", contacts)
    since = pendulum.datetime(2026, 11, 22, 18, tz="Europe/Paris")
    options: dict[str, Any] = {"contacts_version": "31", "media_type_id": "all", "order_by": "none", "page_size": "50"}
    found = list(listing(tenant, updated_since=since, **options).refs(DAY))
    assert ids(found) == ["1"]
    [asked] = contacts.queries
    assert asked["updatedSince"] == "2026-11-22T17:00:00Z"
    assert asked["top"] == "50"
    assert not {"mediaTypeId", "orderBy"} & set(asked)


def test_the_older_spelling_says_the_same(tenant: ScriptedTenant) -> None:
    old = {
        "contactID": "4711",
        "masterContactID": None,
        "contactStart": "2026-11-22T10:00:00.000Z",
        "totalDurationSeconds": "60.0",
        "isLogged": "True",
        "agentId": "7",
        "skillName": "Support",
        "fromAddr": "+15550100",
        "toAddr": "+15550199",
    }
    tenant.script("/incontactapi/services/v9.0/contacts/completed", page(old))
    older = list(listing(tenant, contacts_version=9).refs(DAY))
    assert older == refs(tenant, page(contact(4711)))


def test_204_is_an_empty_listing(tenant: ScriptedTenant) -> None:
    assert refs(tenant, answer(204)) == []
    assert len(tenant.to(PATH)) == 1


@pytest.mark.parametrize("empty", [page(), page(total=0), page(total="0")])
def test_no_contacts_are_an_empty_listing(tenant: ScriptedTenant, empty: Answer) -> None:
    assert refs(tenant, empty) == []


def test_legs_of_one_master_contact_are_archived_once(tenant: ScriptedTenant) -> None:
    legs = [
        contact(11, masterContactId=10, contactStartDate="2026-11-22T10:05:00Z", totalDurationSeconds=120, agentId=8),
        contact(10, masterContactId=10, contactStartDate="2026-11-22T10:00:00Z", isLogged=False, skillName=None),
        contact(12, masterContactId=10, contactStartDate="2026-11-22T10:06:00Z", totalDurationSeconds=30, agentId=9),
    ]
    [found] = refs(tenant, page(*legs))
    assert found["recording_id"] == "10"
    assert found["recorded_at"] == "2026-11-22T10:00:00Z"
    assert found["duration_s"] == 420.0, "from the first start to the last end"
    assert found["has_media"] is True
    assert found["metadata"]["agent_id"] == "7", "of the leg that began first"
    assert found["metadata"]["skill"] == "Support", "where it does not tell, of another one"
    assert found["metadata"]["legs"] == 3


@pytest.mark.parametrize(
    ("logged", "has_media"),
    [
        ((True,), True), ((False,), False), ((None,), None), (("",), None), (("true",), True), (("False",), False),
        ((0,), False), ((1,), True), ((False, False), False), ((False, True), True), ((False, None), None),
        ((None, True), True),
    ],
)  # fmt: skip
def test_what_was_not_logged_has_no_media(
    tenant: ScriptedTenant, logged: tuple[Any, ...], has_media: bool | None
) -> None:
    rows = [contact(number, masterContactId=1, isLogged=value) for number, value in enumerate(logged, start=1)]
    [found] = refs(tenant, page(*rows))
    assert found["has_media"] is has_media


# --- pages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at_most", "requests"), [(None, 6), (4, 8), (3, 12), (2, 23)])
def test_pages_of_any_length_add_up(tenant: ScriptedTenant, at_most: int | None, requests: int) -> None:
    contacts = ContactList([contact(number) for number in range(1, 25)])
    contacts.at_most = at_most
    found = refs(tenant, contacts, page_size=5)
    assert ids(found) == [str(number) for number in range(1, 25)]
    assert len(contacts.queries) == requests


def test_each_page_begins_with_the_last_row_of_the_one_before(tenant: ScriptedTenant) -> None:
    contacts = ContactList([contact(number) for number in range(1, 6)])
    refs(tenant, contacts, page_size=3)
    assert [asked["skip"] for asked in contacts.queries] == ["0", "2"]


def test_a_row_that_comes_twice_counts_once(tenant: ScriptedTenant) -> None:
    contacts = ContactList([contact(1), contact(2), contact(3)])

    def one_comes_in_front(number: int) -> None:
        if number == 2:
            contacts.rows.insert(0, contact(9))

    contacts.before_page = one_comes_in_front
    found = refs(tenant, contacts, page_size=2)
    assert sorted(ids(found)) == ["1", "2", "3", "9"]


def test_a_row_that_slipped_between_two_pages_is_found(tenant: ScriptedTenant) -> None:
    contacts = ContactList([contact(number) for number in range(1, 7)])

    def one_goes_and_one_comes(number: int) -> None:
        if number == 2:
            contacts.rows = [contact(number) for number in (2, 3, 4, 5, 6, 7)]

    contacts.before_page = one_goes_and_one_comes
    found = refs(tenant, contacts, page_size=3)
    assert set(ids(found)) == {"1", "2", "3", "4", "5", "6", "7"}, "4 was in neither page of the first reading"


def test_a_listing_that_never_adds_up_fails_and_says_by_how_much(tenant: ScriptedTenant) -> None:
    contacts = ContactList([contact(1), contact(2)])
    contacts.total = 3
    with pytest.raises(ListingUnstable, match="found 2 of 3 came, expected all 3") as caught:
        refs(tenant, contacts)
    assert caught.value.retryable
    assert len(contacts.queries) == 6, "three readings of two pages"


def test_a_total_that_is_never_right_can_be_let_pass(tenant: ScriptedTenant, caplog: pytest.LogCaptureFixture) -> None:
    contacts = ContactList([contact(1), contact(2)])
    contacts.total = 3
    assert ids(refs(tenant, contacts, check_total=False)) == ["1", "2"]
    assert "2 of 3 came; check_total is off" in caplog.text


def test_a_server_that_repeats_its_first_page_has_an_end(tenant: ScriptedTenant) -> None:
    with pytest.raises(ListingUnstable, match="2 of 9 came, pages shifted"):
        refs(tenant, page(contact(1), contact(2), total=9))
    assert len(tenant.to(PATH)) == 6


def test_a_list_that_ends_before_its_total_is_no_whole_list(tenant: ScriptedTenant) -> None:
    with pytest.raises(ListingUnstable):
        refs(tenant, page(contact(1), contact(2), total=3), answer(204))


def test_more_contacts_than_counted_are_all_taken(tenant: ScriptedTenant) -> None:
    assert ids(refs(tenant, page(contact(1), contact(2), contact(3), total=2))) == ["1", "2", "3"]


# --- rows that cannot be used ------------------------------------------------------------------------------------

MALFORMED: list[tuple[Any, str, str]] = [
    (None, "a completed contact", "completed contact 1"),
    ("4711", "a completed contact", "completed contact 1"),
    ([4711], "a completed contact", "completed contact 1"),
    ({}, "contactId of a completed contact", "completed contact 1"),
    (contact(None), "contactId of a completed contact", "completed contact 1"),  # type: ignore[arg-type]  # on purpose
    (contact(0), "contactId of a completed contact", "completed contact 1"),
    (contact(-1), "contactId of a completed contact", "completed contact 1"),
    (contact(True), "contactId of a completed contact", "completed contact 1"),
    (contact(1.5), "contactId of a completed contact", "completed contact 1"),  # type: ignore[arg-type]  # on purpose
    (contact(""), "contactId of a completed contact", "completed contact 1"),
    (contact("000"), "contactId of a completed contact", "completed contact 1"),
    (contact("../secret"), "unusable recording id", "completed contact 1"),
    (contact("a" * 129), "unusable recording id", "completed contact 1"),
    (contact("47\n11"), "unusable recording id", "completed contact 1"),
    (contact(1, masterContactId=0), "masterContactId of a completed contact", "1"),
    (contact(1, masterContactId=False), "masterContactId of a completed contact", "1"),
    (contact(1, masterContactId=[1]), "masterContactId of a completed contact", "1"),
    (contact(1, masterContactId="1/2"), "unusable recording id", "1"),
    (contact(1, masterContactId=8, contactStartDate="yesterday"), "contactStartDate is not a time", "8"),
    (contact(1, contactStartDate=None), "contactStartDate is missing", "1"),
    (contact(1, contactStartDate=""), "contactStartDate is missing", "1"),
    (contact(1, contactStartDate="now"), "contactStartDate is not a time", "1"),
    (contact(1, contactStartDate="10:00"), "contactStartDate is not a time", "1"),
    (contact(1, contactStartDate="2026-13-01T00:00:00Z"), "contactStartDate is not a time", "1"),
    (contact(1, contactStartDate="11/22/2026"), "contactStartDate is not a time", "1"),
    (contact(1, contactStartDate=1763805600), "contactStartDate is not a time", "1"),
    (contact(1, contactStartDate={"at": "10"}), "contactStartDate is not a time", "1"),
    (contact(1, totalDurationSeconds=-1), "totalDurationSeconds is out of range", "1"),
    (contact(1, totalDurationSeconds=1e12), "totalDurationSeconds is out of range", "1"),
    (contact(1, totalDurationSeconds="a minute"), "totalDurationSeconds is not a number", "1"),
    (contact(1, totalDurationSeconds="-1"), "totalDurationSeconds is not a number", "1"),
    (contact(1, totalDurationSeconds=True), "totalDurationSeconds is not a number", "1"),
    (contact(1, totalDurationSeconds=[60]), "totalDurationSeconds is not a number", "1"),
    (contact(1, isLogged="maybe"), "isLogged of a completed contact", "1"),
    (contact(1, isLogged=2), "isLogged of a completed contact", "1"),
    (contact(1, isLogged=[]), "isLogged of a completed contact", "1"),
    (contact(1, isOutbound="out"), "isOutbound of a completed contact", "1"),
    (contact(1, agentId=[7]), "agentid of a completed contact", "1"),
    (contact(1, skillName={"id": 1}), "skillname of a completed contact", "1"),
    (contact(1, fromAddress=False), "fromaddress of a completed contact", "1"),
    ({**contact(1), "CONTACTID": 2}, "a completed contact has a field twice", "completed contact 1"),
]


@pytest.mark.parametrize(("row", "what", "named"), MALFORMED)
def test_a_row_that_cannot_be_used_is_carried_by_name_and_stops_no_other(
    tenant: ScriptedTenant, row: Any, what: str, named: str
) -> None:
    good, bad = refs(tenant, page(row, contact(4711)))
    assert good["recording_id"] == "4711"
    assert bad["recording_id"] == named
    assert what in bad["malformed"]
    assert set(bad) == {"recording_id", "malformed", "found", "expected"}


def test_a_leg_that_cannot_be_used_does_not_hide_its_contact(tenant: ScriptedTenant) -> None:
    found = refs(tenant, page(contact(2, masterContactId=1, isLogged="?"), contact(1)))
    assert [document.get("has_media") for document in found] == [True]


# --- answers that are no page ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {}, {"totalRecords": 1}, {"completedContacts": []}, {"totalRecords": None, "completedContacts": []},
        {"totalRecords": -1, "completedContacts": []}, {"totalRecords": "many", "completedContacts": []},
        {"totalRecords": 1.5, "completedContacts": []}, {"totalRecords": True, "completedContacts": []},
        {"totalRecords": [1], "completedContacts": []}, {"totalRecords": 10**10, "completedContacts": []},
        {"totalRecords": 1, "completedContacts": None}, {"totalRecords": 1, "completedContacts": {}},
        {"totalRecords": 1, "completedContacts": "none"}, [], "text", 1, None,
    ],
)  # fmt: skip
def test_a_document_that_is_no_page_ends_the_listing(tenant: ScriptedTenant, document: Any) -> None:
    with pytest.raises(UnexpectedAnswer, match=r"totalRecords|completedContacts|completed contacts"):
        refs(tenant, json_answer(document))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>maintenance</html>", b'{"totalRecords": 1,', b'{"totalRecords": NaN}', b"\xff\xfe{}",
        b'{"totalRecords": 1, "totalRecords": 2}', b"[" * 100_000, b'{"totalRecords": 1e999}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_ends_the_listing(tenant: ScriptedTenant, body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="completed contacts is not usable JSON"):
        refs(tenant, answer(200, body))


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer(400, b'{"error": "bad orderBy"}'), UnexpectedAnswer),
        (answer(403, b'{"error": "no"}'), AccessDenied),
        (answer(404, b"no such version"), UnexpectedAnswer),
        (answer(302, b"", {"Location": "https://elsewhere.example"}), UnexpectedAnswer),
        (answer(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}), UnexpectedAnswer),
        (answer(401), AuthenticationFailed),
        (answer(429, b"", {"Retry-After": "7"}), RateLimited),
        (answer(503), SourceUnavailable),
        (answer(200, b"{}", declared=10), SourceUnavailable),
    ],
)  # fmt: skip
def test_each_status_has_its_error(tenant: ScriptedTenant, reply: Reply, kind: type[ArchiveError]) -> None:
    with pytest.raises(kind):
        refs(tenant, reply)


def test_an_endless_page_is_not_read_to_its_end(tenant: ScriptedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cxone_provider.adapters.cxone.completed_contacts.MAX_PAGE_BYTES", 10_000)
    with pytest.raises(UnexpectedAnswer, match="too large"):
        refs(tenant, endless(200, {}, b" " * 1000))


@pytest.mark.parametrize("passing", [answer(503), answer(429, b"", {"Retry-After": "9"}), answer(401)])
def test_what_passes_is_asked_again_and_no_page_twice(tenant: ScriptedTenant, passing: Reply) -> None:
    contacts = ContactList([contact(number) for number in range(1, 5)])
    tenant.script(PATH, contacts, passing, contacts)
    found = list(listing(tenant, page_size=3).refs(DAY))
    assert ids(found) == ["1", "2", "3", "4"]
    assert [asked["skip"] for asked in contacts.queries] == ["0", "2"]


def test_retry_after_is_waited_for(tenant: ScriptedTenant) -> None:
    clock = FakeClock()
    refs(tenant, answer(429, b"", {"Retry-After": "9"}), page(contact(1)), clock=clock)
    assert clock.sleeps == [9]


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_no_error_shows_a_secret(tenant: ScriptedTenant, status: int) -> None:
    def echoing(request: Any) -> Answer:
        return answer(status, json.dumps({**request.headers, "secret": CLIENT_SECRET}).encode())

    with pytest.raises(ArchiveError) as caught:
        refs(tenant, echoing)
    assert "canary" not in str(caught.value)


def test_the_first_page_costs_no_work_before_it_is_asked_for(tenant: ScriptedTenant) -> None:
    unread: Callable[[Window], Any] = listing(tenant).refs
    unread(DAY)
    assert tenant.server.requests == []
