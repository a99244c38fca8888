"""``python -m cxone_provider``: list recordings, tell what archiving them takes, check an archive, and tidy up.

Exit status: 0 when everything that was asked about is in order, 1 when something is not, 2 when the question cannot be
answered: wrong arguments, no such bucket, nothing archived or listed there. Credentials are found boto3's own way:
environment, profile, role. Airflow is imported only where one of its connections is named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from cxone_provider.archive.errors import ArchiveError
from cxone_provider.commands.arguments import NO_ANSWER
from cxone_provider.commands.estimate import add_estimate
from cxone_provider.commands.list import add_list
from cxone_provider.commands.sweep import add_sweep
from cxone_provider.commands.verify import add_verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (ArchiveError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return NO_ANSWER


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cxone_provider", description="An archive of CXone recordings.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (add_list, add_verify, add_sweep, add_estimate):
        add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
