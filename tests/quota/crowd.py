"""Several processes against a tenant that counts and enforces its quota, in scaled time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cxone_provider.simulator import ApiSettings, Interaction, Simulator
from tests.quota import slot

PROJECT = Path(__file__).parents[2]
CONTACTS = 50  # of one task


@dataclass(frozen=True, slots=True)
class Crowd:
    """A run to make.

    Attributes:
        requests: that the tenant takes in a period.
        period_s: seconds; five minutes in the real world.
        slots: processes at once.
        seconds: how long each of them works.
        parallel_tasks: what the connection says; None for the number of slots, which is the truth.
        stated: requests in a period that the connection says; None for all that the tenant takes.
    """

    requests: int = 150
    period_s: float = 24.0
    slots: int = 4
    seconds: float = 90.0
    parallel_tasks: int | None = None
    stated: int | None = None

    def connection(self, tenant: Simulator) -> dict[str, Any]:
        """Return the connection's fields."""
        extra = {
            "api": "media-playback",
            "access_key_id": tenant.apis.access_key_id,
            "access_key_secret": tenant.apis.access_key_secret,
            "requests_per_period": self.stated or self.requests,
            "period_s": self.period_s,
            "parallel_tasks": self.parallel_tasks or self.slots,
        }
        return {"host": tenant.base_url, "login": tenant.client_id, "password": tenant.client_secret, "extra": extra}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        sent: requests that the processes say they sent.
        accepted, refused: requests that the tenant counted.
        most_in_window: the most that it accepted in any one period.
        steady_share: accepted requests of the steady span, as a share of what the quota allows in it.
    """

    sent: int
    accepted: int
    refused: int
    most_in_window: int
    steady_share: float


def run(crowd: Crowd) -> Outcome:
    """Make a run."""
    apis = ApiSettings(quota_requests=crowd.requests, quota_period_s=crowd.period_s)
    with Simulator(apis=apis) as tenant:
        for number in range(CONTACTS):
            tenant.add_contact(str(number), [Interaction(b"....ftypmp42", format="mp4", duration_s=1)])
        order = json.dumps({**crowd.connection(tenant), "seconds": crowd.seconds, "contacts": CONTACTS})
        command = [sys.executable, "-m", slot.__name__, order]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PROJECT) for _ in range(crowd.slots)]
        answers = [json.loads(process.communicate()[0]) for process in processes]
        times = [event.at for event in tenant.quota.timeline if event.accepted]
        return Outcome(
            sent=sum(answer["requests_used"] for answer in answers),
            accepted=tenant.quota.used,
            refused=tenant.quota.refused,
            most_in_window=tenant.quota.most_in_window,
            steady_share=steady_share(times, crowd),
        )


def steady_share(times: Sequence[datetime], crowd: Crowd) -> float:
    """Return the share of the quota that was used once every process works, and before the first of them stops.

    That is the span from one period after the first request to one before the last; 0 where there is no such span.
    """
    if not times:
        return 0.0
    since_s = [(at - times[0]).total_seconds() for at in times]
    begin_s, end_s = crowd.period_s, since_s[-1] - crowd.period_s
    if end_s <= begin_s:
        return 0.0
    steady = sum(begin_s <= second < end_s for second in since_s)
    return steady / (crowd.requests * (end_s - begin_s) / crowd.period_s)
