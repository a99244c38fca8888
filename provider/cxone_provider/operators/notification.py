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
from cxone_provider.operators.batches import Results
from cxone_provider.operators.running import KillableOperator, push_result, share_of

if TYPE_CHECKING:
    from cxone_provider.archive.ports import Notifier, ObjectStore

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

    def execute(self, context: Context) -> list[Any]:
        """Return the receipts of every audit log; of several batches, where those of each lie."""
        with self.work():
            http_conn_id = rendered.optional_text(self.http_conn_id, "http_conn_id")
            if http_conn_id is None:
                raise AirflowSkipException("no webhook is configured: http_conn_id is empty")
            if self.audit_logs is None:
                raise AirflowSkipException("no recording was streamed, so there is nothing to announce")
            share = share_of(self.audit_logs, "audit_logs", context)
            results, count = Results(share), 0
            errors: dict[str, ArchiveError] = {}
            notifier = archive_webhook(http_conn_id, self.clock)
            for number, documents in enumerate(share):
                results.add(number, self._announced(documents, notifier, errors))
                count += len(documents)
            if errors:
                push_result(context, results.returned)
                raise _not_announced(errors, count)
            return results.returned

    def _announced(
        self, documents: Sequence[Mapping[str, Any]], notifier: Notifier, errors: dict[str, ArchiveError]
    ) -> list[dict[str, Any]]:
        """Return the receipts; what was not delivered is added to `errors`, by recording."""
        stores = self._stores(documents)

        def announced(document: Mapping[str, Any]) -> Receipt | None:
            try:
                return announce(document, notifier=notifier, store=stores.get(_bucket_of(document)))
            except TransferCancelled:
                raise
            except ArchiveError as error:
                errors[escaped(document.get("recording_id"))] = error
                return None

        with ThreadPoolExecutor(max(1, min(_SENDERS, len(documents))), "cxone-webhook") as pool:
            receipts = list(pool.map(announced, documents))
        return [receipt.to_document() for receipt in receipts if receipt is not None]

    def _stores(self, documents: Sequence[Mapping[str, Any]]) -> dict[str | None, ObjectStore]:
        aws_conn_id = rendered.given(self.aws_conn_id)
        buckets = {_bucket_of(document) for document in documents}
        return {
            bucket: archive_bucket(bucket, aws_conn_id=aws_conn_id, concurrency=_SENDERS, clock=self.clock).store
            for bucket in buckets
            if bucket is not None
        }


def _not_announced(errors: Mapping[str, ArchiveError], count: int) -> AirflowException:
    """Return what the task fails with: for good where another try can mend none of it."""
    told = "; ".join(f"{name}: {error}" for name, error in list(errors.items())[:_ERRORS_SHOWN])
    kind = AirflowException if any(error.retryable for error in errors.values()) else AirflowFailException
    return kind(f"{len(errors)} of {count} recordings were not announced: {told}")


def _bucket_of(document: Mapping[str, Any]) -> str | None:
    log = AuditLog.from_document(document)
    return split_uri(log.manifest_uri)[0] if log.success and log.manifest_uri else None
