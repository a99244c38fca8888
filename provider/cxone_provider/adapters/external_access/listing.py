"""Which recordings are new in the vendor's bucket: objects by the time they were put there, as ref documents."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pendulum

from cxone_provider.adapters.external_access.expiry import expiry_of
from cxone_provider.adapters.external_access.objects import ListedObject, SourceObjects
from cxone_provider.adapters.external_access.settings import ExternalAccessSettings
from cxone_provider.archive.errors import AccessDenied, InvalidDocument
from cxone_provider.archive.id_numbers import IdNumbers
from cxone_provider.archive.listing import Window, carried, malformed
from cxone_provider.archive.recording import iso

log = logging.getLogger(__name__)
KEY_FIELD = "source_key"
MODIFIED_FIELD = "source_modified_at"
MAX_LISTED = 1_000_000
_EMPTY_HINT = "The vendor also refuses while nothing is in the folder; if that is so, set denied_means_empty."


def listed_objects(
    objects: SourceObjects, settings: ExternalAccessSettings, window: Window, now: pendulum.DateTime
) -> Iterator[dict[str, Any]]:
    """Yield a ref document for each object that was put into the bucket in `window`, in the order of their keys.

    The start of the recording is not told: what a date in a key means is not published, and what is listed here is
    chosen by the time of the copy. An object whose key fits no recording, and a second one of the same recording, are
    yielded as unusable, so that nothing is passed over unseen. Memory is one page, and thirty bytes for each object.

    Args:
        objects: the bucket.
        settings: how its keys are read.
        window: times at which objects were put there; look back by widening it.
        now: current time, to warn of what is deleted soon.

    Raises:
        AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        InvalidDocument: more than a million objects in the window.
    """
    reader = _Reader(settings, now)
    try:
        for listed in objects.list(settings.mapping.prefix):
            if window.holds(listed.modified_at) and not reader.is_beside(listed):
                yield from reader.read(listed)
    except AccessDenied as error:
        if not settings.denied_means_empty:
            raise AccessDenied(
                error.what, found=error.found, hint=f"{error.hint or ''} {_EMPTY_HINT}".strip()
            ) from error
        log.warning("the source bucket refuses to be listed, which is taken for an empty folder: %s", error)
    reader.conclude()


class _Reader:
    def __init__(self, settings: ExternalAccessSettings, now: pendulum.DateTime) -> None:
        self._settings = settings
        self._warned_until = now.add(seconds=int(settings.warn_before.total_seconds()))
        self._seen = IdNumbers()
        self._passed_over = 0
        self._expiring = 0

    def is_beside(self, listed: ListedObject) -> bool:
        """Tell whether an object is a folder's placeholder or a sidecar: nothing that could be a recording."""
        if listed.key.endswith("/") and not listed.size_bytes:
            return True
        name = self._settings.sidecar
        ending = None if name is None else name.rpartition("}")[2]
        return ending is not None and listed.key.endswith(ending)

    def read(self, listed: ListedObject) -> Iterator[dict[str, Any]]:
        """Yield the object's document, or none."""
        try:
            mapped = self._settings.mapping.parse(listed.key)
        except InvalidDocument as error:
            self._passed_over += 1
            if self._settings.report_unmatched:
                yield malformed(listed.key, error)
            return
        if mapped.recording_id in self._seen:
            doubled = InvalidDocument("a second object of one recording", found=listed.key, expected="{n} in the key")
            yield malformed(listed.key, doubled)
            return
        self._remember(mapped.recording_id)
        expires_at = expiry_of(self._settings, listed.modified_at)
        self._expiring += expires_at <= self._warned_until
        metadata = {KEY_FIELD: listed.key, MODIFIED_FIELD: iso(listed.modified_at)}
        if mapped.day is not None:
            metadata["source_day"] = mapped.day.to_date_string()
        yield carried({"recording_id": mapped.recording_id, "has_media": True, "metadata": metadata}, listed.key)

    def conclude(self) -> None:
        """Tell what a person should know of the listing."""
        if self._passed_over:
            log.warning("%d objects fit no recording by key_template", self._passed_over)
        if self._expiring:
            days = self._settings.warn_before.in_days()
            log.warning("%d recordings are deleted by the vendor within %d days", self._expiring, days)

    def _remember(self, recording_id: str) -> None:
        if len(self._seen) >= MAX_LISTED:
            raise InvalidDocument(
                "more objects than one run can take", expected=f"at most {MAX_LISTED}", hint="Narrow the window."
            )
        self._seen.put(recording_id, 0)
