"""Servers for tests and demo: none outlives its starter, none takes a port of somebody else."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tools.servers import debian
from tools.servers.debian import NotInstalled
from tools.servers.leash import Leashed, leashed
from tools.servers.ports import free_port_with_twin, free_ports

ROOT = Path(__file__).resolve().parents[3]
# says its own id, and that of a child of its own, then stays
SERVER = ["sh", "-c", "sleep 60 & echo $$ $!; wait"]
STUBBORN = ["sh", "-c", "trap '' TERM; echo $$ $$; while :; do sleep 60; done"]
STARTER = """
import os, sys
from pathlib import Path
from tools.servers.leash import leashed
with leashed({command!r}, log_path=Path({log!r}), env=dict(os.environ)) as server:
    while len(server.log_tail().split()) < 2 and server.pause_s():
        pass
    print(server.log_tail(), flush=True)
    sys.stdin.read()
"""


def started(server: Leashed) -> list[int]:
    """Return the ids that a server prints."""
    while len(server.log_tail().split()) < 2:
        assert server.pause_s()
    return [int(pid) for pid in server.log_tail().split()]


def is_gone(pid: int, *, within_s: float = 10) -> bool:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()  # unlike select(), also for descriptors past 1023
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(within_s * 1000))
    finally:
        os.close(handle)


def test_a_server_and_its_children_end_with_the_block(tmp_path: Path) -> None:
    with leashed(SERVER, log_path=tmp_path / "log", env=os.environ) as server:
        pids = started(server)
        assert not any(is_gone(pid, within_s=0) for pid in pids)

    assert all(is_gone(pid) for pid in pids)


def test_a_server_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    with leashed(["sh", "-c", "echo broken; exit 3"], log_path=tmp_path / "log", env=os.environ) as server:
        assert not server.pause_s(10)

        assert server.log_tail() == "broken"


def test_stopping_twice_is_no_error(tmp_path: Path) -> None:
    with leashed(SERVER, log_path=tmp_path / "log", env=os.environ) as server:
        started(server)
        server.stop()
        server.stop()


def test_a_killed_server_takes_along_what_has_a_group_of_its_own(tmp_path: Path) -> None:
    with leashed(
        ["sh", "-c", "setsid sleep 60 & echo $$ $!; wait"], log_path=tmp_path / "log", env=os.environ
    ) as server:
        pids = started(server)
        assert set(pids) <= set(server.processes())
        server.kill()
        assert all(is_gone(pid) for pid in pids)
        assert server.processes() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_ends_when_its_starter_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    script = STARTER.format(command=SERVER, log=str(tmp_path / "log"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as starter:
        assert starter.stdout is not None
        pids = [int(pid) for pid in starter.stdout.readline().split()]
        starter.send_signal(number)

    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


@pytest.mark.slow
def test_a_server_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    with leashed(STUBBORN, log_path=tmp_path / "log", env=os.environ) as server:
        pids = started(server)

    assert all(is_gone(pid) for pid in pids)


def test_ports_are_different_and_twins_stand_apart() -> None:
    assert len(set(free_ports(20))) == 20
    assert free_port_with_twin(10_000) <= 55_535


def test_a_missing_debian_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian, "_POSTGRES", tmp_path)
    with pytest.raises(NotInstalled, match="apt install redis-server"), debian.redis(tmp_path):
        pass
    with pytest.raises(NotInstalled, match="apt install postgresql"), debian.postgres(tmp_path / "log"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_newest_postgres_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, "_POSTGRES", tmp_path)
    for version in ("9", "15", "16"):
        (tmp_path / version / "bin").mkdir(parents=True)
        if version != "16":  # its clients alone
            (tmp_path / version / "bin" / "postgres").touch()
    assert debian.postgres_programs() == tmp_path / "15" / "bin"
