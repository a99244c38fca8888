from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.plan import Reason
from cxone_provider.archive.policy import (
    KNOWN_START,
    WAITABLE_STATES,
    ArchivePolicy,
    format_word,
    number_of,
    outcome_of,
    parse_retention,
    recording_row,
    word_of,
)
from cxone_provider.archive.recording import Outcome, RecordingDescription

NOW = pendulum.datetime(2026, 11, 23, 10)
GOOD = RecordingDescription(
    recording_id="call-1",
    format="wav",
    size_bytes=320_044,
    duration_s=20.0,
    status="completed",
    storage_state="available",
    recorded_at=NOW.subtract(hours=30),
)


def broken(policy: ArchivePolicy | None = None, requested: str | None = None, **changes: Any) -> list[Reason]:
    return (policy or ArchivePolicy()).evaluate(replace(GOOD, **changes), requested, NOW)


def test_a_finished_streamable_recording_within_its_limits_breaks_no_rule() -> None:
    assert broken() == []
    assert outcome_of(GOOD, []) is Outcome.READY


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"storage_state": "archived"}, Reason("storage_state", "archived", "available, stored")),
        ({"storage_state": "Deleted"}, Reason("storage_state", "deleted", "available, stored")),
        ({"status": "in-progress"}, Reason("status", "in_progress", "closed, complete, completed, ended, finished")),
        ({"status": "whatever"}, Reason("status", "whatever", "closed, complete, completed, ended, finished")),
        ({"size_bytes": 0}, Reason("min_size_bytes", 0, 1)),
        ({"size_bytes": -5}, Reason("min_size_bytes", -5, 1)),
        ({"size_bytes": 2**34 + 1}, Reason("max_size_bytes", 2**34 + 1, 2**34)),
        ({"size_bytes": 10**400}, Reason("max_size_bytes", 2**63, 2**34)),
        ({"size_bytes": "many"}, Reason("min_size_bytes", "many", 1)),
        ({"duration_s": 0}, Reason("min_duration_s", 0, "> 0")),
        ({"duration_s": -1.5}, Reason("min_duration_s", -1.5, "> 0")),
        ({"duration_s": math.nan}, Reason("min_duration_s", "nan", "> 0")),
        ({"duration_s": True}, Reason("min_duration_s", "True", "> 0")),
        ({"duration_s": 3600.5}, Reason("max_duration_s", 3600.5, 3600)),
        ({"duration_s": math.inf}, Reason("max_duration_s", 2**63, 3600)),
        ({"format": "nmf"}, Reason("format", "nmf", "amr, flac, mp3, mp4, ogg, wav")),
        ({"recorded_at": NOW.add(seconds=301)}, Reason("min_age_s", -301.0, -300)),
    ],
)
def test_each_broken_rule_is_named_with_its_value_and_limit(changes: dict[str, Any], reason: Reason) -> None:
    assert broken(**changes) == [reason]


@pytest.mark.parametrize(
    "changes",
    [
        {"storage_state": "stored"},
        {"storage_state": " STORED "},
        {"status": "Complete"},
        {"size_bytes": 1},
        {"size_bytes": 2**34},
        {"duration_s": 0.001},
        {"duration_s": 3600},
        {"format": ".M4A"},
        {"recorded_at": NOW.add(seconds=300)},
        {"recorded_at": NOW.subtract(years=90)},
    ],
)
def test_limits_themselves_are_accepted(changes: dict[str, Any]) -> None:
    assert broken(**changes) == []


def test_what_the_source_does_not_tell_breaks_no_rule() -> None:
    nothing = RecordingDescription("call-1", None, None, None, None, None)
    assert ArchivePolicy().evaluate(nothing, "mp3", NOW) == []


def test_every_broken_rule_is_reported_not_only_the_first() -> None:
    policy = ArchivePolicy(max_duration_s=60, max_size_bytes=10, retention=parse_retention("P1D"))
    reasons = broken(
        policy, "mp4", storage_state="deleted", status="active", size_bytes=11, duration_s=61, format="nmf"
    )
    assert [reason.rule for reason in reasons] == [
        "storage_state",
        "status",
        "max_size_bytes",
        "max_duration_s",
        "requested_format",
        "max_age_s",
    ]


@pytest.mark.parametrize(
    ("native", "requested", "rules"),
    [
        ("wav", None, []),
        ("wav", "wav", []),
        ("wav", "mp3", []),
        ("nmf", "mp3", []),
        ("mp4", "mp4", []),
        (None, "mp4", []),
        ("wav", "mp4", ["requested_format"]),
        ("wav", "flac", ["requested_format"]),
        ("wav", "xyz", ["format", "requested_format"]),
        (None, "xyz", ["format"]),
        ("nmf", None, ["format"]),
    ],
)
def test_only_mp3_and_wav_are_made_of_another_native_format(
    native: str | None, requested: str | None, rules: list[str]
) -> None:
    assert [reason.rule for reason in broken(requested=requested, format=native)] == rules


def test_retention_counts_by_the_calendar_to_the_microsecond() -> None:
    policy = ArchivePolicy(retention=parse_retention("P7Y"))
    oldest = NOW.subtract(years=7)
    assert policy.evaluate(replace(GOOD, recorded_at=oldest), None, NOW) == []
    older = policy.evaluate(replace(GOOD, recorded_at=oldest.subtract(microseconds=1)), None, NOW)
    assert [reason.rule for reason in older] == ["max_age_s"]
    assert older[0].limit == (NOW - oldest).total_seconds()


def test_an_unknown_start_is_a_reason_of_its_own_while_a_retention_is_set() -> None:
    assert broken(ArchivePolicy(retention=parse_retention(30)), recorded_at=None) == [
        Reason("recorded_at", None, KNOWN_START)
    ]
    assert broken(recorded_at=None) == []


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("P90D", 90),
        (" P2W ", 14),
        ("PT36H", 1.5),
        (90, 90),
        ("90", 90),
        (timedelta(days=3), 3),
        (timedelta(hours=12), 0.5),
        (pendulum.duration(weeks=1), 7),
    ],
)
def test_retention_is_taken_as_duration_days_or_text(value: object, days: float) -> None:
    duration = parse_retention(value)
    assert duration is not None
    assert duration.total_seconds() == days * 86_400


def test_no_retention_is_no_limit() -> None:
    assert parse_retention(None) is None
    assert ArchivePolicy().max_age_s(NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        "", "7 years", "P", "-P1D", "P-1D", "P0D", 0, -1, True, 1.5, "P101Y", "P99999999999999999999D", "9" * 5000,
        "2026-11-23", "P7Y/2026-01-01", "\x00", timedelta(0), timedelta(days=-1), [], pendulum.duration(years=101),
    ],
)  # fmt: skip
def test_an_unusable_retention_is_an_invalid_setting(value: object) -> None:
    with pytest.raises(InvalidSetting, match="unusable retention"):
        parse_retention(value)


@pytest.mark.parametrize(
    ("storage_state", "changes", "outcome"),
    [
        ("deleted", {}, Outcome.DELETED),
        ("deleted", {"duration_s": 9999, "format": "nmf"}, Outcome.DELETED),
        ("locked", {}, Outcome.LOCKED),
        ("Legal Hold", {"status": "active"}, Outcome.LOCKED),
        ("archived", {}, Outcome.IN_COLD_STORAGE),
        ("cold", {}, Outcome.IN_COLD_STORAGE),
        ("restoring", {}, Outcome.IN_COLD_STORAGE),
        ("pending", {"size_bytes": 0, "duration_s": 0, "status": "processing"}, Outcome.IN_COLD_STORAGE),
        ("archived", {"duration_s": 3601}, Outcome.REJECTED),
        ("cold", {"format": "nmf"}, Outcome.REJECTED),
        ("lost", {}, Outcome.REJECTED),
        ("available", {"duration_s": 3601}, Outcome.REJECTED),
        ("available", {"status": "active"}, Outcome.REJECTED),
        ("stored", {}, Outcome.READY),
        (None, {"size_bytes": 0}, Outcome.REJECTED),
    ],
)
def test_the_outcome_follows_the_storage_state_and_what_waiting_can_mend(
    storage_state: str | None, changes: dict[str, Any], outcome: Outcome
) -> None:
    description = replace(GOOD, storage_state=storage_state, **changes)
    assert outcome_of(description, ArchivePolicy().evaluate(description, None, NOW)) is outcome


def test_a_policy_may_stream_what_others_wait_for() -> None:
    policy = ArchivePolicy(storage_states=frozenset({"Available", "archived"}))
    assert broken(policy, storage_state="archived") == []


@pytest.mark.parametrize("state", sorted(WAITABLE_STATES))
def test_waitable_states_are_no_final_outcome(state: str) -> None:
    description = replace(GOOD, storage_state=state)
    assert outcome_of(description, ArchivePolicy().evaluate(description, None, NOW)) is Outcome.IN_COLD_STORAGE


@pytest.mark.parametrize(
    "settings",
    [
        {"max_duration_s": 0},
        {"max_duration_s": math.nan},
        {"max_duration_s": "long"},
        {"max_size_bytes": 0},
        {"max_size_bytes": 1.5},
        {"max_size_bytes": 2**60},
        {"max_segment_count": 0},
        {"clock_tolerance_s": -1},
        {"formats": frozenset()},
        {"formats": "mp3"},
        {"statuses": [""]},
        {"storage_states": [1]},
        {"retention": "soon"},
    ],
)
def test_a_limit_that_makes_no_sense_is_an_invalid_setting(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidSetting, match="unusable"):
        ArchivePolicy(**settings)


def test_settings_of_an_operator_may_be_text_and_none_is_the_default() -> None:
    assert ArchivePolicy.from_settings() == ArchivePolicy()
    policy = ArchivePolicy.from_settings(max_duration_s="7200", max_size_bytes=" 1048576 ", retention="P7Y")
    assert (policy.max_duration_s, policy.max_size_bytes, policy.retention) == (7200, 2**20, parse_retention("P7Y"))
    assert ArchivePolicy.from_settings(max_duration_s="1.5").max_duration_s == 1.5


@pytest.mark.parametrize("setting", [{"max_duration_s": "an hour"}, {"max_size_bytes": "1 GiB"}, {"retention": "x"}])
def test_text_that_is_no_number_is_an_invalid_setting(setting: dict[str, str]) -> None:
    with pytest.raises(InvalidSetting, match=next(iter(setting))):
        ArchivePolicy.from_settings(**setting)


def test_a_row_holds_comparable_facts() -> None:
    assert recording_row(replace(GOOD, status=" In Progress ", format="WAVE"), "MP3", NOW) == {
        "recording_id": "call-1",
        "status": "in_progress",
        "storage_state": "available",
        "size_bytes": 320_044,
        "duration_s": 20.0,
        "format": "mp3",
        "transcode_to": "mp3",
        "age_s": 30 * 3600.0,
    }


def test_hostile_words_are_escaped_and_bounded() -> None:
    assert word_of("a\x00\x1b[31m\n") == r"a\x00\x1b[31m"
    assert word_of("   ") is None
    assert word_of(17) == "17"
    assert word_of("é") == r"\xe9"
    assert word_of("\x00" * 10_000) == r"\x00" * 15
    assert format_word("\nMP3\t") == "mp3"


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, None),
        (0, 0),
        (2.5, 2.5),
        (-math.inf, -(2**63)),
        pytest.param(10**1000, 2**63, id="1001 digits"),
        (math.nan, "nan"),
        (False, "False"),
        ("3", "3"),
        ([], "[]"),
    ],
)
def test_numbers_are_finite_or_text(value: object, number: object) -> None:
    assert number_of(value) == number
