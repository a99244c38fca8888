"""``list``: which recordings are there?"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing, redirect_stdout
from typing import Any

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.jobs import DEFAULT_WAIT_S
from cxone_provider.archive.listing import Selection, Window, parse_json, parse_lookback
from cxone_provider.archive.waiting import parse_wait_s
from cxone_provider.commands.arguments import IN_ORDER, NOT_IN_ORDER, argument, moment
from cxone_provider.commands.tenant import DEFAULT_CONNECTION, TENANT_SOURCES, tenant_listing


def add_list(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "list",
        help="which recordings are there?",
        description="JSON Lines, a ref on each: what takes a manifest takes it. Status 1 where rows cannot be used.",
    )
    parser.add_argument("--source", choices=TENANT_SOURCES, required=True)
    parser.add_argument("--start", type=argument(moment), required=True, metavar="TIME", help="ISO 8601")
    parser.add_argument("--end", type=argument(moment), required=True, metavar="TIME", help="not in the window")
    parser.add_argument("--lookback", type=argument(parse_lookback), default=parse_lookback(None), metavar="P2D")
    parser.add_argument(
        "--updated-since", type=argument(moment), metavar="TIME", help="of completed contacts, only what changed since"
    )
    parser.add_argument(
        "--max-wait",
        type=argument(_wait_s),
        default=DEFAULT_WAIT_S,
        metavar="PT1H",
        help="for a job; an hour by default",
    )
    parser.add_argument(
        "--listing", type=argument(_options), metavar="JSON", help="changes to listing of the connection"
    )
    parser.add_argument("--connection", default=DEFAULT_CONNECTION, metavar="ID", help="Airflow's; cxone_default")
    parser.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    window = Window(options.start, options.end).widened(options.lookback)
    answer = sys.stdout
    # Airflow, whose connection is read, logs to standard output, where only the answer may stand.
    with redirect_stdout(sys.stderr):
        listing = tenant_listing(
            options.source, options.connection, options.listing, updated_since=options.updated_since,
            wait_s=options.max_wait,
        )  # fmt: skip
        with closing(listing):
            found = Selection(listing.refs(window), window)
            for document in found:
                answer.write(f"{json.dumps(document)}\n")
    sys.stderr.write(
        f"{found.kept} recordings in {window}, {found.malformed} of them cannot be used; "
        f"left out: {found.outside} outside of it\n"
    )
    return NOT_IN_ORDER if found.malformed else IN_ORDER


def _wait_s(text: str) -> float:
    return parse_wait_s(text, "max-wait") or DEFAULT_WAIT_S


def _options(text: str) -> dict[str, Any]:
    document = parse_json(text)
    if not isinstance(document, dict):
        raise InvalidSetting("listing", found=text, expected="a JSON object")
    return document
