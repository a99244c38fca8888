"""Servers that cannot outlive the process that started them, not even when that one is killed.

A server runs behind a small process of its own that holds one end of a pipe. However the starter ends, the system
closes the other end, and the small process stops the server's whole process group. Run as a script, this file is
that small process; it needs nothing but the standard library.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

GRACE_S = 5.0
_POLL_S = 0.05


class Leashed:
    """A running server.

    Attributes:
        log_path: what the server prints.
    """

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self._process = process
        self.log_path = log_path

    def pause_s(self, seconds: float = _POLL_S) -> bool:
        """Wait, at most until the server ends by itself; tell whether it still runs."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def log_tail(self, lines: int = 20) -> str:
        """Return the end of what the server printed."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def processes(self) -> list[int]:
        """Return the ids of the server and of everything below it, which may have groups of their own."""
        found = _children_of(self._process.pid)
        for process in found:  # grows while it is walked
            found.extend(_children_of(process))
        return found

    def kill(self) -> None:
        """Kill the server and everything below it, so that nothing of it can tidy up; wait until it is gone."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Stop the server's process group and wait until it is gone; stopping twice is no error."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            # A byte, not only the closed end: a process that was forked meanwhile may hold a copy of the pipe.
            with suppress(BrokenPipeError):
                pipe.write(b".")
                pipe.flush()
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


@contextmanager
def leashed(
    command: Sequence[str | Path], *, log_path: Path, env: Mapping[str, str], cwd: Path | None = None
) -> Iterator[Leashed]:
    """Run `command` until the block ends, in whatever way it ends.

    Args:
        command: program and arguments; found without a shell.
        log_path: file that gets standard output and error.
        env: the whole environment.
        cwd: working directory.
    """
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    server = Leashed(process, log_path)
    try:
        yield server
    finally:
        server.stop()


def _children_of(process: int) -> list[int]:
    try:
        told = [path.read_text() for path in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:
        return []  # it ended meanwhile
    return [int(child) for line in told for child in line.split()]


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _stop_when_told(process: subprocess.Popen[bytes]) -> None:
    os.read(sys.stdin.fileno(), 1)  # not the buffered reader: its lock would outlive this thread at exit
    _signal_group(process, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signal_group(process, signal.SIGKILL)


def hold(command: Sequence[str]) -> int:
    """Run `command` in a process group of its own and return its exit status.

    It is stopped when standard input gives a byte or ends.
    """
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_stop_when_told, args=[process], daemon=True).start()
    status = process.wait()
    # The server's own children may still be there when it ends first.
    _signal_group(process, signal.SIGKILL)
    return status


if __name__ == "__main__":
    raise SystemExit(hold(sys.argv[1:]))
