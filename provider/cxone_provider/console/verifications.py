"""*Verify now*: one recording read back while a person watches, told line by line as JSON."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from cxone_provider.archive.browsing import ArchiveBrowser
from cxone_provider.archive.errors import TransferCancelled
from cxone_provider.archive.keys import ArchiveLayout
from cxone_provider.archive.verifying import Verification, Verifier

_AT_ONCE = 2
_STEP_BYTES = 2**20
_POLL_S = 0.25


class Verifications:
    """Verifies for people, two recordings at once: each holds a thread and reads a whole object.

    Args:
        store: the bucket.
        layout: where the archive lies in it.
    """

    def __init__(self, store: ArchiveBrowser, layout: ArchiveLayout) -> None:
        self._store = store
        self._layout = layout
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    @contextmanager
    def _place(self) -> Iterator[bool]:
        taken = self._places.acquire(blocking=False)
        try:
            yield taken
        finally:
            if taken:
                self._places.release()

    def lines(self, recording_id: str, size_bytes: int) -> Iterator[bytes]:
        """Yield progress and, last, what was found; reading ends when nobody asks for the next line any more."""
        with self._place() as taken:
            if not taken:
                yield _line(state="busy")
                return
            yield _line(state="reading", read_bytes=0, size_bytes=size_bytes)
            yield from self._watched(recording_id, size_bytes)

    def _watched(self, recording_id: str, size_bytes: int) -> Iterator[bytes]:
        cancelled = threading.Event()
        seen: queue.SimpleQueue[int] = queue.SimpleQueue()
        verifier = Verifier(self._store, self._layout, cancelled=cancelled, seen=seen.put)
        with ThreadPoolExecutor(1, thread_name_prefix="cxone-console-verify") as pool:
            future = pool.submit(verifier.verify, recording_id)
            try:
                yield from _progress(future, seen, size_bytes)
                yield _line(**_found(future))
            finally:
                cancelled.set()


def _progress(future: Future[Verification], seen: queue.SimpleQueue[int], size_bytes: int) -> Iterator[bytes]:
    read_bytes = told_bytes = 0
    while not (future.done() and seen.empty()):
        try:
            read_bytes += seen.get(timeout=_POLL_S)
        except queue.Empty:
            continue
        if read_bytes - told_bytes >= max(_STEP_BYTES, size_bytes // 100):
            told_bytes = read_bytes
            yield _line(state="reading", read_bytes=read_bytes, size_bytes=size_bytes)


def _found(future: Future[Verification]) -> dict[str, Any]:
    try:
        found = future.result()
    except TransferCancelled:
        return {"state": "cancelled"}
    return {"state": "done", **found.to_document(), "unread": found.unread}


def _line(**told: Any) -> bytes:
    return json.dumps(told).encode() + b"\n"
