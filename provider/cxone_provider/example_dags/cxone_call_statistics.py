"""### How much of each call is silence?

Runs whenever the archive of a day was reconciled: duration, silence, talk, overlap and loudness of each call, as JSON
Lines under `statistics/` of the archive. A day that is reconciled again, because recordings came late, costs only
what is new in it.

**To use it** put a file with these lines into your DAG folder, and set `CXONE_ARCHIVE_BUCKET` as for the other DAGs:

    from airflow.sdk import DAG
    from cxone_provider.example_dags.cxone_call_statistics import dag

Triggered by hand, the form takes the days.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Asset, Param

from cxone_provider.operators.statistics import MeasureCallsOperator

BUCKET, PREFIX = os.environ.get("CXONE_ARCHIVE_BUCKET", "cxone-archive"), "cxone"
RECONCILED = Asset(f"s3://{BUCKET}/{PREFIX}/runs")
"""What `ReconcileArchiveOperator` tells of: the event's extra has the counts of each day."""

with DAG(
    dag_id="cxone_call_statistics",
    schedule=[RECONCILED],
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},
    params={
        "days": Param(
            None,
            type=["null", "array"],
            items={"type": "string"},
            description="YYYY-MM-DD. None: those whose reconciliation triggered the run",
        ),
        "silence_dbfs": Param(-45, type="number", minimum=-120, exclusiveMaximum=0, description="Quieter is silence"),
    },
    tags=["cxone", "example"],
    doc_md=__doc__,
) as dag:
    MeasureCallsOperator(
        task_id="measure_calls",
        s3_bucket=BUCKET,
        s3_prefix=PREFIX,
        days="{{ params.days | tojson }}",
        silence_dbfs="{{ params.silence_dbfs }}",
    )
