"""Telling the archive's receiver how recordings ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    Context,
)

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.errors import ArchiveError, TransferCancelled
from cxone_provider.archive.escaping import escaped
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.notification import Receipt, announce
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.archive_webhook import archive_webhook
from cxone_provider.operators import rendered
from cxone_provider.operators.running import KillableOperator, documents_of, push_result

if TYPE_CHECKING:
    from cxone_provider.archive.ports import ObjectStore

_SENDERS = 4
_ERRORS_SHOWN = 5


class NotifyArchiveOperator(KillableOperator):
    """Send one signed webhook per recording; return the receipts.

    A recording whose receipt lies in the archive is not announced again. Every audit log is tried before a failure
    ends the task. Without a connection id, or with nothing to announce, the task is skipped.

    Args:
        audit_logs: as :class:`StreamRecordingToS3Operator` returns them: a list, one, or lists of lists.
        http_conn_id: the webhook, an ``http`` connection; None for no webhook.
        aws_conn_id: connection of the Amazon provider, for the receipts.
    """

    template_fields: Sequence[str] = ("audit_logs", "http_conn_id", "aws_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"audit_logs": "json"}
    ui_color = "#e1d5e7"

    def __init__(
        self,
        *,
        audit_logs: Any,
        http_conn_id: str | None = "archive_webhook_default",
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.audit_logs = audit_logs
        self.http_conn_id = http_conn_id
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the receipts of every audit log."""
        with self.work():
            http_conn_id = rendered.optional_text(self.http_conn_id, "http_conn_id")
            if http_conn_id is None:
                raise AirflowSkipException("no webhook is configured: http_conn_id is empty")
            if self.audit_logs is None:
                raise AirflowSkipException("no recording was streamed, so there is nothing to announce")
            documents = documents_of(self.audit_logs, "audit_logs")
            receipts, errors = self._announced(documents, http_conn_id)
            if not errors:
                return receipts
            push_result(context, receipts)
            retryable = any(error.retryable for error in errors.values())
            told = "; ".join(f"{name}: {error}" for name, error in list(errors.items())[:_ERRORS_SHOWN])
            raise (AirflowException if retryable else AirflowFailException)(
                f"{len(errors)} of {len(documents)} recordings were not announced: {told}"
            )

    def _announced(
        self, documents: Sequence[Mapping[str, Any]], http_conn_id: str
    ) -> tuple[list[dict[str, Any]], dict[str, ArchiveError]]:
        notifier = archive_webhook(http_conn_id, self.clock)
        stores = self._stores(documents)
        errors: dict[str, ArchiveError] = {}

        def announced(document: Mapping[str, Any]) -> Receipt | None:
            try:
                return announce(document, notifier=notifier, store=stores.get(_bucket_of(document)))
            except TransferCancelled:
                raise
            except ArchiveError as error:
                errors[escaped(document.get("recording_id"))] = error
                return None

        with ThreadPoolExecutor(min(_SENDERS, len(documents)), "cxone-webhook") as pool:
            receipts = list(pool.map(announced, documents))
        return [receipt.to_document() for receipt in receipts if receipt is not None], errors

    def _stores(self, documents: Sequence[Mapping[str, Any]]) -> dict[str | None, ObjectStore]:
        aws_conn_id = rendered.given(self.aws_conn_id)
        buckets = {_bucket_of(document) for document in documents}
        return {
            bucket: archive_bucket(bucket, aws_conn_id=aws_conn_id, concurrency=_SENDERS, clock=self.clock).store
            for bucket in buckets
            if bucket is not None
        }


def _bucket_of(document: Mapping[str, Any]) -> str | None:
    log = AuditLog.from_document(document)
    return split_uri(log.manifest_uri)[0] if log.success and log.manifest_uri else None
