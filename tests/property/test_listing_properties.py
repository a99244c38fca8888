"""Whatever a tenant lists: each contact once, merged the same in any order, and no page lost to a list that moves."""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pendulum
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxone_provider.adapters.cxone.completed_contacts import CompletedContacts
from cxone_provider.adapters.cxone.extraction_csv import merge_rows
from cxone_provider.adapters.cxone.legs import Leg, MergedLegs
from cxone_provider.adapters.cxone.listing_settings import ListingSettings
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.archive.errors import UnexpectedAnswer
from cxone_provider.archive.listing import Window
from cxone_provider.archive.listing_errors import ListingUnstable
from cxone_provider.archive.recording import RECORDING_ID_PATTERN
from tests.fakes.clock import FakeClock
from tests.fakes.contact_list import ContactList, contact
from tests.fakes.cxone_tenant import ScriptedTenant
from tests.fakes.extraction import HEADER

START = pendulum.datetime(2026, 11, 22)
DAY = Window(START, START.add(days=1))
PATH = "/incontactapi/services/v27.0/contacts/completed"

moments = st.one_of(st.none(), st.integers(0, 86_399).map(lambda second: START.add(seconds=second)))
legs = st.builds(
    Leg,
    recording_id=st.sampled_from(["a", "b", "c"]),
    started_at=moments,
    ended_at=moments,
    has_media=st.sampled_from([True, False, None]),
)
ids = st.from_regex(RECORDING_ID_PATTERN, fullmatch=True).filter(lambda text: text.isascii())
cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)


def documents(merged: Sequence[Leg]) -> list[dict[str, Any]]:
    made = MergedLegs()
    for leg in merged:
        made.add(leg)
    return sorted(made.documents(), key=lambda ref: str(ref["recording_id"]))


@given(st.lists(legs, max_size=12), st.randoms(use_true_random=False))
def test_legs_merge_the_same_in_any_order(given_legs: list[Leg], order: random.Random) -> None:
    shuffled = list(given_legs)
    order.shuffle(shuffled)
    assert documents(given_legs) == documents(shuffled)
    assert {ref["recording_id"] for ref in documents(given_legs)} == {leg.recording_id for leg in given_legs}


@given(st.lists(legs, min_size=1, max_size=8))
def test_a_merged_contact_spans_all_its_legs(given_legs: list[Leg]) -> None:
    for ref in documents(given_legs):
        mine = [leg for leg in given_legs if leg.recording_id == ref["recording_id"]]
        starts = [leg.started_at for leg in mine if leg.started_at]
        assert (ref["recorded_at"] is None) == (not starts)
        if ref["has_media"] is False:
            assert all(leg.has_media is False for leg in mine)
        if any(leg.has_media for leg in mine):
            assert ref["has_media"] is True
        for leg in mine:
            if ref["duration_s"] is not None and leg.started_at and leg.ended_at:
                assert ref["duration_s"] >= (leg.ended_at - leg.started_at).total_seconds()


@given(
    st.lists(st.tuples(ids, cells, cells), max_size=12),
    st.integers(1, 40),
    st.booleans(),
    st.sampled_from(["\r\n", "\n"]),
)
def test_any_csv_gives_each_of_its_contacts_once_however_it_is_cut(
    rows: list[tuple[str, str, str]], step: int, bom: bool, line_end: str
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator=line_end)
    writer.writerow(HEADER)
    for contact_id, agent, disposition in rows:
        writer.writerow([contact_id, "s", "2026-11-22T10:00:00Z", "", "Success", "", "", disposition, "", agent, ""])
    body = (b"\xef\xbb\xbf" if bom else b"") + written.getvalue().encode()
    made = MergedLegs()
    merge_rows((body[at : at + step] for at in range(0, len(body), step)), made, ListingSettings())
    found = list(made.documents())
    assert [ref["recording_id"] for ref in found] == list(dict.fromkeys(contact_id for contact_id, _, _ in rows))
    assert not any("malformed" in ref for ref in found)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_no_bytes_make_an_extraction_fail_otherwise_than_by_its_error(body: bytes, step: int) -> None:
    header = ",".join(HEADER).encode() + b"\r\n"
    for start in (b"", header):
        made = MergedLegs()
        whole = start + body
        try:
            merge_rows((whole[at : at + step] for at in range(0, len(whole), step)), made, ListingSettings())
        except UnexpectedAnswer:
            continue
        assert all(ref["recording_id"] for ref in made.documents())


@pytest.mark.server
@settings(deadline=timedelta(seconds=5), max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(0, 12),
    page_size=st.integers(2, 5),
    at_most=st.integers(2, 5),
    changes=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["in front", "in the middle", "gone"])), max_size=3),
)
def test_a_list_that_moves_loses_nothing_that_stayed(
    count: int, page_size: int, at_most: int, changes: list[tuple[int, str]]
) -> None:
    contacts = ContactList([contact(f"c{number}") for number in range(count)])
    contacts.at_most = at_most
    gone: set[str] = set()

    def change(number: int) -> None:
        for place, (page, kind) in enumerate(changes):
            if page != number:
                continue
            if kind == "gone" and contacts.rows:
                gone.add(contacts.rows.pop(0)["contactId"])
            elif kind != "gone":
                at = 0 if kind == "in front" else len(contacts.rows) // 2
                contacts.rows.insert(at, contact(f"new{place}"))

    contacts.before_page = change
    tenant = ScriptedTenant()
    tenant.script(PATH, contacts)
    with tenant.server:
        api = TenantApi(tenant.settings(), FakeClock())
        try:
            found = {
                ref["recording_id"] for ref in CompletedContacts(api, ListingSettings(page_size=page_size)).refs(DAY)
            }
        except ListingUnstable:
            return  # said so, and tried again later
        finally:
            api.close()
    assert found >= {f"c{number}" for number in range(count)} - gone
