"""The demo's path as a stranger goes it: real Airflow, a real S3 server, the simulated tenant, in a clean folder."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.demo.recordings import demo_recordings, source_file
from tools.servers.seaweedfs import seaweedfs

pytestmark = [pytest.mark.e2e, pytest.mark.airflow, pytest.mark.server, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("CXONE_E2E_PYTHON", sys.executable)
ARCHIVED = [one for one in demo_recordings() if one.ends == "ARCHIVED"]


@dataclass(frozen=True)
class Ran:
    """Two demos in one folder: what each printed."""

    workdir: Path
    first: str
    second: str


def environment(home: Path) -> dict[str, str]:
    """Return what a login on a fresh machine has: a path, and a home with nothing in it."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home)}


def demo(workdir: Path) -> str:
    """Run the demo to its end and return what it printed."""
    command = [PYTHON, "-m", "tools.demo", "--workdir", str(workdir)]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment(workdir.parent), capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def processes_of(workdir: Path) -> list[str]:
    """Return the command lines of living processes that name the folder, in arguments or environment."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            command, env = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile, or is not ours
        if os.fsencode(workdir) in command + env and command:
            found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    workdir = tmp_path_factory.mktemp("machine") / "demo"
    yield Ran(workdir, demo(workdir), demo(workdir))
    assert processes_of(workdir) == []


def test_the_first_run_archives_everything_that_can_be(ran: Ran) -> None:
    counts = re.search(r"(\d+) ARCHIVED, .*", ran.first)
    assert counts is not None, ran.first
    assert int(counts[1]) == len(ARCHIVED) >= 20
    for outcome in ("1 DELETED", "1 FAILED", "1 IN_COLD_STORAGE", "1 NOT_FOUND", "3 REJECTED"):
        assert outcome in counts[0]
    assert len(demo_recordings()) >= 24


def test_it_shows_evidence_speed_and_webhook(ran: Ran) -> None:
    for shown in ("MiB/s", "s3://archive/cxone/manifests/", "s3://archive/cxone/audit/", "webhook-signature: v1,"):
        assert shown in ran.first
    assert "x-stream-source: cxone-recording-streamer" in ran.first


def test_a_second_run_fetches_nothing_again_and_says_so(ran: Ran) -> None:
    assert f"{len(ARCHIVED)} ALREADY_ARCHIVED" in ran.second
    assert "nothing was fetched again" in ran.second


def test_the_objects_are_byte_for_byte_the_tenants_files(ran: Ran) -> None:
    with seaweedfs(ran.workdir / "s3", secret_key="demo-secret-key") as server:  # the demo's own
        s3 = server.client()
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="archive", Prefix="cxone/recordings/")
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        stored = {
            Path(key).stem: hashlib.sha256(s3.get_object(Bucket="archive", Key=key)["Body"].read()).hexdigest()
            for key in keys
        }
    sources = {one.recording_id: source_file(ran.workdir / "recordings", one.recording_id) for one in ARCHIVED}
    expected = {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sources.items() if path is not None
    }
    assert stored == expected


def test_no_secret_is_in_any_file_the_run_left(ran: Ran) -> None:
    passwords = (ran.workdir / "airflow" / "passwords.json").read_text()
    assert "admin" in passwords
    needles = [b"whsec_ZGVtby1vZi1h", b"demo-secret-key", b"&+=%"]
    hits = [
        str(path.relative_to(ran.workdir))
        for path in (ran.workdir / "airflow" / "logs").rglob("*.log")
        for needle in needles
        if needle in path.read_bytes()
    ]
    assert hits == []


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    workdir = tmp_path / "demo"
    command = [PYTHON, "-m", "tools.demo", "--workdir", str(workdir)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        # The database exists when Airflow's processes are on their way up.
        database = workdir / "airflow" / "airflow.db"
        while not database.exists() and process.poll() is None:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
        assert processes_of(workdir)
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == 130, printed
    assert "everything that was started is gone" in printed
    assert processes_of(workdir) == []
