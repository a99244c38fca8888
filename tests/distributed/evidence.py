"""What must hold after a run, found out from outside: from the S3 server's versions and the tenant's request log."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.distributed.day import Day, Sound
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PROJECT = Path(__file__).parents[2]
_RECEIVED = re.compile(r"Task execute_workload\[([0-9a-f-]+)\] received")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold.

    Attributes:
        what: in words.
        found: what was found.
        expected: what had to be.
    """

    what: str
    found: object
    expected: object

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self.found == self.expected


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, as the S3 server lists it; a delete marker has no size."""

    size_bytes: int | None
    etag: str


@dataclass
class Asked:
    """What the tenant's request log tells.

    Attributes:
        playback, media: requests that were answered with 2xx, by contact and by recording.
        times: when the tenant took playback requests, in order.
        refused: requests that it answered with 429.
        announced: deliveries to the webhook, by ``webhook-id``.
    """

    playback: Counter[str] = field(default_factory=Counter)
    media: Counter[str] = field(default_factory=Counter)
    times: list[datetime] = field(default_factory=list)
    refused: int = 0
    announced: Counter[str] = field(default_factory=Counter)

    def most_in(self, period_s: float) -> int:
        """Return the most playback requests that were taken in any window of a period."""
        window: deque[datetime] = deque()
        most, period = 0, timedelta(seconds=period_s)
        for at in self.times:
            window.append(at)
            while window[0] <= at - period:
                window.popleft()
            most = max(most, len(window))
        return most


def asked(log: Iterable[Mapping[str, Any]]) -> Asked:
    """Return what a request log comes to."""
    told = Asked()
    for one in log:
        playback = one["path"].startswith("/media-playback/")
        told.refused += one["status"] == 429
        if playback and one["status"] != 429:
            told.times.append(datetime.fromisoformat(one["at"]))
        if playback and one["status"] == 200:
            told.playback[one["recording_id"]] += 1
        elif one["endpoint"] == "webhook":
            told.announced[dict(one["headers"])["webhook-id"]] += 1
        elif one["endpoint"] == "media" and one["status"] in {200, 206} and not one["path"].endswith(".csv"):
            told.media[one["recording_id"]] += 1
    told.times.sort()
    return told


def given_again(worker_logs: Iterable[str]) -> int:
    """Return how many messages the workers of a cluster received beyond the first time."""
    received = Counter(message for log in worker_logs for message in _RECEIVED.findall(log))
    return received.total() - len(received)


def versions(client: S3Client, bucket: str, prefix: str) -> dict[str, list[Version]]:
    """Return every version of every object of an archive, by key."""
    found: dict[str, list[Version]] = {}
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
        for one in page.get("Versions", []):
            found.setdefault(one["Key"], []).append(Version(one["Size"], one["ETag"].strip('"')))
        for marker in page.get("DeleteMarkers", []):
            found.setdefault(marker["Key"], []).append(Version(None, ""))
    return found


def store_checks(stored: Mapping[str, Sequence[Version]], day: Day, prefix: str) -> Iterator[Check]:
    """Yield what the S3 server's versions must be: each object of each recording once, with the tenant's bytes."""
    media = day.media_keys(prefix)
    count = len(media)
    yield Check("recordings whose object is there once, with the tenant's size and MD5", _right(stored, media), count)
    for kind, what in (("manifests", "manifest"), ("audit", "audit trail"), ("receipts", "receipt")):
        suffix = "jsonl" if kind == "audit" else "json"
        keys = [f"{prefix}/{kind}/{name}.{suffix}" for name in day.recordings]
        if kind == "audit":  # a try that died after its trail leaves one, and the next writes it anew
            yield Check(f"recordings with an {what}", sum(key in stored for key in keys), count)
        elif kind == "manifests":
            yield Check(f"recordings with one version of a {what}", sum(_once(stored, key) for key in keys), count)
        else:
            yield Check(f"recordings with a {what}", sum(key in stored for key in keys), count)
    kept = [key for key in stored if key.startswith(f"{prefix}/recordings/")]
    yield Check("objects that belong to no recording", len(set(kept) - set(media)), 0)


def _once(stored: Mapping[str, Sequence[Version]], key: str) -> bool:
    found = stored.get(key, ())
    return len(found) == 1 and found[0].size_bytes is not None


def _right(stored: Mapping[str, Sequence[Version]], media: Mapping[str, Sound]) -> int:
    return sum(
        _once(stored, key) and stored[key][0] == Version(sound.size_bytes, sound.md5) for key, sound in media.items()
    )


def tenant_checks(told: Asked, day: Day, limit: int, period_s: float) -> Iterator[Check]:
    """Yield what the tenant must have seen: every recording asked for, and its quota never passed."""
    count = len(day.recordings)
    contacts = {name.partition(".")[0] for name in day.recordings}
    yield Check("contacts played", len(contacts & set(told.playback)), count)
    yield Check("recordings fetched", len(set(day.recordings) & set(told.media)), count)
    yield Check("recordings announced, each under one id", len(told.announced), count)
    yield Check("requests over the quota, which the tenant refused", told.refused, 0)
    if limit:
        over = max(0, told.most_in(period_s) - limit)
        yield Check(f"requests beyond {limit:,} in the fullest {period_s:g} s, by the request log", over, 0)


def archive_checks(s3: S3Server, bucket: str, prefix: str, count: int) -> Iterator[Check]:
    """Yield what the provider's own commands say of the archive: everything read back, nothing left behind."""
    ran = _command(s3, ["verify", f"s3://{bucket}/{prefix}", "--json", "--concurrency", "8"])
    summary = json.loads(ran.stdout.splitlines()[-1])
    yield Check("exit status of `verify`", ran.returncode, 0)
    yield Check("recordings that `verify` read back and found intact", summary["intact"], count)
    client = s3.client()
    uploads = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
    client.close()
    yield Check("unfinished uploads", len(uploads), 0)


def completeness_checks(summary: Mapping[str, Any], s3: S3Server, count: int) -> Iterator[Check]:
    """Yield what the completeness report must say, as it lies in the archive."""
    (day,) = summary["days"]
    bucket, _, key = day["report_uri"].removeprefix("s3://").partition("/")
    client = s3.client()
    report = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    client.close()
    found = {name: report[name] for name in ("expected", "archived", "missing")}
    expected = {"expected": count, "archived": count, "missing": 0}
    yield Check("completeness report", _words(found), _words(expected))


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value:,}" for name, value in counts.items())


def _command(s3: S3Server, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    env = {
        "AWS_ACCESS_KEY_ID": s3.access_key,
        "AWS_SECRET_ACCESS_KEY": s3.secret_key,
        "AWS_DEFAULT_REGION": s3.region,
        "PYTHONPATH": str(PROJECT / "provider"),
    }
    command = [sys.executable, "-m", "cxone_provider", *words, "--endpoint-url", s3.endpoint]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)
