"""``make fuzz``: coverage-guided fuzzing of everything that reads foreign bytes, for as long as one likes.

Usage::

    python -m tools.fuzz [audio|answers] [--minutes 10] [--inputs 1000000] [--seed 20261123]

What was learned stays in ``.local/fuzz`` and is gone on with. Something found ends the run with its input's path: keep
that file under ``tests/fuzz/corpus``, and `make test` tries it for ever.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
WORK = PROJECT / ".local" / "fuzz"
PACKAGES = WORK / "packages"
REQUIREMENTS = PROJECT / "tests" / "fuzz" / "requirements.txt"
TARGETS = ("audio", "answers")
HINT = (
    "atheris could not be installed: it has wheels for Linux on x86-64. Elsewhere, `make test` still runs the mutation "
    "fuzzer; CXONE_FUZZ_INPUTS=1000000 makes it long."
)


def arguments_of(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's values."""
    parser = argparse.ArgumentParser(description="Coverage-guided fuzzing.")
    parser.add_argument("target", nargs="?", choices=TARGETS, default=TARGETS[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="end after so long")
    parser.add_argument("--inputs", type=int, default=-1, help="end after so many; no limit by default")
    parser.add_argument("--seed", type=int, default=20261123)
    return parser.parse_args(words)


def installed() -> bool:
    """Install atheris into a folder of its own, hash-checked; tell whether it is there."""
    if (PACKAGES / "atheris").is_dir():
        return True
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    how = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", str(PACKAGES)]
    return subprocess.run([*pip, *how, "-r", str(REQUIREMENTS)], cwd=PROJECT, check=False).returncode == 0


def command_of(given: argparse.Namespace) -> list[str]:
    """Return libFuzzer's command; what it learns goes into the first folder, the kept corpus is only read."""
    learned = WORK / given.target
    learned.mkdir(parents=True, exist_ok=True)
    fuzz = PROJECT / "tests" / "fuzz"
    return [
        *(sys.executable, "-m", "tests.fuzz.fuzz", given.target, str(learned), str(fuzz / "corpus" / given.target)),
        f"-dict={fuzz / given.target}.dict",
        f"-artifact_prefix={WORK}/found-{given.target}-",
        f"-max_total_time={round(given.minutes * 60)}",
        f"-runs={given.inputs}",
        f"-seed={given.seed}",
        *("-max_len=6000", "-timeout=20", "-rss_limit_mb=1024", "-print_final_stats=1"),
    ]


def main(words: Sequence[str] | None = None) -> int:
    """Fuzz; return libFuzzer's exit status."""
    given = arguments_of(words)
    if not installed():
        print(HINT, file=sys.stderr)
        return 1
    print(f"[fuzz] {given.target}: seed {given.seed}, {given.minutes:g} minutes", flush=True)
    path = os.pathsep.join(str(folder) for folder in (PACKAGES, PROJECT / "provider", PROJECT))
    return subprocess.run(
        command_of(given), cwd=PROJECT, env={**os.environ, "PYTHONPATH": path}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
