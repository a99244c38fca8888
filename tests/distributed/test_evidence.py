"""The checks of a cluster's run find what is not as it must be; without this, that all hold would prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.distributed.cluster import SETTINGS
from tests.distributed.day import Day, make_day
from tests.distributed.evidence import Asked, Check, Version, asked, given_again, store_checks, tenant_checks
from tests.distributed.report import BEGIN, DOCUMENT, END, written

PREFIX = "cxone"
COUNT = 16
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
Stored = dict[str, list[Version]]


@pytest.fixture
def day(tmp_path: Path) -> Day:
    return make_day(tmp_path, COUNT)


@pytest.fixture
def stored(day: Day) -> Stored:
    """What an S3 server lists after a run in which all went well."""
    media = {key: [Version(sound.size_bytes, sound.md5)] for key, sound in day.media_keys(PREFIX).items()}
    kinds = (("manifests", "json"), ("audit", "jsonl"), ("receipts", "json"))
    others = {
        f"{PREFIX}/{kind}/{name}.{suffix}": [Version(1, "e")] for name in day.recordings for kind, suffix in kinds
    }
    return {**media, **others}


def request(path: str, at: datetime, *, status: int = 200, endpoint: str = "metadata", **fields: Any) -> dict[str, Any]:
    return {"path": path, "at": at.isoformat(), "status": status, "endpoint": endpoint, "headers": [], **fields}


def log_of(day: Day, *, apart_s: float = 1.0) -> Iterator[dict[str, Any]]:
    """What a tenant logs when all goes well: a contact is played, its media fetched, its end announced."""
    for number, name in enumerate(day.recordings):
        at = NOON + timedelta(seconds=number * apart_s)
        yield request("/media-playback/v1/contacts", at, recording_id=name.partition(".")[0])
        yield request(f"/media-store/{name}", at, endpoint="media", recording_id=name)
        headers = [["webhook-id", f"msg_{name}"]]
        yield request("/_simulator/webhook", at, status=204, endpoint="webhook", recording_id=None, headers=headers)


def broken(checks: Iterator[Check]) -> list[str]:
    return [check.what for check in checks if not check.holds]


def test_a_day_is_real_audio_with_ids_of_its_own(day: Day, tmp_path: Path) -> None:
    assert len(day.recordings) == COUNT
    assert {sound.suffix for sound in day.recordings.values()} == {"mp3", "wav"}
    assert all((tmp_path / sound.name).stat().st_size == sound.size_bytes for sound in day.recordings.values())
    assert not set(day.recordings) & set(make_day(tmp_path, COUNT, first=COUNT).recordings)


def test_a_whole_archive_holds(day: Day, stored: Stored) -> None:
    assert broken(store_checks(stored, day, PREFIX)) == []


def media_key(stored: Stored) -> str:
    return next(key for key in stored if "/recordings/" in key)


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        (lambda stored: stored.pop(media_key(stored)), "recordings whose object is there once"),
        (lambda stored: stored[media_key(stored)].append(Version(1, "e")), "recordings whose object is there once"),
        (lambda stored: stored[media_key(stored)].append(Version(None, "")), "recordings whose object is there once"),
        (lambda stored: stored.update({media_key(stored): [Version(2565, "0" * 32)]}), "recordings whose object is"),
        (lambda stored: stored[f"{PREFIX}/manifests/1000000003.1.json"].append(Version(1, "e")), "recordings with one"),
        (lambda stored: stored.pop(f"{PREFIX}/audit/1000000003.1.jsonl"), "recordings with an audit trail"),
        (lambda stored: stored.pop(f"{PREFIX}/receipts/1000000003.1.json"), "recordings with a receipt"),
        (lambda stored: stored.update({f"{PREFIX}/recordings/date=unknown/x.mp3": []}), "objects that belong to no"),
    ],
)
def test_harm_to_the_archive_is_found(day: Day, stored: Stored, harm: Callable[[Stored], object], what: str) -> None:
    harm(stored)
    found = broken(store_checks(stored, day, PREFIX))
    assert len(found) == 1
    assert found[0].startswith(what)


def test_an_audit_trail_may_be_written_again(day: Day, stored: Stored) -> None:
    stored[f"{PREFIX}/audit/1000000003.1.jsonl"].append(Version(2, "f"))
    assert broken(store_checks(stored, day, PREFIX)) == []


def test_a_tenant_that_saw_everything_once_holds(day: Day) -> None:
    told = asked(log_of(day))
    assert broken(tenant_checks(told, day, limit=10, period_s=10)) == []
    assert told.most_in(10) == 10, "the window is half open: what is a period old has left it"


def test_a_request_too_many_in_any_window_is_found(day: Day) -> None:
    assert asked(log_of(day, apart_s=0.9)).most_in(10) == 12
    assert len(broken(tenant_checks(asked(log_of(day, apart_s=0.9)), day, limit=11, period_s=10))) == 1


def test_what_the_tenant_did_not_see_is_found(day: Day) -> None:
    some = [one for one in log_of(day) if "1000000003" not in f"{one['recording_id']}{one['headers']}"]
    assert len(broken(tenant_checks(asked(some), day, limit=0, period_s=10))) == 3


def test_a_refusal_is_found_and_counts_for_no_window(day: Day) -> None:
    refused = request("/media-playback/v1/contacts", NOON, status=429, recording_id="1")
    told = asked([*log_of(day), refused])
    assert broken(tenant_checks(told, day, limit=10, period_s=10)) == [
        "requests over the quota, which the tenant refused"
    ]
    assert told.most_in(10) == 10


def test_messages_received_again_are_counted() -> None:
    first, second = (f"info] Task execute_workload[{name}-01] received [strategy]\n" for name in ("ab", "cd"))
    assert given_again([first + second, second, first + first]) == 3
    assert given_again([first, second]) == 0


def test_repeats_are_counted(day: Day) -> None:
    told: Asked = asked([*log_of(day), *log_of(day)])
    assert set(told.media.values()) == set(told.playback.values()) == set(told.announced.values()) == {2}


def test_the_page_keeps_what_stands_around_the_run() -> None:
    page = written(f"before\n{BEGIN}\nold\n{END}\nafter\n", "new\n")
    assert page == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert written(DOCUMENT.read_text(encoding="utf-8"), "new\n").count(END) == 1


def test_the_page_tells_what_the_cluster_sets() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    for name in SETTINGS:
        _, _, option = name.removeprefix("AIRFLOW__").partition("__")
        assert option.lower() in page, name
