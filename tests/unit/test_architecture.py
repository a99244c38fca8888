"""What the rooms of this project promise each other, read from the source itself."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "provider" / "cxone_provider"
ROOMS = ("provider", "dags", "plugins", "tools", "benchmarks", "tests")
SOURCES = sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))
SHIPPED = [path for path in SOURCES if path.relative_to(PROJECT).parts[0] in {"provider", "dags", "plugins"}]
CLOCKS = {PACKAGE / "adapters" / "clock.py", PACKAGE / "simulator" / "clock.py"}
MAX_MODULE_LINES = 300
# names that say where code ended up, not what it is
EMPTY_NAMES = {"base", "common", "core", "helper", "helpers", "manager", "misc", "util", "utils"}
HEAVY = ("airflow", "boto3", "botocore", "great_expectations", "pandas", "requests", "urllib3")
# Other people's DAGs import these names; a change here is a change of the public contract.
PUBLIC = {
    "hooks/cxone.py": {"CXoneHook"},
    "operators/recordings.py": {
        "CheckArchiveRunOperator",
        "EstimateArchiveOperator",
        "ListRecordingsOperator",
        "MeasureCallsOperator",
        "NotifyArchiveOperator",
        "ReconcileArchiveOperator",
        "RequestMediaDownloadOperator",
        "StreamRecordingToS3Operator",
        "SweepUploadsOperator",
        "ValidateRecordingOperator",
        "VerifyArchiveOperator",
    },
    "sensors/media_download.py": {"MediaDownloadSensor"},
    # deferred tasks in the database name them
    "triggers/jobs.py": {"ListingJobTrigger"},
    "triggers/media_download.py": {"MediaDownloadTrigger"},
    "triggers/storage.py": {"StorageStateTrigger"},
}
# what DAGs and the console may know of the provider; import-linter watches the rooms inside the package
DOORS = {
    "dags": ("notifications", "operators", "sensors"),
    "plugins": ("adapters", "archive", "console", "hooks"),
}

Node = TypeVar("Node", bound=ast.AST)

IMPORT_THE_CORE = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"the core imports {name}")

BLOCKED = set(sys.argv[2:])
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import cxone_provider.archive as core
names = [module.name for module in pkgutil.walk_packages(core.__path__, core.__name__ + ".")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def trees(paths: list[Path]) -> Iterator[tuple[Path, ast.Module]]:
    for path in paths:
        yield path.relative_to(PROJECT), ast.parse(path.read_text(), str(path))


def nodes(kind: type[Node], paths: list[Path]) -> Iterator[tuple[str, Node]]:
    for path, tree in trees(paths):
        for node in ast.walk(tree):
            if isinstance(node, kind):
                yield f"{path}:{getattr(node, 'lineno', 0)}", node


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def public_names(tree: ast.Module) -> set[str]:
    """Return what a module offers: its `__all__`, or the classes and functions it defines."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's body, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_the_core_runs_where_airflow_and_every_io_library_are_missing() -> None:
    command = [sys.executable, "-c", IMPORT_THE_CORE, str(PACKAGE.parent), *HEAVY]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert int(result.stdout) == len(list((PACKAGE / "archive").rglob("*.py"))) - 1


def test_provider_metadata_and_the_package_import_nothing_heavy() -> None:
    # Airflow reads both before its own configuration exists.
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import cxone_provider.get_provider_info as info; "
        "info.get_provider_info(); print([name for name in sys.argv[2:] if name in sys.modules])"
    )
    command = [sys.executable, "-c", script, str(PACKAGE.parent), *HEAVY, "pendulum"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(("module", "names"), PUBLIC.items(), ids=PUBLIC)
def test_the_public_surface_is_the_contract(module: str, names: set[str]) -> None:
    assert public_names(ast.parse((PACKAGE / module).read_text())) == names


def test_modules_stay_short() -> None:
    modules = [path for path in SOURCES if path.relative_to(PROJECT).parts[0] != "tests"]
    counted = {str(path.relative_to(PROJECT)): len(path.read_text().splitlines()) for path in modules}
    assert {path: lines for path, lines in counted.items() if lines > MAX_MODULE_LINES} == {}


def test_functions_stay_short() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = sorted(lines_of(node) for _, tree in trees(SHIPPED) for node in ast.walk(tree) if isinstance(node, kinds))
    assert statistics.median(lengths) <= 8
    assert lengths[len(lengths) * 9 // 10] <= 30


def test_modules_are_named_for_what_they_are() -> None:
    assert [str(path) for path in SOURCES if path.stem in EMPTY_NAMES or path.parent.name in EMPTY_NAMES] == []


def test_tls_is_always_verified() -> None:
    arguments = [
        where
        for where, call in nodes(ast.Call, SHIPPED)
        for keyword in call.keywords
        if keyword.arg == "verify" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    ]
    assignments = [
        where
        for where, node in nodes(ast.Assign, SHIPPED)
        if any(isinstance(target, ast.Attribute) and target.attr == "verify" for target in node.targets)
        and isinstance(node.value, ast.Constant)
        and node.value.value is False
    ]
    assert arguments + assignments == []


def test_no_handler_swallows_everything() -> None:
    broad = [
        where
        for where, handler in nodes(ast.ExceptHandler, SHIPPED)
        if handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}
        if ast.unparse(handler.body[-1]) != "raise"
    ]
    assert broad == []


def test_only_the_clock_sleeps() -> None:
    waiting = [path for path in SHIPPED if path not in CLOCKS]
    sleeps = [where for where, call in nodes(ast.Call, waiting) if ast.unparse(call.func) in {"time.sleep", "sleep"}]
    assert sleeps == []


@pytest.mark.parametrize("room", DOORS)
def test_dags_and_plugins_enter_by_their_doors(room: str) -> None:
    allowed = tuple(f"cxone_provider.{door}" for door in DOORS[room])
    entered = {
        f"{path}: {name}"
        for path, tree in trees(sorted((PROJECT / room).rglob("*.py")))
        for name in imported(tree)
        if name.startswith("cxone_provider.") and not name.startswith(allowed)
    }
    assert entered == set()


def test_every_ignore_says_why() -> None:
    unexplained = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)(?!(?::\s*[A-Z0-9, ]+?|\[[\w, -]+\])\s+#\s*\w)")
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for path in SOURCES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if unexplained.search(line)
    ]
    assert found == []


def test_mypy_checks_every_folder_that_holds_python() -> None:
    checked = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
    holding = {path.relative_to(PROJECT).parts[0] for path in SOURCES}
    assert holding <= set(checked)


def test_pytest_looks_into_every_folder_of_tests() -> None:
    searched = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    found = [str(path.relative_to(PROJECT)) for path in (PROJECT / "tests").rglob("test_*.py")]
    assert [path for path in found if not path.startswith(tuple(f"{folder}/" for folder in searched))] == []


def test_users_get_the_types() -> None:
    assert "Typing :: Typed" in (PROJECT / "pyproject.toml").read_text()
    assert (PACKAGE / "py.typed").exists()


def test_the_changelog_begins_with_this_version() -> None:
    version = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(), re.MULTILINE)
    newest = re.search(r"^## (\S+)", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert version
    assert newest
    assert newest[1] == version[1]
