"""The quality gate at the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException, Context

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.growing import GrowingObject
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.run_report import RunReport, line_of, report_of_run
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.operators import rendered
from cxone_provider.operators.running import KillableOperator, each_of, run_after, some_of

if TYPE_CHECKING:
    from cxone_provider.adapters.quality import QualityReport, RunCheck

MAX_ALLOWED_FAILURES = 10**9


class CheckArchiveRunOperator(KillableOperator):
    """Look at everything a run did: store one line per recording, print a table, fail where the archive fell short.

    It fails when more than `max_failed` recordings FAILED, or when the audit logs break a data rule. A recording that
    was listed and of which no audit log tells has FAILED too, so a task that died cannot hide what it was given. Give
    it ``trigger_rule="all_done"``: it is wanted most when a task before it failed.

    Args:
        audit_logs: what all stream tasks of the run returned: a list, one, or lists of lists.
        s3_bucket: bucket of the archive.
        s3_prefix: path of the archive in it.
        recordings: what the run was about, as :class:`ListRecordingsOperator` returns it; None to leave that open.
        max_failed: how many recordings may fail.
        run_suite: Great Expectations suite in place of the shipped one: a path, or its JSON object.
        data_docs: folder for Great Expectations' Data Docs; None for none.
        aws_conn_id: connection of the Amazon provider.
    """

    template_fields: Sequence[str] = (
        "audit_logs",
        "s3_bucket",
        "s3_prefix",
        "recordings",
        "max_failed",
        "run_suite",
        "data_docs",
        "aws_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "audit_logs": "json",
        "recordings": "json",
        "run_suite": "json",
    }
    ui_color = "#ffe6cc"

    def __init__(
        self,
        *,
        audit_logs: Any,
        s3_bucket: str,
        s3_prefix: str = "cxone",
        recordings: Any = None,
        max_failed: int | str = 0,
        run_suite: Any = None,
        data_docs: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.audit_logs = audit_logs
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.recordings = recordings
        self.max_failed = max_failed
        self.run_suite = run_suite
        self.data_docs = data_docs
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts and where the run's file lies."""
        from cxone_provider.adapters.quality import RunCheck

        with self.work():
            allowed = rendered.whole_number(self.max_failed, "max_failed", least=0, most=MAX_ALLOWED_FAILURES)
            check = RunCheck(lambda: rendered.text_or_mapping(self.run_suite, "run_suite"))
            report, run_uri = self._told(check, context)
            self.log.info("%s\nEvery recording of the run: %s", report, run_uri)
            quality = self._checked(check)
            self._refuse(report, quality, allowed)
            return {**report.to_document(), "run_uri": run_uri}

    def _told(self, check: RunCheck, context: Context) -> tuple[RunReport, str]:
        """Store the run's file while its audit logs come, none of which is held; return the report and the URI."""
        if self.audit_logs is None and self.recordings is None:
            raise InvalidSetting("no task before this one tells what it did", expected="audit logs")
        with GrowingObject(lambda: self._place(context)) as file:
            report = report_of_run(
                each_of(self.audit_logs, context),
                each_of(self.recordings, context),
                self.clock.now(),
                [lambda log: file.write(line_of(log)), lambda log: check.add(log.to_document())],
            )
            if not report.recordings:
                raise AirflowSkipException("nothing was listed: nothing to check, and nothing that passed")
            return report, self._layout().uri(file.finish().key)

    def _layout(self) -> ArchiveLayout:
        return ArchiveLayout(
            rendered.text(self.s3_bucket, "s3_bucket"), rendered.optional_text(self.s3_prefix, "s3_prefix") or ""
        )

    def _place(self, context: Context) -> tuple[ObjectStore, str]:
        layout = self._layout()
        reached = archive_bucket(layout.bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock)
        ti: Any = context["ti"]
        return reached.store, layout.run_key(run_after(context).date(), ti.run_id)

    def _checked(self, check: RunCheck) -> QualityReport:
        from cxone_provider.adapters.quality import build_data_docs

        quality = check.report()
        self.log.info("%s", quality)
        directory = rendered.optional_text(self.data_docs, "data_docs")
        if directory is not None:
            self.log.info("Data Docs: %s", build_data_docs([quality], directory))
        return quality

    def _refuse(self, report: RunReport, quality: QualityReport, allowed: int) -> None:
        failed = report.failed_ids
        if len(failed) > allowed:
            raise AirflowFailException(f"{len(failed)} recordings FAILED, {allowed} may: {some_of(failed)}")
        if not quality.success:
            raise AirflowFailException(f"The run breaks its data rules: {quality}")
