"""Is the archive still what it says, and what did killed tasks leave in it?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    Context,
)

from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import ObjectAttributes
from cxone_provider.archive.recording import parse_ref
from cxone_provider.archive.settings import MAX_CONCURRENCY
from cxone_provider.archive.slices import MAX_SLICES, Slice, known_ids, named_ids
from cxone_provider.archive.sweeping import parse_age, sweep_uploads
from cxone_provider.archive.verification_report import VerificationReport, report_line
from cxone_provider.archive.verifying import Verifier
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.operators import rendered
from cxone_provider.operators.running import KillableOperator, each_of, run_after, some_of, tries_left

MAX_ALLOWED_PROBLEMS = 10**9
SWEEP_SCHEMA = "cxone.sweep/1"
_UPLOADS_TOLD = 20


class VerifyArchiveOperator(KillableOperator):
    """Read archived recordings back, hash them again, and compare them with their manifests and audit trails.

    It fails, naming the recordings, where more than `max_problems` are not what their evidence says; another try would
    find the same. Recordings that the store could not deliver lead to another try while tries are left, and to a
    failure after that: nothing is known of them. Where nothing is archived, the task is skipped: that is no pass.

    Every recording is a line in ``runs/date=…/{run id}.{task id}.jsonl``; the log holds a table and every problem.

    Args:
        s3_bucket: bucket of the archive.
        s3_prefix: path of the archive in it.
        recordings: ids to read, a list of them, or JSON text of it; a contact's stands for its recordings. None for the
            slice.
        slice_index: which part of the archive, from 0; None takes the next one each week.
        slice_count: number of parts: as many runs read everything.
        concurrency: recordings read at the same time, 1 to 64.
        max_problems: how many recordings may have a problem.
        aws_conn_id: connection of the Amazon provider.
    """

    template_fields: Sequence[str] = (
        "s3_bucket",
        "s3_prefix",
        "recordings",
        "slice_index",
        "slice_count",
        "concurrency",
        "max_problems",
        "aws_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"recordings": "json"}
    ui_color = "#ffe6cc"

    def __init__(
        self,
        *,
        s3_bucket: str,
        s3_prefix: str = "cxone",
        recordings: Any = None,
        slice_index: int | str | None = None,
        slice_count: int | str = 1,
        concurrency: int | str = 4,
        max_problems: int | str = 0,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.recordings = recordings
        self.slice_index = slice_index
        self.slice_count = slice_count
        self.concurrency = concurrency
        self.max_problems = max_problems
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts and where the report lies."""
        with self.work():
            allowed = rendered.whole_number(self.max_problems, "max_problems", least=0, most=MAX_ALLOWED_PROBLEMS)
            concurrency = rendered.whole_number(self.concurrency, "concurrency", least=1, most=MAX_CONCURRENCY)
            layout, named = _layout(self), self._named(context)
            part = self._slice(context) if named is None else None
            store = archive_bucket(
                layout.bucket, aws_conn_id=rendered.given(self.aws_conn_id), concurrency=concurrency, clock=self.clock
            ).store
            report = VerificationReport(part)
            verifier = Verifier(store, layout, None if part is None else self.clock.now(), self.cancelled)
            ids = known_ids(store, layout, part) if part is not None else named_ids(store, layout, named or ())
            lines = self._read(verifier, ids, report, concurrency)
            if report.empty:
                raise AirflowSkipException(f"{report.scope}: no recording was there to verify, so none passed")
            key = layout.run_key(run_after(context).date(), _report_name(context))
            store.put(key, lines, ObjectAttributes("application/x-ndjson"))
            self.log.info("%s\nEvery recording that was read: %s", report, layout.uri(key))
            self._refuse(report, layout.uri(key), allowed, context)
            return {**report.to_document(), "report_uri": layout.uri(key)}

    def _slice(self, context: Context) -> Slice:
        count = rendered.whole_number(self.slice_count, "slice_count", least=1, most=MAX_SLICES)
        if rendered.given(self.slice_index) is None:
            return Slice.of_week(run_after(context).date(), count)
        return Slice(rendered.whole_number(self.slice_index, "slice_index", least=0, most=count - 1), count)

    def _named(self, context: Context) -> list[str] | None:
        if rendered.given(self.recordings) is None:
            return None
        return list(dict.fromkeys(parse_ref(value).recording_id for value in each_of(self.recordings, context)))

    def _read(self, verifier: Verifier, ids: Iterable[str], report: VerificationReport, concurrency: int) -> bytes:
        lines = bytearray()
        for found in verifier.verify_all(ids, concurrency):
            if found.archived or report.part is None:
                report.add(found)
                lines += report_line(found)
                if not found.intact:
                    self.log.warning("%s: %s", found.recording_id, found.problem)
        return bytes(lines)

    def _refuse(self, report: VerificationReport, report_uri: str, allowed: int, context: Context) -> None:
        if len(report.damaged) > allowed:
            raise AirflowFailException(
                f"{len(report.damaged)} of {report.recordings} recordings are not what their evidence says,"
                f" {allowed} may be: {some_of(report.damaged)}. Every one of them: {report_uri}"
            )
        if report.unread:
            kind = AirflowException if tries_left(context) else AirflowFailException
            raise kind(
                f"{len(report.unread)} of {report.recordings} recordings could not be read: {some_of(report.unread)}"
            )


class SweepUploadsOperator(KillableOperator):
    """Remove the archive's own stale multipart uploads, which killed tasks left and nobody goes on with.

    Only uploads whose keys this archive gives recordings, and that were begun longer ago than `older_than`; what others
    keep in the bucket, and what lives, stays. The task fails, and is tried again, where one cannot be removed.

    Args:
        s3_bucket: bucket of the archive.
        s3_prefix: path of the archive in it.
        older_than: age from which an upload is stale, longer than any task runs: ``2d``, ``36h``, ``P2D``, a timedelta.
        report_only: remove nothing, tell what would be removed.
        aws_conn_id: connection of the Amazon provider.
    """

    template_fields: Sequence[str] = ("s3_bucket", "s3_prefix", "older_than", "report_only", "aws_conn_id")
    ui_color = "#f5f5f5"

    def __init__(
        self,
        *,
        s3_bucket: str,
        s3_prefix: str = "cxone",
        older_than: Any = "P2D",
        report_only: bool | str = False,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.older_than = older_than
        self.report_only = report_only
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return how many uploads were stale and how many of them are left, and the first of them."""
        with self.work():
            layout, report_only = _layout(self), rendered.flag(self.report_only, "report_only")
            older_than = parse_age(self.older_than)
            store = archive_bucket(layout.bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock).store
            swept = []
            for one in sweep_uploads(store, layout, self.clock, older_than=older_than, dry_run=report_only):
                self.log.info("%s%s", "would remove " if report_only else "", one)
                swept.append(one)
                if self.cancelled.is_set():
                    break
            left = [one.upload.key for one in swept if one.problem is not None]
            if left:
                raise AirflowException(f"{len(left)} of {len(swept)} stale uploads are left: {some_of(left)}")
            return {
                "schema": SWEEP_SCHEMA, "report_only": report_only, "uploads": len(swept),
                "first": [one.to_document() for one in swept[:_UPLOADS_TOLD]],
            }  # fmt: skip


def _layout(task: VerifyArchiveOperator | SweepUploadsOperator) -> ArchiveLayout:
    return ArchiveLayout(
        rendered.text(task.s3_bucket, "s3_bucket"), rendered.optional_text(task.s3_prefix, "s3_prefix") or ""
    )


def _report_name(context: Context) -> str:
    ti: Any = context["ti"]
    name = f"{ti.run_id}.{ti.task_id}"
    return name if ti.map_index < 0 else f"{name}.{ti.map_index}"
