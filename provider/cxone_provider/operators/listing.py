"""Which recordings a run is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context, conf

from cxone_provider.archive.errors import InvalidDocument, InvalidSetting
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.list_file import read_list
from cxone_provider.archive.listing import Window, batch_of, batches, day_before, listed, parse_lookback, select
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.operators import rendered
from cxone_provider.operators.running import KillableOperator, data_interval, run_after

SOURCES = ("manifest",)
MAX_BATCH_SIZE = 1000
_UNUSABLE_SHOWN = 10


class ListRecordingsOperator(KillableOperator):
    """List recordings; return batches of refs, made to be expanded over.

    ``source="manifest"`` takes what the caller has: recordings named one by one, or a CSV or JSON Lines object in S3.
    A recording named twice is taken once. What cannot be used is carried on, and validation rejects it by name.

    Of an object in S3, recordings that started outside ``[start - lookback, end)`` are left out, as far as the list
    tells when they started. Without `start` and `end` the window is the run's data interval, or, where that is
    absent or empty, the UTC day before the run was due. Recordings named one by one are left out only by a `start`
    and `end` that are given.

    Args:
        source: where the list comes from; ``manifest`` is the only one so far.
        recordings: ids or refs, a list of them, or JSON text of it.
        manifest_uri: ``s3://bucket/key`` of a CSV with a header row, or of JSON Lines.
        start: begin of the window, ISO 8601.
        end: end of the window, not in it.
        lookback: how much earlier the window begins: days, ``P2D``, or a timedelta; recordings arrive late.
        batch_size: recordings of a batch, 1 to 1000.
        aws_conn_id: connection of the Amazon provider, for `manifest_uri`.
        cxone_conn_id: connection to the tenant; for sources that ask it.
    """

    template_fields: Sequence[str] = (
        "source",
        "recordings",
        "manifest_uri",
        "start",
        "end",
        "lookback",
        "batch_size",
        "aws_conn_id",
        "cxone_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"recordings": "json"}
    ui_color = "#dae8fc"

    def __init__(
        self,
        *,
        source: str = "manifest",
        recordings: Any = None,
        manifest_uri: str | None = None,
        start: Any = None,
        end: Any = None,
        lookback: Any = None,
        batch_size: int | str = 100,
        aws_conn_id: str | None = "aws_default",
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.recordings = recordings
        self.manifest_uri = manifest_uri
        self.start = start
        self.end = end
        self.lookback = lookback
        self.batch_size = batch_size
        self.aws_conn_id = aws_conn_id
        self.cxone_conn_id = cxone_conn_id

    def execute(self, context: Context) -> list[list[Mapping[str, Any]]]:
        """Return the refs in batches; no batch where nothing is listed."""
        with self.work():
            rendered.choice(self.source, "source", SOURCES)
            size = rendered.whole_number(self.batch_size, "batch_size", least=1, most=MAX_BATCH_SIZE)
            window = self._window(context)
            with self._listed() as documents:
                listing = select(documents, window)
            self.log.info(
                "%d recordings in %s; left out: %d outside of it, %d named twice",
                len(listing.documents), window or "no window", listing.outside, listing.duplicates,
            )  # fmt: skip
            self._tell_of_unusable(listing.documents)
            return self._mappable(batches(listing.documents, size))

    @contextmanager
    def _listed(self) -> Iterator[Iterable[Mapping[str, Any]]]:
        manifest_uri = rendered.optional_text(self.manifest_uri, "manifest_uri")
        recordings = batch_of(self.recordings)
        if manifest_uri is not None and recordings:
            raise InvalidSetting("recordings and manifest_uri are both given", expected="one of them")
        if manifest_uri is None:
            if rendered.given(self.recordings) is None:
                raise InvalidSetting("neither recordings nor manifest_uri is given", expected="one of them")
            yield listed(recordings)
            return
        bucket, key = split_uri(manifest_uri)
        reached = archive_bucket(bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock)
        with reached.store.stream(key) as chunks:
            yield read_list(chunks)

    def _window(self, context: Context) -> Window | None:
        start, end = rendered.moment(self.start, "start"), rendered.moment(self.end, "end")
        lookback = parse_lookback(self.lookback)
        if start is not None and end is not None:
            return Window(start, end).widened(lookback)
        if start is not None or end is not None:
            raise InvalidSetting("start and end go together", found={"start": self.start, "end": self.end})
        if rendered.given(self.manifest_uri) is None:
            return None
        interval = data_interval(context)
        return (Window(*interval) if interval else day_before(run_after(context))).widened(lookback)

    def _tell_of_unusable(self, documents: Sequence[Mapping[str, Any]]) -> None:
        unusable = [document for document in documents if "malformed" in document]
        if unusable:
            self.log.warning("%d of them cannot be used and will be rejected", len(unusable))
        for document in unusable[:_UNUSABLE_SHOWN]:
            self.log.warning("%s: %s, found %s", document["recording_id"], document["malformed"], document["found"])

    def _mappable(self, made: list[list[Mapping[str, Any]]]) -> list[list[Mapping[str, Any]]]:
        limit = conf.getint("core", "max_map_length")
        if len(made) > limit:
            raise InvalidDocument(
                "more batches than Airflow maps over", found=len(made), expected=f"at most {limit}",
                hint="Raise batch_size, or [core] max_map_length.",
            )  # fmt: skip
        return made
