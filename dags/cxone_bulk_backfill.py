"""### Archive months of call recordings by bulk download.

For backfills: a hundred contacts cost one request of the Media Download API, and its quota is another one than that of
playback, so the daily run goes on meanwhile. Triggered by hand, once for each month or so.

| task | does |
|---|---|
| `list_recordings` | reads the list, a CSV or JSON Lines object in S3 or ids typed below |
| `request_media` | asks for what is not archived yet, 100 contacts at a time, within the quota of bulk downloads |
| `await_media` | waits until the tenant has made the media ready, in the triggerer where `deferrable` is on |
| `batch.validate` | plans what is ready; what is not has its outcome already |
| `batch.stream` | moves the bytes to S3, verified; asks by itself where the media lies, for links are secrets |
| `batch.notify` | tells the webhook how each recording ended |
| `check_run` | stores one line per recording, prints a table, fails when a recording FAILED or was lost |

A second run asks for nothing that is archived. **Before the first run** make the connections `cxone_default` (API
`media-playback`, with the JSON object `media_download`: where downloads are put), `aws_default` and
`archive_webhook_default`, and the Airflow pool `cxone_media_download` with one slot. What a tenant needs for this is in
`docs/setups/bulk-backfill.md`.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, task_group

from cxone_provider.operators.recordings import (
    CheckArchiveRunOperator,
    ListRecordingsOperator,
    NotifyArchiveOperator,
    RequestMediaDownloadOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)
from cxone_provider.sensors.media_download import MediaDownloadSensor

PARAMS = {
    "manifest_uri": Param(
        os.environ.get("CXONE_MANIFEST_URI") or None,
        type=["null", "string"],
        pattern="^s3://",
        description="CSV (header row with recording_id) or JSON Lines in S3",
    ),
    "recordings": Param(
        None, type=["null", "array"], items={"type": "string"}, description="Contact ids instead of a list in S3"
    ),
    "start": Param(None, type=["null", "string"], format="date-time", description="Of the list, what began from here"),
    "end": Param(None, type=["null", "string"], format="date-time", description="Up to here; goes with start"),
    "s3_bucket": Param(os.environ.get("CXONE_ARCHIVE_BUCKET", "cxone-archive"), type="string", minLength=3),
    "s3_prefix": Param("cxone", type="string", description="Path of the archive in the bucket"),
    "wait": Param("PT12H", type="string", pattern="^P", description="How long the tenant may take"),
    "max_duration_s": Param(3600, type="integer", minimum=1, description="Longest recording, in seconds"),
    "concurrency": Param(4, type="integer", minimum=1, maximum=64, description="Segments in flight in each batch"),
    "max_failed": Param(0, type="integer", minimum=0, description="Recordings that may FAIL before the run does"),
}
ARCHIVE: dict[str, Any] = {"s3_bucket": "{{ params.s3_bucket }}", "s3_prefix": "{{ params.s3_prefix }}"}
POOL = "cxone_media_download"  # one slot: its tasks share one quota

with DAG(
    dag_id="cxone_bulk_backfill",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params=PARAMS,
    tags=["cxone", "archive", "backfill"],
    doc_md=__doc__,
):
    listed = ListRecordingsOperator(
        task_id="list_recordings",
        manifest_uri="{{ params.manifest_uri if not params.recordings }}",
        recordings="{{ params.recordings | tojson }}",
        start="{{ params.start }}",
        end="{{ params.end }}",
    )
    requested = RequestMediaDownloadOperator(task_id="request_media", recordings=listed.output, pool=POOL, **ARCHIVE)
    ready = MediaDownloadSensor(task_id="await_media", requests=requested.output, wait="{{ params.wait }}", pool=POOL)

    @task_group
    def batch(recordings: Any) -> StreamRecordingToS3Operator:
        """Validate, stream and announce what one request was for."""
        validate = ValidateRecordingOperator(
            task_id="validate",
            recordings=recordings,
            max_duration_s="{{ params.max_duration_s }}",
            on_rejected="report",
            **ARCHIVE,
        )
        stream = StreamRecordingToS3Operator(
            task_id="stream",
            plans=validate.output,
            concurrency="{{ params.concurrency }}",
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

    CheckArchiveRunOperator(
        task_id="check_run",
        audit_logs=batch.expand(recordings=ready.output).output,  # type: ignore[attr-defined]  # the stream task
        recordings=listed.output,
        max_failed="{{ params.max_failed }}",
        trigger_rule="all_done",
        **ARCHIVE,
    )
