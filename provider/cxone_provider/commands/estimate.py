"""``estimate``: what would archiving take?"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

from cxone_provider.archive.archived_ids import archived_ids
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.estimating import (
    DEFAULT_BITRATE_BPS,
    DEFAULT_FEE_SHARE,
    EstimateSettings,
    Lookup,
    estimate,
    table_of,
)
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.list_file import read_list
from cxone_provider.archive.listing import Selection, Window, parse_lookback
from cxone_provider.archive.plan import DEFAULT_SEGMENT_SIZE_BYTES, checked_segment_size
from cxone_provider.archive.terms import MEDIA_PLAYBACK, RECORDING_V2, Terms, terms_of
from cxone_provider.commands.arguments import (
    IN_ORDER,
    NO_ANSWER,
    add_endpoint,
    argument,
    bucket_of,
    layout_of,
    moment,
    store_of,
)
from cxone_provider.commands.tenant import DEFAULT_CONNECTION, TENANT_SOURCES, tenant_listing

_SOURCES = ("manifest", *TENANT_SOURCES)
_CHUNK_BYTES = 2**20


def add_estimate(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "estimate",
        help="what would archiving take?",
        description="Requests, hours at the quota, bytes, and what may be billed. Archives nothing.",
    )
    parser.add_argument("--start", type=argument(moment), required=True, metavar="TIME", help="ISO 8601")
    parser.add_argument("--end", type=argument(moment), required=True, metavar="TIME", help="not in the window")
    parser.add_argument("--lookback", type=argument(parse_lookback), default=parse_lookback(None), metavar="P2D")
    parser.add_argument("--source", choices=_SOURCES, default=_SOURCES[0], help="who tells which recordings there are")
    parser.add_argument("--manifest", metavar="FILE", help="list of recordings, of source manifest: a file or s3://…")
    parser.add_argument(
        "--archive", type=argument(layout_of), metavar="s3://BUCKET/PREFIX", help="leave out what is archived there"
    )
    _add_terms(parser)
    _add_grounds(parser)
    parser.add_argument("--json", action="store_true", help="the estimate as one JSON object")
    add_endpoint(parser)
    parser.set_defaults(run=_estimate, parser=parser)


def _add_terms(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--connection",
        metavar="ID",
        help=f"Airflow's connection with dialect and quota; {DEFAULT_CONNECTION} where the environment has it",
    )
    parser.add_argument("--api", choices=[MEDIA_PLAYBACK, RECORDING_V2], help="dialect, in place of the connection's")
    parser.add_argument("--requests-per-period", type=int, metavar="N", help="quota, in place of the connection's")
    parser.add_argument("--period-s", type=float, metavar="SECONDS", help="period of the quota")


def _add_grounds(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--segment-size-bytes", type=argument(checked_segment_size), default=DEFAULT_SEGMENT_SIZE_BYTES, metavar="N"
    )
    parser.add_argument(
        "--bitrate-bps", type=int, default=DEFAULT_BITRATE_BPS, metavar="N", help="of audio, where no size is known"
    )
    parser.add_argument("--interactions", type=int, metavar="N", help="of the tenant; as many as are listed by default")
    parser.add_argument("--fee-share", type=float, default=DEFAULT_FEE_SHARE, metavar="SHARE", help="0.05 by default")


def _estimate(options: argparse.Namespace) -> int:
    if (options.source == _SOURCES[0]) is (options.manifest is None):
        options.parser.error("--manifest goes with --source manifest, and with no other")
    settings = EstimateSettings(
        terms=_terms(options),
        segment_size_bytes=options.segment_size_bytes,
        bitrate_bps=options.bitrate_bps,
        interactions=options.interactions,
        fee_share=options.fee_share,
    )
    window = Window(options.start, options.end).widened(options.lookback)
    made = estimate(Selection(_listed(options, window), window), _archived(options), settings)
    if not made.contacts:
        sys.stderr.write(f"error: nothing is listed in {window}, so there is nothing to estimate\n")
        return NO_ANSWER
    sys.stdout.write(f"{json.dumps(made.to_document()) if options.json else table_of(made)}\n")
    return IN_ORDER


def _terms(options: argparse.Namespace) -> Terms:
    stated = _stated(options)
    quota = stated.quota
    given = {
        "api": options.api or stated.api,
        "requests_per_period": options.requests_per_period or (None if quota is None else quota.requests),
        "period_s": options.period_s or (None if quota is None else quota.period_s),
    }
    return terms_of(given)


def _stated(options: argparse.Namespace) -> Terms:
    wanted = options.source != _SOURCES[0] or f"AIRFLOW_CONN_{DEFAULT_CONNECTION.upper()}" in os.environ
    conn_id = options.connection or (DEFAULT_CONNECTION if wanted else None)
    if conn_id is None:
        return Terms()
    # Only here is Airflow needed: its connections come from its environment, secrets backends or database. What it logs
    # meanwhile would stand before the answer.
    with redirect_stdout(sys.stderr):
        from cxone_provider.hooks.terms import terms_of_connection

        terms = terms_of_connection(conn_id)
    if terms is None:
        raise InvalidSetting("Airflow has no such connection", found=conn_id)
    return terms


def _listed(options: argparse.Namespace, window: Window) -> Iterator[dict[str, Any]]:
    if options.source == _SOURCES[0]:
        with _chunks(options) as chunks:
            yield from read_list(chunks)
        return
    with redirect_stdout(sys.stderr):
        listing = tenant_listing(options.source, options.connection or DEFAULT_CONNECTION)
        with closing(listing):
            yield from listing.refs(window)


@contextmanager
def _chunks(options: argparse.Namespace) -> Iterator[Iterator[bytes]]:
    if options.manifest.startswith("s3://"):
        bucket, key = split_uri(options.manifest)
        with bucket_of(options, bucket).stream(key) as chunks:
            yield chunks
        return
    with Path(options.manifest).open("rb") as file:
        yield iter(lambda: file.read(_CHUNK_BYTES), b"")


def _archived(options: argparse.Namespace) -> Lookup | None:
    if options.archive is None:
        return None
    return partial(archived_ids, store_of(options, concurrency=1), options.archive)
