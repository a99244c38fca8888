"""What is kept of a listing, passed on while it is read; the task's log tells in the end what was not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cxone_provider.archive.listing import Selection, Window

_UNUSABLE_SHOWN = 10


def selected(documents: Iterable[Mapping[str, Any]], window: Window | None, log: Any) -> Iterator[Mapping[str, Any]]:
    """Yield each recording once; after the last one tell what was left out, and what cannot be used.

    Args:
        documents: what is listed.
        window: what is kept; None for everything.
        log: the task's logger.
    """
    selection = Selection(documents, window)
    unusable: list[Mapping[str, Any]] = []
    for document in selection:
        if "malformed" in document and len(unusable) < _UNUSABLE_SHOWN:
            unusable.append(document)
        yield document
    log.info(
        "%d recordings in %s; left out: %d outside of it, %d named twice",
        selection.kept, window or "no window", selection.outside, selection.duplicates,
    )  # fmt: skip
    if unusable:
        log.warning("%d of them cannot be used and will be rejected", selection.malformed)
    for document in unusable:
        log.warning("%s: %s, found %s", document["recording_id"], document["malformed"], document["found"])
