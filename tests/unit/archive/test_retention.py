"""Retention by policy: every recording's own end, or a named refusal before anything is stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
import pytest

from cxone_provider.archive.errors import InvalidSetting, LockUnsupported, RecordingRejected
from cxone_provider.archive.notification import announce
from cxone_provider.archive.ports import ObjectLock
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.retention import LockPolicy, Retention, lock_policy, parse_retain_until
from tests.fakes.notifier import FakeNotifier
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import LAYOUT, MEDIA_KEY, Case

NOW = pendulum.datetime(2026, 11, 22, 6)
RECORDED_AT = pendulum.datetime(2024, 2, 29, 12)
BY_CLASS = {"field": "class", "values": {"complaint": "P10Y", "7": "P30D", "true": "2030-01-01"}, "default": "P7Y"}


def end_of(setting: object, metadata: dict[str, Any] | None = None) -> pendulum.DateTime:
    retention = parse_retain_until(setting)
    assert retention is not None
    return retention.end(NOW.subtract(days=1), metadata or {}, NOW)


@pytest.mark.parametrize(
    ("setting", "end"),
    [
        ("2030-01-01T00:00:00+01:00", pendulum.datetime(2029, 12, 31, 23)),
        (pendulum.datetime(2030, 1, 1), pendulum.datetime(2030, 1, 1)),
        ("P7Y", NOW.subtract(days=1).add(years=7)),
        (" P90D ", NOW.add(days=89)),
        (timedelta(days=2), NOW.add(days=1)),
    ],
)
def test_a_term_is_a_moment_or_counts_from_the_recordings_start(setting: object, end: pendulum.DateTime) -> None:
    assert end_of(setting) == end


def test_years_are_counted_by_the_calendar() -> None:
    assert Retention(pendulum.duration(years=7)).end(RECORDED_AT, {}, NOW) == pendulum.datetime(2031, 2, 28, 12)


def test_a_recording_without_a_known_start_is_kept_from_now_on() -> None:
    assert Retention(pendulum.duration(years=7)).end(None, {}, NOW) == NOW.add(years=7)


@pytest.mark.parametrize(
    ("metadata", "end"),
    [
        ({"class": "complaint"}, NOW.subtract(days=1).add(years=10)),
        ({"class": "sale"}, NOW.subtract(days=1).add(years=7)),
        ({"class": None}, NOW.subtract(days=1).add(years=7)),
        ({}, NOW.subtract(days=1).add(years=7)),
        ({"class": 7}, NOW.add(days=29)),
        ({"class": True}, pendulum.datetime(2030, 1, 1)),
        ({"class": ["complaint"]}, NOW.subtract(days=1).add(years=7)),
    ],
)
def test_a_field_of_the_metadata_decides(metadata: dict[str, Any], end: pendulum.DateTime) -> None:
    assert end_of(BY_CLASS, metadata) == end


def test_a_value_that_no_term_fits_is_rejected_by_name() -> None:
    strict = {"field": "class", "values": {"complaint": "P10Y"}}
    assert end_of(strict, {"class": "complaint"}).year == 2036
    with pytest.raises(RecordingRejected, match="no retention for this value of class: found sale, expected complaint"):
        end_of(strict, {"class": "sale"})


def test_a_retention_that_is_over_is_rejected() -> None:
    with pytest.raises(RecordingRejected, match="the retention is over"):
        Retention(pendulum.duration(years=2)).end(RECORDED_AT, {}, NOW)


@pytest.mark.parametrize(
    "setting",
    [
        "", "soon", "P", "P0D", "P101Y", "-P1D", 7, True, timedelta(0), ["P7Y"], {},
        {"field": "class"}, {"values": {"a": "P1Y"}}, {"field": "", "values": {"a": "P1Y"}},
        {"field": "class", "values": {}}, {"field": "class", "values": {"a": "later"}},
        {"field": "class", "values": {"a": None}}, {**BY_CLASS, "default": "never"}, {**BY_CLASS, "fallback": "P1Y"},
    ],
)  # fmt: skip
def test_what_is_no_retention_is_refused(setting: object) -> None:
    with pytest.raises(InvalidSetting, match="unusable retain_until"):
        parse_retain_until(setting)


def policy(**settings: Any) -> LockPolicy | None:
    given: dict[str, Any] = {"object_lock_mode": None, "retain_until": None, "legal_hold": False, **settings}
    return lock_policy(now=NOW, **given)


def test_nothing_asked_for_is_no_policy() -> None:
    assert policy() is None
    assert policy(legal_hold=True) == LockPolicy(legal_hold=True)


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"object_lock_mode": "COMPLIANCE"}, "go together"),
        ({"retain_until": "P7Y", "legal_hold": True}, "go together"),
        ({"object_lock_mode": "compliance", "retain_until": "P7Y"}, "GOVERNANCE or COMPLIANCE"),
        ({"object_lock_mode": "GOVERNANCE", "retain_until": "2026-11-22T06:00:00Z"}, "over already"),
        ({"object_lock_mode": "GOVERNANCE", "retain_until": {**BY_CLASS, "default": "2020-01-01"}}, "over already"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(settings: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidSetting, match=cause):
        policy(**settings)


@pytest.fixture
def case() -> Case:
    case = Case()
    case.store = FakeStore(min_part_bytes=1, bucket_has_lock=True)
    return case


def locks_in(store: FakeStore) -> dict[str, set[ObjectLock | None]]:
    return {key.split("/")[1]: {version.lock for version in versions} for key, versions in store.objects.items()}


@pytest.mark.parametrize("part_size_bytes", [2**20, 60_000])
def test_every_object_of_a_recording_carries_its_lock_and_the_manifest_tells_it(
    case: Case, part_size_bytes: int
) -> None:
    log = case.run(
        lock=policy(object_lock_mode="COMPLIANCE", retain_until="P7Y", legal_hold=True), part_size_bytes=part_size_bytes
    )
    assert log.lock is not None
    assert (log.lock.mode, log.lock.legal_hold) == ("COMPLIANCE", True)
    announce(log.to_document(), notifier=FakeNotifier(), store=case.store)
    assert locks_in(case.store) == {name: {log.lock} for name in ("audit", "manifests", "receipts", "recordings")}
    assert case.run(lock=policy(legal_hold=True)).lock == log.lock, "what is archived keeps the lock it has"


def test_without_a_policy_the_stores_own_lock_holds(case: Case) -> None:
    assert case.run().lock is None
    assert locks_in(case.store) == {"audit": {None}, "manifests": {None}, "recordings": {None}}


def test_a_retention_that_is_over_ends_the_recording_before_the_tenant_is_asked(case: Case) -> None:
    retention = Retention(pendulum.datetime(2026, 11, 22, 6, 0, 0))
    log = case.run(lock=LockPolicy("GOVERNANCE", retention))
    assert log.outcome is Outcome.REJECTED
    assert (case.source.calls, case.store.objects) == ([], {})


def test_a_failed_try_leaves_locked_evidence(case: Case) -> None:
    case.source.script("rec", 3, [LockUnsupported("stands for any failure")] * 9)
    assert case.run(lock=policy(legal_hold=True)).outcome is Outcome.FAILED
    assert locks_in(case.store) == {"audit": {ObjectLock(legal_hold=True)}}


@pytest.mark.parametrize("journalled", [True, False])
def test_a_lock_that_a_kill_forestalled_is_set_by_the_next_try(case: Case, journalled: bool) -> None:
    wanted = policy(legal_hold=True)
    case.store.fail_next("complete_upload", KeyboardInterrupt(), when="after")
    with pytest.raises(KeyboardInterrupt):
        case.run(lock=wanted)
    [killed] = case.store.objects[MEDIA_KEY]
    case.store.objects[MEDIA_KEY] = [type(killed)(killed.stored, killed.body, killed.attributes, None)]
    if not journalled:
        del case.store.objects[LAYOUT.audit_key("rec")]
    assert case.run(lock=wanted).success
    assert locks_in(case.store)["recordings"] == {ObjectLock(legal_hold=True)}
