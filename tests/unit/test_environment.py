"""What `make install` does on machines unlike this one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tools import environment
from tools.environment import Environment, InstallError, install, pinned, pip_settings, uv_environment

PROJECT = Path(__file__).resolve().parents[2]
CONSTRAINTS = (PROJECT / "constraints.txt").read_text()

LISTING = """
:env:.index-url='https://user:word@mirror.example/index'
global.index-url='https://other.example/index'
global.extra-index-url='https://one.example/index\\nhttps://two.example/index'
global.cert='/etc/ca.pem'
install.cert='/etc/install.pem'
global.quiet='1'
not a setting
"""


@pytest.fixture
def installed(tmp_path: Path) -> Environment:
    """An environment that says it is complete; its interpreter is a script that does nothing."""
    made = Environment(tmp_path / "venv")
    made.python.parent.mkdir(parents=True)
    made.python.write_text("#!/bin/sh\n")
    made.python.chmod(0o755)
    made.stamp.write_text(json.dumps(made.origin()))
    return made


def test_pips_settings_are_read_in_pips_order() -> None:
    settings = pip_settings(LISTING)
    assert settings["index-url"] == "https://user:word@mirror.example/index"
    assert settings["cert"] == "/etc/install.pem"


def test_uv_looks_where_pip_looks() -> None:
    env = uv_environment(pip_settings(LISTING), {"PATH": "/bin"})
    assert env == {
        "PATH": "/bin",
        "UV_DEFAULT_INDEX": "https://user:word@mirror.example/index",
        "UV_INDEX": "https://one.example/index https://two.example/index",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/install.pem",
    }


def test_what_is_set_for_uv_stays() -> None:
    given = {"UV_DEFAULT_INDEX": "https://mine.example/index"}
    assert uv_environment(pip_settings(LISTING), given)["UV_DEFAULT_INDEX"] == "https://mine.example/index"


def test_a_pin_is_taken_with_its_hashes() -> None:
    lines = pinned("uv", CONSTRAINTS).splitlines()
    assert re.fullmatch(r"uv==[\d.]+ \\", lines[0])
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
    assert not lines[-1].endswith("\\")


def test_what_is_not_pinned_is_not_installed() -> None:
    with pytest.raises(InstallError, match="make constraints"):
        pinned("uvicorn-not-there", CONSTRAINTS)


def test_a_complete_environment_is_left_alone(installed: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    install(installed)
    assert "already installed: nothing fetched" in capsys.readouterr().err


def test_a_changed_input_means_installing_again(installed: Environment, tmp_path: Path) -> None:
    wheel = tmp_path / "new.whl"
    wheel.write_bytes(b"another project")
    assert not Environment(installed.folder, wheel).is_installed()


def test_a_moved_environment_is_made_again(installed: Environment, tmp_path: Path) -> None:
    moved = Environment(installed.folder.rename(tmp_path / "moved"))
    assert not moved.is_installed()
    assert not moved.is_reusable()


@pytest.mark.parametrize("stamp", ["", "[]", "{", "null"])
def test_an_interrupted_install_is_not_complete(installed: Environment, stamp: str) -> None:
    installed.stamp.write_text(stamp)
    assert not installed.is_installed()


def test_an_interpreter_that_no_longer_runs_is_noticed(installed: Environment) -> None:
    installed.python.unlink()
    installed.python.symlink_to("/nowhere/python3.11")
    assert not installed.is_installed()


def test_a_failed_step_ends_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "make_venv", lambda _: environment.run(["false"], hint="Do this."))
    assert environment.main(["install", "--venv", str(tmp_path / "venv")]) == 1


def test_a_python_that_only_pretends_is_passed_over(tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\necho 'python3: command not found in this version' >&2\nexit 127\n")
    shim.chmod(0o755)
    good = subprocess.run(
        [PROJECT / "tools" / "find-python"], capture_output=True, text=True, check=True
    ).stdout.strip()
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHON": f"python3 {good}"}
    found = subprocess.run([PROJECT / "tools" / "find-python"], env=env, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == good


def test_without_any_python_there_is_advice(tmp_path: Path) -> None:
    env = {"PATH": os.defpath, "PYTHON": str(tmp_path / "none")}
    found = subprocess.run([PROJECT / "tools" / "find-python"], env=env, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "make PYTHON=/path/to/python3.12" in found.stderr


def test_every_requirement_is_pinned_and_every_pin_has_a_hash() -> None:
    pins = {name.replace("_", "-").lower() for name in re.findall(r"^([\w.-]+)==", CONSTRAINTS, re.MULTILINE)}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    groups = [requirement for name in environment.GROUPS for requirement in project["dependency-groups"][name]]
    wanted = {re.split(r"[^\w.-]", requirement)[0] for requirement in [*project["project"]["dependencies"], *groups]}
    assert wanted - pins == set()
    assert set(environment.GROUPS) == project["dependency-groups"].keys()
    without_hash = re.findall(r"^([\w.-]+==.*[^\\])\n", CONSTRAINTS, re.MULTILINE)
    assert without_hash == []


def test_constraints_name_no_place() -> None:
    assert re.findall(r"https?://|file:|--(?:extra-)?index", CONSTRAINTS) == []
