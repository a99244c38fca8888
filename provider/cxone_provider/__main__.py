"""``python -m cxone_provider``: check an archive, and tidy up after killed tasks, without Airflow.

Exit status: 0 when everything that was asked about is in order, 1 when something is not, 2 when the question cannot be
answered: wrong arguments, no such bucket, nothing archived there. Credentials are found boto3's own way: environment,
profile, role.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.s3 import S3Store, default_client
from cxone_provider.archive.errors import ArchiveError, AuditBroken
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.recording import checked_recording_id
from cxone_provider.archive.settings import MAX_CONCURRENCY
from cxone_provider.archive.slices import Slice, known_ids, named_ids
from cxone_provider.archive.sweeping import parse_age, sweep_uploads
from cxone_provider.archive.verification_report import SINCE_RECEIPT, VerificationReport, report_line
from cxone_provider.archive.verifying import Verification, Verifier, verify_trail_alone

IN_ORDER, NOT_IN_ORDER, NO_ANSWER = 0, 1, 2
_PROGRESS_EVERY = 1000
_SCHEME = "s3://"
_T = TypeVar("_T")


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
    for add in (_add_verify, _add_sweep):
        add(commands)
    return parser


def _add_verify(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "verify",
        help="is the archive still what it says?",
        description="Read back, hash again, compare. " + SINCE_RECEIPT,
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("archive", nargs="?", type=_argument(_layout_of), metavar="s3://BUCKET/PREFIX")
    where.add_argument("--trail", type=Path, metavar="FILE", help="check an audit trail that lies here; asks no store")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--recording",
        action="append",
        type=_argument(checked_recording_id),
        metavar="ID",
        help="instead of all; repeat; a contact's id stands for its recordings",
    )
    which.add_argument(
        "--slice", type=_argument(_slice_of), default=Slice(), metavar="N/T", help="part N of T, from 1/T to T/T"
    )
    parser.add_argument("--head", metavar="HASH", help="audit_head as the webhook told it, of one --recording")
    parser.add_argument("--concurrency", type=int, choices=range(1, MAX_CONCURRENCY + 1), default=4, metavar="N")
    parser.add_argument("--json", action="store_true", help="JSON Lines: one per recording, the summary last")
    _add_endpoint(parser)
    parser.set_defaults(run=_verify, parser=parser)


def _add_sweep(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "sweep", help="remove the archive's own stale uploads", description="Leaves what is foreign, and what lives."
    )
    parser.add_argument("archive", type=_argument(_layout_of), metavar="s3://BUCKET/PREFIX")
    parser.add_argument(
        "--older-than",
        type=_argument(parse_age),
        required=True,
        metavar="AGE",
        help="longer than any task runs: 2d, 36h",
    )
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed")
    _add_endpoint(parser)
    parser.set_defaults(run=_sweep)


def _add_endpoint(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint-url", metavar="URL", help="S3 server; AWS's own by default")


def _argument(parse: Callable[[str], _T]) -> Callable[[str], _T]:
    """Return `parse` as argparse wants it: its errors, in its own words, become usage errors."""

    def parsed(text: str) -> _T:
        try:
            return parse(text)
        except ArchiveError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parsed


def _layout_of(uri: str) -> ArchiveLayout:
    bucket, _, prefix = uri.removeprefix(_SCHEME).partition("/")
    return ArchiveLayout(bucket if uri.startswith(_SCHEME) else "", prefix)


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
    store = _store_of(options, options.concurrency)
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


def _sweep(options: argparse.Namespace) -> int:
    store = _store_of(options, concurrency=1)
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


def _store_of(options: argparse.Namespace, concurrency: int) -> S3Store:
    client = default_client(endpoint_url=options.endpoint_url, concurrency=concurrency)
    store = S3Store(client, options.archive.bucket)
    store.check()
    return store


if __name__ == "__main__":
    sys.exit(main())
