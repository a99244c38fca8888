"""``sweep``: remove what killed tasks left."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.sweeping import parse_age, sweep_uploads
from cxone_provider.commands.arguments import IN_ORDER, NOT_IN_ORDER, add_endpoint, argument, layout_of, store_of


def add_sweep(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "sweep", help="remove the archive's own stale uploads", description="Leaves what is foreign, and what lives."
    )
    parser.add_argument("archive", type=argument(layout_of), metavar="s3://BUCKET/PREFIX")
    parser.add_argument(
        "--older-than",
        type=argument(parse_age),
        required=True,
        metavar="AGE",
        help="longer than any task runs: 2d, 36h",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed")
    add_endpoint(parser)
    parser.set_defaults(run=_sweep)


def _sweep(options: argparse.Namespace) -> int:
    store = store_of(options, concurrency=1)
    stale = left = 0
    for one in sweep_uploads(
        store, options.archive, SystemClock(), older_than=options.older_than, dry_run=options.dry_run
    ):
        sys.stdout.write(f"{one}\n")
        stale += 1
        left += one.problem is not None
    done = "would be removed" if options.dry_run else "removed"
    sys.stdout.write(f"{stale} stale uploads, {stale - left} {done}\n")
    return NOT_IN_ORDER if left else IN_ORDER
