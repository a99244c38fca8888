"""The whole pipeline in plain Python, with a canary in every place that holds a secret, its proxies included.

Validate, stream, notify, report and verify, over the adapters that operators use; what they leave behind is kept.
"""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from cxone_provider.adapters.cxone.recording_v2 import RecordingV2Source
from cxone_provider.adapters.cxone.settings import settings_of
from cxone_provider.adapters.quality import check_plans, check_recordings
from cxone_provider.adapters.s3 import S3Store, tuned_client_config
from cxone_provider.adapters.webhook import WebhookNotifier
from cxone_provider.adapters.webhook_settings import webhook_settings
from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import audit_documents
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import listed
from cxone_provider.archive.notification import announce
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.run_report import line_of, report_of_run
from cxone_provider.archive.validating import Checks, ValidationSettings, validate_recordings
from cxone_provider.archive.verifying import verify_recording
from cxone_provider.simulator import Simulator
from tests.fakes.journal import MemoryJournal
from tests.faults.clock import HurriedClock
from tests.faults.row import PART_SIZE_BYTES, SEGMENT_SIZE_BYTES
from tests.security import canaries
from tests.servers.forward_proxy import ForwardProxy, forward_proxy
from tests.servers.s3_proxy import S3Proxy, s3_proxy
from tools.servers.seaweedfs import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "plain"
_PATIENCE_S = 0.4


class KeepingJournal(MemoryJournal):
    """Keeps every state that was ever saved, also what was cleared afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.saved: list[str] = []

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        self.saved.append(json.dumps(state))
        super().save(recording_id, state)


@dataclass
class World:
    """A tenant, an S3 server and a receiver, each behind a proxy; everything that could hold a secret holds a canary.

    Attributes:
        s3: the S3 server as the archive reaches it, through what breaks requests.
        session_token: sent with every request to S3; some servers know no such tokens.
        left: what the pipeline left behind, by where: documents, texts of errors, pickles.
    """

    tenant: Simulator
    proxy: ForwardProxy
    broken_s3: S3Proxy
    s3: S3Server
    session_token: str | None = canaries.AWS_SESSION_TOKEN
    metadata: Mapping[str, Any] = field(default_factory=dict)
    patience_s: float = _PATIENCE_S
    tokens: list[str] = field(default_factory=list)
    left: dict[str, bytes] = field(default_factory=dict)
    journal: KeepingJournal = field(default_factory=KeepingJournal)
    clock: HurriedClock = field(default_factory=HurriedClock)

    def secrets(self) -> dict[str, str]:
        """Return every canary, and every token that was handed out."""
        handed_out = {f"bearer token {number}": token for number, token in enumerate(self.tokens, start=1)}
        return {**canaries.CANARIES, "AWS secret access key": self.s3.secret_key, **handed_out}

    def run(self, recording_id: str, prefix: str, *, keep_unfinished: bool = False) -> list[str]:
        """Archive one recording from the list to the report; return how each step ended."""
        with ExitStack() as stack:
            source = stack.enter_context(closing(self.source()))
            store = stack.enter_context(self.store())
            ended = [self._archive(source, store, recording_id, prefix, keep_unfinished=keep_unfinished)]
            verification = verify_recording(store, ArchiveLayout(BUCKET, prefix), recording_id)
            self._leave("verification", verification.to_document())
        self.left["saved states"] = "\n".join(self.journal.saved).encode()
        return ended

    def _archive(
        self, source: RecordingV2Source, store: S3Store, recording_id: str, prefix: str, *, keep_unfinished: bool
    ) -> str:
        refs = list(listed([{"recording_id": recording_id, "metadata": dict(self.metadata)}]))
        self._leave("refs", refs)
        try:
            plans = self._validate(source, refs)
            settings = ArchiveSettings(
                prefix=prefix, part_size_bytes=PART_SIZE_BYTES, stream_secret=canaries.STREAM_SECRET.encode(),
                keep_unfinished=keep_unfinished,
            )  # fmt: skip
            logs = archive_recordings(
                plans, source=source, store=store, clock=self.clock, settings=settings, journal=self.journal
            )
        except ArchiveError as error:
            self.keep_error(error)
            return type(error).__name__
        documents = audit_documents(logs)
        self._leave("audit logs", documents)
        lines: list[bytes] = []
        report = report_of_run(documents, refs, self.clock.now(), [lambda log: lines.append(line_of(log))])
        self.left["report"] = f"{report}".encode() + b"".join(lines)
        ended = "+".join(str(log.error.type if log.error else log.outcome) for log in logs)
        return f"{ended}, {self._announce(store, documents)}"

    def _validate(self, source: RecordingV2Source, refs: list[dict[str, Any]]) -> list[SegmentPlan]:
        validation = validate_recordings(
            refs, source=source, clock=self.clock, checks=Checks(check_recordings, check_plans),
            settings=ValidationSettings(segment_size_bytes=SEGMENT_SIZE_BYTES, readers=2),
        )  # fmt: skip
        documents = [plan.to_document() for plan in validation.plans]
        self._leave("plans", documents)
        self.left["findings"] = "\n".join(f"{one} {one!r}" for one in validation.findings).encode()
        return [SegmentPlan.from_document(document) for document in documents]

    def _announce(self, store: S3Store, documents: list[dict[str, Any]]) -> str:
        try:
            receipts = [announce(one, notifier=self.notifier(), store=store).to_document() for one in documents]
        except ArchiveError as error:
            self.keep_error(error)
            return type(error).__name__
        self._leave("receipts", receipts)
        return "announced"

    def source(self) -> RecordingV2Source:
        """Return the tenant as the connection's fields describe it."""
        timeouts = {"connect": 5, "token": self.patience_s, "metadata": self.patience_s, "media": self.patience_s}
        proxy = self.proxy.url("archive", canaries.TENANT_PROXY_PASSWORD)
        extra = {
            "stream_secret": canaries.STREAM_SECRET,
            "access_key_secret": canaries.ACCESS_KEY_SECRET,
            "proxies": {"http": proxy, "https": proxy},
            "timeouts": timeouts,
            "retries": {"attempts": 3},
        }
        settings = settings_of(self.tenant.base_url, self.tenant.client_id, canaries.CLIENT_SECRET, extra)
        source = RecordingV2Source(settings, self.clock, on_token=self.tokens.append)
        self.left["representations"] = f"{settings!r} {settings} {source!r} {vars(source)!r}".encode()
        return source

    def notifier(self) -> WebhookNotifier:
        """Return the webhook as the connection's fields describe it."""
        proxy = self.proxy.url("archive", canaries.WEBHOOK_PROXY_PASSWORD)
        extra = {
            "endpoint": f"/_simulator/webhook/{canaries.WEBHOOK_PATH_TOKEN}?code={canaries.WEBHOOK_QUERY_TOKEN}",
            "allowed_hosts": ["127.0.0.1"],
            "headers": {"Authorization": f"Bearer {canaries.WEBHOOK_HEADER_TOKEN}"},
            "proxies": {"http": proxy},
            "timeout_s": self.patience_s,
            "attempts": 2,
        }
        settings = webhook_settings(self.tenant.base_url, None, None, None, canaries.WEBHOOK_SECRET, extra)
        self.left["representations"] += f"{settings!r} {settings}".encode()
        return WebhookNotifier(settings, HurriedClock())

    @contextmanager
    def store(self) -> Iterator[S3Store]:
        """Yield the bucket as a client with temporary credentials reaches it."""
        limits = Config(
            connect_timeout=self.patience_s, read_timeout=self.patience_s,
            proxies={"http": self.proxy.url("archive", canaries.AWS_PROXY_PASSWORD)},
        )  # fmt: skip
        client: S3Client = boto3.session.Session().client(
            "s3", endpoint_url=self.broken_s3.server.endpoint, region_name=self.s3.region,
            aws_access_key_id=self.s3.access_key, aws_secret_access_key=self.s3.secret_key,
            aws_session_token=self.session_token, config=tuned_client_config(user=limits),
        )  # fmt: skip
        with closing(client):
            yield S3Store(client, BUCKET, clock=self.clock)

    def keep_error(self, error: BaseException) -> None:
        """Keep all that an error and its causes say, by every way there is to print them."""
        texts = [*traceback.format_exception(error), repr(vars(error))]
        cause: BaseException | None = error
        while cause is not None:
            texts += [str(cause), repr(cause), repr(cause.args)]
            cause = cause.__cause__ or cause.__context__
        number = sum(name.startswith("error") for name in self.left)
        self.left[f"error {number}"] = "\n".join(texts).encode() + pickle.dumps(error)

    def _leave(self, name: str, document: object) -> None:
        self.left[name] = json.dumps(document).encode()

    def bucket_content(self, prefix: str) -> dict[str, bytes]:
        """Return every object under `prefix` with what its headers say; of the media, that is all."""
        client = self.s3.client()
        with closing(client):
            keys = [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]
            answers = {key: client.get_object(Bucket=BUCKET, Key=key) for key in keys}
            said = {key: repr(one["ResponseMetadata"]).encode() for key, one in answers.items()}
            documents = {key: one["Body"].read() for key, one in answers.items() if "/recordings/" not in key}
            return {key: said[key] + documents.get(key, b"") for key in keys}


@contextmanager
def world_of(s3: S3Server, session_token: str | None) -> Iterator[World]:
    """Put a tenant, a proxy and a breaker of requests around a running S3 server."""
    tenant_of = Simulator(client_secret=canaries.CLIENT_SECRET, stream_secret=canaries.STREAM_SECRET)
    with tenant_of as tenant, forward_proxy() as proxy, s3_proxy(s3) as broken_s3:
        yield World(tenant, proxy, broken_s3, s3, session_token)
