"""What users install: the wheel holds the package and nothing else, and the same tree gives the same bytes."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml
from packaging.metadata import Metadata

import cxone_provider
from tests.docs.snippets import ROOT

PACKAGE = "cxone_provider"
DATA = {
    ".json",
    ".typed",
    ".css",
    ".html",
    ".js",
    ".md",
    ".svg",
    ".txt",
}  # suites of data rules, and the mark that types are shipped


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist"))


def build(folder: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env=os.environ | {"SOURCE_DATE_EPOCH": "0"})
    return folder


def wheel_of(dist: Path) -> zipfile.ZipFile:
    [path] = dist.glob("*.whl")
    return zipfile.ZipFile(path)


def shipped(dist: Path) -> set[str]:
    with wheel_of(dist) as wheel:
        return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_wheel_is_the_package_and_nothing_else(dist: Path) -> None:
    source = ROOT / "provider"
    tracked = {
        str(path.relative_to(source))
        for path in (source / PACKAGE).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert shipped(dist) == tracked
    assert {Path(name).suffix for name in tracked} - {".py"} <= DATA
    assert f"{PACKAGE}/py.typed" in tracked


def test_version_licence_and_entry_points_stand_in_the_wheel(dist: Path) -> None:
    with wheel_of(dist) as wheel:
        info = next(name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" in name)
        metadata = Metadata.from_email(wheel.read(f"{info}/METADATA"), validate=True)
        entry_points = wheel.read(f"{info}/entry_points.txt").decode()
        assert b"Apache License" in wheel.read(f"{info}/licenses/LICENSE")
    assert str(metadata.version) == cxone_provider.__version__
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.description_content_type == "text/markdown"
    assert (metadata.description or "").startswith("# airflow-provider-cxone")
    assert not re.findall(r"\]\((?!https://|#)", metadata.description or ""), (
        "the package index has no repository around it"
    )
    assert f"/blob/v{cxone_provider.__version__}/docs/" in (metadata.description or "")
    assert "provider_info = cxone_provider.get_provider_info:get_provider_info" in entry_points
    assert "cxone_preloading = cxone_provider.preloading.plugin:PreloadingPlugin" in entry_points


def test_the_package_index_would_take_both(dist: Path) -> None:
    command = [sys.executable, "-m", "twine", "--no-color", "check", "--strict", *map(str, dist.iterdir())]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("PASSED") == 2


def test_the_same_tree_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    digests = [
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        for folder in (dist, again)
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 2


def test_the_source_distribution_can_be_tested(dist: Path) -> None:
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
        raw = archive.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert raw is not None
        assert message_from_bytes(raw.read())["Name"] == "airflow-provider-cxone"
    assert {"Makefile", "constraints.txt", ".ci/run", "tests/conftest.py", "dags/cxone_daily_archive.py"} <= names
    assert not [name for name in names if name.startswith((".venv", ".local", "dist"))]


@pytest.mark.parametrize("name", ["ci", "release"])
def test_workflows_run_what_everybody_runs(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert "bash .ci/run" in [step.get("run") for step in steps]
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text


def test_a_release_is_what_was_checked_published_without_a_stored_token() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))["jobs"]
    given = [step.get("with", {}) for step in jobs["build"]["steps"]]
    kept = {one["name"]: one["path"] for one in given if "path" in one}
    assert kept == {"dist": "dist/", "sbom": ".local/release/"}
    assert "tools.sbom dist/*.whl .local/release" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "make sbom" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    publish = jobs["publish"]
    assert publish["needs"] == "build"
    assert publish["permissions"] == {"id-token": "write"}
    [upload] = [step for step in publish["steps"] if "pypi-publish" in step["uses"]]
    assert "with" not in upload
    [fetch] = [step for step in publish["steps"] if "download-artifact" in step["uses"]]
    assert fetch["with"] == {"name": "dist", "path": "dist/"}
    assert jobs["describe"]["permissions"] == {"contents": "write"}
