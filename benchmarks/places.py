"""Where a program's processor time goes, as `perf` sees it: of any program, kernel included, without its help."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.equipment import PEERS, WORK, go_environment

_A_SECOND = 997  # a prime: nothing that happens a thousand times a second meets each sample
_GO_PROGRAM, _GO_BEGINS = PEERS / "rclone", 0x400000

HASHING, COPYING = "SHA-256, MD5", "bytes copied in the process"
RUNTIME, PROGRAM = "Python's interpreter, Go's runtime", "program and libraries"
# By a function that is on the kernel's stack; the first that fits.
_KERNEL: Mapping[str, tuple[str, ...]] = {
    "kernel: network, receiving": ("tcp_recvmsg", "sock_recvmsg", "__sys_recvfrom", "sock_read_iter"),
    "kernel: network, sending": ("tcp_sendmsg", "sock_sendmsg", "__sys_sendto", "sock_write_iter"),
    "kernel: pipes": ("anon_pipe_read", "anon_pipe_write", "pipe_read", "pipe_write"),
    "kernel: threads that wait and wake": ("do_futex", "__x64_sys_futex", "__schedule", "do_epoll_wait", "do_sys_poll"),
    "kernel: memory": ("exc_page_fault", "do_mmap", "__vm_munmap", "do_madvise", "__x64_sys_mprotect"),
}
_KERNEL_REST = "kernel: the rest"
PLACES = (HASHING, COPYING, PROGRAM, RUNTIME, *_KERNEL, _KERNEL_REST)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample: the functions on its stack, innermost first, as address, symbol and file."""

    at_s: float
    frames: Sequence[tuple[int, str, str]]


def works() -> bool:
    """Tell whether `perf` is here and may look into the kernel."""
    return shutil.which("perf") is not None and not _recording(WORK / "perf.try", ["true"]).returncode


def _recording(path: Path, command: Sequence[str | Path]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*recorder(path), *command], capture_output=True, check=False)


def recorder(path: Path) -> list[str]:
    """Return the command that a recorded command follows."""
    clock = ["-e", "cpu-clock", "-F", str(_A_SECOND), "-k", "CLOCK_MONOTONIC"]
    return ["perf", "record", "--quiet", "--call-graph", "fp", *clock, "-o", str(path), "--"]


def shares_of(path: Path, span: Sequence[float] | None) -> Mapping[str, float]:
    """Return each place's share of a recording's samples, of those in `span`, in seconds of the monotonic clock."""
    taken = [one for one in _samples(path) if one.frames and (span is None or span[0] <= one.at_s <= span[1])]
    names = _go_names({one.frames[0][0] for one in taken if one.frames[0][2] == str(_GO_PROGRAM)})
    counted = Counter(place_of(one, names) for one in taken)
    return {place: counted[place] / len(taken) for place in PLACES if counted[place]}


def _samples(path: Path) -> Iterator[Sample]:
    command = ["perf", "script", "-i", str(path), "-F", "tid,time,ip,sym,dso", "--ns"]
    text = subprocess.run(command, capture_output=True, check=True, text=True, errors="replace").stdout
    for block in text.split("\n\n"):
        head, *lines = block.strip("\n").splitlines() or [""]
        if lines:
            yield Sample(float(head.split()[1].rstrip(":")), [_frame(line) for line in lines])


def _frame(line: str) -> tuple[int, str, str]:
    address, _, rest = line.strip().partition(" ")
    symbol, _, file = rest.rpartition(" (")
    return int(address, 16), symbol.partition("+")[0], file.rstrip(")")


def place_of(sample: Sample, go_names: Mapping[int, str]) -> str:
    """Return where a sample's time went, by its innermost function."""
    address, symbol, file = sample.frames[0]
    if file == "[kernel.kallsyms]":
        on_stack = {name for _, name, where in sample.frames if where == file}
        return next((place for place, names in _KERNEL.items() if not on_stack.isdisjoint(names)), _KERNEL_REST)
    name = go_names.get(address, symbol)
    if "memmove" in name or "memcpy" in name:
        return COPYING
    if "libcrypto" in file or "sha256" in name or "md5" in name:
        return HASHING
    if "libpython" in file or "lib-dynload" in file or name.startswith(("runtime.", "internal/runtime", "_Py", "Py")):
        return RUNTIME
    return PROGRAM


def _go_names(addresses: set[int]) -> Mapping[int, str]:
    """Return the functions at addresses of the Go program: it has no symbols, but Go's own table of lines."""
    if not addresses:
        return {}
    asked = sorted(addresses)
    text = "\n".join(hex(address + _GO_BEGINS) for address in asked) + "\n"
    command: list[str | Path] = [PEERS / "go", "tool", "addr2line", _GO_PROGRAM]
    ran = subprocess.run(command, input=text, env=go_environment(), capture_output=True, check=True, text=True)
    return dict(zip(asked, ran.stdout.splitlines()[::2], strict=True))
