"""One try in a process of its own: plan, archive, announce, with the adapters that a worker uses."""

from __future__ import annotations

import _thread
import json
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pendulum

from cxone_provider.adapters.clock import SystemClock
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import webhook_settings
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import ArchiveError, TransferCancelled
from cxone_provider.archive.notification import announce
from cxone_provider.archive.parts import MIN_PART_BYTES
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import RecordingSource, ResumeJournal
from cxone_provider.archive.recording import RecordingRef
from tests.kills.kinds import Kind
from tests.kills.steps import Recording
from tests.kills.wire import Moment, Place, Wire
from tools.servers.seaweedfs import S3Server

# Reading botocore's model of S3 takes longer than a whole try; where this module is preloaded, children find it read.
S3Server("http://127.0.0.1:1", "nobody", "nothing").client().close()

ARCHIVE_PREFIX = "cxone"


@dataclass(frozen=True, slots=True)
class Tenant:
    """The tenant and its webhook receiver."""

    base_url: str
    client_id: str
    client_secret: str = field(repr=False)
    stream_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Try:
    """What one process is told.

    Attributes:
        tenant, s3, bucket: whom it works with.
        recording_id, recording: what it archives.
        folder: where it leaves its journal, its result and what it prints.
        name: of this try in the folder.
        journal_name: of the file that remembers uploads; tries with the same one go on with each other's.
        hurried: whether waits pass at once.
    """

    tenant: Tenant
    s3: S3Server
    bucket: str
    recording_id: str
    recording: Recording
    folder: Path
    name: str = "last"
    journal_name: str = "journal.json"
    hurried: bool = False

    @property
    def prefix(self) -> str:
        """Where the archive of this recording lies in the bucket: each has one of its own."""
        return f"{self.recording_id}/{ARCHIVE_PREFIX}"

    @property
    def result_path(self) -> Path:
        """Where the try leaves how it ended."""
        return self.folder / f"{self.name}.json"

    @property
    def log_path(self) -> Path:
        """What it printed."""
        return self.folder / f"{self.name}.log"


class HurriedClock(SystemClock):
    """A clock whose waits pass at once: for a worker that waits for one who does not come."""

    def __init__(self, cancelled: threading.Event | None = None) -> None:
        super().__init__(cancelled)
        self._ahead_s = 0.0

    def now(self) -> pendulum.DateTime:
        """Return the time in UTC, moved by what was waited."""
        return super().now().add(seconds=self._ahead_s)

    def sleep(self, seconds: float) -> None:
        """Move the time; a cancelled wait ends as always."""
        super().sleep(0)
        self._ahead_s += max(0.0, seconds)


class FileJournal:
    """A :class:`~cxone_provider.archive.ports.ResumeJournal` in a file: stands for the task state store."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, recording_id: str) -> Mapping[str, Any] | None:
        """Return what was saved last."""
        if not self._path.exists():
            return None
        states: dict[str, dict[str, Any]] = json.loads(self._path.read_text())
        return states.get(recording_id)

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        """Put the new file into the old one's place: there is always one or the other."""
        draft = self._path.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({recording_id: dict(state)}))
        draft.replace(self._path)

    def clear(self, recording_id: str) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)


class WatchedJournal:
    """A journal whose calls are places to be killed at, as requests are."""

    def __init__(self, journal: ResumeJournal, wire: Wire) -> None:
        self._journal = journal
        self._wire = wire

    def load(self, recording_id: str) -> Mapping[str, Any] | None:
        """Pass on."""
        return self._journal.load(recording_id)

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        """Pass on, between two places."""
        sight = self._wire.sight(Kind.SAVE)
        self._wire.reach(sight, Moment.BEFORE)
        self._journal.save(recording_id, state)
        self._wire.reach(sight, Moment.AFTER)

    def clear(self, recording_id: str) -> None:
        """Pass on, between two places."""
        sight = self._wire.sight(Kind.CLEAR)
        self._wire.reach(sight, Moment.BEFORE)
        self._journal.clear(recording_id)
        self._wire.reach(sight, Moment.AFTER)


class Stop:
    """What SIGTERM does to an operator: it is known at once, and the work learns of it a moment later."""

    def __init__(self) -> None:
        self.told = False
        self.cancelled = threading.Event()

    def __call__(self, *_: object) -> None:
        self.told = True
        _thread.start_new_thread(self.cancelled.set, ())


def run_try(told: Try, place: Place | None = None, waiting: Connection | None = None) -> None:
    """Archive and announce one recording; leave the outcome in a file, and everything printed in another.

    SIGTERM stops it as it stops the operators.

    Args:
        told: what to do.
        place: where this process ends by SIGKILL, or waits, if it comes there.
        waiting: says that the process is at the place, and lets it go on; None to kill it there.
    """
    _print_into(told.log_path)
    wire = Wire(place, _end if waiting is None else partial(_wait, waiting))
    wire.tap()
    stop = Stop()
    signal.signal(signal.SIGTERM, stop)
    try:
        document = _archive_and_announce(told, wire, stop.cancelled)
        if stop.told:
            raise TransferCancelled("told to stop")
    except ArchiveError as error:
        document = {"error": type(error).__name__, "message": str(error)}
    told.result_path.write_text(json.dumps(document))


def _archive_and_announce(told: Try, wire: Wire, cancelled: threading.Event) -> dict[str, Any]:
    clock = HurriedClock(cancelled) if told.hurried else SystemClock(cancelled)
    config = tuned_client_config(concurrency=told.recording.concurrency)
    store = S3Store(told.s3.client(config), told.bucket, clock=clock)
    journal = WatchedJournal(FileJournal(told.folder / told.journal_name), wire) if told.recording.journalled else None
    with closing(_source(told.tenant, clock)) as source:
        [log] = archive_recordings(
            [_plan(source, told, clock)],
            source=source,
            store=store,
            clock=clock,
            settings=ArchiveSettings(
                prefix=told.prefix,
                concurrency=told.recording.concurrency,
                part_size_bytes=MIN_PART_BYTES,
                stream_secret=told.tenant.stream_secret.encode(),
                keep_unfinished=True,
            ),
            journal=journal,
            cancelled=cancelled,
        )
    if log.success:
        announce(log.to_document(), notifier=_notifier(told, clock), store=store)
    return _result(log)


def _plan(source: RecordingSource, told: Try, clock: SystemClock) -> SegmentPlan:
    ref = RecordingRef(told.recording_id)
    return plan_of(
        ref,
        source.describe(ref),
        audio_format=None,
        segment_size_bytes=told.recording.segment_size_bytes,
        policy=ArchivePolicy(),
        now=clock.now(),
    )


def _source(tenant: Tenant, clock: SystemClock) -> RecordingV2Source:
    extra = {"stream_secret": tenant.stream_secret}
    return RecordingV2Source(settings_of(tenant.base_url, tenant.client_id, tenant.client_secret, extra), clock)


def _notifier(told: Try, clock: SystemClock) -> WebhookNotifier:
    extra = {"endpoint": "/_simulator/webhook", "allowed_hosts": ["127.0.0.1"]}
    settings = webhook_settings(told.tenant.base_url, None, None, None, told.tenant.webhook_secret, extra)
    return WebhookNotifier(settings, clock)


def _result(log: AuditLog) -> dict[str, Any]:
    error = None if log.error is None else log.error.to_document()
    return {"outcome": str(log.outcome), "sha256": log.sha256, "error": error}


def _print_into(path: Path) -> None:
    with path.open("ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def _wait(waiting: Connection) -> None:
    waiting.send(None)
    waiting.recv()


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
