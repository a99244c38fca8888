"""Clients side by side: each in a process of its own, all in every round, in turn."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.client import THREADS
from benchmarks.ends import BUCKET, Ends, environment_of
from benchmarks.equipment import PEERS, ROOT, WORK
from benchmarks.loads import Load

_HEADER = "Authorization: Bearer benchmark"
_LAUNCHING = Path(__file__).with_name("launching.py")
_SHELL = ("bash", "-euo", "pipefail", "-c")


@dataclass(frozen=True, slots=True)
class Cost:
    """What one client took in one round.

    Attributes:
        count: recordings it moved.
        took_s, cpu_s: time; the client's own seconds of processor.
        peak_mib: peak memory above the idle process; of programs, all of it.
        requests: by kind, where the ends count them.
        peak_requests: the most that were open at once at either end.
        told: what the client itself said.
    """

    count: int
    took_s: float
    cpu_s: float
    peak_mib: float
    requests: Mapping[str, int] = field(default_factory=dict)
    peak_requests: int = 0
    told: Mapping[str, Any] = field(default_factory=dict)


class ClientFailed(SystemExit):
    """A client ended without telling its cost; a benchmark ends with it."""

    def __init__(self, title: str, exit_code: int, told: str) -> None:
        super().__init__(f"{title} failed with {exit_code}:\n{told[-3000:]}")


Command = Callable[[Ends, Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is run: a module that reads a job, or a shell command made for the recordings."""

    title: str
    module: str = ""
    name: str = ""
    command: Command | None = None
    slow: bool = False
    leaves_out: frozenset[str] = frozenset()


def _media(ends: Ends, recording_id: str) -> str:
    return shlex.quote(f"{ends.source_url}/api/v2/recording/download/{recording_id}")


def _curl(ends: Ends, recording_id: str) -> str:
    return f"curl -sSf -H {shlex.quote(_HEADER)} {_media(ends, recording_id)}"


def _to_nothing(ends: Ends, ids: Sequence[str]) -> str:
    config = WORK / "urls.curl"
    lines = [f'url = "{ends.source_url}/api/v2/recording/download/{one}"\noutput = "/dev/null"' for one in ids]
    config.write_text("\n".join(lines) + "\n")
    return f"curl -sSf -Z --parallel-max {THREADS} -H {shlex.quote(_HEADER)} -K {shlex.quote(str(config))}"


def _curl_curl(ends: Ends, ids: Sequence[str]) -> str:
    return "\n".join(f"{_curl(ends, one)} | curl -sSf -T - {ends.s3_url}/{BUCKET}/{one}" for one in ids)


def _curl_aws(ends: Ends, ids: Sequence[str]) -> str:
    return "\n".join(f"{_curl(ends, one)} | {PEERS}/aws s3 cp - s3://{BUCKET}/{one}" for one in ids)


def _rclone(ends: Ends, ids: Sequence[str]) -> str:
    config = {
        "TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": ends.s3_url,
        "ACCESS_KEY_ID": ends.access_key, "SECRET_ACCESS_KEY": ends.secret_key,
    }  # fmt: skip
    exports = [f"RCLONE_CONFIG_SINK_{name}={shlex.quote(value)}" for name, value in config.items()]
    listed = "\n".join(f"{ends.source_url}/api/v2/recording/download/{one},{one}" for one in ids)
    urls = WORK / "urls.csv"
    urls.write_text(f"{listed}\n")
    run = f"{PEERS}/rclone copyurl --urls --transfers {THREADS} --s3-no-check-bucket"
    return f"export {' '.join(exports)}\n{run} {urls} sink:{BUCKET}"


CLIENTS: Mapping[str, Client] = {
    "ours": Client("**this provider**, signed chunks", "benchmarks.clients", "ours"),
    "ours_unsigned": Client("**this provider**, unsigned tenant", "benchmarks.clients", "ours_unsigned"),
    "rclone": Client("rclone copyurl", command=_rclone),
    "boto3": Client("requests → boto3 `upload_fileobj`", "benchmarks.clients", "boto3_fileobj"),
    "smart_open": Client("smart_open", "benchmarks.peers", "smart_open"),
    "obstore": Client("obstore, unsigned payload", "benchmarks.peers", "obstore"),
    "aws": Client("`curl` into `aws s3 cp -`", command=_curl_aws, slow=True),
    "http_to_s3": Client("Airflow `HttpToS3Operator`", "benchmarks.clients", "http_to_s3", slow=True),
    "curl_curl": Client("limit: `curl` into `curl` PUT", command=_curl_curl, slow=True),
    "curl_null": Client("limit: `curl` to nothing", command=_to_nothing),
}


def measured(load: Load, ends: Ends, rounds: int, names: Sequence[str]) -> dict[str, list[Cost]]:
    """Run every client in every round and return their costs; the order turns by one each round."""
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    for number in range(rounds):
        turn = number % len(names)
        for name in (*names[turn:], *names[:turn]):
            costs[name].append(once(CLIENTS[name], load, ends))
        print(f"[bench] {load.name}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return costs


def once(client: Client, load: Load, ends: Ends, under: Sequence[str] = (), **options: Any) -> Cost:
    """Run one client once, from ends that are empty; `under` begins its command, as a profiler's does."""
    ends.reset()
    ids = load.ids(load.few if client.slow else load.count)
    if client.command is not None:
        cost = _run_program(client.command(ends, ids), ends, under)
    else:
        cost = _run_module(client, ids, ends, under, options)
    counted = ends.counts()
    return Cost(len(ids), **cost, requests=counted["requests"], peak_requests=counted["peak"])


def _run_module(
    client: Client, ids: Sequence[str], ends: Ends, under: Sequence[str], options: Mapping[str, Any]
) -> dict[str, Any]:
    python = PEERS / "python" if client.module == "benchmarks.peers" else sys.executable
    job = {
        "source_url": ends.source_url, "s3_url": ends.s3_url, "bucket": BUCKET, "ids": list(ids),
        "access_key": ends.access_key, "secret_key": ends.secret_key, "options": dict(options),
    }  # fmt: skip
    env = {**environment_of(ends), "AIRFLOW_HOME": str(WORK / "airflow"), "AIRFLOW__CORE__UNIT_TEST_MODE": "False"}
    command = [*under, python, "-m", client.module, client.name]
    ran = subprocess.run(
        command, input=json.dumps(job) + "\n", cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise ClientFailed(client.title, ran.returncode, ran.stderr)
    cost: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return cost


def _run_program(script: str, ends: Ends, under: Sequence[str]) -> dict[str, Any]:
    command: list[str | Path] = [sys.executable, "-I", "-S", _LAUNCHING, *under, *_SHELL, script]
    ran = subprocess.run(command, env=environment_of(ends), cwd=WORK, capture_output=True, text=True, check=False)
    cost: dict[str, Any] = json.loads(ran.stdout) if ran.stdout else {"exit_code": ran.returncode}
    if cost.pop("exit_code"):
        raise SystemExit(f"{script.splitlines()[-1][:200]} failed:\n{ran.stderr[-3000:]}")
    return cost


def documents(costs: Mapping[str, Sequence[Cost]]) -> dict[str, list[dict[str, Any]]]:
    """Return costs as JSON."""
    return {name: [asdict(cost) for cost in rounds] for name, rounds in costs.items()}
