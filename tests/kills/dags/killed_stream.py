"""What `cxone_archive_recording` does, with retries that do not keep a test waiting."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param

from cxone_provider.operators.recordings import (
    NotifyArchiveOperator,
    StreamRecordingToS3Operator,
    ValidateRecordingOperator,
)

with DAG(
    dag_id="killed_stream",
    schedule=None,
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
    params={"recording_id": Param(type="string"), "s3_bucket": Param(type="string"), "s3_prefix": Param(type="string")},
):
    validate = ValidateRecordingOperator(
        task_id="validate", recordings="{{ params.recording_id }}", audio_format=None, segment_size_bytes=2**20
    )
    stream = StreamRecordingToS3Operator(
        task_id="stream",
        plans=validate.output,
        s3_bucket="{{ params.s3_bucket }}",
        s3_prefix="{{ params.s3_prefix }}",
        concurrency=2,
        part_size_bytes=5 * 2**20,
    )
    NotifyArchiveOperator(task_id="notify", audit_logs=stream.output)
