"""Whatever is listed, told and held: everything expected is archived, or ended otherwise, or missing; once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pendulum
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.completeness import Completeness, parse_completeness
from cxone_provider.archive.expecting import Expected, expectations
from cxone_provider.archive.inventory import holdings, owner_of
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window, listed
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.reconciling import Run, reconcile
from cxone_provider.archive.recording import ARCHIVED_OUTCOMES, Outcome
from tests.fakes.store import FakeStore
from tests.unit.archive.reconciling_cases import NOW, START, log

LAYOUT = ArchiveLayout("archive", "p")
IDS = st.one_of(
    st.sampled_from(["1", "1.1", "1.2", "11", "2", "a", "a.b", "~", "A:1", "1-1"]),
    st.integers(1, 30).map(str),
    st.from_regex(r"[a-c0-2._~:-]{1,4}", fullmatch=True),
)
REFS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {
        "recording_id": IDS,
        "recorded_at": st.one_of(
            st.none(), st.integers(-4, 30).map(lambda hours: START.add(hours=hours).to_iso8601_string())
        ),
        "has_media": st.sampled_from([None, True, False]),
    }
)
LOGS = st.builds(log, IDS, st.sampled_from([end for end in Outcome if end is not Outcome.READY]))


def archive_of(names: list[str]) -> FakeStore:
    store = FakeStore(now=lambda: NOW)
    for name in names:
        store.put(LAYOUT.manifest_key(name), b"{}", ObjectAttributes("application/json"))
    return store


@given(
    documents=st.lists(REFS, max_size=30),
    logs=st.lists(LOGS, max_size=30),
    names=st.lists(IDS, max_size=30),
    started_at=st.one_of(st.none(), st.just(NOW)),
)
def test_expected_is_archived_and_every_other_outcome_and_missing(
    documents: list[Mapping[str, Any]], logs: list[Any], names: list[str], started_at: pendulum.DateTime | None
) -> None:
    expected = expectations(listed(documents))
    run = Run("run", Window(START, START.add(days=1)), NOW, started_at)
    store = archive_of(names)
    reports = reconcile(expected, logs, store, LAYOUT, run)

    assert len({one.day for one in reports}) == len(reports)
    assert sum(one.expected for one in reports) == len(expected) == len(set(expected))
    for one in reports:
        assert one.expected == one.archived + sum(one.outcomes.values()) + one.missing
        assert {*one.unproven_ids, *one.partial_ids} <= set(one.missing_ids)
        assert not ARCHIVED_OUTCOMES & set(one.other_ids)
        assert parse_completeness(one.to_bytes()) == one
    _check_each(expected, reports, set(names))


def _check_each(expected: Expected, reports: list[Completeness], committed: set[str]) -> None:
    """Each expected id is told once unless it is archived, and it is archived exactly where a manifest is."""
    told = [name for one in reports for names in (one.missing_ids, *one.other_ids.values()) for name in names]
    assert len(told) == len(set(told))
    assert expected.keys() - set(told) == expected.keys() & committed


@given(names=st.lists(IDS, max_size=60), asked=st.lists(IDS, max_size=60))
def test_a_listing_that_jumps_finds_what_a_whole_listing_finds(names: list[str], asked: list[str]) -> None:
    store = archive_of(names)
    found = holdings(store, LAYOUT, asked)
    owners = {owner_of(name, set(asked)) for name in names} - {None}
    assert found.keys() == owners
    assert {name for name, held in found.items() if held.archived} == set(names) & set(asked)
    assert store.count("list_objects") <= 1
