"""The same batches without Airflow: one process that lists, validates, streams and announces with the same adapters.

Run as a script it takes an :class:`Order` as JSON and prints what the batches took.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import boto3
import pendulum

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.data_extraction import DataExtraction
from cxone_provider.adapters.cxone.links import LinkSession
from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.settings import CXoneSettings, settings_of
from cxone_provider.adapters.cxone.tenant_api import TenantApi
from cxone_provider.adapters.quality import check_plans, check_recordings
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import webhook_settings
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import audit_documents
from cxone_provider.archive.contact import read_archived
from cxone_provider.archive.jobs import JobListing
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Selection, Window, batches
from cxone_provider.archive.notification import announce
from cxone_provider.archive.validating import Checks, ValidationSettings, validate_recordings
from tools.servers.seaweedfs import S3Server

PROJECT = Path(__file__).parents[2]
_CONCURRENCY = 4
_SENDERS = 8


@dataclass(frozen=True, slots=True)
class Bare:
    """What the batches of the bare pipeline took.

    Attributes:
        recordings: archived and announced.
        took_s, cpu_s: from the first validation to the last receipt; what is imported is imported before.
    """

    recordings: int
    took_s: float
    cpu_s: float


def bare(connections: Sequence[Mapping[str, Any]], s3: S3Server, bucket: str, prefix: str, date: str) -> Bare:
    """Archive a day in a process of its own.

    Args:
        connections: tenant and webhook, as Airflow has them.
        s3: the S3 server.
        bucket: of the archive.
        prefix: of the archive.
        date: the day, ``YYYY-MM-DD``.
    """
    order = {"connections": connections, "s3": dataclasses.asdict(s3), "bucket": bucket, "prefix": prefix, "date": date}
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT / "provider"), str(PROJECT)])}
    command = [sys.executable, "-m", "tests.distributed.bare"]
    ran = subprocess.run(command, input=json.dumps(order), env=env, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"the bare pipeline failed:\n{ran.stderr[-3000:]}")
    return Bare(**json.loads(ran.stdout.splitlines()[-1]))


class _Pipeline:
    """One process's adapters, made once, as one task after the other makes them."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        tenant, webhook = order["connections"]
        self.settings: CXoneSettings = settings_of(
            tenant["host"], tenant["login"], tenant["password"], json.loads(tenant["extra"])
        )
        self.clock, self.prefix = SystemClock(), order["prefix"]
        self.store = S3Store(_client(order["s3"]), order["bucket"])
        self.layout = ArchiveLayout(order["bucket"], self.prefix)
        reached = webhook_settings(webhook["host"], None, None, None, webhook["password"], json.loads(webhook["extra"]))
        self.notifier = WebhookNotifier(reached, self.clock)

    def listed(self, date: str) -> list[list[Mapping[str, Any]]]:
        """Return the day's batches of refs."""
        start = pendulum.parse(date, exact=False)
        assert isinstance(start, pendulum.DateTime)
        window = Window(start, start.add(days=1))
        jobs = DataExtraction(TenantApi(self.settings, self.clock), LinkSession(self.settings))
        with closing(JobListing(jobs, self.clock)) as listing:
            return list(batches(Selection(listing.refs(window), window), repeat(100)))

    def archive(self, refs: Sequence[Mapping[str, Any]]) -> int:
        """Validate, stream and announce a batch; return how many were archived."""
        checks = Checks(recordings=check_recordings, plans=check_plans)
        with closing(MediaPlaybackSource(self.settings, self.clock)) as source:
            plans = validate_recordings(
                refs,
                source=source,
                clock=self.clock,
                settings=ValidationSettings(),
                checks=checks,
                archived=lambda name: read_archived(self.store, self.layout, name) is not None,
            ).plans
            settings = ArchiveSettings(prefix=self.prefix, concurrency=_CONCURRENCY)
            logs = archive_recordings(plans, source=source, store=self.store, clock=self.clock, settings=settings)
        with ThreadPoolExecutor(_SENDERS) as pool:
            told = pool.map(
                lambda document: announce(document, notifier=self.notifier, store=self.store), audit_documents(logs)
            )
            return sum(receipt.status_code < 300 for receipt in told)


def _client(s3: Mapping[str, Any]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=s3["endpoint"],
        aws_access_key_id=s3["access_key"],
        aws_secret_access_key=s3["secret_key"],
        region_name=s3["region"],
        config=tuned_client_config(concurrency=_SENDERS),
    )


def main() -> None:
    """Do what standard input orders."""
    from cxone_provider.adapters.quality.validation import great_expectations

    order = json.load(sys.stdin)
    pipeline = _Pipeline(order)
    day = pipeline.listed(order["date"])
    great_expectations()
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    recordings = sum(pipeline.archive(refs) for refs in day)
    took = {"took_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - began_cpu_s}
    sys.stdout.write(json.dumps({"recordings": recordings, **took}) + "\n")


if __name__ == "__main__":
    main()
