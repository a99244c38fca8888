"""The two tasks that move recordings, and nothing else: what Airflow itself costs is measured with them.

``share`` is one batch, the recordings of the run's conf; ``share_by_100`` maps a thousand over batches of a hundred,
each on its own way as in the daily DAG. Each task leaves a line in the folder ``BENCH_MARKS`` when its own work begins
and when it ends.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task_group

from cxone_provider.operators.recordings import StreamRecordingToS3Operator, ValidateRecordingOperator

MAPPED, SIZES = 1_000, (10, 25, 50, 100, 250, 500, 1_000)
BUCKET = os.environ.get("BENCH_BUCKET", "bucket")


def _mark(context: Any, _result: Any = None) -> None:
    told = {"forked_s": _forked_s(), "now_s": time.time(), "cpu_s": time.process_time()}
    with (Path(os.environ["BENCH_MARKS"]) / f"{context['ti'].id}.jsonl").open("a") as file:
        file.write(json.dumps(told) + "\n")


def _forked_s() -> float:
    """Return when this process began; to a hundredth of a second, which is the system's own unit."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


MARKED: dict[str, Any] = {"pre_execute": _mark, "post_execute": _mark}

with DAG("share", schedule=None):
    validate = ValidateRecordingOperator(
        task_id="validate", recordings="{{ dag_run.conf.recordings | tojson }}", max_duration_s=36_000, **MARKED
    )
    StreamRecordingToS3Operator(task_id="stream", plans=validate.output, s3_bucket=BUCKET, **MARKED)


def _mapped(size: int) -> None:
    with DAG(f"share_by_{size}", schedule=None):

        @task_group
        def batch(recordings: Any) -> None:
            """Validate and stream one batch."""
            planned = ValidateRecordingOperator(
                task_id="validate", recordings=recordings, max_duration_s=36_000, **MARKED
            )
            StreamRecordingToS3Operator(task_id="stream", plans=planned.output, s3_bucket=BUCKET, **MARKED)

        ids = [f"small_{number}" for number in range(MAPPED)]
        batch.expand(recordings=[ids[first : first + size] for first in range(0, MAPPED, size)])


for batch_size in SIZES:
    _mapped(batch_size)
