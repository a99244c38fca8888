"""A day in batches of 100, each planned and moved as a task of its own would: the growth's pipeline.

The S3 client is made once, for a process that starts is Airflow's share; source, store and connections are each
batch's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.client import THREADS, Job, serve
from benchmarks.clients import _LONGEST_S, _plans, _s3
from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import audit_documents
from cxone_provider.archive.policy import ArchivePolicy

BATCH_SIZE = 100


def batched(job: Job) -> Mapping[str, Any]:
    """Archive all recordings, a batch at a time; return what would go through XCom, in all and at most for a task."""
    client = _s3(job, config=tuned_client_config(concurrency=THREADS))
    sizes = []
    for start in range(0, len(job.ids), BATCH_SIZE):
        batch = Job(
            job.source_url, job.s3_url, job.access_key, job.secret_key, job.bucket, job.ids[start : start + BATCH_SIZE]
        )
        sizes += _one_batch(batch, client)
    return {"xcom_bytes": sum(sizes), "xcom_largest_bytes": max(sizes)}


def _one_batch(job: Job, client: Any) -> list[int]:
    clock, policy = SystemClock(), ArchivePolicy(max_duration_s=_LONGEST_S)
    source = RecordingV2Source(settings_of(job.source_url, "bench", "bench-secret", {}), clock)
    plans = _plans(job, source, policy)
    settings = ArchiveSettings(prefix="bench", concurrency=THREADS, policy=policy)
    store = S3Store(client, job.bucket)
    logs = archive_recordings(plans, source=source, store=store, clock=clock, settings=settings)
    source.close()
    failed = [log.error for log in logs if not log.success]
    if failed:
        raise SystemExit(str(failed[0]))
    return [len(json.dumps(documents)) for documents in ([p.to_document() for p in plans], audit_documents(logs))]


if __name__ == "__main__":
    serve({"batched": batched})
