"""``python -m benchmarks.growth``: what grows with the day, from 10 to 100,000 recordings; kept in docs/scaling.md.

Fails where anything grows faster than linearly from 100 recordings on, or a mapped task's memory or XCom with the day.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import scheduler_load
from benchmarks.ends import ends
from benchmarks.equipment import PEERS, ROOT, WORK, prepare
from benchmarks.exponents import faults
from benchmarks.growth_report import written
from benchmarks.loads import Load, make_media
from benchmarks.report import machine_of
from benchmarks.rounds import Client, once
from benchmarks.stages import STAGES
from tools.servers.leash import leashed

COUNTS = (10, 100, 1_000, 10_000, 100_000)
DOCUMENT = ROOT / "docs" / "scaling.md"
PLOTS = ROOT / "docs" / "scaling"
_CALL = Load("a second of a call", "second", 0, call="one-second.mp3", duration_s=1.0)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, keep, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=COUNTS[-1], help="recordings of the longest day")
    parser.add_argument("--batches", type=int, nargs="*", default=scheduler_load.BATCHES, help="for the scheduler")
    parser.add_argument("--write", action="store_true", help="keep the run in docs/scaling.md")
    given = parser.parse_args(words)
    prepare()
    run: dict[str, Any] = {"machine": {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **machine_of()}}
    run["steps"] = steps([count for count in COUNTS if count <= given.most])
    run["scheduler"], run["scheduler_waiting"] = scheduler_load.load(given.batches) if given.batches else ([], None)
    results = WORK / "growth.json"
    results.write_text(json.dumps(run, indent=1))
    document = written(DOCUMENT.read_text(encoding="utf-8"), run)
    if given.write:
        _keep(document, run, results)
    print(document.partition("begins -->")[2].partition("<!--")[0])
    found = faults(run)
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


def steps(counts: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Return what each step took for days of so many recordings."""
    told: dict[str, list[dict[str, Any]]] = {"stream": [_stream(count) for count in counts]}
    for name in STAGES:
        told[name] = [_stage(name, count) for count in counts]
        print(f"[bench] {name}: {told[name][-1]['took_s']:.1f} s for {counts[-1]:,}", file=sys.stderr, flush=True)
    return told


def _stream(count: int) -> dict[str, Any]:
    folder = WORK / "growth-of-days"
    make_media(_CALL, folder)
    load = Load(_CALL.name, _CALL.media, count, call=_CALL.call, duration_s=_CALL.duration_s)
    with tempfile.TemporaryDirectory() as scratch, ends(folder, Path(scratch), nginx=False) as both:
        cost = once(Client("batches of 100", "benchmarks.batched", "batched"), load, both)
    cxone = sum(cost.requests.get(kind, 0) for kind in ("token", "metadata", "media"))
    return {
        "count": count,
        "took_s": cost.took_s,
        "cpu_s": cost.cpu_s,
        "peak_mib": cost.peak_mib,
        "cxone_requests": cxone,
        "s3_requests": sum(cost.requests.values()) - cxone,
        **cost.told,
    }


def _stage(name: str, count: int) -> dict[str, Any]:
    home = {"AIRFLOW_HOME": str(WORK / "airflow"), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
    with _tenant(count) if name == "list" else nullcontext("") as base_url:
        command = [sys.executable, "-m", "benchmarks.stages", name, str(count), base_url]
        ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **home}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{name} of {count} failed:\n{ran.stderr[-3000:]}")
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told


@contextmanager
def _tenant(count: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as scratch:
        log_path = Path(scratch) / "tenant.log"
        command = [sys.executable, "-m", "benchmarks.contact_server", str(count)]
        with leashed(command, log_path=log_path, env=os.environ, cwd=ROOT) as server:
            while not log_path.read_text().strip():
                if not server.pause_s(0.05):
                    raise SystemExit(server.log_tail())
            yield f"http://127.0.0.1:{log_path.read_text().split()[0]}"


def _keep(document: str, run: Mapping[str, Any], results: Path) -> None:
    DOCUMENT.write_text(document, encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "results.json").write_text(json.dumps(run, separators=(",", ":")) + "\n")
    subprocess.run([PEERS / "python", "-m", "benchmarks.growth_plots", results, PLOTS], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
