"""### Is the archive still what it says?

Runs once a week. Recordings are read back from S3, hashed again, and compared with their manifests and audit trails: a
changed byte, a removed manifest, a cut trail, a newer version over the archived one fails the run by name.

| task | does |
|---|---|
| `verify_archive` | reads one slice of the archive, each week the next one: *slice_count* weeks read everything |
| `sweep_uploads` | removes multipart uploads that killed tasks left, older than *sweep_older_than*; nobody else's |

Every recording that was read is a line in the archive under `runs/`; the log of `verify_archive` has a table and every
problem. Where nothing is archived yet, the task is skipped: nothing passed.

Intact means unchanged since receipt. An archive whose trail and manifest were both rewritten shows only against the
`audit_head` that the webhook announced, or is kept from happening by Object Lock.

**To act on a problem** look at the older versions of the object that is named. The archive itself is never written by
this DAG, but for its report.
"""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.sdk import DAG, Param

from cxone_provider.operators.recordings import SweepUploadsOperator, VerifyArchiveOperator

PARAMS = {
    "s3_bucket": Param(os.environ.get("CXONE_ARCHIVE_BUCKET", "cxone-archive"), type="string", minLength=3),
    "s3_prefix": Param("cxone", type="string", description="Path of the archive in the bucket"),
    "recordings": Param(
        None, type=["null", "array"], items={"type": "string"}, description="Ids to verify instead of a slice"
    ),
    "slice_count": Param(4, type="integer", minimum=1, maximum=10_000, description="Weeks in which everything is read"),
    "slice_index": Param(None, type=["null", "integer"], minimum=0, description="A slice, from 0. None: this week's"),
    "concurrency": Param(4, type="integer", minimum=1, maximum=64, description="Recordings read at the same time"),
    "max_problems": Param(0, type="integer", minimum=0, description="Recordings that may have a problem"),
    "sweep_older_than": Param(
        "2d", type="string", pattern="^([0-9]+[hdw]|P.+)$", description="Longer than any task runs: 2d, 36h, P2D"
    ),
    "sweep_report_only": Param(default=False, type="boolean", description="Tell of stale uploads, remove none"),
}

with DAG(
    dag_id="cxone_verify_archive",
    schedule="@weekly",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=5), "retry_exponential_backoff": True},
    params=PARAMS,
    tags=["cxone", "archive"],
    doc_md=__doc__,
):
    VerifyArchiveOperator(
        task_id="verify_archive",
        s3_bucket="{{ params.s3_bucket }}",
        s3_prefix="{{ params.s3_prefix }}",
        recordings="{{ params.recordings | tojson }}",
        slice_index="{{ params.slice_index }}",
        slice_count="{{ params.slice_count }}",
        concurrency="{{ params.concurrency }}",
        max_problems="{{ params.max_problems }}",
    )
    SweepUploadsOperator(
        task_id="sweep_uploads",
        s3_bucket="{{ params.s3_bucket }}",
        s3_prefix="{{ params.s3_prefix }}",
        older_than="{{ params.sweep_older_than }}",
        report_only="{{ params.sweep_report_only }}",
    )
