"""The matrix of Airflows and Pythons: what is pinned for it, what is chosen, and how its runs are told."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import matrix
from tools.environment import RESOLVED_AT, InstallError
from tools.matrix import COMBINATIONS, DAYS, PINS, PROJECT, Combination
from tools.matrix_table import HEAD, NOT_RUN, Run, counted, row, written

PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
MINORS = sorted(PINS)
REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="20" time="61.25">
<testcase classname="a" name="b" time="0.1"/></testsuite></testsuites>"""


@pytest.mark.parametrize("minor", MINORS)
def test_every_pin_has_its_hashes_and_names_no_index(minor: str) -> None:
    pins = re.split(r"\n(?=\S)", PINS[minor].read_text().strip())
    packages = [pin for pin in pins if not pin.startswith("#")]
    assert len(packages) > 200
    for pin in packages:
        assert re.match(r"[a-z0-9._-]+==\S+( ; .+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n)?)+$", pin), pin
    assert f"\napache-airflow=={minor}." in PINS[minor].read_text()


@pytest.mark.parametrize("minor", sorted(DAYS))
def test_older_minors_get_all_that_the_package_asks_for(minor: str) -> None:
    asked = set(PINS[minor].with_suffix(".in").read_text().splitlines())
    needed = [word for word in PYPROJECT["project"]["dependencies"] if not word.startswith("apache-airflow>")]
    assert len(needed) > 10
    assert set(needed) <= asked
    assert f"apache-airflow=={minor}.*" in asked


def test_every_older_minor_has_its_day() -> None:
    days = [DAYS[minor] for minor in sorted(DAYS)]
    assert days == sorted(days)
    assert days[-1] < RESOLVED_AT
    assert [*sorted(DAYS), "3.3"] == MINORS


def test_every_python_that_the_package_claims_is_run() -> None:
    claimed = [re.search(r"Python :: (3\.\d+)$", line) for line in PYPROJECT["project"]["classifiers"]]
    assert {one.python for one in COMBINATIONS} == {found[1] for found in claimed if found}
    assert {one.airflow for one in COMBINATIONS} == set(MINORS)


def test_a_combination_is_asked_for_by_its_name_or_its_airflow() -> None:
    assert matrix.asked(["3.1:3.11"]) == [Combination("3.1", "3.11")]
    assert {one.python for one in matrix.asked(["3.3"])} == {"3.11", "3.12", "3.13"}
    assert matrix.asked([]) == list(COMBINATIONS)
    with pytest.raises(InstallError, match=r"3\.0:3\.11 is no combination; there are 3\.1:3\.11"):
        matrix.asked(["3.0:3.11"])


def test_an_interpreter_is_run_before_it_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shim, other, right = (tmp_path / name for name in ("shim", "other", "right"))
    for path, text in ((shim, "exit 127"), (other, "echo 3.8"), (right, "echo 3.99")):
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    found = [str(tmp_path / "gone"), str(shim), str(other), str(right)]
    monkeypatch.setattr(matrix, "candidates", lambda python: iter(found))
    assert matrix.interpreter("3.99") == str(right)
    assert matrix.interpreter("3.98") is None


def test_pyenvs_interpreters_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "versions" / "3.99.1" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert list(matrix.candidates("3.99"))[-1] == str(program)
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert matrix.interpreter(minor), "the Python that runs this is one"


def test_a_python_that_is_not_there_is_told_and_is_not_red(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "interpreter", lambda python: None)
    run = matrix.run_one(COMBINATIONS[0], tmp_path / "none.whl", [])
    assert run == Run(trouble=NOT_RUN)
    assert not run.is_red
    assert Run(trouble="red: no index").is_red


def test_a_report_is_counted() -> None:
    run = counted(REPORT)
    assert run == Run(passed=14, skipped=3, failed=3, seconds=61.25)
    assert (run.is_red, run.told) == (True, "red")
    assert not Run(passed=1, skipped=1).is_red


@pytest.mark.parametrize(("run", "status"), [(Run(passed=1), 0), (Run(failed=1), 1), (Run(trouble=NOT_RUN), 0)])
def test_the_exit_tells_red(
    run: Run, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[Any] = []

    def ran(one: Combination, wheel: Path, arguments: list[str]) -> Run:
        given.extend([one, *arguments])
        return run

    monkeypatch.setattr(matrix, "built_wheel", lambda folder: Path("x.whl"))
    monkeypatch.setattr(matrix, "run_one", ran)
    assert matrix.main(["test", "3.1:3.11", "--", "-k", "x"]) == status
    assert given == [Combination("3.1", "3.11"), "-k", "x"]
    assert f"| 3.1.8 | 3.11 | {run.told} |" in capsys.readouterr().out


def test_flags_may_stand_before_the_names(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []
    monkeypatch.setattr(matrix, "test", lambda words, arguments, *, write: given.append((words, write)))
    matrix.main(["test", "--write", "3.1:3.11", "3.2"])
    assert given == [(["3.1:3.11", "3.2"], True)]


def test_the_table_keeps_other_combinations_and_the_page_around_it() -> None:
    older = [row("3.1.7", "3.13", Run(7, 1, 0, 10.0), "2026-01-01"), row("3.3.2", "3.11", Run(9), "2026-01-01")]
    newer = [row("3.1.8", "3.13", Run(1234, 2, 0, 61.2), "2026-02-02"), row("3.1.8", "3.9", Run(5), "2026-02-02")]
    page = written("before\n<!-- matrix -->\n<!-- /matrix -->\nafter\n", older)
    page = written(page, newer)
    assert page.startswith("before\n<!-- matrix -->\n" + HEAD)
    assert page.endswith("<!-- /matrix -->\nafter\n")
    lines = page.splitlines()[4:-2]
    assert lines == [newer[1], newer[0], older[1]]
    assert lines[1] == "| 3.1.8 | 3.13 | green | 1,234 | 2 | 0 | 61 s | 2026-02-02 |"
