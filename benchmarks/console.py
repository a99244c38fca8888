"""``python -m benchmarks.console``: the console's first view of 100,000 recordings, over a real S3 server.

Requests are counted where they are sent; the time is this machine's and goes with the count.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pendulum

from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.recording import Outcome
from cxone_provider.console.reading import ArchiveReader
from tools.servers.seaweedfs import seaweedfs

RECORDINGS, DAYS = 100_000, 90
LAYOUT = ArchiveLayout("archive", "cxone")
LAST = pendulum.date(2026, 11, 25)


def report_of(day: pendulum.Date, count: int) -> bytes:
    """Return a run's file as the check task writes it."""
    at = pendulum.datetime(day.year, day.month, day.day, 3)
    key = f"s3://archive/cxone/recordings/date={day.to_date_string()}/"
    logs = (
        AuditLog(
            f"{day.format('YYYYMMDD')}-11223344-5566-{n:08}", Outcome.ARCHIVED, at, at.add(seconds=2),
            s3_uri=f"{key}{n}.wav", manifest_uri=f"{key}{n}.json", audit_uri=f"{key}{n}.jsonl", audit_head="a" * 64,
            total_bytes=1_000_000 + n, chunks_processed=1, latency_ms=100.0 + n * 7919 % 997, sha256="b" * 64,
            duration_s=60.0, format="wav", attempts=1, recorded_at=at, agent="Ada Park",
        )
        for n in range(count)
    )  # fmt: skip
    return b"".join(json.dumps(log.to_document(), sort_keys=True).encode() + b"\n" for log in logs)


def measured(what: str, reader: ArchiveReader, requests: Counter[str]) -> None:
    """Look once and print what it cost."""
    requests.clear()
    began_s, began_cpu_s = time.monotonic(), time.process_time()
    days = reader.summaries(LAST.subtract(days=DAYS - 1), LAST)
    took_ms = (time.monotonic() - began_s) * 1000
    cpu_ms = (time.process_time() - began_cpu_s) * 1000
    found = sum(day.outcomes.get("ARCHIVED", 0) for day in days)
    sent = ", ".join(f"{count} {name}" for name, count in sorted(requests.items()))
    print(f"{what:<12} {found:>9,} recordings {took_ms:>8,.0f} ms ({cpu_ms:,.0f} ms of processor)   {sent}")


def count(requests: Counter[str], event_name: str) -> None:
    """Count one request by its operation, which botocore's event ends with."""
    requests[event_name.rpartition(".")[2]] += 1


def main() -> None:
    """Fill a bucket, look twice."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs(Path(folder), buckets=[LAYOUT.bucket]) as server:
        client: Any = server.client(tuned_client_config(concurrency=16))
        size_bytes = 0
        for back in range(DAYS):
            day = LAST.subtract(days=back)
            body = report_of(day, RECORDINGS // DAYS + (back < RECORDINGS % DAYS))
            size_bytes += len(body)
            client.put_object(Bucket=LAYOUT.bucket, Key=LAYOUT.run_key(day, "scheduled__x"), Body=body)
        requests: Counter[str] = Counter()
        client.meta.events.register("before-send.s3", lambda event_name, **_: count(requests, event_name))
        before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        reader = ArchiveReader(S3Store(client, LAYOUT.bucket), LAYOUT)
        print(f"{DAYS} days of runs, {size_bytes / 2**20:,.0f} MiB of reports")
        measured("first view", reader, requests)
        measured("second view", reader, requests)
        grown_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before_mib
        print(f"memory: {grown_mib:,.0f} MiB over the peak before")


if __name__ == "__main__":
    main()
