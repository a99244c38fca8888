"""One run of a DAG each: a signal strikes in mid-transfer, and Airflow's retry has to bring it to its end."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from tests.kills.checks import Costs, costs_of, problems_of, transfer_problems
from tests.kills.plant import DAG_ID, SEGMENTS, Job, Plant, Victim

_FIRST_PART_SEGMENTS = 5  # before it is stored, there is nothing to go on with
_SHORT_DELAY_S = 0.2
# A task whose supervisor is gone must still be at work when Airflow misses it and starts the retry.
_LONG_DELAY_S = 3.0


@dataclass(frozen=True, slots=True)
class Strike:
    """Which signal is sent to whom."""

    number: signal.Signals
    victim: Victim

    @property
    def name(self) -> str:
        """What tables and recordings are named."""
        return f"{self.number.name}-{self.victim}"

    @property
    def leaves_zombie(self) -> bool:
        """Whether the task lives on unseen."""
        return self.number is signal.SIGKILL and self.victim is Victim.SUPERVISOR


STRIKES = (
    Strike(signal.SIGKILL, Victim.SUPERVISOR),
    Strike(signal.SIGKILL, Victim.TASK),
    Strike(signal.SIGKILL, Victim.WORKER),
    Strike(signal.SIGTERM, Victim.TASK),
    Strike(signal.SIGTERM, Victim.SUPERVISOR),
)


@dataclass(frozen=True, slots=True)
class Struck:
    """How a run ended.

    Attributes:
        strike: who was sent which signal.
        seed: decided when.
        after_segments: how many segments the tenant had been asked for.
        problems: what does not hold; empty where everything does.
        costs: of all tries.
        tries: of the task that moves the bytes.
        took_s: from the trigger to the end.
    """

    strike: Strike
    seed: int
    after_segments: int
    problems: tuple[str, ...]
    costs: Costs
    tries: int
    took_s: float

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.strike.name}, seed {self.seed}"


def strike(plant: Plant, how: Strike, seed: int) -> Struck:
    """Trigger a run, send the signal in mid-transfer, and wait for the run's end.

    Raises:
        NotInTime: the run does not come to its end.
    """
    began_s = time.monotonic()
    latest = _FIRST_PART_SEGMENTS + 2 if how.leaves_zombie else SEGMENTS - _FIRST_PART_SEGMENTS
    after_segments = random.Random(seed).randint(_FIRST_PART_SEGMENTS + 2, latest)
    job = plant.begin(f"{how.name}-{seed}", delay_s=_LONG_DELAY_S if how.leaves_zombie else _SHORT_DELAY_S)
    job.wait_for_segments(after_segments)
    uploads = job.upload_ids()
    job.send(how.number, how.victim)
    problems = list(_cleaned_up(job, uploads)) if how.number is signal.SIGTERM else []
    state = job.wait_for_end()
    if state != "success":
        problems.append(f"the run ended {state}:\n{plant.flow.task_logs(DAG_ID, job.run_id)}")
    costs = costs_of(job.scene)
    if state == "success":
        problems += problems_of(job.scene)
    if how.number is signal.SIGKILL and not how.leaves_zombie:
        problems += transfer_problems(job.scene, costs, 1)
    states = job.states_of_tries()
    if len(states) < 2 or "success" in states[:-1]:
        problems.append(f"the tries ended {states}")
    return Struck(how, seed, after_segments, tuple(problems), costs, len(states), time.monotonic() - began_s)


def _cleaned_up(job: Job, uploads: set[str]) -> Iterator[str]:
    job.plant.wait_for("the task's end", lambda: job.stream()["state"] != "running")
    if job.stream()["state"] == "success":
        yield "the task that was told to stop succeeded"
    if not uploads:
        yield "there was no upload to remove"
    if uploads & job.upload_ids():
        yield "the task that was told to stop left its upload"
