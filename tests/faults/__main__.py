"""``make faults``, or ``python -m tests.faults``: the fault matrix on the terminal, and in the documentation."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path

from tests.faults.campaign import run_campaign
from tests.faults.report import document, problems, summary

DOCUMENT = Path(__file__).parents[2] / "docs" / "fault-matrix.md"


def main() -> int:
    """Run the matrix; return 1 if anything ended BAD."""
    options = _parser().parse_args()
    began_s = time.monotonic()
    _say(f"seed {options.seed}")
    campaign = run_campaign(options.seed, with_peers=not options.no_peers, wanted=options.rows, report=_say)
    page = document(campaign)
    _say(page)
    if options.write:
        DOCUMENT.write_text(page, encoding="utf-8")
    for line in problems(campaign.bad):
        _say(f"BAD: {line}")
    _say(f"{summary(campaign)} It took {time.monotonic() - began_s:.0f} s.")
    return 1 if campaign.bad else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="The fault matrix.")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="default: a new one, printed")
    parser.add_argument("--rows", default="", metavar="TEXT", help="only rows whose names hold TEXT")
    parser.add_argument("--no-peers", action="store_true", help="only our own columns")
    parser.add_argument("--write", action="store_true", help=f"write {DOCUMENT.name}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
