"""The steps around the bytes, one in a process of its own: ``python -m benchmarks.stages STAGE COUNT [BASE_URL]``.

Operators run as in a task. The bucket is made up while it is read, and XCom is counted and not kept, so what memory
grows by is the step's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from benchmarks.generated import CALL, DAY, LAYOUT, RUN_ID, GeneratedArchive, StreamResults, ref_of

BATCH_SIZE = 100
_WINDOW = {"start": "2026-11-22", "end": "2026-11-23"}
_ARCHIVE = {"s3_bucket": LAYOUT.bucket, "s3_prefix": LAYOUT.prefix}


class CountedTask:
    """A task instance whose XCom is counted; what lies in XCom is made up when it is pulled.

    Args:
        count: recordings of the day.
        results: what the mapped stream tasks left.

    Attributes:
        pushed_bytes: what the task left in XCom under keys of its own.
        largest_bytes: the largest value it wrote or read.
        read_bytes: what it read.
    """

    dag_id, run_id, task_id, map_index, try_number, max_tries = "growth", RUN_ID, "list_recordings", -1, 1, 0

    def __init__(self, count: int, results: StreamResults | None = None) -> None:
        self.count = count
        self.pushed_bytes = self.read_bytes = self.largest_bytes = 0
        self._results = results

    def xcom_push(self, key: str, value: Any) -> None:  # noqa: ARG002  # as Airflow calls it
        """Count what would be kept."""
        self.pushed_bytes += self._sized(value)

    def xcom_pull(self, *, key: str, map_indexes: int | None = None, **_: Any) -> Any:
        """Return a batch of the listing, or of a mapped task's results."""
        number = int(key.rpartition("_")[2])
        if map_indexes is not None and self._results is not None:
            batch = self._results.batch_of(map_indexes, number)
        else:
            first = number * BATCH_SIZE
            batch = [ref_of(one) for one in range(first, min(self.count, first + BATCH_SIZE))]
        self.read(batch)
        return batch

    def read(self, value: Any) -> None:
        """Count what the task is handed."""
        self.read_bytes += self._sized(value)

    def _sized(self, value: Any) -> int:
        size_bytes = len(json.dumps(value))
        self.largest_bytes = max(self.largest_bytes, size_bytes)
        return size_bytes


class Stage:
    """One step with its world.

    Args:
        count: recordings of the day.
        base_url: of the tenant that lists them; the listing's alone.
    """

    def __init__(self, count: int, base_url: str = "") -> None:
        self.count = count
        self.archive = GeneratedArchive(count, unfinished=count)
        _ = self.archive.model
        self.results = StreamResults(self.archive, BATCH_SIZE)
        self.ti = CountedTask(count, self.results)
        tenant = {"conn_type": "cxone", "host": base_url, "login": "bench", "password": "bench-secret"}
        os.environ["AIRFLOW_CONN_CXONE_DEFAULT"] = json.dumps(tenant)

    def handed(self) -> list[Any]:
        """Return what the listing handed on; it is counted as read."""
        from cxone_provider.operators.batches import handed_over

        numbers = range(0, self.count, BATCH_SIZE)
        batches = ([ref_of(one) for one in range(first, min(self.count, first + BATCH_SIZE))] for first in numbers)
        made = handed_over(batches, self._context(CountedTask(self.count)))
        self.ti.read(made)
        return made

    def list(self) -> Callable[[], Any]:
        """Completed contacts, page by page, into batches."""
        from cxone_provider.operators.recordings import ListRecordingsOperator

        return self._task(ListRecordingsOperator, source="completed-contacts", **_WINDOW)

    def estimate(self) -> Callable[[], Any]:
        """What the day would take; the archive is asked what it holds."""
        from cxone_provider.operators import estimation

        self._put_into(estimation)
        return self._task(estimation.EstimateArchiveOperator, recordings=self.handed(), **_ARCHIVE)

    def plan(self) -> Callable[[], Any]:
        """Plan batch by batch; the data rules' own cost is that of a batch, whatever the day."""
        return self._plan_all

    def check_run(self) -> Callable[[], Any]:
        """Every batch's audit logs into the run's file, through the data rules."""
        from cxone_provider.operators import quality

        self._put_into(quality)
        return self._task(
            quality.CheckArchiveRunOperator, audit_logs=self.results, recordings=self.handed(), **_ARCHIVE
        )

    def reconcile(self) -> Callable[[], Any]:
        """The day's expectation against the archive."""
        from cxone_provider.operators import reconciliation

        self._put_into(reconciliation)
        return self._task(
            reconciliation.ReconcileArchiveOperator, recordings=self.handed(), **_WINDOW, **_ARCHIVE, outlets=[]
        )

    def verify(self) -> Callable[[], Any]:
        """Every recording read back and compared with its evidence."""
        from cxone_provider.operators import verification

        self._put_into(verification)
        return self._task(verification.VerifyArchiveOperator, **_ARCHIVE)

    def sweep(self) -> Callable[[], Any]:
        """As many unfinished uploads as recordings, removed."""
        from cxone_provider.operators import verification

        self._put_into(verification)
        return self._task(verification.SweepUploadsOperator, **_ARCHIVE)

    def console(self) -> Callable[[], Any]:
        """The console's first look at the day."""
        from cxone_provider.console.reading import ArchiveReader

        reader: Any = ArchiveReader(self.archive, LAYOUT)  # type: ignore[arg-type]  # only what looking takes
        return lambda: len(reader.summaries(DAY.date(), DAY.add(days=1).date()))

    def _plan_all(self) -> int:
        from cxone_provider.adapters.clock import SystemClock
        from cxone_provider.archive.policy import ArchivePolicy
        from cxone_provider.archive.validating import Checks, ValidationSettings, validate_recordings
        from tests.fakes.source import FakeRecording, FakeSource

        nothing: Any = SimpleNamespace(reasons={})
        checks = Checks(recordings=lambda *_: nothing, plans=lambda *_: nothing)
        settings = ValidationSettings(policy=ArchivePolicy(), audio_format=None)
        planned = 0
        for first in range(0, self.count, BATCH_SIZE):
            refs = self.ti.xcom_pull(key=f"batch_{first // BATCH_SIZE}")
            tenant = {ref["recording_id"]: FakeRecording(CALL, duration_s=61.5) for ref in refs}
            made = validate_recordings(
                refs, source=FakeSource(tenant), clock=SystemClock(), settings=settings, checks=checks
            )
            self.ti.xcom_push("return_value", [plan.to_document() for plan in made.plans])
            planned += sum(plan.outcome == "READY" for plan in made.plans)
        if planned != self.count:
            raise SystemExit(f"{planned} of {self.count} are planned")
        return planned

    def _put_into(self, module: Any) -> None:
        """Put the made-up bucket in the place of the connection's."""
        reached = SimpleNamespace(store=self.archive, endpoint_url="", region=None)
        module.archive_bucket = lambda *_, **__: reached

    def _task(self, operator: Any, **arguments: Any) -> Callable[[], Any]:
        made = operator(task_id=self.ti.task_id, **arguments)
        return lambda: made.execute(self._context(self.ti))

    @staticmethod
    def _context(ti: CountedTask) -> Any:
        run = SimpleNamespace(run_after=DAY.add(days=1), start_date=None, run_id=RUN_ID)
        return {"ti": ti, "dag_run": run, "outlet_events": {}}


STAGES = ("list", "estimate", "plan", "check_run", "reconcile", "verify", "sweep", "console")


def measured(name: str, count: int, base_url: str = "") -> Mapping[str, Any]:
    """Run one step and return what it took."""
    stage = Stage(count, base_url)
    work: Callable[[], Any] = getattr(stage, name)()
    if name in {"check_run", "reconcile"}:
        # What a task has imported before it works is not what grows.
        from cxone_provider.adapters import quality

        quality.check_run([stage.archive.log_of(0)])
    stage.archive.asked.clear()
    idle_mib = _resident_mib()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    result = work()
    took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
    result_bytes = len(json.dumps(result))
    ti = stage.ti
    return {
        "count": count,
        "took_s": took_s,
        "cpu_s": cpu_s,
        "peak_mib": max(0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - idle_mib),
        "s3_requests": stage.archive.requests,
        "cxone_requests": _asked(base_url),
        "xcom_bytes": ti.pushed_bytes + ti.read_bytes + stage.results.all_bytes + result_bytes,
        "xcom_largest_bytes": max(ti.largest_bytes, stage.results.largest_bytes, result_bytes),
    }


def _asked(base_url: str) -> int:
    """Return the requests that the tenant had; 0 where there is none."""
    if not base_url:
        return 0
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        f"{base_url}/-/counts", timeout=10
    ) as answer:
        return sum(json.loads(answer.read())["requests"].values())


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        told = measured(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
    print(json.dumps(told))
