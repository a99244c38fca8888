"""A client process: imports, says that it is ready, moves what it is told, and prints what that cost.

Needs nothing but the standard library, for it runs in the peers' environment as well.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

THREADS = 4
SAMPLED_EVERY_S = 0.004  # what the kernel's clock resolves
_KIB_OF_MIB = 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What a client moves, and between which ends.

    Attributes:
        source_url, s3_url, access_key, secret_key, bucket: the ends.
        ids: recordings.
        options: what one client alone understands; `samples`, a file for stacks; `span`, to be told when it was.
    """

    source_url: str
    s3_url: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    ids: Sequence[str]
    options: Mapping[str, Any] = field(default_factory=dict)

    def media_url(self, recording_id: str) -> str:
        """Return where a recording's media is."""
        return f"{self.source_url}/api/v2/recording/download/{recording_id}"


def serve(clients: Mapping[str, Callable[[Job], Mapping[str, Any] | None]]) -> None:
    """Run the client named on the command line: one job from standard input, its cost to standard output."""
    client = clients[sys.argv[1]]
    job = Job(**json.loads(sys.stdin.readline()))
    idle_mib = _resident_mib()
    with _sampled(job.options.get("samples")):
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        told = dict(client(job) or {})
        ended_s, cpu_s = time.monotonic(), time.process_time() - began_cpu_s
    if "span" in job.options:
        told["span"] = [began_s, ended_s]
    cost = {"took_s": ended_s - began_s, "cpu_s": cpu_s, "peak_mib": _peak_mib() - idle_mib, "told": told}
    print(json.dumps(cost), flush=True)
    # What a client leaves running must not spoil its figure: obstore's runtime aborts some processes at their end.
    os._exit(0)


@contextmanager
def _sampled(path: str | None) -> Iterator[None]:
    """Write the stack of the thread that runs, each :data:`SAMPLED_EVERY_S` of the process's processor time.

    The kernel's timer for profilers counts the time of all threads and interrupts the one that is running, and the
    handler, CPython's own, is in C: no thread is stopped or woken for it, as a profiler from outside has to.
    """
    if path is None:
        yield
        return
    with Path(path).open("wb") as file:
        faulthandler.register(signal.SIGPROF, file, all_threads=False)
        signal.setitimer(signal.ITIMER_PROF, SAMPLED_EVERY_S, SAMPLED_EVERY_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, signal.SIG_IGN)


def _peak_mib() -> float:
    # Not ru_maxrss: that begins with the peak of the process this one was forked from.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / _KIB_OF_MIB


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
