"""What happens to a cluster while it works: its triggerer, a worker and its scheduler die and are started again."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

from tests.distributed.cluster import WORKERS
from tests.distributed.site import Run

_JOB = "/data-extraction/v1/jobs/"
_LIMIT_S = 900.0
_KILL_AT = 0.25  # of the recordings: enough is done, and enough is left


@dataclass(frozen=True, slots=True)
class Unrest:
    """What was done to a run, and what was seen of it.

    Attributes:
        looks_before, looks_after: how often the tenant was asked for the listing job before the triggerer died, and by
            its successor.
        worker: that was killed.
        killed: the mapped stream tasks that it was at, by map index.
        noticed_s: until Airflow knew that the last of them was lost.
        scheduler_s: from the scheduler's death until its successor had a task started.
    """

    looks_before: int
    looks_after: int
    worker: str
    killed: tuple[int, ...]
    noticed_s: float
    scheduler_s: float


def disturb(run: Run, recordings: int) -> Unrest:
    """Kill one component after the other while a run is at work, and start each again; return when all are back.

    Raises:
        NotInTime: the run does not come so far.
    """
    looks_before, looks_after = _restart_triggerer(run)
    worker, killed = _kill_worker(run, recordings)
    began_s = time.monotonic()
    run.wait_for("Airflow misses the killed tasks", lambda: _missed(run, worker, killed), limit_s=_LIMIT_S)
    noticed_s = time.monotonic() - began_s
    scheduler_s = _restart_scheduler(run)
    run.site.cluster.start(worker)
    return Unrest(looks_before, looks_after, worker, killed, noticed_s, scheduler_s)


def _looks(run: Run) -> int:
    """Return how often the listing job was looked at."""
    return sum(one["path"].startswith(_JOB) for one in run.tenant.log())


def _restart_triggerer(run: Run) -> tuple[int, int]:
    """Kill the triggerer once it waits for the listing job, and start another one that waits on."""

    def waits() -> bool:
        # The operator looks once before it leaves the worker.
        return run.task("list_recordings")["state"] == "deferred" and _looks(run) > 1

    run.wait_for("the listing waits in the triggerer", waits, limit_s=_LIMIT_S)
    run.site.cluster.kill("triggerer")
    before = _looks(run)
    run.site.cluster.start("triggerer")
    run.wait_for("the listing", lambda: run.task("list_recordings")["state"] == "success", limit_s=_LIMIT_S)
    return before, _looks(run) - before


def _streaming(run: Run) -> dict[str, list[int]]:
    """Return the stream tasks that are at work, by worker."""
    found: dict[str, list[int]] = {name: [] for name in WORKERS}
    for one in run.task_instances("running"):
        if one["task_id"] == "batch.stream" and one["hostname"] in found:
            found[one["hostname"]].append(one["map_index"])
    return found


def _kill_worker(run: Run, recordings: int) -> tuple[str, tuple[int, ...]]:
    """Kill the worker with more stream tasks, with everything below it, once the run is well under way."""

    def is_at_work() -> bool:
        return run.requests_used() >= _KILL_AT * recordings and any(_streaming(run).values())

    run.wait_for("a worker streams", is_at_work, limit_s=_LIMIT_S)
    streaming = _streaming(run)
    worker = max(streaming, key=lambda name: len(streaming[name]))
    run.site.cluster.kill(worker)
    # What ended between the look and the kill was not killed.
    return worker, tuple(sorted(_streaming(run)[worker]))


def _missed(run: Run, worker: str, killed: tuple[int, ...]) -> bool:
    return not set(_streaming(run)[worker]) & set(killed)


def _restart_scheduler(run: Run) -> float:
    """Kill the scheduler and start another; return how long until a task began that nobody had begun before."""
    began_s = time.monotonic()
    run.site.cluster.kill("scheduler")
    before = Counter((one["id"], one["start_date"]) for one in run.task_instances() if one["start_date"])
    run.site.cluster.start("scheduler")

    def works() -> bool:
        now = Counter((one["id"], one["start_date"]) for one in run.task_instances() if one["start_date"])
        return bool(now - before)

    run.wait_for("the new scheduler has a task started", works, limit_s=_LIMIT_S)
    return time.monotonic() - began_s
