"""The clients that run in the project's own environment: this provider, boto3 and Airflow's operator."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TYPE_CHECKING, Any, cast

import boto3
import requests

from benchmarks.client import THREADS, Job, serve
from benchmarks.loads import SEGMENT_BYTES, STREAM_SECRET
from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import audit_documents
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import parse_ref
from cxone_provider.archive.validating import DEFAULT_READERS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BEARER = {"Authorization": "Bearer benchmark"}
_LONGEST_S = 366 * 86_400


def ours(job: Job) -> Mapping[str, Any]:
    """This provider, with the tenant's chunk signatures verified."""
    return _archive(job, STREAM_SECRET)


def ours_unsigned(job: Job) -> Mapping[str, Any]:
    """This provider, from a tenant that does not sign."""
    return _archive(job, None)


def _archive(job: Job, stream_secret: bytes | None) -> Mapping[str, Any]:
    clock, policy = SystemClock(), ArchivePolicy(max_duration_s=_LONGEST_S)
    # A store that keeps what it is given would have it all archived in the second round.
    prefix = f"bench-{os.getpid()}"
    concurrency = int(job.options.get("concurrency", THREADS))
    extra = {} if stream_secret is None else {"stream_secret": stream_secret.decode()}
    source = RecordingV2Source(settings_of(job.source_url, "bench", "bench-secret", extra), clock)
    store = S3Store(_s3(job, config=tuned_client_config(concurrency=concurrency)), job.bucket)
    logs = archive_recordings(
        _plans(job, source, policy),
        source=source,
        store=store,
        clock=clock,
        settings=ArchiveSettings(prefix=prefix, concurrency=concurrency, policy=policy, stream_secret=stream_secret),
    )
    failed = [log.error for log in logs if not log.success]
    if failed:
        raise SystemExit(str(failed[0]))
    return {"xcom_bytes": len(json.dumps(audit_documents(logs)))}


def _plans(job: Job, source: RecordingV2Source, policy: ArchivePolicy) -> Sequence[SegmentPlan]:
    """Validate as the first of the two tasks does: one metadata request for each recording, eight at a time."""
    refs = [parse_ref(recording_id) for recording_id in job.ids]
    with ThreadPoolExecutor(DEFAULT_READERS) as pool:
        described = pool.map(source.describe, refs)
        return [
            plan_of(
                ref, one, audio_format=None, segment_size_bytes=SEGMENT_BYTES, policy=policy, now=SystemClock().now()
            )
            for ref, one in zip(refs, described, strict=True)
        ]


def _s3(job: Job, **options: Any) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=job.s3_url,
        aws_access_key_id=job.access_key,
        aws_secret_access_key=job.secret_key,
        region_name="us-east-1",
        **options,
    )


def boto3_fileobj(job: Job) -> None:
    """Requests streaming into boto3's `upload_fileobj`, several at a time."""
    s3, session = _s3(job), requests.Session()

    def move(recording_id: str) -> None:
        with session.get(job.media_url(recording_id), headers=_BEARER, timeout=600, stream=True) as answer:
            s3.upload_fileobj(cast("IO[bytes]", answer.raw), job.bucket, recording_id)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(move, job.ids))


def http_to_s3(job: Job) -> None:
    """Airflow's HttpToS3Operator, one after the other, as a task runs it."""
    from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator

    os.environ["AIRFLOW_CONN_BENCH_SOURCE"] = json.dumps({"conn_type": "http", "host": job.source_url})
    login = {"conn_type": "aws", "login": job.access_key, "password": job.secret_key}
    os.environ["AIRFLOW_CONN_BENCH_SINK"] = json.dumps(
        {**login, "extra": {"endpoint_url": job.s3_url, "region_name": "us-east-1"}}
    )
    for number, recording_id in enumerate(job.ids):
        operator = HttpToS3Operator(
            task_id=f"copy_{number}",
            http_conn_id="bench_source",
            endpoint=f"/api/v2/recording/download/{recording_id}",
            headers=_BEARER,
            s3_bucket=job.bucket,
            s3_key=recording_id,
            aws_conn_id="bench_sink",
        )
        operator.execute({})


CLIENTS: Mapping[str, Callable[[Job], Mapping[str, Any] | None]] = {
    "ours": ours,
    "ours_unsigned": ours_unsigned,
    "boto3_fileobj": boto3_fileobj,
    "http_to_s3": http_to_s3,
}

if __name__ == "__main__":
    if sys.argv[1] == "http_to_s3":  # what a running task has imported does not count
        importlib.import_module("airflow.providers.amazon.aws.transfers.http_to_s3")
    serve(CLIENTS)
