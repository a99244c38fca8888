"""Recordings from the vendor's bucket through Airflow's connections and the ordinary operators."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pendulum
import pytest
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowFailException

from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.operators.recordings import (
    ListRecordingsOperator,
    RequestMediaDownloadOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)
from tests.airflow.conftest import AUDIO, BUCKET, Site
from tests.airflow.test_dag_runs import outcomes, result_of, states
from tests.fakes.task import context_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore"),  # Airflow and its libraries warn each other
]
VENDOR = "vendor-owned"
SECRET_KEY = "canary-vendor-secret-key"
MP3 = (AUDIO / "one-second.mp3").read_bytes()
ARCHIVE = {"s3_bucket": BUCKET, "s3_prefix": "cxone"}


@dataclass
class Vendor:
    """The vendor's bucket below a prefix of this test's own."""

    client: S3Client
    prefix: str

    def put(self, name: str, body: bytes = MP3) -> None:
        self.client.put_object(Bucket=VENDOR, Key=self.prefix + name, Body=body)


@pytest.fixture
def vendor(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    client = site.s3.client()
    if VENDOR not in {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=VENDOR)
    prefix = f"{uuid.uuid4().hex}/"
    access = {"bucket": VENDOR, "prefix": prefix, "aws_conn_id": "vendor_aws", "key_template": "{contact_id}_{n}.{ext}"}
    aws = {
        "conn_type": "aws",
        "login": site.s3.access_key,
        "password": site.s3.secret_key,
        "extra": {"endpoint_url": site.s3.endpoint, "region_name": site.s3.region},
    }
    cxone = {"conn_type": "cxone", "extra": {"api": "secure-external-access", "secure_external_access": access}}
    monkeypatch.setenv("AIRFLOW_CONN_VENDOR_AWS", json.dumps(aws))
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps(cxone))
    yield Vendor(client, prefix)
    client.close()


def listed(**window: Any) -> list[dict[str, Any]]:
    now = pendulum.now("UTC")
    given = {"start": now.subtract(hours=1).to_iso8601_string(), "end": now.add(hours=1).to_iso8601_string(), **window}
    task = ListRecordingsOperator(task_id="l", source="bucket", batch_size=2, **given)
    batches = json.loads(json.dumps(task.execute(context_of())))
    assert all(len(batch) <= 2 for batch in batches)
    return [document for batch in batches for document in batch]


def test_what_is_listed_is_validated_and_streamed_like_any_recording(vendor: Vendor, site: Site) -> None:
    vendor.put("4711_1.mp3")
    vendor.put("4711_2.mp3")
    vendor.put("readme.txt")
    validate = ValidateRecordingOperator(task_id="v", recordings=listed(), on_rejected="report", **ARCHIVE)
    plans = json.loads(json.dumps(validate.execute(context_of())))
    logs = StreamRecordingToS3Operator(task_id="s", plans=plans, **ARCHIVE).execute(context_of())
    ends = outcomes(logs)
    assert (ends["4711.1"], ends["4711.2"]) == ("ARCHIVED", "ARCHIVED")
    assert sorted(ends.values()) == ["ARCHIVED", "ARCHIVED", "REJECTED"]
    assert {log["sha256"] for log in logs if log["success"]} == {hashlib.sha256(MP3).hexdigest()}
    assert site.tenant.requests == []


def test_a_look_back_finds_what_was_copied_before_the_window(vendor: Vendor) -> None:
    vendor.put("4711_1.mp3")
    tomorrow = pendulum.now("UTC").add(days=1)
    window = {"start": tomorrow.to_iso8601_string(), "end": tomorrow.add(days=1).to_iso8601_string()}
    assert listed(**window) == []
    assert [one["recording_id"] for one in listed(**window, lookback=2)] == ["4711.1"]


def test_an_api_has_no_bucket_to_list(site: Site) -> None:
    with pytest.raises(AirflowFailException, match="names no bucket"):
        listed()


def test_the_daily_run_archives_bare_ids_from_the_bucket(
    vendor: Vendor, site: Site, run_dag: Callable[..., DagRun]
) -> None:
    vendor.put("4711_1.mp3")
    run = run_dag("cxone_daily_archive", recordings=["4711.1"])
    assert set(states(run).values()) == {"success"}
    assert outcomes(result_of(run, "batch.stream", 0)) == {"4711.1": "ARCHIVED"}
    assert result_of(run, "estimate")["requests"] == 0
    assert "cxone/manifests/4711.1.json" in site.objects()


def test_the_button_lists_the_bucket(vendor: Vendor) -> None:
    assert CXoneHook().test_connection() == (True, f"s3://{VENDOR}/{vendor.prefix} can be listed")


def test_the_button_says_what_is_wrong_and_shows_no_secret(
    vendor: Vendor, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws = {
        "conn_type": "aws",
        "login": site.s3.access_key,
        "password": SECRET_KEY,
        "extra": {"endpoint_url": site.s3.endpoint, "region_name": site.s3.region},
    }
    monkeypatch.setenv("AIRFLOW_CONN_VENDOR_AWS", json.dumps(aws))
    worked, message = CXoneHook().test_connection()
    assert not worked
    assert message.startswith("AuthenticationFailed")
    assert SECRET_KEY not in message


@pytest.mark.parametrize("access", [None, {}, {"bucket": "vendor", "key_template": "{n}"}, {"bucket": "a/b"}])
def test_a_bucket_that_is_not_described_is_refused_by_name(
    site: Site, monkeypatch: pytest.MonkeyPatch, access: dict[str, str] | None
) -> None:
    extra = {"api": "secure-external-access", **({} if access is None else {"secure_external_access": access})}
    monkeypatch.setenv("AIRFLOW_CONN_CXONE_DEFAULT", json.dumps({"conn_type": "cxone", "extra": extra}))
    worked, message = CXoneHook().test_connection()
    assert not worked
    assert "secure_external_access" in message or "key_template" in message


def test_a_bucket_has_no_bulk_downloads(vendor: Vendor) -> None:
    task = RequestMediaDownloadOperator(task_id="r", recordings=["4711"])
    with pytest.raises(AirflowFailException, match="names no tenant's API"):
        task.execute(context_of())
