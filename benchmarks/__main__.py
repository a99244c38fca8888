"""``python -m benchmarks``: everything that is measured, in one run, kept in ``docs/performance.md``.

Source and sink are started for it, every client is a process of its own, and all clients take their turn in every
round. Read ratios: absolute figures belong to the machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import airflow_share, scaling, verify_trail
from benchmarks.ends import Ends, ends, real_store
from benchmarks.equipment import PEERS, ROOT, WORK, prepare
from benchmarks.loads import FULL, MIB, QUICK, Load, make_media
from benchmarks.report import machine_of, text_of, written
from benchmarks.rounds import CLIENTS, documents, measured

DOCUMENT = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
PARTS = ("loads", "memory", "growth", "airflow", "trail")
_SHOWN = ("ours", "ours_unsigned", "rclone", "boto3", "obstore")
_REAL = ("ours_unsigned", "rclone", "boto3")


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and keep the run."""
    given = _arguments(words)
    prepare()
    loads = dict(QUICK if given.quick else FULL)
    rounds = given.rounds or (1 if given.quick else 5)
    run: dict[str, Any] = {"machine": {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **machine_of(rounds)}}
    run |= _measure(loads, rounds, given)
    run["titles"] = {name: load.name for name, load in loads.items()}
    print(text_of(run, loads))
    results = WORK / "results.json"
    results.write_text(json.dumps(run, indent=1))
    print(f"[bench] figures: {results}", file=sys.stderr)
    if given.write:
        _keep(run, loads, results)
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small loads, one round: a minute or two")
    parser.add_argument("--rounds", type=int, help="of every client; 5, or 1 with --quick")
    parser.add_argument("--load", action="append", help="only these loads")
    parser.add_argument("--part", action="append", choices=PARTS, help="only these parts")
    parser.add_argument("--write", action="store_true", help="keep the run in docs/performance.md")
    return parser.parse_args(words)


def _measure(loads: dict[str, Load], rounds: int, given: argparse.Namespace) -> dict[str, Any]:
    parts = given.part or PARTS[:2] if given.quick else given.part or PARTS
    run: dict[str, Any] = {"loads": {}, "ends": {}, "memory": [], "growth": [], "airflow": {}}
    if "loads" in parts:
        for name in given.load or loads:
            run["loads"][name], run["ends"][name] = _measure_load(name, loads[name], rounds)
        if not given.load:
            loads["real"] = Load("50 x 1 MiB into SeaweedFS", "mib", 50, MIB)
            run["loads"]["real"], run["ends"]["real"] = _measure_load("real", loads["real"], rounds)
    if "memory" in parts:
        run["memory"] = scaling.memory(WORK, ["1 MiB", "64 MiB"] if given.quick else list(scaling.SIZES))
    if "growth" in parts:
        run["growth"] = scaling.growth(WORK, scaling.BATCHES)
    if "airflow" in parts:
        run["airflow"] = airflow_share.share(airflow_share.BATCHES)
    if "trail" in parts:
        verify_trail.main()
    return run


def _measure_load(name: str, load: Load, rounds: int) -> tuple[Mapping[str, Any], str]:
    folder = WORK / "media"
    make_media(load, folder)
    with tempfile.TemporaryDirectory(dir=WORK) as scratch:
        at = Path(scratch)
        opened = real_store(folder, at) if name == "real" else ends(folder, at, delay_ms=load.delay_ms)
        with opened as both:
            names = _REAL if name == "real" else _SHOWN if load.delay_ms else tuple(CLIENTS)
            costs = documents(measured(load, both, rounds, names))
    for path in folder.glob(f"{load.media}*"):
        path.unlink()
    return costs, _told(load, both)


def _told(load: Load, both: Ends) -> str:
    names = {"compiled": "the compiled server", "nginx": "nginx", "SeaweedFS": "SeaweedFS"}
    pause = f", {load.delay_ms} ms before each answer" if load.delay_ms else ""
    return f"Source: {names[both.source]}; sink: {names[both.sink]}{pause}"


def _keep(run: Mapping[str, Any], loads: Mapping[str, Load], results: Path) -> None:
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), run, loads), encoding="utf-8")
    PLOTS.mkdir(exist_ok=True)
    (PLOTS / "results.json").write_text(json.dumps(run, separators=(",", ":")) + "\n")
    subprocess.run([PEERS / "python", "-m", "benchmarks.plots", results, PLOTS], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
