"""Ask for many recordings at once: the requests of the Media Download API."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from airflow.providers.common.compat.sdk import Context

from cxone_provider.archive.contact import read_archived
from cxone_provider.archive.downloads import MAX_ENTITIES, DownloadRequest, EntityKind, entity_id_of
from cxone_provider.archive.errors import InvalidInput
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.listing import carried, read_ref
from cxone_provider.archive.recording import parse_time
from cxone_provider.hooks.archive_store import archive_bucket
from cxone_provider.hooks.cxone import CXoneHook
from cxone_provider.hooks.media_download import media_download_api
from cxone_provider.hooks.task_state import StateStore, TaskStateJournal
from cxone_provider.operators import rendered
from cxone_provider.operators.batches import kept_short
from cxone_provider.operators.running import KillableOperator, documents_of


class RequestMediaDownloadOperator(KillableOperator):
    """Ask CXone to make recordings ready for download, 100 at a time; return one document per request.

    For backfills: a hundred recordings cost one request here and at least a hundred of Media Playback. Archived media
    are restored by it where the tenant allows that. The requests keep to their own quota, by default 15 in five
    minutes, so a task for many recordings waits between them. What is archived, what the listing says has no media, and
    what cannot be used is not asked for; it is carried on, and ends in its outcome by validation.

    A retry does not ask again for what was asked for: each request is remembered in the task's state where Airflow
    keeps one (3.3).

    Args:
        recordings: ids or refs: one, a list of them, batches of them, or JSON text of it.
        kind: what the ids are, ``contacts`` or CXone's ``contact-segments``.
        s3_bucket: bucket of the archive, to leave out what is archived; None to ask for everything.
        s3_prefix: path of the archive in it.
        replace: ask also for what is archived.
        aws_conn_id: connection of the Amazon provider.
        cxone_conn_id: connection to the tenant.
    """

    template_fields: Sequence[str] = (
        "recordings",
        "kind",
        "s3_bucket",
        "s3_prefix",
        "replace",
        "aws_conn_id",
        "cxone_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"recordings": "json"}
    ui_color = "#dae8fc"

    def __init__(
        self,
        *,
        recordings: Any,
        kind: str = "contacts",
        s3_bucket: str | None = None,
        s3_prefix: str = "cxone",
        replace: bool | str = False,
        aws_conn_id: str | None = "aws_default",
        cxone_conn_id: str = CXoneHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.recordings = recordings
        self.kind = kind
        self.s3_bucket = s3_bucket
        self.s3_prefix = s3_prefix
        self.replace = replace
        self.aws_conn_id = aws_conn_id
        self.cxone_conn_id = cxone_conn_id

    @cached_property
    def hook(self) -> CXoneHook:
        """The tenant's hook; waits inside it end with the task."""
        return CXoneHook(self.cxone_conn_id, cancelled=self.cancelled)

    def execute(self, context: Context) -> list[Any]:
        """Return one document per request, and one for the recordings that need none; of many, where each lies."""
        with self.work():
            kind = EntityKind(rendered.choice(self.kind, "kind", tuple(EntityKind)))
            wanted, others = self._sorted(context)
            state: StateStore | None = context.get("task_state_store")
            journal = None if state is None else TaskStateJournal(state)
            requests = list(self._requested(kind, wanted, journal))
            self.log.info(
                "%d recordings asked for by %d requests, %d need none", len(wanted), len(requests), len(others)
            )
            if others:
                requests.append(DownloadRequest(None, None, others))
            return kept_short([request.to_document() for request in requests], context)

    def _sorted(self, context: Context) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the refs to ask for, each once, and those that end without."""
        archived = self._archived()
        wanted: dict[str, dict[str, Any]] = {}
        others: list[dict[str, Any]] = []
        for number, value in enumerate(documents_of(self.recordings, "recordings", context), start=1):
            document = carried(value, f"item {number}")
            if document["recording_id"] in wanted:
                continue
            if _is_usable(document) and not archived(document["recording_id"]):
                wanted[document["recording_id"]] = document
            else:
                others.append(document)
        return list(wanted.values()), others

    def _archived(self) -> Callable[[str], bool]:
        bucket = rendered.optional_text(self.s3_bucket, "s3_bucket")
        if bucket is None or rendered.flag(self.replace, "replace"):
            return lambda _: False
        layout = ArchiveLayout(bucket, rendered.optional_text(self.s3_prefix, "s3_prefix") or "")
        store = archive_bucket(bucket, aws_conn_id=rendered.given(self.aws_conn_id), clock=self.clock).store
        return lambda recording_id: read_archived(store, layout, recording_id) is not None

    def _requested(
        self, kind: EntityKind, wanted: Sequence[dict[str, Any]], journal: TaskStateJournal | None
    ) -> Iterator[DownloadRequest]:
        if not wanted:
            return
        with media_download_api(self.hook) as api:
            for start in range(0, len(wanted), MAX_ENTITIES):
                batch = wanted[start : start + MAX_ENTITIES]
                ids = [entity_id_of(document["recording_id"]) for document in batch]
                name = _batch_name(kind, ids)
                known = None if journal is None else journal.load(name)
                request = _remembered(known, batch)
                if request is None:
                    request = DownloadRequest(api.request(kind, ids), self.clock.now(), batch)
                    if journal is not None:
                        state = {**request.to_document(), "recordings": []}
                        journal.save(name, state)
                else:
                    self.log.info("request %s was made by an earlier try", request.request_id)
                yield request


def _is_usable(document: Mapping[str, Any]) -> bool:
    try:
        return read_ref(document).has_media is not False
    except InvalidInput:
        return False


def _batch_name(kind: EntityKind, ids: Sequence[str]) -> str:
    return f"media-download.{hashlib.sha256(json.dumps([kind, *ids]).encode()).hexdigest()[:32]}"


def _remembered(state: Mapping[str, Any] | None, batch: Sequence[dict[str, Any]]) -> DownloadRequest | None:
    """Return the request that an earlier try made for a batch; None where there is none, or none that can be read."""
    try:
        made = None if state is None else DownloadRequest.from_document(state)
        if made is None or made.request_id is None or parse_time(made.requested_at, "requested_at") is None:
            return None
    except InvalidInput:
        return None
    return DownloadRequest(made.request_id, made.requested_at, batch)
