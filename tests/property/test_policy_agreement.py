"""The shipped suite and the pure policy are the same rules: on any batch, every recording gets the same reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cxone_provider.adapters.quality import check_recordings
from cxone_provider.archive.policy import ArchivePolicy, recording_row
from cxone_provider.archive.recording import RecordingDescription

NOW = pendulum.datetime(2026, 11, 23, 10)
EDGES: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, 1, -1, 60, 61, 60.5, 3600, 3600.0001, 2**34, 2**34 + 1, 10**400, "12", True, float("nan"), float("inf")]
)
NUMBERS: st.SearchStrategy[Any] = st.one_of(EDGES, st.integers(), st.floats())
WORDS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([None, "", "available", "Stored", "archived", "completed", "in-progress", "wav", "MP3", "nmf"]),
    st.text(max_size=12),
)
AGES = st.one_of(
    st.none(),
    st.timedeltas(),
    st.sampled_from([timedelta(days=30), timedelta(days=30, microseconds=1), timedelta(seconds=-300)]),
)
POLICIES = st.builds(
    ArchivePolicy,
    max_duration_s=st.sampled_from([60, 60.5, 3600]),
    max_size_bytes=st.sampled_from([1, 61, 2**34]),
    retention=st.sampled_from([None, "P30D", "P7Y"]),
    formats=st.sampled_from([frozenset({"mp3"}), frozenset({"mp3", "wav", "ogg"})]),
    statuses=st.sampled_from([frozenset({"completed"}), frozenset({"completed", "12"})]),
    clock_tolerance_s=st.sampled_from([0, 300]),
)


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    age = draw(AGES)
    try:
        recorded_at = None if age is None else NOW - age
    except OverflowError:
        recorded_at = None
    description = RecordingDescription(
        recording_id=draw(st.sampled_from(["a", "b", "c"])),
        format=draw(WORDS),
        size_bytes=draw(NUMBERS),
        duration_s=draw(NUMBERS),
        status=draw(WORDS),
        storage_state=draw(WORDS),
        recorded_at=recorded_at,
    )
    return recording_row(description, draw(st.sampled_from([None, "mp3", "wav", "mp4", "flac"])), NOW)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(rows(), min_size=1, max_size=40), POLICIES)
def test_the_suite_and_the_policy_find_the_same_reasons(batch: list[dict[str, Any]], policy: ArchivePolicy) -> None:
    report = check_recordings(batch, policy, NOW)
    expected = [policy.broken_rules(row, NOW) for row in batch]
    assert [report.reasons_at(position) for position in range(len(batch))] == expected
    assert report.success is (not any(expected))
