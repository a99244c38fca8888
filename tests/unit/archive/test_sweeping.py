"""The sweep: the archive's own stale uploads go, everything else stays."""

from __future__ import annotations

from datetime import timedelta

import pendulum
import pytest

from cxone_provider.archive.errors import InvalidSetting, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.sweeping import DEFAULT_AGE, parse_age, sweep_uploads
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore
from tests.unit.archive.archiving_cases import LAYOUT

NOW = pendulum.datetime(2026, 11, 22, 6)
OURS = LAYOUT.media_key("rec.1", NOW, "mp3")
FOREIGN = ("backup/dump.tar", "cxone/other/thing.mp3", "cxone/recordings/readme", "cxone/recordings/date=x/a.mp3",
           "cxone-2/recordings/date=unknown/a.mp3")  # fmt: skip


def bucket_with(keys: list[str], begun_at: pendulum.DateTime) -> FakeStore:
    store = FakeStore(now=lambda: begun_at)
    for key in keys:
        store.create_upload(key, ObjectAttributes("audio/mpeg"))
    return store


def left_in(store: FakeStore) -> list[str]:
    return [upload.key for upload in store.uploads("")]


def test_our_stale_upload_goes() -> None:
    store = bucket_with([OURS], NOW.subtract(days=3))
    [swept] = sweep_uploads(store, LAYOUT, FakeClock())
    assert (swept.upload.key, swept.problem) == (OURS, None)
    assert left_in(store) == []


def test_a_living_upload_stays() -> None:
    store = bucket_with([OURS], NOW.subtract(hours=47))
    assert list(sweep_uploads(store, LAYOUT, FakeClock())) == []
    assert left_in(store) == [OURS]


@pytest.mark.parametrize("key", FOREIGN)
def test_a_foreign_upload_stays_however_old(key: str) -> None:
    store = bucket_with([key, OURS], NOW.subtract(years=1))
    list(sweep_uploads(store, LAYOUT, FakeClock()))
    assert left_in(store) == [key]


def test_one_that_cannot_be_removed_does_not_stop_the_others() -> None:
    keys = [LAYOUT.media_key(f"rec-{n}", None, "wav") for n in range(3)]
    store = bucket_with(keys, NOW.subtract(days=9))
    store.fail_next("abort_upload", StoreRefused("no s3:AbortMultipartUpload"))
    swept = list(sweep_uploads(store, LAYOUT, FakeClock()))
    assert [one.problem is None for one in swept] == [False, True, True]
    assert left_in(store) == keys[:1]


def test_a_dry_run_tells_and_removes_nothing() -> None:
    store = bucket_with([OURS], NOW.subtract(days=3))
    [told] = sweep_uploads(store, LAYOUT, FakeClock(), dry_run=True)
    assert str(told) == f"2026-11-19T06:00:00Z  {OURS}"
    assert told.to_document() == {
        "key": OURS, "upload_id": "upload-1", "initiated_at": "2026-11-19T06:00:00Z", "problem": None,
    }  # fmt: skip
    assert left_in(store) == [OURS]
    assert store.count("abort_upload") == 0


@pytest.mark.parametrize(
    ("given", "hours"), [("2d", 48), ("36h", 36), (" 1w ", 168), ("P2D", 48), ("PT90M", 1.5), (timedelta(hours=5), 5)]
)
def test_an_age_is_read_as_people_write_it(given: object, hours: float) -> None:
    assert parse_age(given) == pendulum.duration(hours=hours)


@pytest.mark.parametrize(
    "given", ["", "2", "d", "59m", "PT59M", "0d", "-2d", "2 days ago", "2026-11-22", 2, None, "99999w"]
)
def test_an_age_that_is_none_is_refused(given: object) -> None:
    with pytest.raises(InvalidSetting, match="unusable age"):
        parse_age(given)


def test_an_age_that_could_hit_a_living_task_is_refused() -> None:
    store = bucket_with([OURS], NOW.subtract(days=3))
    with pytest.raises(InvalidSetting, match="at least 1 hour"):
        list(sweep_uploads(store, LAYOUT, FakeClock(), older_than=pendulum.duration(minutes=5)))
    assert left_in(store) == [OURS]
    assert pendulum.duration(days=1) < DEFAULT_AGE
