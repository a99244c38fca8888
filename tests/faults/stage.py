"""Where a row is played: a simulated tenant, a proxy in front of a real S3 server, and the archive between them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from cxone_provider.adapters.addresses import AllowList
from cxone_provider.adapters.cxone.credentials import Credentials
from cxone_provider.adapters.cxone.media_playback import MediaPlaybackSource
from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import CXoneSettings, Timeouts, settings_of
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import WebhookSettings
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.notification import Receipt, announce
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.planning import plan_of
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import ObjectStore, RecordingSource
from cxone_provider.simulator import ApiSettings, Simulator
from tests.faults.clock import HurriedClock
from tests.faults.row import PART_SIZE_BYTES, SEGMENT_SIZE_BYTES, Row
from tests.faults.subject import Contact, LapsingSource, Recording
from tests.servers.s3_proxy import S3Proxy, s3_proxy
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STREAM_SECRET = "the stream secret of a simulated tenant"
WEBHOOK_SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_MIN_BYTES_PER_S = 65_536.0


@dataclass(frozen=True, slots=True)
class Stage:
    """One S3 server and a tenant of its own.

    Attributes:
        name: of the server, in tables.
        bucket: made already.
        verifies_digests: the server refuses bodies that are not what their checksum says.
        client: straight to the server, for the judge.
    """

    name: str
    bucket: str
    verifies_digests: bool
    simulator: Simulator
    proxy: S3Proxy
    client: S3Client

    def struck(self) -> Counter[str]:
        """Return how often each fault struck so far."""
        struck = Counter(name for record in self.simulator.requests for name in record.faults)
        return struck + Counter({f"S3 {name}": count for name, count in self.proxy.script.injected.items()})


@contextmanager
def staged(name: str, server: S3Server, bucket: str, *, verifies_digests: bool = True) -> Iterator[Stage]:
    """Put a tenant beside a running S3 server, and a proxy in front of it, until the block ends."""
    client = server.client()
    # By the tenant's own clock no time passes: what the archive skips would not free its quota.
    apis = ApiSettings(quota_requests=0)
    with Simulator(stream_secret=STREAM_SECRET, apis=apis) as simulator, s3_proxy(server) as proxy, closing(client):
        yield Stage(name, bucket, verifies_digests, simulator, proxy, client)


@dataclass(frozen=True, slots=True)
class Archive:
    """The provider's own pipeline for one row, made as an operator makes it."""

    stage: Stage
    row: Row
    subject: Recording | Contact
    prefix: str
    clock: HurriedClock

    def archive(self, *, tries_left: bool = False) -> Sequence[AuditLog]:
        """Validate and archive the row's recordings; return an audit log for each.

        Raises:
            ArchiveError: they could not be planned, or the bucket cannot be used.
        """
        with closing(self._source()) as source, self.opened_store() as store:
            plan = self._plan(source)
            settings = ArchiveSettings(
                prefix=self.prefix,
                part_size_bytes=PART_SIZE_BYTES,
                stream_secret=self._secret,
                keep_unfinished=tries_left,
            )
            return archive_recordings([plan], source=source, store=store, clock=self.clock, settings=settings)

    def announce(self, audit_log: dict[str, Any]) -> Receipt:
        """Announce how the recording ended.

        Raises:
            ArchiveError: it was not delivered, or its receipt not stored.
        """
        settings = WebhookSettings(
            f"{self.stage.simulator.base_url}/_simulator/webhook", secret=WEBHOOK_SECRET,
            allowed=AllowList.parse("127.0.0.1"), timeout_s=self.row.patience_s,
        )  # fmt: skip
        with self.opened_store() as store:
            # A clock of its own: receivers refuse signatures from a time that the retries skipped to.
            return announce(audit_log, notifier=WebhookNotifier(settings, HurriedClock()), store=store)

    @contextmanager
    def opened_store(self) -> Iterator[ObjectStore]:
        """Yield the bucket behind the proxy."""
        limits = Config(connect_timeout=self.row.patience_s, read_timeout=self.row.patience_s)
        with closing(self.stage.proxy.server.client(tuned_client_config(user=limits))) as client:
            yield S3Store(client, self.stage.bucket, clock=self.clock)

    @property
    def _secret(self) -> bytes | None:
        return STREAM_SECRET.encode() if self.row.signed else None

    def _source(self) -> RecordingV2Source | MediaPlaybackSource:
        if isinstance(self.subject, Contact):
            source = LapsingSource(self._playback_settings(), self.clock)
            source.lapse = self.subject.lapse
            return source
        simulator = self.stage.simulator
        settings = CXoneSettings(
            simulator.base_url,
            Credentials(client_id=simulator.client_id, client_secret=simulator.client_secret),
            stream_secret=self._secret, timeouts=self._timeouts,
        )  # fmt: skip
        return RecordingV2Source(settings, self.clock)

    def _playback_settings(self) -> CXoneSettings:
        simulator = self.stage.simulator
        extra = {
            "api": "media-playback",
            "access_key_id": simulator.apis.access_key_id,
            "access_key_secret": simulator.apis.access_key_secret,
            "media_hosts": ["127.0.0.1"],
        }
        settings = settings_of(simulator.base_url, simulator.client_id, simulator.client_secret, extra)
        return replace(settings, timeouts=self._timeouts)

    @property
    def _timeouts(self) -> Timeouts:
        patience_s = self.row.patience_s
        return Timeouts(patience_s, patience_s, patience_s, patience_s, _MIN_BYTES_PER_S)

    def _plan(self, source: RecordingSource) -> SegmentPlan:
        ref = self.subject.ref
        return plan_of(
            ref, source.describe(ref), audio_format=None, segment_size_bytes=SEGMENT_SIZE_BYTES,
            policy=ArchivePolicy(), now=self.clock.now(),
        )  # fmt: skip


def name_of_end(archive: Archive, *, tries_left: bool = False) -> tuple[str, Sequence[AuditLog]]:
    """Archive; return how the last recording ended, in the words of :class:`.row.Row`, and the audit logs."""
    try:
        logs = archive.archive(tries_left=tries_left)
    except ArchiveError as error:
        return type(error).__name__, ()
    return end_of(logs[-1]), logs


def end_of(log: AuditLog) -> str:
    """Return how a recording ended, in the words of :class:`.row.Row`."""
    if log.success:
        return "right object"
    return str(log.outcome) if log.error is None else log.error.type


def seeded(seed: int, *names: str) -> random.Random:
    """Return randomness that depends on the seed and on what it is for, not on what ran before."""
    return random.Random("/".join((str(seed), *names)))
