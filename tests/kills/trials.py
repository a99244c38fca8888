"""One case each: a process that is killed, one that is told to stop, one that sleeps, two at the same time."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.kills.checks import SUCCESSES, Costs, costs_of, problems_of, transfer_problems, unfinished_uploads
from tests.kills.child import Try
from tests.kills.site import Scene, Store, exit_code_of, started_until
from tests.kills.steps import Case
from tests.kills.wire import Place

_KILLED = -signal.SIGKILL
_SHARED_JOURNALS = 0.7
_PRINTED_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a case ended.

    Attributes:
        case: which.
        deaths: processes that ended as they were made to.
        outcomes: of the other ones, in the order of their start.
        problems: what does not hold; empty where everything does.
        costs: None where the case did not come that far.
        took_s: from the first process to the last check.
    """

    case: Case
    deaths: int
    outcomes: tuple[str, ...]
    problems: tuple[str, ...]
    costs: Costs | None
    took_s: float

    @property
    def name(self) -> str:
        """What runs it again."""
        return f"--step '{self.case.step.name}' --seed {self.case.seed}"


class TryFailed(Exception):
    """A process did not end as it had to."""


def killed(case: Case, store: Store, folder: Path) -> Ended:
    """Kill one process after the other, each at its place, and let a last one run to the end."""
    with _scene("killed", case, store, folder) as scene:
        trial = _Trial(case, scene)
        try:
            for number, place in enumerate(case.places, 1):
                trial.kill(f"try-{number}", place)
            trial.finish(scene.told)
        except TryFailed as error:
            return trial.ended(str(error))
        costs = costs_of(scene)
        return trial.ended(*problems_of(scene), *transfer_problems(scene, costs, trial.deaths), costs=costs)


def stopped(case: Case, store: Store, folder: Path) -> Ended:
    """Send SIGTERM to a process at a place; it must clean up and not succeed. Then let another one run to the end."""
    with _scene("stopped", case, store, folder) as scene:
        trial = _Trial(case, scene)
        told = replace(scene.told, name="stopped")
        with started_until(scene, told, case.places[-1]) as (process, go_on):
            os.kill(process.pid or 0, signal.SIGTERM)
            go_on.send(None)
            code = exit_code_of(process)
        result = _result_of(told)
        if code or result.get("error") != "TransferCancelled":
            return trial.ended(f"SIGTERM ended a process with {code}, {result}")
        trial.deaths += 1
        left = unfinished_uploads(scene)
        problems = [f"{left} uploads are left after SIGTERM"] if left else []
        try:
            trial.finish(scene.told)
        except TryFailed as error:
            return trial.ended(str(error))
        costs = costs_of(scene)
        return trial.ended(*problems, *problems_of(scene), costs=costs)


def overtaken(case: Case, store: Store, folder: Path) -> Ended:
    """Let one worker sleep at a place until another one has run to its end: Airflow's retry beside a living task."""
    with _scene("overtaken", case, store, folder) as scene:
        trial = _Trial(case, scene)
        sleeper, other = _workers(scene, case.seed)
        with started_until(scene, sleeper, case.places[-1]) as (process, go_on):
            # Nobody would come while it waits for the sleeper.
            codes = [exit_code_of(scene.start(replace(other, hurried=True)))]
            go_on.send(None)
            codes.insert(0, exit_code_of(process))
        return _raced(trial, (sleeper, other), codes)


def raced(case: Case, store: Store, folder: Path) -> Ended:
    """Start two workers at the same moment."""
    with _scene("raced", case, store, folder) as scene:
        trial = _Trial(case, scene)
        workers = _workers(scene, case.seed)
        processes = [scene.start(told) for told in workers]
        return _raced(trial, workers, [exit_code_of(process) for process in processes])


def _scene(trial: str, case: Case, store: Store, folder: Path) -> AbstractContextManager[Scene]:
    name = f"{trial}-{case.recording_id}"
    return store.scene(name, case.recording, folder / name)


class _Trial:
    def __init__(self, case: Case, scene: Scene) -> None:
        self._began_s = time.monotonic()
        self._case = case
        self.scene = scene
        self.deaths = 0
        self.outcomes: list[str] = []

    def kill(self, name: str, place: Place) -> None:
        code = exit_code_of(self.scene.start(replace(self.scene.told, name=name), place))
        if code != _KILLED:
            raise TryFailed(f"{name} ended with {code} before it came to {place}")
        self.deaths += 1

    def finish(self, told: Try) -> None:
        code = exit_code_of(self.scene.start(told))
        if code:
            printed = told.log_path.read_text(errors="replace")[-_PRINTED_CHARACTERS:]
            raise TryFailed(f"the last try ended with {code}: {printed}")
        result = _result_of(told)
        if result.get("outcome") not in SUCCESSES:
            raise TryFailed(f"the last try ended {result}")
        self.outcomes.append(result["outcome"])

    def ended(self, *problems: str, costs: Costs | None = None) -> Ended:
        took_s = time.monotonic() - self._began_s
        return Ended(self._case, self.deaths, tuple(self.outcomes), problems, costs, took_s)


def _workers(scene: Scene, seed: int) -> tuple[Try, Try]:
    """Return what two workers are told; by the seed they share a journal, as a task and its retry do, or do not."""
    shared = random.Random(seed).random() < _SHARED_JOURNALS
    journals = ("journal.json", "journal.json" if shared else "other-journal.json")
    first, second = (
        replace(scene.told, name=f"worker-{number}", journal_name=journal) for number, journal in enumerate(journals)
    )
    return first, second


def _raced(trial: _Trial, workers: Sequence[Try], codes: Sequence[int]) -> Ended:
    if any(codes):
        printed = [told.log_path.read_text(errors="replace")[-_PRINTED_CHARACTERS:] for told in workers]
        return trial.ended(f"exit codes {list(codes)}: {printed}")
    results = [_result_of(told) for told in workers]
    trial.outcomes += [str(result.get("outcome")) for result in results]
    problems = []
    if sorted(trial.outcomes) != sorted(SUCCESSES):
        problems.append(f"not one archived it while the other found it archived: {results}")
    elif len({result["sha256"] for result in results}) != 1:
        problems.append(f"the workers tell of different bytes: {results}")
    costs = costs_of(trial.scene)
    return trial.ended(*problems, *problems_of(trial.scene), costs=costs)


def _result_of(told: Try) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(told.result_path.read_text())
    return result
