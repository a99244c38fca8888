"""What only the media settles: how a plan says so, what it carries to the stream task, and what is finished there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxone_provider.adapters.quality import check_plans, check_recordings
from cxone_provider.archive.errors import InvalidDocument
from cxone_provider.archive.finishing import finished, limits_of, policy_of
from cxone_provider.archive.limits import Limits, iso_duration
from cxone_provider.archive.media import Media
from cxone_provider.archive.plan import MAX_PLAN_BYTES, SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome, RecordingDescription, RecordingRef
from cxone_provider.archive.validating import Checks, ValidationSettings, validate_recordings
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeRecording, FakeSource
from tests.unit.archive.contact_cases import CONTACT, STARTS, interaction

NOW = pendulum.datetime(2026, 11, 22, 6, tz="UTC")
POLICY = ArchivePolicy(max_duration_s=1800, max_size_bytes=10**6, retention=pendulum.duration(years=7, days=3))
REF = RecordingRef(CONTACT, STARTS["leg-a"], 70.0, has_media=True, metadata={"skill": "billing"})
RETENTIONS = st.none() | st.builds(
    pendulum.duration,
    years=st.integers(0, 50), months=st.integers(0, 11), days=st.integers(1, 300), hours=st.integers(0, 40),
    microseconds=st.integers(0, 10**6),
)  # fmt: skip
CHECKS = Checks(recordings=check_recordings, plans=check_plans)


def described(**facts: Any) -> RecordingDescription:
    known: dict[str, Any] = {
        "recording_id": CONTACT, "format": None, "size_bytes": None, "duration_s": 70.0, "status": None,
        "storage_state": None, "recorded_at": STARTS["leg-a"], "settled_by_media": True,
    }  # fmt: skip
    return RecordingDescription(**{**known, **facts})


def planned(description: RecordingDescription, audio_format: str | None = None) -> SegmentPlan:
    return plan_of(REF, description, audio_format=audio_format, segment_size_bytes=1000, policy=POLICY, now=NOW)


def test_what_only_the_media_settles_is_said_and_not_guessed() -> None:
    plan = planned(described())
    assert plan.outcome is Outcome.READY
    assert (plan.size_bytes, plan.segment_count, plan.format, plan.storage_state) == (None, None, None, None)
    assert plan.limits == Limits(1800, 10**6, "P7Y0M3DT0S")
    assert SegmentPlan.from_document(json.loads(json.dumps(plan.to_document()))) == plan


def test_a_source_that_settles_everything_itself_leaves_no_limits_to_the_stream_task() -> None:
    plan = planned(described(settled_by_media=False, format="mp3", size_bytes=500))
    assert plan.limits is None
    assert "limits" not in plan.to_document()


def test_another_format_is_expected_and_not_asked_for_where_nobody_can_make_it() -> None:
    plan = planned(described(), audio_format="wav")
    assert (plan.format, plan.requested_format) == ("wav", None)
    asked = planned(described(settled_by_media=False), audio_format="wav")
    assert (asked.format, asked.requested_format) == ("wav", "wav")


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({"duration_s": 1801.0}, "max_duration_s"),
        ({"duration_s": 0.0}, "min_duration_s"),
        ({"recorded_at": NOW.subtract(years=8)}, "max_age_s"),
        ({"storage_state": "deleted"}, "storage_state"),
        ({"size_bytes": 10**6 + 1}, "max_size_bytes"),
        ({"format": "wma"}, "format"),
    ],
)
def test_what_the_listing_tells_is_judged_before_the_quota_is_touched(facts: dict[str, Any], rule: str) -> None:
    ref = replace(REF, recorded_at=facts.get("recorded_at", REF.recorded_at))
    plan = plan_of(ref, described(**facts), audio_format=None, segment_size_bytes=1000, policy=POLICY, now=NOW)
    assert plan.outcome is not Outcome.READY
    assert rule in {reason.rule for reason in plan.reasons}


def test_an_unknown_start_is_no_pass_while_a_retention_is_set() -> None:
    ref = RecordingRef(CONTACT, metadata={"skill": "billing"})
    bare = described(recorded_at=None, duration_s=None)
    plan = plan_of(ref, bare, audio_format=None, segment_size_bytes=1000, policy=POLICY, now=NOW)
    assert [reason.rule for reason in plan.reasons] == ["recorded_at"]


@given(max_duration_s=st.integers(1, 86_400), max_size_bytes=st.integers(1, 2**40), retention=RETENTIONS)
def test_the_policy_that_a_plan_carries_is_the_one_it_was_made_with(
    max_duration_s: int, max_size_bytes: int, retention: pendulum.Duration | None
) -> None:
    policy = ArchivePolicy(max_duration_s=max_duration_s, max_size_bytes=max_size_bytes, retention=retention)
    plan = SegmentPlan("1", Outcome.READY, limits=limits_of(policy))
    carried = policy_of(SegmentPlan.from_document(json.loads(json.dumps(plan.to_document()))), ArchivePolicy())
    assert carried == policy
    assert carried.max_age_s(NOW) == policy.max_age_s(NOW)


@given(retention=RETENTIONS.filter(bool))
def test_a_duration_survives_as_text(retention: pendulum.Duration) -> None:
    assert pendulum.parse(iso_duration(retention)) == retention


def test_a_plan_without_limits_is_held_to_the_task_s_own_policy() -> None:
    assert policy_of(SegmentPlan("1", Outcome.READY), POLICY) is POLICY


@pytest.mark.parametrize(
    "limits",
    [
        [], {}, {"max_duration_s": 1}, {"max_duration_s": "1", "max_size_bytes": 1},
        {"max_duration_s": 1, "max_size_bytes": -1}, {"max_duration_s": 1, "max_size_bytes": 1, "retention": 5},
    ],
)  # fmt: skip
def test_limits_that_are_none_are_refused(limits: object) -> None:
    document = SegmentPlan("1", Outcome.READY).to_document() | {"limits": limits}
    with pytest.raises(InvalidDocument):
        SegmentPlan.from_document(document)


@pytest.mark.parametrize("limits", [Limits(1, 1, "soon"), Limits(0.1, 1), Limits(1, 0)])
def test_limits_that_make_no_policy_are_refused(limits: Limits) -> None:
    with pytest.raises(InvalidDocument):
        policy_of(SegmentPlan("1", Outcome.READY, limits=limits), ArchivePolicy())


def test_limits_do_not_make_a_plan_too_large() -> None:
    plan = replace(planned(described()), metadata={f"field-{n}": "x" * 50 for n in range(100)})
    assert len(json.dumps(plan.to_document())) < MAX_PLAN_BYTES


def test_a_finished_plan_is_the_media_s_and_keeps_what_only_the_listing_knows() -> None:
    media = Media(
        "4711.2", size_bytes=500, etag='"v"', recorded_at=STARTS["leg-b"], duration_s=5.0, identity="leg-b",
        metadata={"direction": "inbound"},
    )  # fmt: skip
    plan = finished(planned(described()), media, POLICY, NOW)
    assert (plan.recording_id, plan.outcome, plan.size_bytes, plan.etag) == ("4711.2", Outcome.READY, 500, '"v"')
    assert (plan.recorded_at, plan.duration_s) == (STARTS["leg-b"], 5.0)
    assert plan.metadata == {"skill": "billing", "direction": "inbound"}
    untold = finished(planned(described()), Media("4711.2", identity="leg-b"), POLICY, NOW)
    assert (untold.recorded_at, untold.duration_s) == (STARTS["leg-a"], None)


def test_a_finished_plan_has_every_reason() -> None:
    media = Media("4711.1", size_bytes=10**7, recorded_at=NOW.subtract(years=8), duration_s=2000.0, identity="leg-a")
    plan = finished(planned(described()), media, POLICY, NOW)
    assert plan.outcome is Outcome.REJECTED
    assert [reason.rule for reason in plan.reasons] == ["max_size_bytes", "max_duration_s", "max_age_s"]


def test_contacts_are_planned_from_their_listing_without_a_request_and_beside_recordings() -> None:
    contacts = {name: [interaction("leg-a")] for name in (CONTACT, "4712", "4713")}
    source = FakeSource({"rec": FakeRecording(b"x" * 500)}, contacts=contacts)
    start = STARTS["leg-a"].isoformat()
    refs = [
        {"recording_id": CONTACT, "recorded_at": start, "duration_s": 70, "metadata": {"skill": "billing"}},
        {"recording_id": "4712", "recorded_at": start, "duration_s": 5000, "metadata": {"skill": "billing"}},
        {"recording_id": "4713", "has_media": False},
        "rec",
    ]
    found = validate_recordings(
        refs, source=source, clock=FakeClock(), settings=ValidationSettings(), checks=CHECKS,
        archived=lambda archived_id: False,
    )  # fmt: skip
    assert [str(plan.outcome) for plan in found.plans] == ["READY", "REJECTED", "NO_RECORDING", "READY"]
    assert [plan.limits is not None for plan in found.plans] == [True, True, False, False]
    assert [call.recording_id for call in source.calls] == ["rec"]


def test_a_bare_id_of_a_contact_is_asked_for_once_and_an_archived_one_never() -> None:
    source = FakeSource(contacts={CONTACT: [interaction("leg-a")], "4712": [interaction("leg-b")]})
    found = validate_recordings(
        [CONTACT, "4712"], source=source, clock=FakeClock(), settings=ValidationSettings(), checks=CHECKS,
        archived=lambda archived_id: archived_id == "4712",
    )  # fmt: skip
    assert [str(plan.outcome) for plan in found.plans] == ["READY", "ALREADY_ARCHIVED"]
    assert [(call.operation, call.recording_id) for call in source.calls] == [("describe", CONTACT)]
