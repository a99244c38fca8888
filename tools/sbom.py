"""Writes what a built wheel stands on as a CycloneDX document: the packages it was tested with, each with its hashes.

The wheel itself asks for ranges; named here is what ``constraints.txt`` pins and this environment has. The same wheel,
pins and Python give the same bytes: nothing in the document is taken from a clock, a path or chance.

Usage::

    python -m tools.sbom dist/NAME.whl FOLDER
"""

from __future__ import annotations

import hashlib
import platform
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib.metadata import PackageMetadata, distribution
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.environment import CONSTRAINTS, RESOLVED_AT

SCHEMA = SchemaVersion.V1_6
_PIN = re.compile(r"^(?P<name>[\w.-]+)(?:\[[^]]*])?==(?P<version>[^\s;]+)")
_CLASSIFIED = "License :: OSI Approved :: "


def pinned_hashes(constraints: str) -> dict[str, list[str]]:
    """Return the SHA-256 of every file that a constraints file allows, by ``name==version``."""
    found: dict[str, list[str]] = {}
    files: list[str] = []
    for line in constraints.splitlines():
        if pin := _PIN.match(line):
            files = found.setdefault(f"{canonicalize_name(pin['name'])}=={pin['version']}", [])
        elif "--hash=sha256:" in line:
            files.append(line.split("sha256:")[1].split()[0])
    return found


def bill_of(wheel: Path, constraints: str) -> Bom:
    """Return what a wheel stands on, directly and indirectly.

    Raises:
        KeyError: this environment has a package that is not pinned.
        PackageNotFoundError: the wheel needs a package that is not installed.
    """
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Metadata.from_email(archive.read(name), validate=True)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    root = _component(metadata.name, str(metadata.version), ComponentType.LIBRARY)
    root.hashes = {HashType(alg=HashAlgorithm.SHA_256, content=digest)}
    root.licenses = {LicenseExpression(str(metadata.license_expression))}
    bom = Bom(metadata=BomMetaData(component=root, timestamp=datetime.fromisoformat(f"{RESOLVED_AT}T00:00:00+00:00")))
    bom.metadata.properties = {
        Property(name="python", value=".".join(platform.python_version_tuple()[:2])),
        Property(name="platform", value=f"{sys.platform} {platform.machine()}"),
    }
    _add_closure(bom, root, metadata.requires_dist or [], pinned_hashes(constraints))
    bom.serial_number = uuid5(NAMESPACE_URL, digest + "".join(sorted(str(one.purl) for one in bom.components)))
    return bom


def _add_closure(bom: Bom, root: Component, wanted: Sequence[Requirement], hashes: dict[str, list[str]]) -> None:
    """Walk the requirements; what is asked for with another extra is walked again, for what the extra adds."""
    known: dict[str, Component] = {}
    needs: dict[Component, set[Component]] = {root: set()}
    seen: set[tuple[str, str]] = set()
    waiting = [(root, requirement, "") for requirement in wanted]
    while waiting:
        parent, requirement, extra = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        child = known.get(name) or known.setdefault(name, _installed(name, hashes))
        needs[parent].add(child)
        needs.setdefault(child, set())
        for one in ("", *requirement.extras):
            if (name, one) not in seen:
                seen.add((name, one))
                waiting += [(child, Requirement(text), one) for text in distribution(name).requires or ()]
    bom.components = known.values()
    for parent, children in needs.items():
        bom.register_dependency(parent, children)


def _installed(name: str, hashes: dict[str, list[str]]) -> Component:
    found = distribution(name)
    component = _component(name, found.version, ComponentType.LIBRARY)
    component.licenses = set(_licences(found.metadata))
    component.external_references = {
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"https://pypi.org/project/{name}/{found.version}/#files"),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in hashes[f"{name}=={found.version}"]],
        )
    }
    return component


def _component(name: str, version: str, kind: ComponentType) -> Component:
    purl = PackageURL("pypi", name=name, version=version)
    return Component(name=name, version=version, type=kind, purl=purl, bom_ref=str(purl))


def _licences(metadata: PackageMetadata) -> Iterator[LicenseExpression | DisjunctiveLicense]:
    if "License-Expression" in metadata:
        yield LicenseExpression(metadata["License-Expression"])
        return
    classifiers = [one.removeprefix(_CLASSIFIED) for one in metadata.get_all("Classifier") or () if _CLASSIFIED in one]
    written = metadata["License"].strip() if "License" in metadata else ""
    # older packages write the licence's whole text there
    for name in classifiers or ([written] if written and "\n" not in written else []):
        yield DisjunctiveLicense(name=name)


def main(arguments: Sequence[str]) -> Path:
    """Write the document into a folder that is not the packages' own: whoever uploads those takes all there is."""
    wheel, folder = (Path(argument) for argument in arguments)
    bom = bill_of(wheel, CONSTRAINTS.read_text())
    name, version = wheel.name.split("-")[:2]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.cdx.json"
    path.write_text(make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string(indent=1) + "\n")
    return path


if __name__ == "__main__":
    print(main(sys.argv[1:]))
