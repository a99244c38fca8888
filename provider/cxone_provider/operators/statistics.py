"""How long, how silent, who talks: statistics of a day's calls, read from the archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException, Context

from cxone_provider.archive.audio.loudness import DEFAULT_SILENCE_DBFS
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.keys import ArchiveLayout, checked_day
from cxone_provider.archive.measuring import DayMeter, DayStatistics
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.operators import rendered
from cxone_provider.operators.running import KillableOperator, flat, some_of, tries_left

STATISTICS_SUMMARY_SCHEMA = "cxone.call-statistics-summary/1"


class MeasureCallsOperator(KillableOperator):
    """Keep statistics of a day's calls in the archive: duration, silence, talk, overlap and loudness of each channel.

    Media is read back from S3 in pieces, its digest compared with the manifest. PCM of 8 or 16 bits, A-law and µ-law in
    WAV are measured; of other formats the duration is told. A call that was measured before and is unchanged is not
    read again, so that a second run costs one request for each recording and writes nothing.

    The lines are ``{prefix}/statistics/date={day}/calls.jsonl``. Recordings that cannot be read, or are not what their
    manifest says, fail the task by name, after everything else was measured and stored.

    Args:
        s3_bucket: bucket of the archive.
        s3_prefix: path of the archive in it.
        days: days to measure, ``YYYY-MM-DD`` in UTC or ``unknown``: one, a list, or JSON text of it. None: those that
            the asset events which triggered the run tell of, as :class:`ReconcileArchiveOperator` sends them.
        silence_dbfs: what is quieter is silence, in decibels below full scale.
        aws_conn_id: connection of the Amazon provider.
    """

    template_fields: Sequence[str] = ("s3_bucket", "s3_prefix", "days", "silence_dbfs", "aws_conn_id")
    template_fields_renderers: ClassVar[dict[str, str]] = {"days": "json"}
    ui_color = "#e1d5e7"

    def __init__(
        self,
        *,
        s3_bucket: str,
        s3_prefix: str = "cxone",
        days: Any = None,
        silence_dbfs: float | str = DEFAULT_SILENCE_DBFS,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.days = days
        self.silence_dbfs = silence_dbfs
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the counts of each day and where its statistics lie."""
        with self.work():
            days = self._days(context)
            if not days:
                raise AirflowSkipException("no day is told, by `days` or by an asset event: nothing to measure")
            meter = self._meter()
            found = {}
            for day in days:
                found[day] = meter.measure_day(day)
                self.log.info("%s: %s", day, found[day].to_document())
            self._refuse(found, context)
            return {
                "schema": STATISTICS_SUMMARY_SCHEMA,
                "days": {day: one.to_document() for day, one in found.items()},
            }

    def _meter(self) -> DayMeter:
        layout = ArchiveLayout(
            rendered.text(self.s3_bucket, "s3_bucket"), rendered.optional_text(self.s3_prefix, "s3_prefix") or ""
        )
        store = archive_bucket(
            layout.bucket, aws_conn_id=rendered.given(self.aws_conn_id), concurrency=1, clock=self.clock
        ).store
        return DayMeter(store, layout, self._silence_dbfs(), self.cancelled)

    def _silence_dbfs(self) -> float:
        try:
            return float(self.silence_dbfs)
        except ValueError as error:
            raise InvalidSetting("unusable silence_dbfs", found=self.silence_dbfs, expected="a number") from error

    def _days(self, context: Context) -> list[str]:
        days = _days_of_events(context) if rendered.given(self.days) is None else map(str, flat(self.days))
        return sorted({checked_day(day) for day in days})

    def _refuse(self, found: Mapping[str, DayStatistics], context: Context) -> None:
        problems = {name: cause for one in found.values() for name, cause in one.problems.items()}
        if not problems:
            return
        for name, cause in problems.items():
            self.log.warning("%s: %s", name, cause)
        again = any(one.retryable for one in found.values()) and tries_left(context)
        kind = AirflowException if again else AirflowFailException
        raise kind(f"{len(problems)} recordings could not be measured: {some_of(list(problems))}")


def _days_of_events(context: Context) -> Iterator[str]:
    """Yield the days of the completeness reports whose events triggered the run, where something is archived."""
    events: Mapping[Any, Any] = context.get("triggering_asset_events") or {}
    for told in events.values():
        for event in told:
            for day in (event.extra or {}).get("days", ()):
                if day.get("archived"):
                    yield str(day["day"])
