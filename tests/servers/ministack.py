"""MiniStack as an S3 server: it verifies digests and answers a second Complete with 200, as AWS does.

It is no part of this project's environment (it pins another botocore): it is used where the program is installed, e.g.
by ``uv tool install ministack``.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.servers.leash import Leashed, leashed
from tools.servers.ports import LOOPBACK, free_ports
from tools.servers.seaweedfs import S3Server, ServerNotReady, make_bucket

_POLLS = 600


def has_ministack() -> bool:
    """Tell whether the program is installed."""
    return shutil.which("ministack") is not None


@contextmanager
def ministack(directory: Path, *, buckets: Sequence[str] = ()) -> Iterator[S3Server]:
    """Run MiniStack until the block ends.

    Raises:
        ServerNotReady: it is not installed, or does not start.
    """
    program = shutil.which("ministack")
    if program is None:
        raise ServerNotReady("there is no ministack program: uv tool install ministack")
    directory.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    env = {
        "BIND_HOST": LOOPBACK, "GATEWAY_PORT": str(port), "HOME": str(directory), "TMPDIR": str(directory),
        "LOG_LEVEL": "WARNING", "PATH": os.defpath, "SERVICES": "s3", "SFTP_ENABLED": "0", "IOT_MTLS_ENABLED": "0",
    }  # fmt: skip
    server = S3Server(f"http://{LOOPBACK}:{port}", "test", "test")
    with leashed([program], log_path=directory / "ministack.log", env=env) as process:
        _wait(process, server)
        client = server.client()
        for name in buckets:
            make_bucket(client, name, locked=False)
        client.close()
        yield server


def ministack_version(server: S3Server) -> str:
    """Return what the running server says of itself."""
    return str(json.loads(_health(server)).get("version", "unknown"))


def _health(server: S3Server) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{server.endpoint}/_ministack/health", timeout=5) as answer:
        body: bytes = answer.read()
    return body


def _wait(process: Leashed, server: S3Server) -> None:
    for _ in range(_POLLS):
        try:
            _health(server)
        except (urllib.error.URLError, OSError):
            if not process.pause_s():
                break
        else:
            return
    raise ServerNotReady(f"MiniStack does not start:\n{process.log_tail()}")
