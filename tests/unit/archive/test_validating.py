from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    SourceUnavailable,
    TransferCancelled,
)
from cxone_provider.archive.listing import listed
from cxone_provider.archive.plan import Reason, SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.validating import BrokenRule, Checks, Validation, ValidationSettings, validate_recordings
from tests.fakes.clock import FakeClock
from tests.fakes.source import DESCRIBE, FakeRecording, FakeSource


@dataclass
class FoundNothing:
    """A suite that finds what it was told to find."""

    reasons: Mapping[str, Sequence[Reason]] = field(default_factory=dict)
    failed_rules: Sequence[BrokenRule] = ()


@dataclass
class Suites:
    """Both suites, counting what they were asked."""

    recordings: FoundNothing = field(default_factory=FoundNothing)
    plans: FoundNothing = field(default_factory=FoundNothing)
    rows: list[Sequence[Mapping[str, Any]]] = field(default_factory=list)
    planned: list[Sequence[SegmentPlan]] = field(default_factory=list)

    def checks(self) -> Checks:
        def check_rows(
            rows: Sequence[Mapping[str, Any]], policy: ArchivePolicy, now: pendulum.DateTime
        ) -> FoundNothing:
            self.rows.append(rows)
            return self.recordings

        def check_plans(plans: Sequence[SegmentPlan]) -> FoundNothing:
            self.planned.append(plans)
            return self.plans

        return Checks(check_rows, check_plans)


@pytest.fixture
def source() -> FakeSource:
    return FakeSource({f"r{number}": FakeRecording(b"x" * 1000, duration_s=10) for number in range(5)})


def validate(values: Sequence[object], source: FakeSource, suites: Suites | None = None, **options: Any) -> Validation:
    checks = (suites or Suites()).checks()
    settings = options.pop("settings", ValidationSettings(segment_size_bytes=256))
    return validate_recordings(values, source=source, clock=FakeClock(), settings=settings, checks=checks, **options)


def outcomes(validation: Validation) -> dict[str, str]:
    return {plan.recording_id: str(plan.outcome) for plan in validation.plans}


def test_each_recording_ends_in_its_own_plan_in_the_order_it_was_named(source: FakeSource) -> None:
    source.recordings["r1"].storage_state = "deleted"
    source.recordings["r2"].duration_s = 10_000
    values = ["r3", "nope", "r1", "../x", {"recording_id": "mute", "has_media": False}, *listed(["a b"]), "r2"]
    validation = validate(values, source)
    assert outcomes(validation) == {
        "r3": "READY",
        "nope": "NOT_FOUND",
        "r1": "DELETED",
        "../x": "REJECTED",
        "mute": "NO_RECORDING",
        "a b": "REJECTED",
        "r2": "REJECTED",
    }
    assert [str(reason) for reason in validation.plans[-1].reasons] == ["max_duration_s: found 10000, limit 3600"]
    assert validation.plans[0].segment_count == 4
    assert sorted(call.recording_id for call in source.calls) == ["nope", "r1", "r2", "r3"]


def test_a_recording_named_twice_is_asked_for_once(source: FakeSource) -> None:
    validation = validate(["r1", {"recording_id": "r1"}, "r2", "r1"], source)
    assert (list(outcomes(validation)), validation.duplicates) == (["r1", "r2"], 2)
    assert len(source.calls) == 2


def test_suites_see_the_whole_batch_at_once_and_their_reasons_reject(source: FakeSource) -> None:
    suites = Suites(
        recordings=FoundNothing({"r1": [Reason("house_rule", 1, 2)]}), plans=FoundNothing({"r2": [Reason("gap", 3, 4)]})
    )
    validation = validate(["r0", "r1", "r2", "nope"], source, suites)
    assert outcomes(validation) == {"r0": "READY", "r1": "REJECTED", "r2": "REJECTED", "nope": "NOT_FOUND"}
    assert [[row["recording_id"] for row in rows] for rows in suites.rows] == [["r0", "r1", "r2"]]
    assert [[plan.recording_id for plan in plans] for plans in suites.planned] == [["r0", "r2"]]
    assert validation.findings == [suites.recordings, suites.plans]


def test_suites_are_not_asked_about_an_empty_batch(source: FakeSource) -> None:
    suites = Suites()
    assert validate(["nope"], source, suites).findings == []
    assert (suites.rows, suites.planned) == ([], [])


def test_what_is_archived_costs_no_request(source: FakeSource) -> None:
    validation = validate(["r0", "r1"], source, archived=lambda recording_id: recording_id == "r0")
    assert outcomes(validation) == {"r0": "ALREADY_ARCHIVED", "r1": "READY"}
    assert [call.recording_id for call in source.calls] == ["r1"]


@pytest.mark.parametrize(("error", "passing"), [(SourceUnavailable("503"), ["r1"]), (AccessDenied("403"), [])])
def test_a_failure_is_one_recordings_own_and_says_whether_it_passes(
    source: FakeSource, error: ArchiveError, passing: list[str]
) -> None:
    source.script("r1", DESCRIBE, [error])
    validation = validate(["r0", "r1", "r2"], source)
    assert outcomes(validation) == {"r0": "READY", "r1": "FAILED", "r2": "READY"}
    assert validation.passing == passing
    assert type(error).__name__ in str(validation.plans[1].reasons[0])


def test_refused_credentials_end_the_batch_before_an_account_is_locked(source: FakeSource) -> None:
    source.script("r0", DESCRIBE, [AuthenticationFailed("401")])
    settings = ValidationSettings(readers=1)
    with pytest.raises(AuthenticationFailed):
        validate([f"r{number}" for number in range(5)], source, settings=settings)
    assert len(source.calls) == 1


def test_a_kill_ends_it(source: FakeSource) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(TransferCancelled):
        validate(["r0"], source, cancelled=cancelled)
    assert source.calls == []


def test_a_time_out_of_the_task_does_not_wait_for_the_rest(source: FakeSource) -> None:
    class TaskTimeout(BaseException): ...

    def archived(recording_id: str) -> bool:
        raise TaskTimeout

    with pytest.raises(TaskTimeout):
        validate(
            [f"r{number}" for number in range(5)], source, archived=archived, settings=ValidationSettings(readers=1)
        )
    assert source.calls == []


def test_a_plan_that_ended_before_is_carried_on_and_costs_no_request(source: FakeSource) -> None:
    ended = SegmentPlan("r1", Outcome.LOCKED, reasons=(Reason("media_download", "LOCKED", "COMPLETED"),))
    validation = validate([ended.to_document(), "r2"], source)
    assert outcomes(validation) == {"r1": "LOCKED", "r2": "READY"}
    assert validation.plans[0].reasons == ended.reasons
    assert [call.recording_id for call in source.calls] == ["r2"]


def test_a_plan_that_nobody_validated_is_rejected(source: FakeSource) -> None:
    forged = SegmentPlan("r1", Outcome.READY, size_bytes=1).to_document()
    assert outcomes(validate([forged, {**forged, "segment_count": 9}], source)) == {"r1": "REJECTED"}
    assert source.calls == []
