"""PostgreSQL and Redis from Debian's packages, each in a folder and on a free port, for what needs the real ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.servers.leash import Leashed, leashed
from tools.servers.ports import LOOPBACK, free_ports
from tools.servers.seaweedfs import ServerNotReady

_POSTGRES = Path("/usr/lib/postgresql")
_OWNER = "postgres"
_USER = "airflow"
_POLLS = 600
_POLL_S = 0.1


class NotInstalled(Exception):
    """A program is not there; the message says which package has it."""


def postgres_programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs.

    Raises:
        NotInstalled: there is none.
    """
    found = sorted(_POSTGRES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        raise NotInstalled(f"there is no PostgreSQL in {_POSTGRES}: apt install postgresql")
    return found[-1].parent


def redis_program() -> Path:
    """Return Redis.

    Raises:
        NotInstalled: there is none.
    """
    found = shutil.which("redis-server")
    if found is None:
        raise NotInstalled("there is no redis-server: apt install redis-server")
    return Path(found)


@contextmanager
def postgres(log_path: Path, *, host: str = LOOPBACK) -> Iterator[str]:
    """Run PostgreSQL until the block ends; yield ``user@host:port/database``, which asks for no password.

    Its data lie in a temporary folder of their own, which the server's user may enter wherever `log_path` lies: root
    may not run PostgreSQL, so for root it runs as the user that the package made.

    Args:
        log_path: file that gets what it prints.
        host: loopback address to listen on.

    Raises:
        NotInstalled: there is no PostgreSQL.
        ServerNotReady: it does not start.
    """
    programs = postgres_programs()
    as_owner = ["setpriv", f"--reuid={_OWNER}", f"--regid={_OWNER}", "--clear-groups"] if os.getuid() == 0 else []
    env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="cxone-postgres-", ignore_cleanup_errors=True) as folder:
        if as_owner:
            shutil.chown(folder, _OWNER, _OWNER)
        data = Path(folder) / "data"
        making = [*as_owner, programs / "initdb", "-D", data, "-U", _USER, "-A", "trust", "-N"]
        subprocess.run([*map(str, making)], env=env, cwd="/", check=True, capture_output=True)
        running: list[str | Path] = [*as_owner, programs / "postgres", "-D", data, "-k", folder]
        running += ["-h", host, "-p", str(port), "-c", "max_connections=200"]
        with leashed(running, log_path=log_path, env=env, cwd=Path("/")) as server:
            _wait(server, [programs / "pg_isready", "-q", "-h", host, "-p", str(port)])
            yield f"{_USER}@{host}:{port}/postgres"


@contextmanager
def redis(folder: Path, *, host: str = LOOPBACK) -> Iterator[str]:
    """Run Redis, which keeps everything in memory, until the block ends; yield ``redis://host:port``.

    Raises:
        NotInstalled: there is no Redis.
        ServerNotReady: it does not start.
    """
    program = redis_program()
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    running: list[str | Path] = [program, "--bind", host, "--port", str(port), "--dir", folder]
    running += ["--save", "", "--appendonly", "no"]
    with leashed(running, log_path=folder / "redis.log", env={"PATH": os.defpath}) as server:
        _wait(server, ["redis-cli", "-h", host, "-p", str(port), "ping"])
        yield f"redis://{host}:{port}"


def _wait(server: Leashed, asking: Sequence[str | Path]) -> None:
    for _ in range(_POLLS):
        if subprocess.run([*map(str, asking)], check=False, capture_output=True).returncode == 0:
            return
        if not server.pause_s(_POLL_S):
            break
    raise ServerNotReady(f"{server.log_path.stem} does not start:\n{server.log_tail()}")
