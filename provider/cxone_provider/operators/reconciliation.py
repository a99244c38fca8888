"""Is what was expected of a day archived?"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowFailException, Context, conf
from airflow.sdk import Asset, AssetAlias

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.completeness import Completeness, table_of
from cxone_provider.archive.completeness_summary import CompletenessSummary
from cxone_provider.archive.errors import InvalidSetting, StoreRefused
from cxone_provider.archive.expecting import expectations
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import Window, day_before
from cxone_provider.archive.ports import ObjectStore
from cxone_provider.archive.reconciling import Run, reconcile, store_report
from cxone_provider.archive.run_report import parse_run
from cxone_provider.archive.terms import Terms
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.terms import terms_of_connection
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import MAX_BATCH_SIZE
from cxone_provider.operators.listed import ListedOperator
from cxone_provider.operators.running import data_interval, each_of, run_after, some_of

if TYPE_CHECKING:
    from cxone_provider.adapters.quality import QualityReport

COMPLETENESS_ALIAS = "cxone_archive_completeness"
MAX_ALLOWED_MISSING = 10**9


class ReconcileArchiveOperator(ListedOperator):
    """Compare what was listed with the archive itself, day by day; fail where more than `max_missing` is missing.

    A recording counts as archived only if its manifest is there, whatever tasks said of it. What is not archived and
    ended otherwise, as the run's audit logs or the listing tell, is told by outcome with its ids; the rest is missing.
    A contact counts once; its recordings are listed.

    Every day of the window, and every earlier day that the look-back listed something for, gets a report, kept as
    ``runs/date={day}/reconcile-{run id}.json``; the log holds a table; the task's outlets get an event with the
    counts. All of that is done before the task fails, but for the event, which Airflow keeps of successful tasks only.

    Give it ``trigger_rule="all_done"``: it is wanted most when a task before it failed.

    Args:
        s3_bucket: bucket of the archive.
        s3_prefix: path of the archive in it.
        recordings: what was expected, as :class:`ListRecordingsOperator` returns it; None to list again.
        audit_logs: what all stream tasks of the run returned; None for the run's file that
            :class:`CheckArchiveRunOperator` stored, where there is one.
        max_missing: how many may be missing, of all days together.
        allow_empty: an expectation of nothing may pass.
        completeness_suite: Great Expectations suite in place of the shipped one: a path, or its JSON object.
        data_docs: folder for Great Expectations' Data Docs; None for none.
        source, manifest_uri, updated_since, max_wait, deferrable, listing: where to list from and how, see
            :class:`ListRecordingsOperator`.
        start: begin of the window, ISO 8601; by default the data interval, or the UTC day before the run was due.
        end: end of the window, not in it.
        lookback: how much earlier the listing begins.
        aws_conn_id: connection of the Amazon provider.
        cxone_conn_id: connection to the tenant: its dialect, and the quota that requests are told against.
    """

    template_fields: Sequence[str] = (
        "s3_bucket",
        "s3_prefix",
        "recordings",
        "audit_logs",
        "max_missing",
        "allow_empty",
        "completeness_suite",
        "data_docs",
        "source",
        "manifest_uri",
        "start",
        "end",
        "lookback",
        "updated_since",
        "max_wait",
        "deferrable",
        "listing",
        "aws_conn_id",
        "cxone_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "recordings": "json",
        "audit_logs": "json",
        "completeness_suite": "json",
        "listing": "json",
    }
    ui_color = "#ffe6cc"

    def __init__(
        self,
        *,
        s3_bucket: str,
        s3_prefix: str = "cxone",
        recordings: Any = None,
        audit_logs: Any = None,
        max_missing: int | str = 0,
        allow_empty: bool | str = False,
        completeness_suite: Any = None,
        data_docs: str | None = None,
        source: str = "manifest",
        manifest_uri: str | None = None,
        start: Any = None,
        end: Any = None,
        lookback: Any = None,
        updated_since: Any = None,
        max_wait: Any = None,
        deferrable: bool | str = conf.getboolean("operators", "default_deferrable", fallback=False),
        listing: Any = None,
        aws_conn_id: str | None = "aws_default",
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        # The bucket is known when the task runs; an alias is what Airflow lets a task resolve then.
        outlets = {"outlets": [AssetAlias(COMPLETENESS_ALIAS)]}
        super().__init__(
            source=source,
            recordings=recordings,
            manifest_uri=manifest_uri,
            start=start,
            end=end,
            lookback=lookback,
            updated_since=updated_since,
            max_wait=max_wait,
            deferrable=deferrable,
            listing=listing,
            batch_size=MAX_BATCH_SIZE,
            aws_conn_id=aws_conn_id,
            cxone_conn_id=cxone_conn_id,
            **{**outlets, **kwargs},
        )
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.audit_logs = audit_logs
        self.max_missing = max_missing
        self.allow_empty = allow_empty
        self.completeness_suite = completeness_suite
        self.data_docs = data_docs

    def look_at(self, documents: Iterable[Mapping[str, Any]], context: Context) -> dict[str, Any]:
        """Return the counts, the first ids of all that is not archived, and where the reports lie."""
        with self.work():
            allowed = rendered.whole_number(self.max_missing, "max_missing", least=0, most=MAX_ALLOWED_MISSING)
            least = 0 if rendered.flag(self.allow_empty, "allow_empty") else 1
            layout = self._layout()
            reached = archive_bucket(layout.bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock)
            expected, run = expectations(documents), self._run(context)
            with closing(self._audit_logs(reached.store, layout, context)) as logs:
                reports = reconcile(expected, logs, reached.store, layout, run)
            uris = {report.day: store_report(report, reached.store, layout) for report in reports}
            summary = CompletenessSummary(reports, uris)
            self.log.info("%s\nReports: %s", table_of(reports), ", ".join(uris.values()))
            quality = self._checked(reports, allowed, least)
            document = {**summary.to_document(), "quality": quality.to_document()}
            cause = _cause(summary, quality, allowed, least)
            if cause is not None:
                ti: Any = context["ti"]
                ti.xcom_push(key="return_value", value=document)
                raise AirflowFailException(f"{cause}. Reports: {', '.join(uris.values())}")
            self._tell_outlets(summary, layout, context)
            return document

    def _layout(self) -> ArchiveLayout:
        return ArchiveLayout(
            rendered.text(self.s3_bucket, "s3_bucket"), rendered.optional_text(self.s3_prefix, "s3_prefix") or ""
        )

    def _run(self, context: Context) -> Run:
        dag_run: Any = context["dag_run"]
        ti: Any = context["ti"]
        terms = terms_of_connection(rendered.text(self.cxone_conn_id, "cxone_conn_id")) or Terms()
        return Run(
            run_id=ti.run_id,
            window=self._own_window(context),
            now=self.clock.now(),
            started_at=rendered.moment(dag_run.start_date, "start_date"),
            requests_allowed=None if terms.quota is None else terms.quota.per_day,
            every_request_counts=terms.every_request_counts,
        )

    def _own_window(self, context: Context) -> Window:
        start, end = rendered.moment(self.start, "start"), rendered.moment(self.end, "end")
        if start is not None and end is not None:
            return Window(start, end)
        if start is not None or end is not None:
            raise InvalidSetting("start and end go together", found={"start": self.start, "end": self.end})
        interval = data_interval(context)
        return Window(*interval) if interval else day_before(run_after(context))

    def _audit_logs(self, store: ObjectStore, layout: ArchiveLayout, context: Context) -> Generator[AuditLog]:
        if self.audit_logs is not None:
            yield from map(AuditLog.from_document, each_of(self.audit_logs, context))
            return
        ti: Any = context["ti"]
        key = layout.run_key(run_after(context).date(), ti.run_id)
        with ExitStack() as stack:
            try:
                pieces = stack.enter_context(store.stream(key))
            except StoreRefused:
                if store.stat(key) is not None:
                    raise
                self.log.info("audit logs: none are told")
                return
            self.log.info("audit logs: %s", layout.uri(key))
            yield from parse_run(pieces)

    def _checked(self, reports: Sequence[Completeness], allowed: int, least: int) -> QualityReport:
        from cxone_provider.adapters.quality import build_data_docs, check_completeness

        suite = rendered.text_or_mapping(self.completeness_suite, "completeness_suite")
        quality = check_completeness(reports, suite, max_missing=allowed, min_expected=least)
        self.log.info("%s", quality)
        directory = rendered.optional_text(self.data_docs, "data_docs")
        if directory is not None:
            self.log.info("Data Docs: %s", build_data_docs([quality], directory))
        return quality

    def _tell_outlets(self, summary: CompletenessSummary, layout: ArchiveLayout, context: Context) -> None:
        events: Any = context["outlet_events"]
        extra = summary.counts()
        for outlet in self.outlets:
            if isinstance(outlet, AssetAlias):
                events[outlet].add(Asset(layout.uri(layout.runs_prefix().rstrip("/"))), extra=extra)
            elif isinstance(outlet, Asset):
                events[outlet].extra.update(extra)


def _cause(summary: CompletenessSummary, quality: QualityReport, allowed: int, least: int) -> str | None:
    """Return why the run is not complete, or None."""
    missing = summary.missing_ids
    if len(missing) > allowed:
        return f"{len(missing)} of {summary.expected} are missing, {allowed} may be: {some_of(missing)}"
    if summary.expected < least:
        return "Nothing was expected, and that is no pass: set allow_empty where a day may be empty"
    return None if quality.success else f"The run breaks its data rules: {quality}"
