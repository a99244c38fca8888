"""What archiving would take, told before it is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context, SkipMixin, conf

from cxone_provider.archive.archived_ids import archived_ids
from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.archive.estimating import (
    DEFAULT_BITRATE_BPS,
    DEFAULT_FEE_SHARE,
    MAX_BITRATE_BPS,
    EstimateSettings,
    Lookup,
    estimate,
    table_of,
)
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.plan import DEFAULT_SEGMENT_SIZE_BYTES, checked_segment_size
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.terms import terms_of_connection
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import MAX_BATCH_SIZE
from cxone_provider.operators.listed import ListedOperator

MAX_INTERACTIONS = 10**9


class EstimateArchiveOperator(ListedOperator, SkipMixin):
    """Tell what archiving would take: requests, hours at the quota, bytes, what may be billed. Archives nothing.

    With `skip_following`, a dry run, everything after this task is skipped whatever its trigger rules; without, the run
    goes on. CXone is asked for nothing but the listing; the archive, where it is named, for lists of keys: some ten
    requests for 10,000 recordings. Nothing is stored: the estimate is the task's result, and a table in its log.

    Args:
        recordings: what would be archived, as :class:`ListRecordingsOperator` returns it; None to list here.
        skip_following: skip everything after this task.
        s3_bucket: bucket of the archive, to leave out what is archived already; None to look nothing up.
        s3_prefix: path of the archive in it.
        segment_size_bytes: size of a ranged request for media; counts in `recording-v2` alone.
        bitrate_bps: bits per second of audio, for recordings of which a duration and no size is known.
        interactions: interactions of the tenant in the same time; None for as many as are listed.
        fee_share: share of the interactions above which the vendor bills exports.
        source, manifest_uri, updated_since, max_wait, deferrable, listing: where to list from and how, see
            :class:`ListRecordingsOperator`.
        start: begin of the window, ISO 8601.
        end: end of the window, not in it.
        lookback: how much earlier the window begins.
        aws_conn_id: connection of the Amazon provider.
        cxone_conn_id: connection to the tenant: its dialect and its quota.
    """

    template_fields: Sequence[str] = (
        "recordings",
        "skip_following",
        "s3_bucket",
        "s3_prefix",
        "segment_size_bytes",
        "bitrate_bps",
        "interactions",
        "fee_share",
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
    template_fields_renderers: ClassVar[dict[str, str]] = {"recordings": "json", "listing": "json"}
    ui_color = "#dae8fc"

    def __init__(
        self,
        *,
        recordings: Any = None,
        skip_following: bool | str = False,
        s3_bucket: str | None = None,
        s3_prefix: str = "cxone",
        segment_size_bytes: int | str = DEFAULT_SEGMENT_SIZE_BYTES,
        bitrate_bps: int | str = DEFAULT_BITRATE_BPS,
        interactions: int | str | None = None,
        fee_share: float | str = DEFAULT_FEE_SHARE,
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
            **kwargs,
        )
        self.skip_following = skip_following
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.segment_size_bytes = segment_size_bytes
        self.bitrate_bps = bitrate_bps
        self.interactions = interactions
        self.fee_share = fee_share

    def look_at(self, documents: Iterable[Mapping[str, Any]], context: Context) -> dict[str, Any]:
        """Return the estimate."""
        with self.work():
            skip_following = rendered.flag(self.skip_following, "skip_following")
            settings = self._settings()
            made = estimate(documents, self._archived(), settings)
            self.log.info("What archiving would take\n%s", table_of(made))
            document = made.to_document()
        if skip_following:
            self._skip_the_rest(document, context)
        return document

    def _settings(self) -> EstimateSettings:
        terms = terms_of_connection(rendered.text(self.cxone_conn_id, "cxone_conn_id"))
        if terms is None:
            raise InvalidSetting("there is no such connection", found=self.cxone_conn_id, expected="a cxone connection")
        interactions = rendered.given(self.interactions)
        return EstimateSettings(
            terms=terms,
            segment_size_bytes=checked_segment_size(self.segment_size_bytes),
            bitrate_bps=rendered.whole_number(self.bitrate_bps, "bitrate_bps", least=1, most=MAX_BITRATE_BPS),
            interactions=None
            if interactions is None
            else rendered.whole_number(interactions, "interactions", least=1, most=MAX_INTERACTIONS),
            fee_share=rendered.share(self.fee_share, "fee_share"),
        )

    def _archived(self) -> Lookup | None:
        bucket = rendered.optional_text(self.s3_bucket, "s3_bucket")
        if bucket is None:
            return None
        layout = ArchiveLayout(bucket, rendered.optional_text(self.s3_prefix, "s3_prefix") or "")
        reached = archive_bucket(bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock)
        return partial(archived_ids, reached.store, layout)

    def _skip_the_rest(self, document: Mapping[str, Any], context: Context) -> None:
        ti: Any = context["ti"]
        task: Any = context["task"]
        following = sorted(task.get_flat_relative_ids(upstream=False))
        self.log.info("a dry run: nothing is archived, %d tasks are skipped", len(following))
        # Airflow keeps no result of a task that skips others by this way out.
        ti.xcom_push(key="return_value", value=document)
        self.skip(ti, [task.dag.get_task(task_id) for task_id in following])
