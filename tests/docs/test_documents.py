"""Documents tell the truth: their code runs, their links lead somewhere, their commands exist."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cxone_provider.simulator import Simulator
from tests.conftest import PLAIN_BUCKET
from tests.docs.snippets import ROOT, documents, snippet

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AUDIO = ROOT / "tests" / "audio"
_TEST = re.compile(r"`(tests/[\w/.]+)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)(#[^)]*)?\)")


@pytest.mark.server
def test_the_plain_python_of_the_readme_archives_a_recording(seaweedfs_client: S3Client) -> None:
    call = AUDIO / "call-cbr32k-8k-id3v23.mp3"
    namespace: dict[str, Any] = {}
    exec(snippet("README.md", "plain"), namespace)  # the document's own code is what is tested
    with Simulator(client_id="reader", client_secret="secret & co") as tenant:  # the simulator's
        tenant.add_recording("readme-plain", call, format="mp3", duration_s=70.2)
        outcome, s3_uri, sha256 = namespace["archive_recording"](
            "readme-plain",
            base_url=tenant.base_url,
            client_id="reader",
            client_secret="secret & co",  # the simulator's
            s3_client=seaweedfs_client,
            bucket=PLAIN_BUCKET,
        )
    assert (outcome, sha256) == ("ARCHIVED", hashlib.sha256(call.read_bytes()).hexdigest())
    bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
    assert seaweedfs_client.get_object(Bucket=bucket, Key=key)["Body"].read() == call.read_bytes()


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    dead = [match[1] for match in _LINK.finditer(text) if not (document.parent / match[1]).exists()]
    assert dead == []


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_exists(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = set(re.findall(r"`make ([a-z][a-z-]*)", document.read_text(encoding="utf-8")))
    assert named <= targets


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    named = set(_TEST.findall(document.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", ["promises.md", "security.md"])
def test_a_promise_names_its_tests(name: str) -> None:
    assert len(set(_TEST.findall((ROOT / "docs" / name).read_text(encoding="utf-8")))) > 15


def test_each_threat_names_a_control_and_a_test() -> None:
    tables = re.findall(
        r"^\| threat \| control \| shown by \|\n\|[-|]+\n((?:\|.*\n)+)",
        (ROOT / "docs" / "security.md").read_text(),
        re.MULTILINE,
    )
    rows = [line.strip("|").split(" | ") for table in tables for line in table.splitlines()]
    assert len(rows) > 20
    assert [row[0] for row in rows if len(row) != 3 or not _TEST.search(row[2])] == []
