"""``python -m benchmarks.streaming``: CXone to S3, against peers, all in the same run and in turn.

Source: the simulator in a process of its own. Sink: an endpoint that discards. Each client is a process of its own, so
imports, connections and peak memory are its own. Read ratios; absolute figures belong to the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.clients import CLIENT_ID, CLIENTS, SECRET_VARIABLE
from tools.servers.leash import leashed

ROOT = Path(__file__).parents[1]
_MIB = 2**20
_SECRETS = {
    "CXONE_SIMULATOR_CLIENT_ID": CLIENT_ID,
    "CXONE_SIMULATOR_CLIENT_SECRET": "bench-secret",
    "CXONE_SIMULATOR_STREAM_SECRET": "bench-stream-secret-0123456789abcdef",
    SECRET_VARIABLE: "bench-secret",
    "BENCH_STREAM_SECRET": "bench-stream-secret-0123456789abcdef",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What is moved: `count` recordings of `size_bytes`; peers that hold all in memory can be left out."""

    name: str
    count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one client took in one round."""

    took_s: float
    cpu_s: float
    peak_mib: float


LOADS = {
    "large": Load("one recording of 1 GiB", 1, 1 << 30),
    "calls": Load("200 recordings of 1 MiB", 200, 1 << 20),
    "quick": Load("one recording of 128 MiB", 1, 128 << 20),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print one table for each load."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--load", choices=LOADS, action="append", help="default: large and calls")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="also write the tables into this file")
    options = parser.parse_args(arguments)
    text = [_preface(options.rounds)]
    for name in options.load or ["large", "calls"]:
        text.append(_table(LOADS[name], _measure(LOADS[name], options.rounds)))
        sys.stdout.write(text[-1] + "\n")
    if options.write:
        options.write.write_text("\n".join(text), encoding="utf-8")
    return 0


def _measure(load: Load, rounds: int) -> dict[str, list[Cost]]:
    with tempfile.TemporaryDirectory() as scratch, _servers(Path(scratch), load) as (source_url, s3_url):
        names = [name for name in CLIENTS if not name.startswith("rclone") or shutil.which("rclone")]
        costs: dict[str, list[Cost]] = {name: [] for name in names}
        for _ in range(rounds):
            for name in names:
                costs[name].append(_run(name, source_url, s3_url, load))
        return costs


def _run(name: str, source_url: str, s3_url: str, load: Load) -> Cost:
    ids = [f"rec-{number}" for number in range(load.count)]
    command = [sys.executable, "-m", "benchmarks.clients", name, source_url, s3_url, *ids]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **_SECRETS}, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{name} failed:\n{ran.stderr[-2000:]}")
    return Cost(**json.loads(ran.stdout.splitlines()[-1]))


@contextmanager
def _servers(scratch: Path, load: Load) -> Iterator[tuple[str, str]]:
    recordings = scratch / "recordings"
    recordings.mkdir()
    entries = [
        {"id": f"rec-{number}", "generated_bytes": load.size_bytes, "format": "wav"} for number in range(load.count)
    ]
    (recordings / "recordings.json").write_text(json.dumps({"recordings": entries}))
    env = {**os.environ, **_SECRETS, "PYTHONUNBUFFERED": "1"}
    simulator = [sys.executable, "-m", "cxone_provider.simulator", "--recordings", str(recordings)]
    sink = [sys.executable, "-m", "benchmarks.discarding_s3"]
    with (
        leashed(simulator, log_path=scratch / "simulator.log", env=env, cwd=ROOT) as source,
        leashed(sink, log_path=scratch / "sink.log", env=env, cwd=ROOT) as discarding,
    ):
        while "listening on " not in source.log_path.read_text() or not discarding.log_path.read_text().strip():
            if not (source.pause_s() and discarding.pause_s()):
                raise SystemExit(source.log_tail() + discarding.log_tail())
        source_url = source.log_path.read_text().split("listening on ")[1].split()[0]
        yield source_url, f"http://127.0.0.1:{discarding.log_path.read_text().strip()}"


def _preface(rounds: int) -> str:
    return f"""# Benchmarks

`make bench` prints these tables: CXone simulator → client → S3 endpoint that discards, on loopback. Every client is a
process of its own, imports included; medians of {rounds} rounds, the clients in turn. Absolute figures belong to the
machine (here Python {platform.python_version()}, {os.cpu_count()} cores); compare the ratios. CPU is the client's own.
Memory is the peak above the idle process; for rclone, its whole process.

What the clients do is not the same: only this provider checks ranges, sizes, audio structure and digests, writes an
audit trail and a manifest. The others copy.
"""


def _table(load: Load, costs: dict[str, list[Cost]]) -> str:
    total_mib = load.count * load.size_bytes / _MIB
    own = statistics.median(cost.took_s for cost in costs["this provider"])
    lines = [
        f"\n## {load.name}",
        "| client | MiB/s | recordings/s | time against ours | CPU s/GiB | memory MiB |",
        "|---|---|---|---|---|---|",
    ]
    for name, rounds in costs.items():
        took_s = statistics.median(cost.took_s for cost in rounds)
        cpu = statistics.median(cost.cpu_s for cost in rounds) / (total_mib / 1024)
        peak = statistics.median(cost.peak_mib for cost in rounds)
        speed = f"{total_mib / took_s:,.0f} | {load.count / took_s:,.1f}"
        lines.append(f"| {name} | {speed} | {took_s / own:.2f} | {cpu:.2f} | {peak:,.0f} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
