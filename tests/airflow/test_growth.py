"""What the steps around the bytes cost for a longer day, in what repeats exactly: requests and XCom."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from benchmarks import stages
from benchmarks.contact_server import serving
from benchmarks.generated import GeneratedArchive
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.growing import GrowingObject
from cxone_provider.archive.run_report import line_of
from cxone_provider.operators import estimation, quality, reconciliation, verification

pytestmark = [pytest.mark.airflow, pytest.mark.filterwarnings("ignore")]  # operators warn when run outside of a task
BATCH_BYTES = 30_000  # a hundred refs


@pytest.fixture(autouse=True)
def _(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what a stage changes."""
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", "")
    for module in (estimation, quality, reconciliation, verification):
        monkeypatch.setattr(module, "archive_bucket", module.archive_bucket)


def measured(name: str, count: int, base_url: str = "") -> Mapping[str, Any]:
    return stages.measured(name, count, base_url)


@pytest.mark.parametrize("count", [10, 1_500, 2_500])
@pytest.mark.parametrize(
    ("name", "each", "thousands", "always"),
    [
        # keys of the manifests
        ("estimate", 0, 1, 0),
        # keys of manifests and of reports; the run's file; a report written
        ("reconcile", 0, 1, 3),
        # keys of manifests and trails; manifest, trail, media and a look at the visible version; the report
        ("verify", 4, 2, 1),
        ("sweep", 1, 1, 0),
        # the run's file, and where it is
        ("console", 0, 0, 2),
    ],
)
def test_requests_of_the_store(name: str, each: int, thousands: int, always: int, count: int) -> None:
    told = measured(name, count)
    assert told["s3_requests"] == each * count + thousands * math.ceil(count / 1000) + always


def test_a_run_s_file_is_one_request_until_it_is_long() -> None:
    assert measured("check_run", 2_500)["s3_requests"] == 1


def test_a_long_run_s_file_is_a_request_for_each_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "GrowingObject", partial(GrowingObject, part_bytes=2**19))
    line_bytes = len(line_of(AuditLog.from_document(GeneratedArchive(1).log_of(0))))
    parts = math.ceil(2_500 / math.ceil(2**19 / line_bytes))
    assert parts > 2
    # what an earlier try left; the upload; its parts; its end
    assert measured("check_run", 2_500)["s3_requests"] == 1 + 2 + parts + 2


@pytest.mark.server
@pytest.mark.parametrize(("count", "pages"), [(10, 1), (1_000, 1), (1_001, 2), (2_500, 3)])
def test_a_listing_costs_a_request_for_each_thousand_contacts(count: int, pages: int) -> None:
    with serving(count) as base_url:
        told = measured("list", count, base_url)
    assert told["cxone_requests"] == pages + 1  # and a token


@pytest.mark.parametrize("name", ["estimate", "reconcile"])
def test_a_long_listing_is_read_a_batch_at_a_time(name: str) -> None:
    assert measured(name, 2_500)["xcom_largest_bytes"] <= BATCH_BYTES


def test_xcom_grows_in_proportion() -> None:
    short, long = (measured("plan", count) for count in (2_000, 4_000))
    assert long["xcom_bytes"] / short["xcom_bytes"] == pytest.approx(2, rel=0.01)
