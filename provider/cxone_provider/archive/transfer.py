"""The pipeline: plan -> segments -> verified chunks -> parts, in buffers that all recordings of a run share.

A reader takes a buffer of a part's size, and then a part: parts are given out in order, so whoever is next always has
its buffer. It fetches the part's segments, waits for its turn, shows the bytes to the witness in order, stores the part
outside of its turn, and gives the buffer back; no queue, no copy. The first part goes alone: it settles size, entity
and audio format before the readers start. A media that asks for it, or whose ranges cannot be combined, is
read in one request instead: see :mod:`cxone_provider.archive.one_request`.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Empty, SimpleQueue

from cxone_provider.archive.audit import AuditEntry
from cxone_provider.archive.conveyor import Conveyor, Hooks, TransferSettings
from cxone_provider.archive.errors import (
    RangeIgnored,
    RangeNotSatisfiable,
    RecordingChanged,
    SignatureMissing,
    SizeDisagrees,
)
from cxone_provider.archive.integrity import Proof
from cxone_provider.archive.media import Media
from cxone_provider.archive.one_request import OneRequest
from cxone_provider.archive.ordering import ReaderStopped
from cxone_provider.archive.ports import Clock, RecordingSource
from cxone_provider.archive.reading import Chunk, SegmentReader
from cxone_provider.archive.slots import Slots
from cxone_provider.archive.storing import MultipartSink

__all__ = ["Hooks", "Transfer", "TransferSettings"]

log = logging.getLogger(__name__)
_REPLANS = 2


class Transfer:
    """One media, from the source into a sink."""

    def __init__(
        self,
        source: RecordingSource,
        media: Media,
        sink: MultipartSink,
        clock: Clock,
        settings: TransferSettings,
        hooks: Hooks,
        slots: Slots,
        cancelled: threading.Event,
    ) -> None:
        self._settings = settings
        self._hooks = hooks
        self._conveyor = Conveyor(media, sink, settings, hooks, cancelled)
        self._slots = slots
        self._held = ExitStack()
        self._reader = SegmentReader(source, media, clock, settings.stream_secret, slots)
        segment_size_bytes = settings.layout.segment_size_bytes
        self._one_request = OneRequest(
            source, clock, self._conveyor, slots, held=self._held, segment_size_bytes=segment_size_bytes
        )

    @property
    def size_bytes(self) -> int:
        """Agreed size of the media; known when :meth:`run` has returned."""
        return self._conveyor.size_bytes

    @property
    def entries(self) -> dict[int, AuditEntry]:
        """Audit entries of the segments fetched by this transfer, by index; grows while it runs."""
        return self._conveyor.entries

    @property
    def whole(self) -> memoryview | None:
        """The verified bytes where they fit one part: not stored yet."""
        return self._conveyor.whole

    def run(self) -> Proof | None:
        """Move every byte that is not stored yet; return the proof, or None after a resumed transfer.

        Nothing is published: bytes that fit one part are in :attr:`whole`, others in the sink's unfinished upload.

        Raises:
            every error of the source, the sink and the audio verification; the upload is left as it is.
        """
        if self._conveyor.media.single_request and self._settings.stream_secret is None:
            self._one_request.run()
        else:
            self._run_ranges_or_whole()
        return None if self._conveyor.resumed else self._conveyor.order.witness.testify()

    def close(self) -> None:
        """Give back what :attr:`whole` lies in; it is not to be used any more."""
        self._conveyor.whole = None
        self._held.close()

    def _run_ranges_or_whole(self) -> None:
        try:
            self._run_ranges()
        except RangeIgnored:
            if self._settings.stream_secret is not None:
                raise SignatureMissing(
                    "the source ignores ranges, so no chunk is signed", expected="206 answers with signatures"
                ) from None
            name = self._conveyor.media.recording_id
            log.info("recording %s: ranges cannot be used, reading it in one request", name)
            self._conveyor.start_over()
            self._one_request.run()

    def _run_ranges(self) -> None:
        for replans_left in range(_REPLANS, -1, -1):
            try:
                return self._convey_parts()
            except (RangeNotSatisfiable, SizeDisagrees) as error:
                if not replans_left:
                    raise
                self._replan(error)
        return None

    def _replan(self, error: RangeNotSatisfiable | SizeDisagrees) -> None:
        """Size and storage disagree: read the metadata again, keep what is verified, go on with the new size."""
        conveyor, fresh_bytes = self._conveyor, self._hooks.fresh_size()
        if fresh_bytes is None or fresh_bytes == conveyor.media.size_bytes or conveyor.resumed:
            raise error
        if fresh_bytes < conveyor.order.shown_bytes:
            raise RecordingChanged(
                "the recording became shorter than what was read", found=fresh_bytes,
                expected=conveyor.order.shown_bytes,
            ) from error  # fmt: skip
        log.info("recording %s: planned again with %d bytes", conveyor.media.recording_id, fresh_bytes)
        self._reader.resize(fresh_bytes)
        conveyor.media = self._reader.media

    def _convey_parts(self) -> None:
        conveyor = self._conveyor
        conveyor.order.recover()
        numbers = conveyor.missing()
        first = next(numbers, None)
        if first is None:
            return
        with ExitStack() as room:
            self._convey(first, room.enter_context(self._slots.buffer(conveyor.buffer_bytes())))
            if conveyor.whole is not None:
                self._held.enter_context(room.pop_all())
                return
        with self._slots.large():
            self._convey_rest(list(numbers))

    def _convey_rest(self, numbers: list[int]) -> None:
        queue: SimpleQueue[int] = SimpleQueue()
        for number in numbers:
            queue.put(number)
        readers = min(self._slots.requests, len(numbers))
        if readers <= 1:
            self._convey_queue(queue)
            return
        with ThreadPoolExecutor(readers, thread_name_prefix=f"cxone-{self._conveyor.media.recording_id}") as pool:
            work = [pool.submit(self._convey_queue, queue) for _ in range(readers)]
        errors = [error for error in (job.exception() for job in work) if error is not None]
        if errors:
            # Readers that were only told to stop say so; the cause is the other one.
            raise next((error for error in errors if not isinstance(error, ReaderStopped)), errors[0])

    def _convey_queue(self, queue: SimpleQueue[int]) -> None:
        with self._conveyor.order.stopping_all():
            while not queue.empty():
                with self._slots.buffer(self._conveyor.buffer_bytes()) as buffer:
                    number = _taken(queue)
                    if number is not None:
                        self._convey(number, buffer)

    def _convey(self, number: int, buffer: memoryview) -> None:
        conveyor, chunks = self._conveyor, self._fetch(number, buffer)
        view = buffer[: sum(chunk.size_bytes for chunk in chunks)]
        conveyor.show(number, view, chunks)
        if conveyor.place(number, view):
            conveyor.store(number, view, chunks)
        else:
            conveyor.note(chunks)

    def _fetch(self, number: int, buffer: memoryview) -> list[Chunk]:
        conveyor = self._conveyor
        chunks: list[Chunk] = []
        filled = 0
        for segment in conveyor.segments(number):
            conveyor.check()
            chunk = self._reader.read(segment, buffer[filled : filled + segment.size_bytes])
            if segment.index == 0:
                conveyor.media = self._reader.media
                conveyor.admit()
            chunks.append(chunk)
            filled += chunk.size_bytes
        return chunks


def _taken(queue: SimpleQueue[int]) -> int | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None
