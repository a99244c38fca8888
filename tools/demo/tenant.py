"""The simulated tenant as a process of its own, and what the demo asks it."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tools.servers.leash import Leashed, leashed

_POLLS = 1200
_GREETING = "listening on "


class TenantNotReady(Exception):
    """The simulator ended before it answered; the message carries the end of its log."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A running simulator and its credentials."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    stream_secret: str = field(repr=False)

    def requests(self) -> list[dict[str, Any]]:
        """Return its request log."""
        return list(self._get("requests")["requests"])

    def deliveries(self) -> list[dict[str, Any]]:
        """Return what its webhook receiver got."""
        return list(self._get("webhook")["deliveries"])

    def _get(self, name: str) -> Any:
        answer = requests.get(f"{self.base_url}/_simulator/{name}", timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def tenant(recordings: Path, directory: Path) -> Iterator[Tenant]:
    """Run the simulator over a folder of recordings until the block ends.

    Raises:
        TenantNotReady: it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    client_secret, stream_secret = secrets.token_urlsafe(24) + "&+=%", secrets.token_urlsafe(32)
    env = {
        **{name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ},
        "CXONE_SIMULATOR_CLIENT_ID": "demo-client",
        "CXONE_SIMULATOR_CLIENT_SECRET": client_secret,
        "CXONE_SIMULATOR_STREAM_SECRET": stream_secret,
        "PYTHONUNBUFFERED": "1",
    }
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "cxone_provider.simulator",
        "--recordings",
        recordings,
        "--port",
        "0",
    ]
    with leashed(command, log_path=directory / "simulator.log", env=env) as process:
        yield Tenant(address_of(process), "demo-client", client_secret, stream_secret)


def address_of(process: Leashed) -> str:
    """Return the base URL that a simulator which was just started says it listens on.

    Raises:
        TenantNotReady: it does not start.
    """
    for _ in range(_POLLS):
        for line in process.log_path.read_text(errors="replace").splitlines():
            if line.startswith(_GREETING):
                return line.removeprefix(_GREETING).strip()
        if not process.pause_s():
            break
    raise TenantNotReady(f"the simulator does not start:\n{process.log_tail()}")
