"""The two tasks that move recordings, and nothing else: what Airflow itself costs is measured with it."""

from __future__ import annotations

import os

from airflow.sdk import DAG

from cxone_provider.operators.recordings import StreamRecordingToS3Operator, ValidateRecordingOperator

with DAG("share", schedule=None):
    validate = ValidateRecordingOperator(
        task_id="validate",
        recordings=[f"small_{number}" for number in range(int(os.environ.get("BENCH_COUNT", "1")))],
        max_duration_s=36_000,
    )
    StreamRecordingToS3Operator(
        task_id="stream", plans=validate.output, s3_bucket=os.environ.get("BENCH_BUCKET", "bucket")
    )
