"""How fast a cluster is, and what Airflow adds to the bare pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.distributed.bare import Bare, bare
from tests.distributed.day import Day, make_day
from tests.distributed.figures import Figures
from tests.distributed.site import BUCKET, NotInTime, Site, webhook_connection
from tests.distributed.spent import memory_mib, processor_s
from tests.distributed.tenant import Quota, Tenant, tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIMIT_S = 1800.0
_FREE = Quota(0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a day was archived that no quota and no accident held up.

    Attributes:
        workers: that took part.
        recordings: of the day.
        batches_s: from the begin of the first batch to the end of the last.
        whole_s: of the whole run.
        spent_s: processor seconds during the batches, by kind of server.
        memory_mib: the most that was seen, by kind of server.
    """

    workers: int
    recordings: int
    batches_s: float
    whole_s: float
    spent_s: Mapping[str, float]
    memory_mib: Mapping[str, int]

    @property
    def per_minute(self) -> float:
        """Recordings in a minute, while batches were at work."""
        return self.recordings / self.batches_s * 60


def bare_pace(site: Site, recordings: int) -> Bare:
    """Archive a day without Airflow."""
    with _quick_day(site, "bare", recordings, first=3 * 10**8) as (day, one):
        return bare([one.connection(), webhook_connection(one)], site.s3, BUCKET, "bare", day.date)


def pace(site: Site, workers: int, recordings: int) -> Pace:
    """Archive a day with the workers that run.

    Raises:
        NotInTime: the run does not succeed.
    """
    name = f"pace-{workers}"
    with _quick_day(site, name, recordings, first=workers * 10**8) as (_, one):
        run = site.begin(one, name)
        run.wait_for("the listing", lambda: run.task("estimate")["state"] == "success", limit_s=_LIMIT_S)
        before, held = processor_s(), memory_mib()

        def batches_ended() -> bool:
            held.update({kind: max(0, now - held[kind]) for kind, now in memory_mib().items()})
            return run.task("check_run")["state"] is not None

        run.wait_for("the batches", batches_ended, limit_s=_LIMIT_S)
        spent = processor_s() - before
        if run.wait_for_end(_LIMIT_S) != "success":
            raise NotInTime(run.failures())
        figures = Figures(site.cluster.database)
        found = Pace(workers, recordings, figures.batches_s(run.run_id), figures.whole_s(run.run_id), spent, held)
        figures.close()
        return found


@contextmanager
def _quick_day(site: Site, name: str, recordings: int, *, first: int) -> Iterator[tuple[Day, Tenant]]:
    folder: Path = site.directory / name
    day = make_day(folder / "recordings", recordings, first)
    with tenant(folder / "recordings", folder / "tenant", _FREE, listing_s=0) as one:
        yield day, one
