"""``python -m tests.kills``: kill, stop, overtake and race processes; print what held, and write it down."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from tests.kills import texts
from tests.kills.airflow_kills import STRIKES, Struck, strike
from tests.kills.campaign import run_campaign, run_cases
from tests.kills.plant import plant
from tests.kills.report import Report, Section
from tests.kills.site import BUCKET, versioned
from tests.kills.steps import RACED_STEPS, SINGLE_STEPS, STEPS, STOPPED_STEPS, Case, Step, case_of
from tests.kills.trials import Ended, killed, overtaken, raced, stopped
from tests.servers.moto import moto

DOCUMENT = Path(__file__).parents[2] / "docs" / "kills.md"
_AIRFLOW_AT_ONCE = 3
_SHARE_OF_OTHERS = 7  # a seventh of the seeds is for SIGTERM and for sleepers
T = TypeVar("T", Ended, Struck)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything; return 0 when everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.kills", description=__doc__)
    parser.add_argument("--seeds", type=int, default=14, help="how many seeds every step is killed under")
    parser.add_argument("--seed", type=int, default=1, help="the first one")
    parser.add_argument("--step", help="only steps whose name holds this; nothing but kills then")
    parser.add_argument("--races", type=int, default=60, help="races of two processes on each kind of S3 server")
    parser.add_argument("--airflow", type=int, default=24, help="runs inside a real Airflow")
    parser.add_argument("--write", action="store_true", help=f"write the tables into docs/{DOCUMENT.name}")
    options = parser.parse_args(arguments)
    seeds = range(options.seed, options.seed + options.seeds)
    if options.step is not None:
        steps = [step for step in STEPS if options.step in step.name]
        return int(any(one.problems for one in _told(run_campaign(killed, _cases(steps, seeds)))))
    report = _run(seeds, options.races, options.airflow)
    print(report.document())
    if options.write:
        DOCUMENT.write_text(report.document(), encoding="utf-8")
    return int(report.broken > 0)


def _run(seeds: range, races: int, airflow_runs: int) -> Report:
    began_s = time.monotonic()
    few = seeds[: max(1, len(seeds) // _SHARE_OF_OTHERS)]
    race_cases = [case_of(RACED_STEPS[seed % len(RACED_STEPS)], seed) for seed in range(seeds[0], seeds[0] + races)]
    print(f"seeds {seeds[0]} to {seeds[-1]}, {len(STEPS)} steps, {races} races, {airflow_runs} runs inside Airflow")
    sections = (
        Section("SIGKILL", "", list(_told(run_campaign(killed, _cases(STEPS, seeds))))),
        Section("SIGTERM", texts.SIGTERM, list(_told(run_campaign(stopped, _cases(STOPPED_STEPS, few))))),
        Section(
            "A worker that is overtaken",
            texts.OVERTAKEN,
            list(_told(run_campaign(overtaken, _cases(SINGLE_STEPS, few)))),
        ),
        Section(
            "Two workers at once, SeaweedFS",
            texts.AT_ONCE,
            list(_told(run_campaign(raced, race_cases))),
            by_step=False,
        ),
        Section("Two workers at once, moto", texts.AT_ONCE, list(_told(_races_on_moto(race_cases))), by_step=False),
    )
    struck = list(_told(_strikes(airflow_runs, seeds[0])))
    command = f"python -m tests.kills --seeds {len(seeds)} --races {races} --airflow {airflow_runs}"
    return Report(command, seeds, time.monotonic() - began_s, sections, struck)


def _cases(steps: Sequence[Step], seeds: Sequence[int]) -> list[Case]:
    return [case_of(step, seed) for seed in seeds for step in steps]


def _told(ended: Iterable[T]) -> Iterator[T]:
    """Pass on how cases ended; say at once what does not hold, and now and then how far they are."""
    began_s = time.monotonic()
    for number, one in enumerate(ended, 1):
        for problem in one.problems:
            print(f"BROKEN {one.name}: {problem}", flush=True)
        if number % 100 == 0:
            print(f"{number} cases after {time.monotonic() - began_s:.0f} s", flush=True)
        yield one


def _races_on_moto(cases: Sequence[Case]) -> Iterator[Ended]:
    with (
        TemporaryDirectory(prefix="cxone-kills-") as folder,
        moto(buckets=[BUCKET]) as server,
        versioned(server) as store,
    ):
        yield from run_cases(raced, cases, store, Path(folder))


def _strikes(count: int, first_seed: int) -> Iterator[Struck]:
    if not count:
        return
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="cxone-kills-", ignore_cleanup_errors=True))
        line = stack.enter_context(plant(Path(folder)))
        pool = stack.enter_context(ThreadPoolExecutor(_AIRFLOW_AT_ONCE))
        numbers = range(count)
        yield from pool.map(lambda n: strike(line, STRIKES[n % len(STRIKES)], first_seed + n), numbers)


if __name__ == "__main__":
    sys.exit(main())
