"""``python -m tests.quota``: several processes inside one enforced quota, in scaled time; print what came of it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.quota.crowd import Crowd, Outcome, run

DOCUMENT = Path(__file__).parents[2] / "docs" / "quota.md"
MARK = "<!-- figures -->"
LEAST_SHARE = 0.95
# numbers of processes among which the quota divides with little left over
SLOTS = (1, 2, 3, 4)


def table(crowds: Sequence[Crowd], outcomes: Sequence[Outcome]) -> str:
    """Return the figures as Markdown."""
    lines = [
        "| processes | quota | accepted | refused | most in one period | used in the steady span |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {crowd.slots} | {crowd.requests} per {crowd.period_s:g} s | {outcome.accepted} | {outcome.refused} "
        f"| {outcome.most_in_window} | {outcome.steady_share:.1%} |"
        for crowd, outcome in zip(crowds, outcomes, strict=True)
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs; return 0 when nothing was refused and the quota was used."""
    parser = argparse.ArgumentParser(prog="python -m tests.quota", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90, help="how long each run lasts; 90 by default")
    parser.add_argument("--write", action="store_true", help=f"write the figures into docs/{DOCUMENT.name}")
    options = parser.parse_args(arguments)
    crowds = [Crowd(slots=slots, seconds=options.seconds) for slots in SLOTS]
    outcomes = [run(crowd) for crowd in crowds]
    figures = table(crowds, outcomes)
    print(figures)
    if options.write:
        before, _, _ = DOCUMENT.read_text(encoding="utf-8").partition(MARK)
        DOCUMENT.write_text(f"{before}{MARK}\n{figures}\n", encoding="utf-8")
    kept = all(one.refused == 0 and one.steady_share >= LEAST_SHARE for one in outcomes)
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
