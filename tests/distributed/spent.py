"""What the servers that this process started have spent, with everything below them, by what they are."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

# What a server's command line holds, and what it is called. The order decides: a worker is an `airflow` as well.
_NAMES = (
    ("redis-server", "Redis"),
    ("bin/postgres", "PostgreSQL"),
    ("cxone_provider.simulator", "tenant"),
    ("weed", "S3 server"),
    ("celery", "workers"),
    ("scheduler", "scheduler"),
    ("dag-processor", "DAG processor"),
    ("triggerer", "triggerer"),
    ("api-server", "API server"),
)
AIRFLOW = ("workers", "scheduler", "DAG processor", "triggerer", "API server", "PostgreSQL", "Redis")
_HERTZ = os.sysconf("SC_CLK_TCK")
_KIB_PER_MIB = 1024


def processor_s() -> Counter[str]:
    """Return processor seconds by kind of server, with those of children that have ended and were waited for."""
    spent: Counter[str] = Counter()
    for process, name in _servers().items():
        fields = _read(process, "stat").rpartition(")")[2].split()
        if fields:
            spent[name] += sum(int(ticks) for ticks in fields[11:15]) / _HERTZ  # type: ignore[assignment]  # seconds
    return spent


def memory_mib() -> Counter[str]:
    """Return memory by kind of server in MiB; what processes share is divided among them (PSS)."""
    held: Counter[str] = Counter()
    for process, name in _servers().items():
        told = dict(line.split(":", 1) for line in _read(process, "smaps_rollup").splitlines() if ":" in line)
        held[name] += int(told.get("Pss", "0 kB").split()[0]) // _KIB_PER_MIB
    return held


def _servers() -> dict[int, str]:
    """Return every process below this one that belongs to a server, and what that is."""
    found: dict[int, str] = {}
    for holder in _children(os.getpid()):
        command = _read(holder, "cmdline").replace("\0", " ")
        name = next((name for part, name in _NAMES if part in command), None)
        if name is not None:
            below = [holder]
            for process in below:  # grows while it is walked
                below.extend(_children(process))
                found[process] = name
    return found


def _children(process: int) -> list[int]:
    told = [_text(path) for path in Path(f"/proc/{process}/task").glob("*/children")]
    return [int(child) for line in told for child in line.split()]


def _read(process: int, name: str) -> str:
    return _text(Path(f"/proc/{process}/{name}"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it ended meanwhile
