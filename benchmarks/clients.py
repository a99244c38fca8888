"""The clients that are compared; each runs in a process of its own and prints what it cost.

``python -m benchmarks.clients NAME SOURCE_URL S3_URL RECORDING_ID…`` with the client secret in the environment.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import boto3
import requests

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.recording import parse_ref

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CLIENT_ID = "bench"
BUCKET = "bucket"
SECRET_VARIABLE = "BENCH_CLIENT_SECRET"  # noqa: S105  # the variable's name
PEER_THREADS = 4
_PAGE_KIB = 1024


@dataclass(frozen=True, slots=True)
class Job:
    """What a client moves, and between which servers."""

    source_url: str
    s3_url: str
    recording_ids: Sequence[str]

    def secret(self) -> str:
        """Return the tenant's client secret."""
        return os.environ[SECRET_VARIABLE]

    def s3(self, **options: Any) -> S3Client:
        """Return a boto3 client for the sink."""
        return boto3.client(
            "s3",
            endpoint_url=self.s3_url,
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # noqa: S106  # the sink checks nothing
            region_name="us-east-1",
            **options,
        )

    def token(self) -> str:
        """Return a bearer token."""
        form = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": self.secret(),
            "scope": "recording:download recording:read",
        }
        answer = requests.post(f"{self.source_url}/oauth/token", data=form, timeout=10)
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def media_url(self, recording_id: str) -> str:
        """Return where a recording's media is."""
        return f"{self.source_url}/api/v2/recording/download/{recording_id}"


def ours(job: Job) -> None:
    """This provider: four readers, everything verified: ranges, SHA-256, audio structure, part digests, evidence."""
    _archive(job, settings_of(job.source_url, CLIENT_ID, job.secret(), {}), None)


def ours_signed(job: Job) -> None:
    """The same, with chunk signatures."""
    secret = os.environ["BENCH_STREAM_SECRET"]
    extra = {"stream_secret": secret}
    _archive(job, settings_of(job.source_url, CLIENT_ID, job.secret(), extra), secret.encode())


def _archive(job: Job, settings: Any, stream_secret: bytes | None) -> None:
    clock, policy = SystemClock(), ArchivePolicy(max_duration_s=366 * 86_400)
    source = RecordingV2Source(settings, clock)
    refs = [parse_ref(recording_id) for recording_id in job.recording_ids]
    with ThreadPoolExecutor(PEER_THREADS) as pool:
        described = list(pool.map(source.describe, refs))
    plans = [
        plan_of(ref, one, audio_format=None, segment_size_bytes=8 * 2**20, policy=policy, now=clock.now())
        for ref, one in zip(refs, described, strict=True)
    ]
    store = S3Store(job.s3(config=tuned_client_config()), BUCKET)
    archiving = ArchiveSettings(prefix="bench", policy=policy, stream_secret=stream_secret)
    logs = archive_recordings(plans, source=source, store=store, clock=clock, settings=archiving)
    failed = [log.error for log in logs if not log.success]
    if failed:
        raise SystemExit(str(failed[0]))


def http_to_s3(job: Job) -> None:
    """What Airflow's HttpToS3Operator does: the whole body in memory, then one upload."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook  # noqa: F401  # its import is part of its cost

    s3, headers = job.s3(), {"Authorization": f"Bearer {job.token()}"}
    for recording_id in job.recording_ids:
        content = requests.get(job.media_url(recording_id), headers=headers, timeout=600).content
        s3.put_object(Bucket=BUCKET, Key=recording_id, Body=content)


def boto3_fileobj(job: Job) -> None:
    """Requests streaming into boto3's upload_fileobj, four at a time."""
    s3, headers = job.s3(), {"Authorization": f"Bearer {job.token()}"}
    session = requests.Session()

    def move(recording_id: str) -> None:
        with session.get(job.media_url(recording_id), headers=headers, timeout=600, stream=True) as answer:
            s3.upload_fileobj(cast("IO[bytes]", answer.raw), BUCKET, recording_id)

    with ThreadPoolExecutor(PEER_THREADS) as pool:
        list(pool.map(move, job.recording_ids))


def rclone(job: Job) -> None:
    """Rclone copyurl, one process for each recording."""
    env = {
        # An AWS_CA_BUNDLE of the environment stops rclone's own transport.
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "RCLONE_CONFIG_SINK_TYPE": "s3",
        "RCLONE_CONFIG_SINK_PROVIDER": "Other",
        "RCLONE_CONFIG_SINK_ENDPOINT": job.s3_url,
        "RCLONE_CONFIG_SINK_ACCESS_KEY_ID": "bench",
        "RCLONE_CONFIG_SINK_SECRET_ACCESS_KEY": "bench",
        "RCLONE_S3_NO_CHECK_BUCKET": "true",
    }
    header = f"Authorization: Bearer {job.token()}"
    for recording_id in job.recording_ids:
        target = f"sink:{BUCKET}/{recording_id}"
        command = ["rclone", "copyurl", "--header", header, job.media_url(recording_id), target]
        subprocess.run(command, env=env, check=True)


CLIENTS: Mapping[str, Callable[[Job], None]] = {
    "this provider": ours,
    "this provider, signed chunks": ours_signed,
    "boto3 upload_fileobj": boto3_fileobj,
    "rclone copyurl": rclone,
    "Airflow HttpToS3 call": http_to_s3,
}


def _resident_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    """Run one client and print its cost as JSON."""
    name, source_url, s3_url, *recording_ids = sys.argv[1:]
    job = Job(source_url, s3_url, recording_ids)
    idle_mib = _resident_mib()
    began_s, began_cpu = time.perf_counter(), time.process_time()
    CLIENTS[name](job)
    took_s = time.perf_counter() - began_s
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = time.process_time() - began_cpu + children.ru_utime + children.ru_stime
    peak_mib = children.ru_maxrss / _PAGE_KIB if name.startswith("rclone") else own.ru_maxrss / _PAGE_KIB - idle_mib
    sys.stdout.write(json.dumps({"took_s": took_s, "cpu_s": cpu_s, "peak_mib": peak_mib}) + "\n")


if __name__ == "__main__":
    main()
