"""From segment plans to archived recordings: the task that moves the bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, Context

from cxone_provider.archive.archiving import ArchiveSettings, archive_recordings
from cxone_provider.archive.audit import AuditLog, audit_documents
from cxone_provider.archive.parts import DEFAULT_PART_SIZE_BYTES, checked_part_size
from cxone_provider.archive.plan import SegmentPlan
from cxone_provider.archive.policy import ArchivePolicy
from cxone_provider.archive.ports import RecordingSource
from cxone_provider.archive.recording import Outcome
from cxone_provider.archive.retention import LockPolicy, lock_policy
from cxone_provider.archive.settings import MAX_CONCURRENCY
from cxone_provider.hooks.archive_store import ArchiveBucket, archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.lineage import report_archived
from cxone_provider.hooks.task_state import StateStore, TaskStateJournal
from cxone_provider.links.archive import ArchiveAddresses, ArchivedMediaLink, Endpoint, ManifestLink
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import Results
from cxone_provider.operators.running import (
    KillableOperator,
    push_result,
    run_identity,
    share_of,
    some_of,
    tries_left,
)

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

_CAUSES_SHOWN = 3


class StreamRecordingToS3Operator(KillableOperator):
    """Stream planned recordings from CXone to S3; return one audit log per recording.

    Each recording ends in its own outcome, and the task succeeds when at least one did not fail. A failure that another
    try can mend ends the task after all others, while tries are left: the next try finds what is archived
    already and goes on with what is not. Memory is about `concurrency` x `part_size_bytes`, however large a recording.

    Several batches are streamed one after another; the audit logs of each lie in an XCom of its own, and what is
    returned says where.

    Args:
        plans: segment plans as :class:`ValidateRecordingOperator` returns them: a list, one, or lists of lists.
        s3_bucket: bucket of the archive.
        s3_prefix: path under which everything lies.
        concurrency: media requests open at the same time, 1 to 64; four times as many recordings are on their way.
        part_size_bytes: size of an S3 part and of a reader's buffer; from 5 MiB.
        object_lock_mode: ``GOVERNANCE`` or ``COMPLIANCE``, together with `retain_until`.
        retain_until: until when, ISO 8601: a time, or a duration from each recording's start such as ``P7Y``; or by a
            field of its metadata, ``{"field": "retention_class", "values": {"complaint": "P10Y"}, "default": "P7Y"}``.
        legal_hold: put a hold without an end on every object.
        encryption: ``SSE-S3``, ``SSE-KMS`` or ``{"type": "SSE-KMS", "key_id": "…"}``; None for the bucket's default.
        tags: tags of every object.
        replace: archive again what has a manifest already.
        aws_conn_id: connection of the Amazon provider.
        cxone_conn_id: connection to the tenant.
    """

    template_fields: Sequence[str] = (
        "plans",
        "s3_bucket",
        "s3_prefix",
        "concurrency",
        "part_size_bytes",
        "object_lock_mode",
        "retain_until",
        "legal_hold",
        "encryption",
        "tags",
        "replace",
        "aws_conn_id",
        "cxone_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"plans": "json", "tags": "json", "encryption": "json"}
    operator_extra_links = (ArchivedMediaLink(), ManifestLink())
    ui_color = "#d5e8d4"

    def __init__(
        self,
        *,
        plans: Any,
        s3_bucket: str,
        s3_prefix: str = "cxone",
        concurrency: int | str = 4,
        part_size_bytes: int | str = DEFAULT_PART_SIZE_BYTES,
        object_lock_mode: str | None = None,
        retain_until: Any = None,
        legal_hold: bool | str = False,
        encryption: Any = None,
        tags: Any = None,
        replace: bool | str = False,
        aws_conn_id: str | None = "aws_default",
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.plans = plans
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.concurrency = concurrency
        self.part_size_bytes = part_size_bytes
        self.object_lock_mode = object_lock_mode
        self.retain_until = retain_until
        self.legal_hold = legal_hold
        self.encryption = encryption
        self.tags = tags
        self.replace = replace
        self.aws_conn_id = aws_conn_id
        self.cxone_conn_id = cxone_conn_id
        self.addresses = ArchiveAddresses()
        self.ended: list[AuditLog] = []

    @cached_property
    def hook(self) -> CXoneHook:
        """The tenant's hook; waits inside it end with the task."""
        return CXoneHook(self.cxone_conn_id, cancelled=self.cancelled)

    def execute(self, context: Context) -> list[Any]:
        """Return one audit log per recording; of several batches, where those of each lie."""
        with self.work():
            share = share_of(self.plans, "plans", context)
            concurrency = rendered.whole_number(self.concurrency, "concurrency", least=1, most=MAX_CONCURRENCY)
            bucket = self._bucket(concurrency)
            results, self.ended = Results(share), []
            with closing(self.hook.get_conn()) as source:
                for number, documents in enumerate(share):
                    plans = self._plans(documents)
                    settings = self._settings(plans, concurrency, bucket, context)
                    logs = self._archived(plans, source, bucket, settings, context)
                    results.add(number, audit_documents(logs))
                    self.ended += (replace(log, entries=()) for log in logs)
            self.addresses = ArchiveAddresses.of(self.ended, Endpoint(bucket.endpoint_url, bucket.region))
            self._conclude(self.ended, results, context)
            return results.returned

    def _archived(
        self,
        plans: Sequence[SegmentPlan],
        source: RecordingSource,
        bucket: ArchiveBucket,
        settings: ArchiveSettings,
        context: Context,
    ) -> Sequence[AuditLog]:
        state: StateStore | None = context.get("task_state_store")
        logs = archive_recordings(
            plans,
            source=source,
            store=bucket.store,
            clock=self.clock,
            settings=settings,
            journal=None if state is None else TaskStateJournal(state),
            cancelled=self.cancelled,
        )
        report_archived(self.hook, logs)
        return logs

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Return from where to where recordings went; Airflow's OpenLineage provider asks, after a failure too."""
        from cxone_provider.operators.openlineage import lineage_facets

        return lineage_facets(self.ended, self.hook.settings.base_url)

    def _plans(self, documents: Iterable[Any]) -> list[SegmentPlan]:
        plans: dict[str, SegmentPlan] = {}
        for document in documents:
            plan = SegmentPlan.from_document(document)
            if plans.setdefault(plan.recording_id, plan) is not plan:
                self.log.warning("%s is planned twice; the first plan is taken", plan.recording_id)
        return list(plans.values())

    def _bucket(self, concurrency: int) -> ArchiveBucket:
        return archive_bucket(
            rendered.text(self.s3_bucket, "s3_bucket"),
            aws_conn_id=rendered.given(self.aws_conn_id),
            concurrency=concurrency,
            clock=self.clock,
            encryption=rendered.text_or_mapping(self.encryption, "encryption"),
            tags=rendered.mapping(self.tags, "tags"),
        )

    def _lock(self) -> LockPolicy | None:
        until = rendered.given(self.retain_until)
        return lock_policy(
            object_lock_mode=rendered.optional_text(self.object_lock_mode, "object_lock_mode"),
            retain_until=rendered.text_or_mapping(until, "retain_until") if isinstance(until, str) else until,
            legal_hold=rendered.flag(self.legal_hold, "legal_hold"),
            now=self.clock.now(),
        )

    def _settings(
        self, plans: Sequence[SegmentPlan], concurrency: int, bucket: ArchiveBucket, context: Context
    ) -> ArchiveSettings:
        return ArchiveSettings(
            prefix=rendered.optional_text(self.s3_prefix, "s3_prefix") or "",
            concurrency=concurrency,
            part_size_bytes=checked_part_size(self.part_size_bytes),
            stream_secret=self.hook.settings.stream_secret,
            replace=rendered.flag(self.replace, "replace"),
            policy=_policy_of(plans),
            keep_unfinished=tries_left(context),
            context=run_identity(context),
            storage=bucket.storage_document(),
            lock=self._lock(),
        )

    def _conclude(self, logs: Sequence[AuditLog], results: Results, context: Context) -> None:
        """Tell how all of it ended; fail where another try can mend something, or nothing was archived."""
        outcomes = Counter(str(log.outcome) for log in logs)
        self.log.info("%s", ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())))
        failed = [log for log in logs if log.outcome is Outcome.FAILED]
        passing = [log.recording_id for log in failed if log.error is not None and log.error.retryable]
        if passing and tries_left(context):
            push_result(context, results.returned)
            raise AirflowException(f"{len(passing)} of {len(logs)} recordings can be tried again: {some_of(passing)}")
        if len(failed) == len(logs):
            push_result(context, results.returned)
            causes = "; ".join(sorted({log.error.message for log in failed if log.error is not None})[:_CAUSES_SHOWN])
            raise AirflowFailException(f"All {len(logs)} recordings failed: {causes}")


def _policy_of(plans: Sequence[SegmentPlan]) -> ArchivePolicy:
    """Return the limits for what only the media tells; a size that validation knew has passed its own limit."""
    limit = ArchivePolicy().max_size_bytes
    return ArchivePolicy(max_size_bytes=max([limit, *(plan.size_bytes or 0 for plan in plans)]))
