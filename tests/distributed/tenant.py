"""The simulated tenant as a process at an address of its own, and its request log."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tools.demo.tenant import address_of
from tools.servers.leash import Leashed, leashed

HOST = "127.0.0.4"
CLIENT_ID, ACCESS_KEY_ID = "distributed", "DISTRIBUTED===="


@dataclass(frozen=True, slots=True)
class Quota:
    """How many playback requests the tenant takes, and enforces, in any window of a period; 0 is without limit.

    Attributes:
        parallel_tasks: among how many slots of the pool the connection divides it.
        stated: what the connection says that it is; all of it by default.
    """

    requests: int
    period_s: float = 60.0
    parallel_tasks: int = 4
    stated: int | None = None

    def terms(self) -> dict[str, Any]:
        """Return the connection's fields for it."""
        told = (self.stated or self.requests) if self.requests else _UNLIMITED
        return {"requests_per_period": told, "period_s": self.period_s, "parallel_tasks": self.parallel_tasks}


_UNLIMITED = 60_000


@dataclass(frozen=True, slots=True)
class Tenant:
    """A running simulator.

    Attributes:
        process: it.
        base_url: its address.
        log_path: its request log, a line of JSON for each request that was answered.
        quota: what it enforces.
    """

    process: Leashed
    base_url: str
    log_path: Path
    quota: Quota
    client_secret: str = field(repr=False)
    key_secret: str = field(repr=False)

    def connection(self) -> dict[str, Any]:
        """Return Airflow's connection to it."""
        extra = {
            "api": "media-playback",
            "access_key_id": ACCESS_KEY_ID,
            "access_key_secret": self.key_secret,
            "media_hosts": [HOST],
            **self.quota.terms(),
        }
        return {
            "connection_id": "cxone_default",
            "conn_type": "cxone",
            "host": self.base_url,
            "login": CLIENT_ID,
            "password": self.client_secret,
            "extra": json.dumps(extra),
        }

    def health(self) -> dict[str, Any]:
        """Return what it counts by itself."""
        answer = requests.get(f"{self.base_url}/_simulator/health", timeout=30)
        answer.raise_for_status()
        return dict(answer.json())

    def log(self) -> Iterator[dict[str, Any]]:
        """Yield its request log, in the order in which answers ended."""
        with self.log_path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):  # the last one may be half written
                    yield json.loads(line)


@contextmanager
def tenant(recordings: Path, directory: Path, quota: Quota, *, listing_s: float) -> Iterator[Tenant]:
    """Run the simulator over a folder of recordings until the block ends.

    Args:
        recordings: of :func:`~tests.distributed.day.make_day`.
        directory: for its logs.
        quota: that it enforces.
        listing_s: how long its listing job runs.

    Raises:
        TenantNotReady: it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    client_secret, key_secret = secrets.token_urlsafe(24) + "&+=%", secrets.token_urlsafe(32)
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTHONUNBUFFERED": "1",
        "CXONE_SIMULATOR_CLIENT_ID": CLIENT_ID,
        "CXONE_SIMULATOR_CLIENT_SECRET": client_secret,
        "CXONE_SIMULATOR_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "CXONE_SIMULATOR_ACCESS_KEY_SECRET": key_secret,
    }
    log_path = directory / "requests.jsonl"
    command: list[str | Path] = [sys.executable, "-m", "cxone_provider.simulator", "--recordings", recordings]
    command += ["--host", HOST, "--port", "0", "--request-log", log_path, "--extraction-job-s", str(listing_s)]
    command += ["--quota-requests", str(quota.requests), "--quota-period-s", str(quota.period_s)]
    with leashed(command, log_path=directory / "simulator.log", env=env) as process:
        yield Tenant(process, address_of(process), log_path, quota, client_secret, key_secret)
