"""``python -m benchmarks``: everything that is measured, part by part, kept in ``docs/performance.md``.

Source and sink are started for it, every client is a process of its own, and all clients take their turn in every
round. Read ratios: absolute figures belong to the machine. A part is kept as soon as it is measured: a run may be
interrupted, and `--part` and `--load` renew what they name and leave the rest of the page as it is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import airflow_share, kept, profiles, scaling, sweep, verify_trail
from benchmarks.ends import Ends, ends, real_store
from benchmarks.equipment import PEERS, ROOT, WORK, prepare
from benchmarks.loads import FULL, MIB, QUICK, Load, make_media
from benchmarks.report import machine_of, text_of, written
from benchmarks.rounds import CLIENTS, documents, measured

DOCUMENT = ROOT / "docs" / "performance.md"
PLOTS = ROOT / "docs" / "performance"
KEPT = PLOTS / "results.json"
PARTS = ("loads", "memory", "growth", "airflow", "sweep", "profiles", "trail")
_SHOWN = ("ours", "ours_unsigned", "rclone", "boto3", "obstore")
_REAL = ("ours_unsigned", "rclone", "boto3")
_INTO_A_STORE = Load("50 x 1 MiB into SeaweedFS", "mib", 50, MIB)


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print, and keep each part as it is done."""
    given = _arguments(words)
    prepare()
    loads = {**(QUICK if given.quick else FULL), "real": _INTO_A_STORE}
    rounds = given.rounds or (1 if given.quick else 5)
    results = KEPT if given.write else WORK / "results.json"
    run = kept.opened(results) if given.write else dict(kept.EMPTY)
    machine = machine_of()
    for names, measure in _parts(loads, rounds, given):
        at = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", **machine}
        if not loads.keys().isdisjoint(names):
            at["rounds"] = rounds
        run = kept.renewed(run, {**measure(), "machines": dict.fromkeys(names, at)})
        kept.keep(run, results)
        if given.write:
            _write(run, loads)
    if given.write:
        _write(run, loads)  # also what another commit made of the page, when nothing was measured
    print(text_of(run, loads))
    print(f"[bench] figures: {results}", file=sys.stderr)
    return 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small loads, one round: a minute or two")
    parser.add_argument("--rounds", type=int, help="of every client; 5, or 1 with --quick")
    parser.add_argument("--load", action="append", choices=[*FULL, "real"], help="only these loads")
    parser.add_argument("--part", action="append", choices=[*PARTS, "none"], help="only these parts; none: draw again")
    parser.add_argument("--write", action="store_true", help="keep each part in docs/performance.md when it is done")
    given = parser.parse_args(words)
    if given.quick and given.write:
        parser.error("a quick look is not kept")
    return given


def _parts(
    loads: Mapping[str, Load], rounds: int, given: argparse.Namespace
) -> Iterator[tuple[Sequence[str], Callable[[], Mapping[str, Any]]]]:
    """Yield what is to be measured: the names of its machine, and how."""
    wanted = given.part or (["loads"] if given.load else PARTS[:2] if given.quick else PARTS)
    if "loads" in wanted:
        for name in given.load or loads:
            if name in loads:
                yield [name], partial(_measure_load, name, loads[name], rounds)
    sizes = ["1 MiB", "64 MiB"] if given.quick else list(scaling.SIZES)
    whole: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        "memory": lambda: {"memory": scaling.memory(WORK, sizes)},
        "growth": lambda: {"growth": scaling.growth(WORK, scaling.BATCHES)},
        "airflow": lambda: {"airflow": airflow_share.share(airflow_share.BATCHES)},
        "sweep": lambda: {"sweep": sweep.sweep()},
        "profiles": lambda: {"profiles": profiles.profiles(PLOTS if given.write else WORK)},
        "trail": _trail,
    }
    yield from (([name], whole[name]) for name in wanted if name in whole)


def _trail() -> Mapping[str, Any]:
    verify_trail.main()
    return {}


def _measure_load(name: str, load: Load, rounds: int) -> Mapping[str, Any]:
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
    return {"loads": {name: costs}, "ends": {name: _told(load, both)}, "titles": {name: load.name}}


def _told(load: Load, both: Ends) -> str:
    names = {"compiled": "the compiled server", "nginx": "nginx", "SeaweedFS": "SeaweedFS"}
    pause = f", {load.delay_ms} ms before each answer" if load.delay_ms else ""
    return f"Source: {names[both.source]}; sink: {names[both.sink]}{pause}"


def _write(run: Mapping[str, Any], loads: Mapping[str, Load]) -> None:
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), run, loads), encoding="utf-8")
    subprocess.run([PEERS / "python", "-m", "benchmarks.plots", KEPT, PLOTS], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
