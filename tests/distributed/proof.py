"""The proof: a day is archived by a cluster that loses a worker, its triggerer and its scheduler on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.distributed.cluster import WORKERS
from tests.distributed.day import Day, make_day
from tests.distributed.evidence import (
    Asked,
    Check,
    Version,
    archive_checks,
    asked,
    completeness_checks,
    given_again,
    store_checks,
    tenant_checks,
    versions,
)
from tests.distributed.figures import Figures, Table, Tasks, XCom
from tests.distributed.site import BUCKET, Run, Site
from tests.distributed.tenant import Quota, tenant
from tests.distributed.unrest import Unrest, disturb

PREFIX = "proof"
_LISTING_S = 15.0
_LIMIT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Proof:
    """How it ended.

    Attributes:
        day: what was archived.
        quota: that was enforced.
        unrest: what was done.
        tries: states of the tries of each killed task, and who had them, by map index.
        checks: what must hold.
        asked: what the tenant saw.
        rewritten: keys of which the S3 server has several versions, by the folder they lie in.
        redelivered: messages that Redis gave out again.
        whole_s, batches_s: seconds of the run, and from its first batch's begin to its last one's end.
        before, after: Airflow's tables.
        xcom, tasks: what the run left.
    """

    day: Day
    quota: Quota
    unrest: Unrest
    tries: Mapping[int, Sequence[str]]
    checks: Sequence[Check]
    asked: Asked
    rewritten: Mapping[str, int]
    redelivered: int
    whole_s: float
    batches_s: float
    before: Mapping[str, Table]
    after: Mapping[str, Table]
    xcom: Sequence[XCom]
    tasks: Sequence[Tasks]

    @property
    def broken(self) -> list[Check]:
        """What does not hold."""
        return [check for check in self.checks if not check.holds]


def prove(site: Site, recordings: int, quota: Quota) -> Proof:
    """Archive a day of so many recordings, disturb the cluster while it does, and look at what came of it.

    Raises:
        NotInTime: the run does not come to its end, or not as far as it is to be disturbed.
    """
    folder: Path = site.directory / PREFIX
    day = make_day(folder / "recordings", recordings)
    figures = Figures(site.cluster.database)
    with tenant(folder / "recordings", folder / "tenant", quota, listing_s=_LISTING_S) as one:
        before = figures.tables()
        run = site.begin(one, PREFIX)
        unrest = disturb(run, recordings)
        state = run.wait_for_end(_LIMIT_S)
        after = figures.tables()
        client = site.s3.client()
        stored = versions(client, BUCKET, PREFIX)
        client.close()
        told = asked(one.log())
        return Proof(
            day=day,
            quota=quota,
            unrest=unrest,
            tries={index: _tries(run, index) for index in unrest.killed},
            checks=[Check("state of the run", state, "success"), *_checks(run, unrest, stored, told, day)],
            asked=told,
            rewritten=_rewritten(stored),
            redelivered=_redelivered(site),
            whole_s=figures.whole_s(run.run_id),
            batches_s=figures.batches_s(run.run_id),
            before=before,
            after=after,
            xcom=figures.xcom(run.run_id),
            tasks=figures.tasks(run.run_id),
        )


def _checks(
    run: Run, unrest: Unrest, stored: Mapping[str, Sequence[Version]], told: Asked, day: Day
) -> Sequence[Check]:
    count, quota = len(day.recordings), run.tenant.quota
    retried = sum(_tries(run, index)[-1].startswith("success") for index in unrest.killed)
    return [
        Check("killed stream tasks that another try brought to their end", retried, len(unrest.killed)),
        Check("looks at the listing job by the second triggerer: at least one", unrest.looks_after > 0, True),
        *store_checks(stored, day, PREFIX),
        *tenant_checks(told, day, quota.requests, quota.period_s),
        *completeness_checks(run.result("reconcile"), run.site.s3, count),
        *archive_checks(run.site.s3, BUCKET, PREFIX, count),
    ]


def _tries(run: Run, index: int) -> list[str]:
    return [f"{one['state']} on {one['hostname']}" for one in run.tries("batch.stream", index)]


def _rewritten(stored: Mapping[str, Sequence[Version]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, known in stored.items():
        if len(known) > 1:
            kind = key.removeprefix(f"{PREFIX}/").partition("/")[0]
            found[kind] = found.get(kind, 0) + 1
    return found


def _redelivered(site: Site) -> int:
    logs = [path for name in WORKERS for path in site.cluster.directory.glob(f"*-{name}.log")]
    return given_again(path.read_text(errors="replace") for path in logs)
