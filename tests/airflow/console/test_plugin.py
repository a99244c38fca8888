"""How Airflow comes to the console."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cxone_provider.get_provider_info import get_provider_info

pytestmark = pytest.mark.airflow
PROJECT = Path(__file__).resolve().parents[3]
STATIC = PROJECT / "provider" / "cxone_provider" / "console" / "static"
IMPORTED_QUIETLY = """
import sys
sys.path.insert(0, sys.argv[1])
import airflow.plugins_manager
before = set(sys.modules)
import socket
def refuse(*_): raise AssertionError("a plugin's import opens a connection")
socket.socket.connect = refuse
import cxone_provider.console.plugin
new = {name.partition(".")[0] for name in set(sys.modules) - before}
ours = {name for name in sys.modules if name.startswith("cxone_provider.")}
print(sorted(new & {"boto3", "botocore", "fastapi", "numpy", "pandas", "requests", "great_expectations"}), sorted(ours))
"""
LOADED = """
import json, warnings
warnings.simplefilter("ignore")
from airflow import plugins_manager
from airflow.api_fastapi.core_api.datamodels.plugins import PluginResponse
if hasattr(plugins_manager, "_get_plugins"):
    plugins, errors = plugins_manager._get_plugins()
    views, _ = plugins_manager._get_ui_plugins()
    apps, _ = plugins_manager.get_fastapi_plugins()
else:  # Airflow 3.1
    plugins_manager.initialize_ui_plugins()
    plugins_manager.initialize_fastapi_plugins()
    plugins, errors = plugins_manager.plugins, plugins_manager.import_errors
    views, apps = plugins_manager.external_views, plugins_manager.fastapi_apps
ours = [plugin for plugin in plugins if plugin.name == "cxone_archive_console"]
told = [one for one in plugins_manager.get_plugin_info() if one["name"] == "cxone_archive_console"]
for one in told:
    PluginResponse.model_validate({**one, "source": str(one["source"])})
print(json.dumps([len(ours), errors, [v for v in views if v["url_route"] == "recordings-archive"],
                  [a["url_prefix"] for a in apps], str(ours[0].source) if ours else None]))
"""


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """Return the environment of this virtual environment, where the package is installed."""
    return {**os.environ, "AIRFLOW__CORE__PLUGINS_FOLDER": str(tmp_path), "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}


def load(environment: dict[str, str]) -> list[Any]:
    result = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=True)
    loaded: list[Any] = json.loads(result.stdout.splitlines()[-1])
    return loaded


def test_importing_the_plugin_only_declares(installed: dict[str, str]) -> None:
    command = [sys.executable, "-c", IMPORTED_QUIETLY, str(PROJECT / "provider")]
    result = subprocess.run(command, env=installed, capture_output=True, text=True, check=True)
    heavy, ours = result.stdout.splitlines()[-1].split("] [")
    assert heavy == "["
    assert "console.app" not in ours
    assert "adapters" not in ours


@pytest.mark.parametrize("folder", [PROJECT / "plugins", Path("/nonexistent")], ids=["mounted too", "installed"])
def test_the_installed_package_declares_it_once(installed: dict[str, str], folder: Path) -> None:
    count, errors, [view], prefixes, source = load({**installed, "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder)})
    assert (count, errors) == (1, {})
    assert "cxone_provider.console.plugin:ArchiveConsolePlugin" in str(source)
    assert prefixes == ["/cxone-archive"]
    assert (view["name"], view["href"], view["destination"]) == ("Recordings archive", "/cxone-archive/", "nav")


def test_the_plugins_folder_declares_it_where_the_package_does_not(installed: dict[str, str], tmp_path: Path) -> None:
    environment = {**installed, "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins")}
    script = (
        "import importlib.metadata as m; real = m.entry_points;"
        "m.entry_points = lambda **wanted: () if wanted.get('group') == 'airflow.plugins' else real(**wanted);"
        "import runpy, sys;"
        "names = runpy.run_path(sys.argv[1]); print('ArchiveConsolePlugin' in names)"
    )
    plugin = PROJECT / "plugins" / "cxone_archive_console.py"
    result = subprocess.run(
        [sys.executable, "-c", script, str(plugin)], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.splitlines()[-1] == "True"


def test_the_frame_leads_to_where_airflow_is_served(installed: dict[str, str]) -> None:
    _, _, [view], *_ = load({**installed, "AIRFLOW__API__BASE_URL": "https://data.example/airflow/"})
    assert view["href"] == "/airflow/cxone-archive/"


def test_both_names_of_the_plugin_are_one() -> None:
    entry_points = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["entry-points"]
    names = ast.parse((PROJECT / "plugins" / "cxone_archive_console.py").read_text())
    [constants] = [node.value for node in names.body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(constants)[1] in entry_points["airflow.plugins"]


def test_settings_come_from_airflows_configuration(installed: dict[str, str]) -> None:
    script = (
        "from cxone_provider.console.settings import settings_of_airflow as s; k = s();"
        "print(k.layout.bucket, k.layout.prefix, k.aws_conn_id, k.archive_dag_id)"
    )

    def settings(**environment: str) -> str:
        env = {**installed, **environment}
        result = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
        return result.stdout.splitlines()[-1]

    assert settings() == "cxone-archive cxone aws_default cxone_daily_archive"
    assert settings(CXONE_ARCHIVE_BUCKET="calls") == "calls cxone aws_default cxone_daily_archive"
    own = {"BUCKET": "mine", "PREFIX": "a/b", "AWS_CONN_ID": "other", "ARCHIVE_DAG_ID": "nightly"}
    asked = {f"AIRFLOW__CXONE_CONSOLE__{name}": value for name, value in own.items()}
    assert settings(CXONE_ARCHIVE_BUCKET="calls", **asked) == "mine a/b other nightly"
    # empty: boto3's own way to credentials
    assert settings(AIRFLOW__CXONE_CONSOLE__AWS_CONN_ID="") == "cxone-archive cxone None cxone_daily_archive"


def test_the_configuration_is_told_to_airflow_by_its_schema() -> None:
    schema = json.loads((files("airflow") / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)
    options = get_provider_info()["config"]["cxone_console"]["options"]
    assert set(options) == {"bucket", "prefix", "aws_conn_id", "archive_dag_id", "recording_dag_id", "verify_dag_id"}


def test_the_pages_load_nothing_from_elsewhere_and_nothing_inline() -> None:
    pages = sorted(STATIC.glob("*.html"))
    assert len(pages) == 3
    for path in pages:
        text = path.read_text()
        for found in re.findall(r'(?:src|href|action)="([^"]*)"', text):
            assert not found.startswith(("http:", "https:", "//", "data:", "/")), (path.name, found)
            local = STATIC / found.removeprefix("static/")
            assert not found.startswith("static/") or local.is_file(), (path.name, found)
        assert not re.search(r"<style|style=|\son\w+=|javascript:", text), path.name
        assert all(re.search(r"\bsrc=", tag) for tag in re.findall(r"<script[^>]*>", text)), path.name


def test_no_script_of_ours_turns_text_into_markup() -> None:
    ways = r"innerHTML|DOMParser|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"
    for path in sorted(STATIC.glob("*.js")):
        assert not re.search(ways, path.read_text()), path.name


def test_the_libraries_are_what_their_list_says() -> None:
    rows = re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", (STATIC / "README.md").read_text(), re.MULTILINE)
    vendored = {path.name for path in STATIC.glob("*.min.js")}
    assert {name for name, _ in rows} == vendored
    for name, digest in rows:
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest
    assert (STATIC / "chart-LICENSE.txt").read_text().startswith("The MIT License")


def test_the_plugins_folder_of_the_tree_holds_nothing_else() -> None:
    found = {path.name for path in (PROJECT / "plugins").iterdir() if not path.name.startswith("__")}
    assert found == {"cxone_archive_console.py"}
