"""Makes the virtual environment that every make target runs in. Standard library only.

Everything comes from ``constraints.txt``: exact versions with the hashes of their files, so what is installed is what
was tested, whichever index it is fetched from. pip installs the pinned uv, uv installs the rest, and pip steps in where
uv cannot. The index, certificates and proxies are the user's own, as pip is configured; none is written into any file.

A stamp inside the environment says what it was made from. As long as that holds, nothing is run and nothing fetched.

Usage::

    python tools/environment.py install [--venv .venv] [--wheel dist/NAME.whl]
    python tools/environment.py constraints
"""

from __future__ import annotations

import argparse
import ast
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
CONSTRAINTS = PROJECT / "constraints.txt"
# Packages uploaded later are not looked at, so that resolving again gives the same answer.
RESOLVED_AT = "2026-11-02"
OLDEST_PYTHON = "3.11"
GROUPS = ("deployment", "demo", "docs", "install", "release", "test")
# uv's name for each pip setting that decides where packages come from
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
# pip's order: a command's own section beats the global one, the environment beats both
PIP_SECTIONS = ("global", "install", ":env:")


class InstallError(Exception):
    """A step failed; the message is all that a person needs."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment and what belongs into it.

    Attributes:
        folder: where it lies.
        wheel: the built wheel to install, or None for the working tree itself (editable).
    """

    folder: Path
    wheel: Path | None = None

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def uv(self) -> Path:
        """The pinned uv inside it."""
        return self.folder / "bin" / "uv"

    @property
    def pip_install(self) -> tuple[str, ...]:
        """Its ``pip install``, without chatter."""
        return (str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")

    @property
    def stamp(self) -> Path:
        """Written last; tells what the environment was made from."""
        return self.folder / "installed.json"

    def origin(self) -> dict[str, str]:
        """Return what the environment depends on; a change in any value means installing again."""
        digest = hashlib.sha256(CONSTRAINTS.read_bytes() + (PROJECT / "pyproject.toml").read_bytes())
        if self.wheel:
            digest.update(self.wheel.read_bytes())
        # scripts and the editable link hold absolute paths: a moved folder needs a new environment
        return {"inputs_sha256": digest.hexdigest(), "folder": str(self.folder), "project": str(PROJECT)}

    def is_installed(self) -> bool:
        """Tell whether the environment is complete, up to date and runs."""
        return self._recorded() == self.origin() and self.runs()

    def is_reusable(self) -> bool:
        """Tell whether installing can start from what is there."""
        return self._recorded().get("folder") == str(self.folder) and self.runs()

    def runs(self) -> bool:
        """Tell whether the interpreter starts: the Python below it may have been upgraded or removed."""
        command = [str(self.python), "-c", "import pip"]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False

    def _recorded(self) -> dict[str, str]:
        try:
            recorded = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return recorded if isinstance(recorded, dict) else {}


def say(message: str) -> None:
    """Tell a person what happens; on stderr, so that a target's output stays its own."""
    print(f"[environment] {message}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, hint: str) -> None:
    """Run a step in the project's folder.

    Raises:
        InstallError: it failed; carries `hint`.
    """
    words = [str(word) for word in command]
    if subprocess.run(words, env=env, cwd=PROJECT, check=False).returncode != 0:
        raise InstallError(f"{Path(words[0]).name} {' '.join(words[1:4])} … failed. {hint}")


def pip_settings(listing: str) -> dict[str, str]:
    """Return pip's effective settings from the output of ``pip config list`` (``section.key='value'`` lines)."""
    settings: dict[str, str] = {}
    lines = [re.fullmatch(r"(:env:|\w+)\.([\w-]+)=(.*)", line.strip()) for line in listing.splitlines()]
    found = [line.groups() for line in lines if line]
    for section in PIP_SECTIONS:
        settings |= {key: str(ast.literal_eval(value)) for where, key, value in found if where == section}
    return settings


def uv_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return `environ` with pip's settings under uv's names; what is set for uv already stays.

    Values go by environment and never by command line: an index address may hold a password.
    """
    translated = {UV_NAMES[key]: " ".join(value.split()) for key, value in settings.items() if key in UV_NAMES}
    # uv stops at the first index that knows a name; the pinned version may lie in the next one. Safe, as hashes decide.
    translated["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**translated, **environ}


def uv_environment_of(environment: Environment) -> dict[str, str]:
    """Return the variables that make uv look where the user's pip looks."""
    command = [str(environment.python), "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return uv_environment(pip_settings(listing), os.environ)


def pinned(name: str, constraints: str) -> str:
    """Return the lines of `constraints` that pin `name`, hashes included.

    Raises:
        InstallError: it is not pinned.
    """
    block = re.search(rf"^{re.escape(name)}==(?:.*\\\n)*.*", constraints, re.MULTILINE)
    if not block:
        raise InstallError(f"{name} is not pinned in {CONSTRAINTS.name}: run `make constraints`.")
    return block.group()


def pin_count() -> int:
    """Return how many packages are pinned, over all supported Pythons."""
    return len(re.findall(r"^[\w.-]+==", CONSTRAINTS.read_text(), re.MULTILINE))


def make_venv(environment: Environment) -> None:
    """Make an empty environment in place of whatever lies there."""
    say(f"making {environment.folder} with Python {platform.python_version()}")
    if environment.folder.exists():
        shutil.rmtree(environment.folder)
    run([sys.executable, "-m", "venv", environment.folder], hint="On Debian and Ubuntu: apt install python3-venv.")


def install_uv(environment: Environment) -> None:
    """Let pip install the pinned uv, hash-checked."""
    requirement = pinned("uv", CONSTRAINTS.read_text())
    say(f"fetching {requirement.split()[0]}")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirement)
        file.flush()
        run(
            [*environment.pip_install, "--require-hashes", "--no-deps", "-r", file.name],
            hint="Is the package index within reach? pip's own settings (PIP_INDEX_URL, PIP_PROXY, PIP_CERT, pip.conf) "
            "are used. The next try starts over.",
        )


def install_packages(environment: Environment, uv_env: Mapping[str, str]) -> None:
    """Install every pinned package, hash-checked: with uv, or with pip where uv cannot."""
    say(f"installing {pin_count()} pinned packages, hash-checked (some 600 MB when none is cached)")
    requirements: list[str | Path] = ["--require-hashes", "-r", CONSTRAINTS]
    try:
        uv_install(environment, uv_env, [*requirements, "--compile-bytecode"], hint="Trying pip, which is slower.")
    except InstallError as error:
        say(str(error))
        run(
            [*environment.pip_install, "--no-deps", *requirements],
            hint="Neither uv nor pip could install constraints.txt; what they said stands above. The next try goes on "
            "from here.",
        )


def install_project(environment: Environment, uv_env: Mapping[str, str]) -> None:
    """Install the project itself without fetching anything."""
    editable: list[str | Path] = ["--no-build-isolation", "--editable", PROJECT]
    what = [environment.wheel] if environment.wheel else editable
    uv_install(environment, uv_env, ["--offline", "--no-deps", "--reinstall", *what], hint="Is pyproject.toml sound?")


def uv_install(
    environment: Environment, uv_env: Mapping[str, str], arguments: Sequence[str | Path], *, hint: str
) -> None:
    """Run ``uv pip install`` in `environment`."""
    command = [environment.uv, "pip", "install", "--quiet", "--python", environment.python, *arguments]
    run(command, env=uv_env, hint=hint)


def install(environment: Environment) -> None:
    """Bring `environment` to what the project's files ask for; do nothing where it is there already.

    Raises:
        InstallError: a step failed.
    """
    if environment.is_installed():
        say(f"{environment.folder.name} is already installed: nothing fetched")
        return
    started = time.monotonic()
    if not environment.is_reusable():
        make_venv(environment)
    # From here on the environment can be gone on with, and is not complete.
    environment.stamp.write_text(json.dumps({"folder": str(environment.folder)}))
    install_uv(environment)
    uv_env = uv_environment_of(environment)
    install_packages(environment, uv_env)
    install_project(environment, uv_env)
    environment.stamp.write_text(json.dumps(environment.origin()))
    say(f"{environment.folder.name} is ready after {time.monotonic() - started:.0f} s")


def compile_constraints(environment: Environment) -> None:
    """Resolve pyproject.toml with its groups for every supported Python and pin the result.

    Raises:
        InstallError: there is no solution, or the index cannot be reached.
    """
    groups = [word for name in GROUPS for word in ("--group", name)]
    which = ["--universal", "--python-version", OLDEST_PYTHON, "--exclude-newer", RESOLVED_AT, "--upgrade"]
    how = ["--generate-hashes", "--no-annotate", "--custom-compile-command", "make constraints", "--quiet"]
    run(
        [environment.uv, "pip", "compile", "pyproject.toml", *groups, *which, *how, "-o", CONSTRAINTS.name],
        env=uv_environment_of(environment),
        hint="The output above names the packages that do not fit together, or the index that did not answer.",
    )
    say(f"{CONSTRAINTS.name}: {pin_count()} packages as of {RESOLVED_AT}")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(description="The project's virtual environment.")
    parser.add_argument("command", choices=("install", "constraints"))
    parser.add_argument("--venv", type=Path, default=PROJECT / ".venv", help="where it lies (default: .venv)")
    parser.add_argument("--wheel", type=Path, help="install this built wheel in place of the working tree")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit status."""
    given = parse_arguments(arguments)
    environment = Environment(given.venv.absolute(), given.wheel.absolute() if given.wheel else None)
    try:
        with CONSTRAINTS.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # a second `make` in this folder waits for the first one's work
            (install if given.command == "install" else compile_constraints)(environment)
    except InstallError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
