"""``verify``: is the archive still what it says?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.archive.errors import AuditBroken
from cxone_provider.archive.recording import checked_recording_id
from cxone_provider.archive.settings import MAX_CONCURRENCY
from cxone_provider.archive.slices import Slice, known_ids, named_ids
from cxone_provider.archive.verification_report import SINCE_RECEIPT, VerificationReport, report_line
from cxone_provider.archive.verifying import Verification, Verifier, verify_trail_alone
from cxone_provider.commands.arguments import (
    IN_ORDER,
    NO_ANSWER,
    NOT_IN_ORDER,
    add_endpoint,
    argument,
    layout_of,
    store_of,
)

_PROGRESS_EVERY = 1000


def add_verify(commands: Any) -> None:
    """Add the command."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="is the archive still what it says?",
        description="Read back, hash again, compare. " + SINCE_RECEIPT,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("archive", nargs="?", type=argument(layout_of), metavar="s3://BUCKET/PREFIX")
    where.add_argument("--trail", type=Path, metavar="FILE", help="check an audit trail that lies here; asks no store")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--recording",
        action="append",
        type=argument(checked_recording_id),
        metavar="ID",
        help="instead of all; repeat; a contact's id stands for its recordings",
    )
    which.add_argument(
        "--slice", type=argument(_slice_of), default=Slice(), metavar="N/T", help="part N of T, from 1/T to T/T"
    )
    parser.add_argument("--head", metavar="HASH", help="audit_head as the webhook told it, of one --recording")
    parser.add_argument("--concurrency", type=int, choices=range(1, MAX_CONCURRENCY + 1), default=4, metavar="N")
    parser.add_argument("--json", action="store_true", help="JSON Lines: one per recording, the summary last")
    add_endpoint(parser)
    parser.set_defaults(run=_verify, parser=parser)


def _slice_of(text: str) -> Slice:
    number, _, count = text.partition("/")
    digits = number.isdecimal() and count.isdecimal()
    return Slice(int(number) - 1, int(count)) if digits else Slice(0, 0)


def _verify(options: argparse.Namespace) -> int:
    named: list[str] | None = options.recording
    if (options.head or options.trail) and len(named or ()) != 1:
        options.parser.error("--head and --trail go with one --recording")
    if options.trail:
        return _verify_file(options)
    layout, clock = options.archive, SystemClock()
    store = store_of(options, options.concurrency)
    verifier = Verifier(store, layout, clock.now() if named is None else None)
    if options.head:
        return _told([verifier.verify(named[0], options.head)] if named else [], None, as_json=options.json)
    ids = known_ids(store, layout, options.slice) if named is None else named_ids(store, layout, named)
    found = verifier.verify_all(ids, options.concurrency)
    return _told(found, options.slice if named is None else None, as_json=options.json)


def _told(found: Iterable[Verification], part: Slice | None, *, as_json: bool) -> int:
    report = VerificationReport(part)
    for one in found:
        if one.archived or part is None:
            report.add(one)
            if as_json:
                sys.stdout.write(report_line(one).decode())
            elif report.recordings % _PROGRESS_EVERY == 0:
                sys.stderr.write(f"{report.recordings:,} recordings read back\n")
    sys.stdout.write(f"{json.dumps(report.to_document()) if as_json else report}\n")
    if report.empty:
        sys.stderr.write("error: nothing is archived there, so nothing was verified\n")
        return NO_ANSWER
    return IN_ORDER if report.clean else NOT_IN_ORDER


def _verify_file(options: argparse.Namespace) -> int:
    raw, [recording_id] = options.trail.read_bytes(), options.recording
    document: dict[str, Any] = {"schema": "cxone.trail-verification/1", "recording_id": recording_id, "problem": None}
    try:
        trail = verify_trail_alone(recording_id, raw, options.head)
        proof = trail.last("verified") or {}
        document |= {"lines": len(trail.events), "head": trail.head, "media_sha256": proof.get("sha256")}
    except AuditBroken as error:
        document["problem"] = str(error)
    if options.json:
        sys.stdout.write(f"{json.dumps(document)}\n")
    else:
        _tell_of_file(document, announced=bool(options.head))
    return IN_ORDER if document["problem"] is None else NOT_IN_ORDER


def _tell_of_file(document: dict[str, Any], *, announced: bool) -> None:
    if document["problem"] is not None:
        sys.stdout.write(f"audit trail of {document['recording_id']}: {document['problem']}\n")
        return
    lines = [
        f"audit trail of {document['recording_id']}: {document['lines']:,} lines, the chain holds",
        f"  head              {document['head']}",
        f"  SHA-256 of media  {document['media_sha256'] or 'none: no try came as far as the whole recording'}",
        "It holds the announced head." if announced else
        "A tail that was cut off shows only against the head that the webhook announced: give it as --head.",
        SINCE_RECEIPT,
    ]  # fmt: skip
    sys.stdout.write("\n".join(lines) + "\n")
