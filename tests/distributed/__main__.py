"""``python -m tests.distributed``: a day of 10,000 recordings on a cluster that is not left in peace."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.distributed.cluster import WORKERS
from tests.distributed.pace import bare_pace, pace
from tests.distributed.proof import prove
from tests.distributed.report import DOCUMENT, Report, written
from tests.distributed.site import site
from tests.distributed.tenant import Quota
from tools.servers.debian import NotInstalled, postgres_programs, redis_program

RECORDINGS, PACE_RECORDINGS = 10_000, 3_000
_QUICK_RECORDINGS, _QUICK_PACE_RECORDINGS = 600, 300
_NOT_INSTALLED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run everything; return 0 when everything held."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is stopped then, too
    began_s, load = time.monotonic(), os.getloadavg()[0]
    try:
        programs = [_version([postgres_programs() / "postgres", "--version"]), _version([redis_program(), "--version"])]
        report = _run(options, programs, began_s, load)
    except NotInstalled as error:
        print(f"[distributed] {error}", file=sys.stderr)
        return _NOT_INSTALLED
    print(report.text())
    if options.write:
        DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), report.text()), encoding="utf-8")
    return int(bool(report.proof.broken))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.distributed", description=__doc__)
    parser.add_argument("--recordings", type=int, help=f"of the day; {RECORDINGS:,}, or {_QUICK_RECORDINGS} if quick")
    parser.add_argument("--pace-recordings", type=int, help=f"of each day that is timed; {PACE_RECORDINGS:,}")
    parser.add_argument("--quota", type=int, default=1800, help="playback requests that the tenant takes in a minute")
    parser.add_argument("--quick", action="store_true", help="few recordings: a look at everything")
    parser.add_argument("--write", action="store_true", help=f"keep the run in docs/{DOCUMENT.name}")
    options = parser.parse_args(arguments)
    options.recordings = options.recordings or (_QUICK_RECORDINGS if options.quick else RECORDINGS)
    options.pace_recordings = options.pace_recordings or (_QUICK_PACE_RECORDINGS if options.quick else PACE_RECORDINGS)
    return options


def _run(options: argparse.Namespace, programs: Sequence[str], began_s: float, load: float) -> Report:
    with (
        TemporaryDirectory(prefix="cxone-distributed-", ignore_cleanup_errors=True) as folder,
        site(Path(folder)) as at,
    ):
        _tell(began_s, "Airflow is up without workers; the bare pipeline begins")
        bare, paces = bare_pace(at, options.pace_recordings), []
        for number, worker in enumerate(WORKERS, 1):
            at.cluster.start(worker)
            _tell(began_s, f"{number} of {len(WORKERS)} workers, {options.pace_recordings:,} recordings")
            paces.append(pace(at, number, options.pace_recordings))
        _tell(began_s, f"the proof, {options.recordings:,} recordings")
        proof = prove(at, options.recordings, Quota(options.quota))
        _tell(began_s, "done")
        command = f"python -m tests.distributed --recordings {options.recordings}"
        return Report(command, proof, bare, paces, time.monotonic() - began_s, load, programs)


def _version(command: Sequence[str | Path]) -> str:
    told = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout
    return " ".join(told.split()[:3])


def _tell(began_s: float, what: str) -> None:
    print(f"[distributed] {time.monotonic() - began_s:4.0f} s  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
