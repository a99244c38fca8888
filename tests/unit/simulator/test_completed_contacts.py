"""Completed contacts: pages, both spellings, late arrivals, and requests that make no sense."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxone_provider.simulator import ApiSettings, Interaction, ManualClock, Simulator
from tests.unit.simulator.client import Reply
from tests.unit.simulator.playback import PlaybackClient

PATH = "/incontactapi/services/v31.0/contacts/completed"
DAY = datetime(2026, 1, 1, tzinfo=UTC)


class Listing(PlaybackClient):
    def page(self, **query: object) -> Reply:
        asked = {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-01-02T00:00:00Z", "mediaTypeId": 4, **query}
        return self.get(f"{PATH}?{urlencode({name: value for name, value in asked.items() if value is not None})}")

    def ids(self, **query: object) -> list[Any]:
        reply = self.page(**query)
        return [row["contactId"] for row in reply.document["completedContacts"]] if reply.status == 200 else []


def filled(**changes: Any) -> Simulator:
    simulator = Simulator(clock=ManualClock(DAY + timedelta(hours=12)), apis=ApiSettings(**changes))
    simulator.add_contact("300", [Interaction(4096, duration_s=95)], started_at=DAY, contact_ids=["300", "301"])
    simulator.add_contact("100", [Interaction(4096)], started_at=DAY + timedelta(hours=2), is_logged=False, ani="+1")
    simulator.add_contact("200", [Interaction(4096)], started_at=DAY + timedelta(hours=1))
    simulator.add_contact("400", [Interaction(4096, media_type="chat")], started_at=DAY + timedelta(hours=3))
    return simulator


@pytest.fixture
def listing() -> Iterator[Listing]:
    with filled() as simulator:
        yield Listing(simulator)


def test_a_row_has_the_documented_fields(listing: Listing) -> None:
    document = listing.page(top=1).document
    assert document["totalRecords"] == 4
    (row,) = document["completedContacts"]
    assert row == {
        "contactId": "300",
        "masterContactId": "300",
        "contactStartDate": "2026-01-01T00:00:00.000Z",
        "lastUpdateTime": "2026-01-01T00:01:35.000Z",
        "totalDurationSeconds": 95,
        "agentId": "1001",
        "firstName": "Sam",
        "lastName": "Agent",
        "skillName": "Support",
        "fromAddress": "+15550100",
        "toAddress": "+15550199",
        "isOutbound": False,
        "isLogged": True,
        "mediaTypeId": 4,
        "primaryDispositionName": "",
    }


def test_several_contacts_share_a_master(listing: Listing) -> None:
    rows = listing.page().document["completedContacts"]
    assert [(row["contactId"], row["masterContactId"], row["isLogged"]) for row in rows] == [
        ("300", "300", True),
        ("301", "300", True),
        ("200", "200", True),
        ("100", "100", False),
    ]


def test_a_contact_may_last_longer_than_its_recordings(listing: Listing) -> None:
    listing.simulator.add_contact("500", [Interaction(4096)], started_at=DAY, duration_s=600.5)
    (row,) = listing.page(orderBy="totalDurationSeconds desc", top=1).document["completedContacts"]
    assert (row["contactId"], row["totalDurationSeconds"]) == ("500", 600.5)
    assert row["lastUpdateTime"] == "2026-01-01T00:10:00.500Z"


def test_pages_cover_everything_once_and_then_nothing(listing: Listing) -> None:
    pages = [listing.page(top=3, skip=skip) for skip in (0, 3, 6)]
    assert [page.status for page in pages] == [200, 200, 204]
    assert pages[2].body == b""
    assert [page.document["totalRecords"] for page in pages[:2]] == [4, 4]
    assert listing.ids(top=3) + listing.ids(top=3, skip=3) == listing.ids()


def test_an_empty_list_is_204(listing: Listing) -> None:
    assert listing.page(startDate="2025-01-01", endDate="2025-01-02").status == 204


def test_older_versions_spell_differently() -> None:
    with filled(completed_spelling="older", completed_numeric_ids=True) as simulator:
        row = Listing(simulator).page(top=1, orderBy="contactStart desc").document["completedContacts"][0]
    assert (row["contactId"], row["fromAddr"], row["toAddr"]) == (100, "+1", "+15550199")
    assert row["contactStart"] == "2026-01-01T02:00:00.000Z"
    assert not {"contactStartDate", "fromAddress", "toAddress"} & set(row)


def test_the_span_ends_before_its_end(listing: Listing) -> None:
    assert listing.ids(startDate="2026-01-01T01:00:00Z", endDate="2026-01-01T02:00:00Z") == ["200"]
    assert listing.ids(startDate="2026-01-01T02:00:00+01:00", endDate="2026-01-01T02:00:00Z") == ["200"]
    assert listing.ids(startDate="2026-01-01", endDate="2026-01-01") == ["300", "301", "200", "100"]


def test_media_types_are_told_apart(listing: Listing) -> None:
    assert listing.ids(mediaTypeId=3) == ["400"]
    assert len(listing.ids(mediaTypeId=None)) == 5


def test_late_arrivals_are_found_by_what_was_updated(listing: Listing) -> None:
    simulator = listing.simulator
    clock = simulator.clock
    assert isinstance(clock, ManualClock)
    simulator.add_contact("900", [Interaction(4096)], started_at=DAY, listed_at=clock.now() + timedelta(minutes=30))
    since = {"startDate": None, "endDate": None, "updatedSince": "2026-01-01T12:00:00Z"}
    assert (listing.ids(**since), "900" in listing.ids()) == ([], False)
    clock.advance(1800)
    assert (listing.ids(**since), "900" in listing.ids()) == (["900"], True)


@pytest.mark.parametrize(
    ("order_by", "ids"),
    [
        ("contactId", ["100", "200", "300", "301"]),
        ("contactId desc", ["301", "300", "200", "100"]),
        ("totalDurationSeconds DESC", ["300", "301", "100", "200"]),
    ],
)
def test_rows_are_ordered_as_asked(listing: Listing, order_by: str, ids: list[str]) -> None:
    assert listing.ids(orderBy=order_by) == ids


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"startDate": None}, "startDate or updatedSince is needed"),
        ({"startDate": "yesterday"}, "startDate is not ISO 8601"),
        ({"endDate": "2026-01-32"}, "endDate is not ISO 8601"),
        ({"top": 0}, "top is from 1 to 10000"),
        ({"top": 10_001}, "top is from 1 to 10000"),
        ({"top": "\u0661"}, "top is not a count"),
        ({"skip": "-1"}, "skip is not a count"),
        ({"mediaTypeId": "voice"}, "mediaTypeId is not a count"),
        ({"orderBy": "mood"}, "orderBy names no field"),
        ({"orderBy": "contactId sideways"}, "orderBy has the direction"),
    ],
)
def test_a_query_that_makes_no_sense_is_told(listing: Listing, query: dict[str, object], message: str) -> None:
    reply = listing.page(**query)
    assert reply.status == 400
    assert message in reply.document["message"]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31"])
def test_the_ends_of_time_are_dates(listing: Listing, moment: str) -> None:
    assert listing.page(startDate=moment, endDate=moment).status == 204


@given(text=st.text(max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_gets_an_answer(listing: Listing, text: str) -> None:
    query = {name: text.encode("utf-8", "replace") for name in ("startDate", "top", "orderBy")}
    assert listing.page(**query).status in {200, 204, 400}


def test_a_token_is_needed_and_faults_strike(listing: Listing) -> None:
    assert listing.call("GET", PATH).status == 401
    listing.simulator.script_tenant([{"fault": "status", "status": 503, "on": "listing"}])
    assert [listing.page().status for _ in range(2)] == [503, 200]
    assert [record.endpoint for record in listing.simulator.requests][-1] == "listing"


@pytest.mark.parametrize("path", [PATH.replace("v31.0", "v4.0"), PATH.replace("v31.0", "vX"), PATH + "/1"])
def test_any_version_is_spoken_and_nothing_else(listing: Listing, path: str) -> None:
    assert listing.get(f"{path}?startDate=2026-01-01").status == (200 if "v4.0" in path else 404)
