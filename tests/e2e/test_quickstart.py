"""The quick start as it stands: its files and commands, in an empty folder, with free ports in place of its own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.snippets import snippet
from tools.servers.leash import leashed
from tools.servers.ports import free_ports
from tools.servers.seaweedfs import S3Server, seaweedfs

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.server, pytest.mark.timeout(900)]

PAGE = "docs/quickstart.md"
PYTHON = Path(os.environ.get("CXONE_E2E_PYTHON", sys.executable))
TENANT_PORT, STORE_PORT = "8765", "8333"


@contextmanager
def servers(folder: Path, tenant_port: int) -> Iterator[S3Server]:
    """Start what the page starts."""
    tenant, _ = snippet(PAGE, "quickstart-servers").splitlines()
    words = shlex.split(tenant.replace(TENANT_PORT, str(tenant_port)).removesuffix("&"))
    (folder / "recordings").mkdir()
    (folder / "recordings" / "recordings.json").write_text(snippet(PAGE, "quickstart-index"))
    words[words.index("recordings")] = str(folder / "recordings")
    store = seaweedfs(folder / "s3", buckets=["archive"], access_key="archive", secret_key="archive-secret")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with store as server, leashed([str(PYTHON), *words[1:]], log_path=folder / "tenant.log", env=environment):
        yield server


def test_the_first_recording_is_archived_and_proven(tmp_path: Path) -> None:
    [tenant_port] = free_ports(1)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "first_archive.py").write_text(snippet(PAGE, "quickstart-dag"))
    with servers(tmp_path, tenant_port) as store:
        script = snippet(PAGE, "quickstart-environment") + snippet(PAGE, "quickstart-run")
        script = script.replace(TENANT_PORT, str(tenant_port)).replace(f"http://127.0.0.1:{STORE_PORT}", store.endpoint)
        environment = {"PATH": f"{PYTHON.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        client = store.client()
        [media] = client.list_objects_v2(Bucket="archive", Prefix="cxone/recordings/")["Contents"]
        client.close()
    assert media["Key"].endswith("/first-call.wav")
    assert media["Size"] >= 2_000_000


def test_the_store_of_the_page_is_one_that_starts() -> None:
    _, store = snippet(PAGE, "quickstart-servers").splitlines()
    words = shlex.split(store.partition(">")[0])
    options = [word.partition("=")[0] for word in words if word.startswith("-")]
    known = subprocess.run([PYTHON.with_name("weed"), "mini", "-h"], capture_output=True, text=True, check=False)
    assert set(options) <= set(re.findall(r"^\s+(-[\w.]+)", known.stdout + known.stderr, re.MULTILINE))
    assert words[:2] == ["AWS_ACCESS_KEY_ID=archive", "AWS_SECRET_ACCESS_KEY=archive-secret"]
    assert f"-s3.port={STORE_PORT}" in words
