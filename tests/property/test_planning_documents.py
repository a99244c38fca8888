"""Whatever a source answers, the plan of it is a small JSON document that the next task can read."""

from __future__ import annotations

import json
from typing import Any

import pendulum
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.archive.plan import MAX_PLAN_BYTES, SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy, parse_retention
from cxone_provider.archive.recording import Outcome, RecordingDescription, RecordingRef

NOW = pendulum.datetime(2026, 11, 23, 10)
WORDS = st.one_of(
    st.none(),
    st.sampled_from(["available", "stored", "archived", "deleted", "locked", "completed", "wav", "mp3", "mp4", ""]),
    st.text(max_size=100),
    st.text(min_size=1, max_size=3).map(lambda text: text * 3000),
)
NUMBERS: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.integers(), st.floats(), st.integers(-3, 5000), st.text(max_size=80), st.booleans()
)
DESCRIPTIONS = st.builds(
    RecordingDescription,
    recording_id=st.sampled_from(["call-1", "call-2"]),
    format=WORDS,
    size_bytes=NUMBERS,
    duration_s=NUMBERS,
    status=WORDS,
    storage_state=WORDS,
    recorded_at=st.one_of(st.none(), st.integers(-10_000, 4_000).map(lambda days: NOW.subtract(days=days))),
    metadata=st.dictionaries(st.text(max_size=20), st.text(max_size=300), max_size=5),
)


@given(DESCRIPTIONS, st.one_of(st.none(), st.sampled_from(["mp3", "wav", "mp4", "flac"])), st.booleans())
def test_every_plan_is_small_readable_and_ended_exactly_when_it_has_reasons(
    description: RecordingDescription, audio_format: str | None, keep_for_a_year: bool
) -> None:
    plan = plan_of(
        RecordingRef("call-1"),
        description,
        audio_format=audio_format,
        segment_size_bytes=256,
        policy=ArchivePolicy(retention=parse_retention("P1Y") if keep_for_a_year else None),
        now=NOW,
    )
    document = plan.to_document()
    assert len(json.dumps(document, allow_nan=False).encode()) < MAX_PLAN_BYTES
    assert SegmentPlan.from_document(json.loads(json.dumps(document))).outcome is plan.outcome
    assert (plan.outcome is Outcome.READY) is (len(plan.reasons) == 0)
