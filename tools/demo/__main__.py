"""``python -m tools.demo``: start everything, run `cxone_daily_archive`, show and check what it did."""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from tools.demo.airflow import USER, Airflow, AirflowNotReady
from tools.demo.progress import RunTimedOut, follow
from tools.demo.recordings import demo_recordings, source_file
from tools.demo.report import run_documents, show_evidence, show_recordings, show_totals, show_webhook
from tools.demo.stage import ARCHIVE, CONF, DAG_ID, PREFIX, RECORDING_DAG_ID, stage
from tools.demo.tenant import Tenant, TenantNotReady
from tools.servers.seaweedfs import S3Server, ServerNotReady

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).parents[2]
CONSOLE = "/plugin/recordings-archive"
RUN_LIMIT_S = 600.0
_INTERRUPTED = 130
_LINE_CHARACTERS = 160  # into a file or a pipe


class FolderInUse(Exception):
    """Another demo runs in the folder."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0 when everything ended as it should."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep Airflow, simulator and S3 up until Ctrl-C")
    parser.add_argument("--workdir", type=Path, default=ROOT / ".local" / "demo", help="everything is stored there")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _LINE_CHARACTERS)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with SIGINT ignored
        signal.signal(number, _interrupt)
    try:
        return _demo(options.workdir.resolve(), console, keep=options.keep)
    except KeyboardInterrupt:
        console.print("\nstopped; everything that was started is gone")
        return _INTERRUPTED
    except (AirflowNotReady, FolderInUse, RunTimedOut, ServerNotReady, TenantNotReady) as error:
        console.print(f"[bold red]the demo failed:[/] {error}", markup=True)
        return 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _demo(workdir: Path, console: Console, *, keep: bool) -> int:
    with ExitStack() as stack:
        stack.enter_context(_alone_in(workdir))
        with console.status("starting Airflow (database, scheduler, triggerer, API server)…"):
            on = stack.enter_context(stage(workdir))
        console.print(f"Airflow, CXone simulator and S3 are up after {on.seconds:.0f} s")
        if keep:  # what the console's *Archive again* starts
            on.flow.wait_for_dag(RECORDING_DAG_ID)
            on.flow.unpause(RECORDING_DAG_ID)
        failed = _run(on.flow, on.cxone, on.store.client(), on.recordings, console)
        _show_addresses(console, on.flow, on.cxone, on.store, workdir, keep=keep)
        if keep:
            threading.Event().wait()
        return failed


@contextmanager
def _alone_in(workdir: Path) -> Iterator[None]:
    """Hold the folder: two demos in one would take each other's databases."""
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse(f"another demo runs in {workdir}: stop it, or name another folder by --workdir") from None
        yield


def _run(flow: Airflow, cxone: Tenant, s3: S3Client, recordings: Path, console: Console) -> int:
    expected = [one for one in demo_recordings() if one.ends == "ARCHIVED"]
    began_s = time.monotonic()
    run_id = flow.trigger(DAG_ID, CONF)
    console.print(f"{DAG_ID} runs as {run_id}: {len(demo_recordings())} recordings are listed")
    state = follow(flow, DAG_ID, run_id, s3, ARCHIVE, len(expected), console, RUN_LIMIT_S)
    documents = run_documents(s3, ARCHIVE, PREFIX, run_id)
    show_recordings(console, documents, f"s3://{ARCHIVE}/{PREFIX}/recordings/")
    show_totals(console, documents, cxone.requests(), time.monotonic() - began_s)
    archived = [one for one in documents if one["success"]]
    if archived:
        show_evidence(console, s3, archived[0])
    show_webhook(console, cxone)
    problems = _problems(state, documents, s3, recordings)
    if problems:
        console.print("\n[bold red]Not as it should be:[/]\n  " + "\n  ".join(problems))
        console.print(flow.task_logs(DAG_ID, run_id), markup=False)
        return 1
    console.print(
        f"\n[bold green]{len(archived)} objects are byte for byte the tenant's files;"
        f" {len(documents) - len(archived)} recordings ended otherwise, as they should.[/]"
    )
    return 0


def _problems(state: str, documents: Sequence[Mapping[str, Any]], s3: S3Client, recordings: Path) -> list[str]:
    """Compare what the run did with what it should have done; the objects byte for byte."""
    ended = {str(one["recording_id"]): one for one in documents}
    problems = [] if state == "success" else [f"the run ended {state}"]
    for one in demo_recordings():
        document = ended.get(one.recording_id)
        outcome = "nothing" if document is None else str(document["outcome"])
        wanted = {"ARCHIVED", "ALREADY_ARCHIVED"} if one.ends == "ARCHIVED" else {one.ends}
        if outcome not in wanted:
            problems.append(f"{one.recording_id}: {outcome}, where {one.ends} was due")
        elif document is not None and document["success"]:
            problems += _differences(s3, document, source_file(recordings, one.recording_id))
    return problems


def _differences(s3: S3Client, document: Mapping[str, Any], source: Path | None) -> list[str]:
    bucket, _, key = str(document["s3_uri"]).removeprefix("s3://").partition("/")
    stored = hashlib.sha256()
    for piece in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(2**20):
        stored.update(piece)
    if source is None:
        return [f"{key}: there is no such file at the tenant"]
    with source.open("rb") as file:
        original = hashlib.file_digest(file, "sha256")
    return [] if stored.digest() == original.digest() else [f"{key}: other bytes than the tenant's"]


def _show_addresses(
    console: Console, flow: Airflow, cxone: Tenant, store: S3Server, workdir: Path, *, keep: bool
) -> None:
    if not keep:
        console.print("\n`make demo-ui` does the same and keeps Airflow's UI, the simulator and S3 up to look at.")
        return
    console.print("\n[bold]Up until Ctrl-C[/]")
    console.print(f"  Airflow    {flow.base_url}/dags/{DAG_ID}   user {USER}, password {flow.password}")
    console.print(f"  console    {flow.base_url}{CONSOLE}   the same login")
    console.print(f"  simulator  {cxone.base_url}/_simulator/requests")
    console.print(
        f"  S3         {store.endpoint}   key {store.access_key}, secret {store.secret_key}, bucket {ARCHIVE}"
    )
    console.print(f"  files      {workdir}")


if __name__ == "__main__":
    sys.exit(main())
