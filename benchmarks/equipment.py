"""What the benchmarks run with: the peers' environment and the two servers, made once under ``.local/bench``."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".local" / "bench"
VENV = WORK / "venv"
PEERS = VENV / "bin"
SERVERS = WORK / "servers"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
_SOURCES = Path(__file__).parent / "servers"


def prepare() -> None:
    """Install the peers and build the servers, unless that is done already."""
    _once(REQUIREMENTS.read_bytes(), VENV / "installed", _install)
    code = b"".join(path.read_bytes() for path in sorted(_SOURCES.iterdir()))
    _once(code, WORK / "servers.built", _build)


def _once(made_from: bytes, stamp: Path, make: Callable[[], None]) -> None:
    digest = hashlib.sha256(made_from).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    make()
    stamp.write_text(digest)


def _install() -> None:
    print(f"[bench] installing the peers into {VENV.relative_to(ROOT)}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = [str(PEERS / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", str(REQUIREMENTS)], check=True)


def _build() -> None:
    print("[bench] building the source and the sink", file=sys.stderr, flush=True)
    subprocess.run([PEERS / "go", "build", "-o", SERVERS, "."], cwd=_SOURCES, env=go_environment(), check=True)


def go_environment() -> dict[str, str]:
    """Return what Go runs with: the toolchain is a package of the peers' environment, and nothing else is fetched."""
    go = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOCACHE": str(WORK / "gocache")}
    return {**os.environ, **go, "HOME": os.environ.get("HOME") or str(WORK)}
