"""### Archive yesterday's call recordings.

Runs once a day and archives the recordings of the last full UTC day, and of `lookback_days` before it: recordings
arrive late, and what is archived already costs one S3 request and none to CXone.

| task | does |
|---|---|
| `list_recordings` | asks the tenant which contacts there were, or reads a list in S3, or ids; makes batches of 100 |
| `estimate` | tells requests, hours at the quota and bytes before they are spent; a *dry_run* ends here |
| `batch` | at most 16 tasks of each kind, which take batches one after another |
| `batch.validate` | checks the data rules, plans the segments; asks CXone only for what the list does not tell |
| `batch.stream` | moves the bytes to S3, verified; the manifest is written last |
| `batch.notify` | tells the webhook how each recording ended |
| `check_run` | stores one line per recording, prints a table, fails when a recording FAILED or was lost |
| `reconcile` | compares each day with the archive itself; fails when more than *max_missing* is missing |

A recording never fails its batch: it ends in an outcome of its own, in the audit logs (XCom of `batch.stream`), in
`check_run`'s log, and in the archive under `runs/`. A try that was interrupted goes on where it stopped.

**Before the first run** make the connections `cxone_default`, `aws_default` and `archive_webhook_default`, and set in
the environment what is true for the deployment: `CXONE_SOURCE` and, for `manifest`, `CXONE_MANIFEST_URI`;
`CXONE_ARCHIVE_BUCKET`; `CXONE_POOL`, the Airflow pool whose tasks share the tenant's quota; an empty
`CXONE_WEBHOOK_CONN_ID` for no webhook; `CXONE_OBJECT_LOCK_MODE` and `CXONE_RETAIN_UNTIL` for Object Lock.
Triggered by hand, the form below takes everything else.

**Backfill** with `lookback_days` 0, so that no two runs look at the same day:
`airflow backfill create --dag-id cxone_daily_archive --from-date … --to-date … --dag-run-conf '{"lookback_days": 0}'`.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task_group

from cxone_provider.operators.recordings import (
    CheckArchiveRunOperator,
    EstimateArchiveOperator,
    ListRecordingsOperator,
    NotifyArchiveOperator,
    ReconcileArchiveOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)

PARAMS = {
    "source": Param(
        os.environ.get("CXONE_SOURCE", "manifest"),
        type="string",
        enum=["manifest", "completed-contacts", "data-extraction"],
        description="Who tells which recordings there are: a list in S3, or the tenant",
    ),
    "manifest_uri": Param(
        os.environ.get("CXONE_MANIFEST_URI") or None,
        type=["null", "string"],
        pattern="^s3://",
        description="For the source manifest: CSV (header row with recording_id) or JSON Lines in S3",
    ),
    "recordings": Param(
        None, type=["null", "array"], items={"type": "string"}, description="Ids to archive instead of a list in S3"
    ),
    "lookback_days": Param(2, type="integer", minimum=0, maximum=60, description="Days before yesterday to look at"),
    "s3_bucket": Param(os.environ.get("CXONE_ARCHIVE_BUCKET", "cxone-archive"), type="string", minLength=3),
    "s3_prefix": Param("cxone", type="string", description="Path of the archive in the bucket"),
    "audio_format": Param(None, type=["null", "string"], enum=[None, "mp3", "wav", "mp4"], description="None: native"),
    "max_duration_s": Param(3600, type="integer", minimum=1, description="Longest recording, in seconds"),
    "segment_size_bytes": Param(8 * 2**20, type="integer", minimum=1, maximum=512 * 2**20),
    "wait_for_storage": Param(None, type=["null", "string"], pattern="^P", description="For archived media, e.g. PT6H"),
    "concurrency": Param(4, type="integer", minimum=1, maximum=64, description="Segments in flight in each batch"),
    "encryption": Param(None, type=["null", "string"], enum=[None, "SSE-S3", "SSE-KMS"], description="None: bucket's"),
    "object_lock_mode": Param(
        os.environ.get("CXONE_OBJECT_LOCK_MODE") or None,
        type=["null", "string"],
        enum=[None, "GOVERNANCE", "COMPLIANCE"],
        description="Goes with retain_until",
    ),
    "retain_until": Param(
        os.environ.get("CXONE_RETAIN_UNTIL") or None,
        type=["null", "string"],
        description="A time, P7Y from a recording's start, or JSON: by a field of its metadata",
    ),
    "max_failed": Param(0, type="integer", minimum=0, description="Recordings that may FAIL before the run does"),
    "max_missing": Param(0, type="integer", minimum=0, description="Recordings that may be missing in the archive"),
    "allow_empty": Param(default=False, type="boolean", description="A day without any recording is no failure"),
    "dry_run": Param(default=False, type="boolean", description="Tell what it would take, and archive nothing"),
}
POOL = os.environ.get("CXONE_POOL", "default_pool")
ARCHIVE: dict[str, Any] = {"s3_bucket": "{{ params.s3_bucket }}", "s3_prefix": "{{ params.s3_prefix }}"}

with DAG(
    dag_id="cxone_daily_archive",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params=PARAMS,
    tags=["cxone", "archive"],
    doc_md=__doc__,
):
    listed = ListRecordingsOperator(
        task_id="list_recordings",
        source="{{ 'manifest' if params.recordings else params.source }}",
        manifest_uri="{{ params.manifest_uri if params.source == 'manifest' and not params.recordings }}",
        recordings="{{ params.recordings | tojson }}",
        lookback="{{ params.lookback_days }}",
        batch_size=100,
    )
    estimate = EstimateArchiveOperator(
        task_id="estimate",
        recordings=listed.output,
        skip_following="{{ params.dry_run }}",
        segment_size_bytes="{{ params.segment_size_bytes }}",
        **ARCHIVE,
    )

    @task_group
    def batch(recordings: Any) -> StreamRecordingToS3Operator:
        """Validate, stream and announce a share of the day, batch after batch; shares do not wait for each other."""
        validate = ValidateRecordingOperator(
            task_id="validate",
            recordings=recordings,
            audio_format="{{ params.audio_format }}",
            max_duration_s="{{ params.max_duration_s }}",
            segment_size_bytes="{{ params.segment_size_bytes }}",
            wait_for_storage="{{ params.wait_for_storage }}",
            on_rejected="report",
            pool=POOL,
            **ARCHIVE,
        )
        estimate >> validate
        stream = StreamRecordingToS3Operator(
            task_id="stream",
            plans=validate.output,
            concurrency="{{ params.concurrency }}",
            encryption="{{ params.encryption }}",
            object_lock_mode="{{ params.object_lock_mode }}",
            retain_until="{{ params.retain_until }}",
            max_active_tis_per_dagrun=4,
            pool=POOL,
            **ARCHIVE,
        )
        NotifyArchiveOperator(
            task_id="notify",
            audit_logs=stream.output,
            http_conn_id=os.environ.get("CXONE_WEBHOOK_CONN_ID", "archive_webhook_default"),
            trigger_rule="all_done",
        )
        return stream

    check_run = CheckArchiveRunOperator(
        task_id="check_run",
        audit_logs=batch.expand(recordings=listed.output).output,  # type: ignore[attr-defined]  # the stream task
        recordings=listed.output,
        max_failed="{{ params.max_failed }}",
        trigger_rule="all_done",
        **ARCHIVE,
    )
    reconcile = ReconcileArchiveOperator(
        task_id="reconcile",
        recordings=listed.output,
        max_missing="{{ params.max_missing }}",
        allow_empty="{{ params.allow_empty }}",
        trigger_rule="all_done",
        **ARCHIVE,
    )
    estimate >> check_run >> reconcile
