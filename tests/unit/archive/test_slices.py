"""A rotating part of the archive: so many runs read everything, each recording once."""

from __future__ import annotations

from collections import Counter

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import RECORDING_ID_PATTERN
from cxone_provider.archive.slices import Slice, known_ids
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import LAYOUT

JSON = ObjectAttributes("application/json")
IDS = st.sets(st.from_regex(RECORDING_ID_PATTERN, fullmatch=True), max_size=12)
DAYS = st.dates(pendulum.date(1999, 1, 1), pendulum.date(2199, 12, 31)).map(pendulum.instance)


@given(monday=DAYS, count=st.integers(1, 60))
def test_as_many_weeks_in_a_row_read_every_slice_once(monday: pendulum.Date, count: int) -> None:
    indexes = [Slice.of_week(monday.add(weeks=number), count).index for number in range(count)]
    assert sorted(indexes) == list(range(count))


@given(day=DAYS, count=st.integers(1, 60))
def test_a_slice_changes_on_mondays(day: pendulum.Date, count: int) -> None:
    monday = day.start_of("week")
    assert {Slice.of_week(monday.add(days=number), count) for number in range(7)} == {Slice.of_week(day, count)}
    assert monday.day_of_week == pendulum.MONDAY


def test_a_year_with_53_weeks_skips_nothing() -> None:
    weeks = [pendulum.date(2026, 12, 21).add(weeks=number) for number in range(4)]
    assert [week.isocalendar()[1] for week in weeks] == [52, 53, 1, 2]
    assert {Slice.of_week(week, 4).index for week in weeks} == {0, 1, 2, 3}


@pytest.mark.parametrize(("index", "count"), [(0, 0), (-1, 3), (3, 3), (1, -1), (0, 10_001)])
def test_a_slice_that_cannot_be_is_refused(index: int, count: int) -> None:
    with pytest.raises(InvalidSetting, match="slice"):
        Slice(index, count)
    with pytest.raises(InvalidSetting, match="slice"):
        Slice.of_week(pendulum.date(2026, 11, 23), 0)


def test_so_many_slices_read_everything_once() -> None:
    store = FakeStore()
    ids = {f"rec-{n}.{n % 3}" for n in range(200)}
    for recording_id in ids:
        store.put(LAYOUT.manifest_key(recording_id), b"{}", JSON)
        store.put(LAYOUT.audit_key(recording_id), b"", JSON)
    seen = Counter(name for index in range(7) for name in known_ids(store, LAYOUT, Slice(index, 7)))
    assert seen == dict.fromkeys(ids, 1)


@given(with_manifest=IDS, with_trail=IDS)
def test_whatever_has_a_manifest_or_a_trail_is_known(with_manifest: set[str], with_trail: set[str]) -> None:
    store = FakeStore()
    for recording_id in with_manifest:
        store.put(LAYOUT.manifest_key(recording_id), b"{}", JSON)
    for recording_id in with_trail:
        store.put(LAYOUT.audit_key(recording_id), b"", JSON)
    store.put("cxone/manifests/readme.txt", b"", JSON)
    store.put("cxone/audit/.jsonl", b"", JSON)
    assert set(known_ids(store, LAYOUT, Slice())) == with_manifest | with_trail


def test_ids_that_sort_differently_by_their_suffix_are_not_lost() -> None:
    store = FakeStore()
    for recording_id in ("a", "a.json", "a.jsonl"):
        store.put(LAYOUT.manifest_key(recording_id), b"{}", JSON)
        store.put(LAYOUT.audit_key(recording_id), b"", JSON)
    assert set(known_ids(store, LAYOUT, Slice())) == {"a", "a.json", "a.jsonl"}
