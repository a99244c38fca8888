"""Runs a command and tells what it took: a process of its own, started without anything that is not needed.

A process inherits the peak memory of the one it was forked from: measured from the benchmarks' own process, `curl`
would take what that one takes. This one is smaller than any client.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

_KIB_OF_MIB = 1024


def launch(command: list[str]) -> dict[str, float]:
    """Return a command's time, seconds of processor, peak memory and exit code; its output is this process's."""
    began_s = time.perf_counter()
    process = subprocess.Popen(command, stdout=sys.stderr)
    _, status, used = os.wait4(process.pid, 0)
    return {
        "took_s": time.perf_counter() - began_s,
        "cpu_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / _KIB_OF_MIB,
        "exit_code": os.waitstatus_to_exitcode(status),
    }


if __name__ == "__main__":
    print(json.dumps(launch(sys.argv[1:])))
