"""### Archive one recording now.

Trigger it with a recording's id. It asks CXone for the recording's metadata, streams the media to S3, verified, and
tells the webhook.

A recording that cannot be archived fails `validate` at once, with every reason: the rule, the value that was found, the
limit. A recording that is in the archive already is not fetched again, unless *replace* is ticked.

Buttons on `stream` lead to the recording and to its manifest.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, Param

from cxone_provider.operators.recordings import (
    NotifyArchiveOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)

PARAMS = {
    "recording_id": Param(type="string", minLength=1, maxLength=128, title="Recording id"),
    "recorded_at": Param(
        None, type=["null", "string"], format="date-time", description="Start of the recording, if known: its folder"
    ),
    "audio_format": Param(None, type=["null", "string"], enum=[None, "mp3", "wav", "mp4"], description="None: native"),
    "max_duration_s": Param(3600, type="integer", minimum=1, description="Longest recording, in seconds"),
    "segment_size_bytes": Param(
        8 * 2**20, type="integer", minimum=1, maximum=512 * 2**20, description="Bytes fetched by one request"
    ),
    "wait_for_storage": Param(
        None, type=["null", "string"], pattern="^P", description="How long to wait for archived media, e.g. PT6H"
    ),
    "s3_bucket": Param(os.environ.get("CXONE_ARCHIVE_BUCKET", "cxone-archive"), type="string", minLength=3),
    "s3_prefix": Param("cxone", type="string", description="Path of the archive in the bucket"),
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
    "replace": Param(default=False, type="boolean", description="Archive again what is archived already"),
}
POOL = os.environ.get("CXONE_POOL", "default_pool")

with DAG(
    dag_id="cxone_archive_recording",
    schedule=None,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "retry_exponential_backoff": True},
    params=PARAMS,
    tags=["cxone", "archive"],
    doc_md=__doc__,
):
    validate = ValidateRecordingOperator(
        task_id="validate",
        recordings={"recording_id": "{{ params.recording_id }}", "recorded_at": "{{ params.recorded_at or '' }}"},
        audio_format="{{ params.audio_format }}",
        max_duration_s="{{ params.max_duration_s }}",
        segment_size_bytes="{{ params.segment_size_bytes }}",
        wait_for_storage="{{ params.wait_for_storage }}",
        on_rejected="fail",
        pool=POOL,
    )
    stream = StreamRecordingToS3Operator(
        task_id="stream",
        plans=validate.output,
        s3_bucket="{{ params.s3_bucket }}",
        s3_prefix="{{ params.s3_prefix }}",
        object_lock_mode="{{ params.object_lock_mode }}",
        retain_until="{{ params.retain_until }}",
        replace="{{ params.replace }}",
        pool=POOL,
    )
    NotifyArchiveOperator(
        task_id="notify",
        audit_logs=stream.output,
        http_conn_id=os.environ.get("CXONE_WEBHOOK_CONN_ID", "archive_webhook_default"),
        trigger_rule="all_done",
    )
