"""What all processes of one Airflow take together: memory that they share is counted once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_SESSION, _CPU = 3, slice(11, 15)
_KIB_OF_MIB = 1024


def pss_mib(home: Path) -> float:
    """Return the proportional set size of everything that runs in this Airflow home."""
    return sum(_pss_kib(folder) for folder in _folders(home)) / _KIB_OF_MIB


def cpu_s(home: Path) -> float:
    """Return the seconds of processor used so far, those of children that ended included."""
    return sum(int(ticks) for folder in _folders(home) for ticks in _stat(folder)[_CPU]) / _TICKS


def _folders(home: Path) -> Iterator[Path]:
    """Yield the processes of every session that one with this home belongs to: those of tasks rename themselves."""
    stats = {folder: _stat(folder) for folder in Path("/proc").glob("[0-9]*")}
    every = {folder: stat[_SESSION] for folder, stat in stats.items() if stat}
    wanted = f"AIRFLOW_HOME={home}".encode()
    sessions = {session for folder, session in every.items() if wanted in _environment(folder)}
    yield from (folder for folder, session in every.items() if session in sessions)


def _environment(folder: Path) -> list[bytes]:
    with suppress(OSError):
        return (folder / "environ").read_bytes().split(b"\0")
    return []


def _pss_kib(folder: Path) -> int:
    with suppress(OSError):
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _stat(folder: Path) -> list[str]:
    # a process may end while it is looked at
    with suppress(OSError):
        return (folder / "stat").read_text().rpartition(")")[2].split()
    return []
