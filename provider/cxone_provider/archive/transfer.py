"""The pipeline: plan -> segments -> verified chunks -> parts, with memory bounded by readers x part size.

Each reader owns one buffer of a part's size. It fetches the part's segments, waits for its turn, shows the bytes to the
witness in order, and stores the part outside of its turn; no queue, no copy. The first part goes alone: it settles
size, entity and audio format before the readers start.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from cxone_provider.archive.audit import AuditEntry
from cxone_provider.archive.errors import (
    DigestMismatch,
    RangeIgnored,
    RangeNotSatisfiable,
    RecordingChanged,
    ShortBody,
    SignatureMissing,
    SizeDisagrees,
    SourceUnavailable,
    TransferCancelled,
    TransferStalled,
    TruncatedAudio,
)
from cxone_provider.archive.integrity import Proof, Witness
from cxone_provider.archive.ordering import InOrder, ReaderStopped
from cxone_provider.archive.parts import PartLayout
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Clock, Media, RecordingSource
from cxone_provider.archive.reading import BodyReader, Chunk, SegmentReader
from cxone_provider.archive.storing import MultipartSink

log = logging.getLogger(__name__)
_WHOLE_TRIES = 3
_REPLANS = 2
_WHOLE_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """How a media is moved.

    Attributes:
        layout: segments and parts.
        readers: segments fetched at the same time; memory is readers x part size.
        stream_secret: key of the chunk signatures, or None.
        expected_format: audio format, or None for any known one.
    """

    layout: PartLayout
    readers: int = 1
    stream_secret: bytes | None = field(default=None, repr=False)
    expected_format: str | None = None


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the transfer asks of the use case around it.

    Attributes:
        admit: called with the size once it is known; raises where policy forbids it.
        open_upload: called with the audio format and the reader's size and entity tag before the first part is stored;
            opens the upload in the sink.
        fresh_size: reads the metadata again and returns its size.
    """

    admit: Callable[[int], None]
    open_upload: Callable[[str | None, int, str | None], None]
    fresh_size: Callable[[], int | None]


class Transfer:
    """One media, from the source into a sink.

    Attributes:
        entries: audit entries of the segments fetched by this transfer, by index.
        whole: the verified bytes where they fit one part: not stored yet.
    """

    def __init__(
        self,
        source: RecordingSource,
        media: Media,
        sink: MultipartSink,
        clock: Clock,
        settings: TransferSettings,
        hooks: Hooks,
        cancelled: threading.Event,
    ) -> None:
        self._source = source
        self._media = media
        self._sink = sink
        self._clock = clock
        self._settings = settings
        self._layout = settings.layout
        self._hooks = hooks
        self._cancelled = cancelled
        self._reader = SegmentReader(source, media, clock, settings.stream_secret)
        self._order = InOrder(Witness(settings.expected_format))
        self._resumed = sink.part_count > 0
        self.entries: dict[int, AuditEntry] = {}
        self.whole: memoryview | None = None

    @property
    def size_bytes(self) -> int:
        """Agreed size of the media; known when :meth:`run` has returned."""
        if self._reader.size_bytes is None:
            raise ShortBody("the transfer has not read anything yet")
        return self._reader.size_bytes

    def run(self) -> Proof | None:
        """Move every byte that is not stored yet; return the proof, or None after a resumed transfer.

        Nothing is published: bytes that fit one part are in :attr:`whole`, others in the sink's unfinished upload.

        Raises:
            every error of the source, the sink and the audio verification; the upload is left as it is.
        """
        try:
            self._run_ranges()
        except RangeIgnored:
            if self._settings.stream_secret is not None:
                raise SignatureMissing(
                    "the source ignores ranges, so no chunk is signed", expected="206 answers with signatures"
                ) from None
            log.info("recording %s: ranges cannot be used, reading it in one request", self._media.recording_id)
            self._run_whole()
        return None if self._resumed else self._order.witness.testify()

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
        fresh_bytes = self._hooks.fresh_size()
        if fresh_bytes is None or fresh_bytes == self._reader.size_bytes or self._resumed:
            raise error
        if fresh_bytes < self._order.shown_bytes:
            raise RecordingChanged(
                "the recording became shorter than what was read", found=fresh_bytes, expected=self._order.shown_bytes
            ) from error
        log.info("recording %s: planned again with %d bytes", self._media.recording_id, fresh_bytes)
        self._reader.resize(fresh_bytes)

    def _convey_parts(self) -> None:
        self._order.recover()
        numbers = self._missing_numbers()
        first = next(numbers, None)
        if first is None:
            return
        buffer = memoryview(bytearray(self._buffer_bytes()))
        self._convey(first, buffer)
        if self.whole is None:
            self._convey_rest(numbers, buffer)

    def _missing_numbers(self) -> Iterator[int]:
        """Yield what is to be fetched, in order; the size may become known after the first one."""
        number = 1 if self._resumed else self._order.shown_bytes // self._layout.unit_bytes + 1
        while self._reader.size_bytes is None or number <= max(1, self._layout.count(self._reader.size_bytes)):
            if not self._sink.holds(number):
                yield number
            number += 1

    def _buffer_bytes(self) -> int:
        if self._reader.size_bytes is None:
            return self._layout.unit_bytes
        return min(self._layout.unit_bytes, self._reader.size_bytes)

    def _convey_rest(self, numbers: Iterator[int], buffer: memoryview) -> None:
        waiting = list(numbers)
        readers = min(self._settings.readers, len(waiting))
        if readers <= 1:
            for number in waiting:
                self._convey(number, buffer)
            return
        queue: SimpleQueue[int] = SimpleQueue()
        for number in waiting:
            queue.put(number)
        with ThreadPoolExecutor(readers, thread_name_prefix=f"cxone-{self._media.recording_id}") as pool:
            spare = [memoryview(bytearray(len(buffer))) for _ in range(readers - 1)]
            work = [pool.submit(self._convey_queue, queue, own) for own in (buffer, *spare)]
        errors = [error for error in (job.exception() for job in work) if error is not None]
        if errors:
            # Readers that were only told to stop say so; the cause is the other one.
            raise next((error for error in errors if not isinstance(error, ReaderStopped)), errors[0])

    def _convey_queue(self, queue: SimpleQueue[int], buffer: memoryview) -> None:
        with self._order.stopping_all():
            while (number := _taken(queue)) is not None:
                self._convey(number, buffer)

    def _convey(self, number: int, buffer: memoryview) -> None:
        chunks = self._fetch(number, buffer)
        filled = sum(chunk.size_bytes for chunk in chunks)
        view = buffer[:filled]
        self._show(number, view)
        self._keep(number, view, chunks)

    def _fetch(self, number: int, buffer: memoryview) -> list[Chunk]:
        chunks: list[Chunk] = []
        filled = 0
        for segment in self._segments(number):
            self._check_cancelled()
            chunk = self._reader.read(segment, buffer[filled : filled + segment.size_bytes])
            if segment.index == 0:
                self._hooks.admit(self.size_bytes)
            chunks.append(chunk)
            filled += chunk.size_bytes
        return chunks

    def _segments(self, number: int) -> Iterator[Segment]:
        """Yield the part's segments; the size may become known with the first of them."""
        if self._reader.size_bytes == 0:
            raise TruncatedAudio("the recording is empty", found="0 bytes", expected="audio")
        for segment in self._layout.segments(number, None):
            size_bytes = self._reader.size_bytes
            if size_bytes is None:
                yield segment
            elif segment.start < size_bytes:
                yield Segment(segment.index, segment.start, min(segment.stop, size_bytes))

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise TransferCancelled("the transfer was stopped", found=self._media.recording_id)
        self._order.check()

    def _show(self, number: int, view: memoryview) -> None:
        if self._resumed:
            return  # earlier bytes are in the store: the finished object is read back instead
        self._order.show((number - 1) * self._layout.unit_bytes, view)

    def _keep(self, number: int, view: memoryview, chunks: list[Chunk]) -> None:
        if number == 1 and self.size_bytes <= self._layout.unit_bytes and not self._resumed:
            self.whole = view
        else:
            if self._sink.upload is None:
                self._hooks.open_upload(self._order.witness.format, self.size_bytes, self._reader.etag)
            digest = chunks[0].sha256 if len(chunks) == 1 else hashlib.sha256(view).digest()
            self._sink.put(number, view, digest)
        self.entries.update((chunk.entry.chunk_index, chunk.entry) for chunk in chunks)

    def _run_whole(self) -> None:
        self._sink.abort()
        self._resumed = False
        for tries_left in range(_WHOLE_TRIES - 1, -1, -1):
            self._order = InOrder(Witness(self._settings.expected_format))
            self.entries.clear()
            try:
                return self._convey_body()
            except (SourceUnavailable, ShortBody, TransferStalled, DigestMismatch) as error:
                if not tries_left:
                    raise
                log.warning("recording %s: starting its one request over: %s", self._media.recording_id, error)
                self._clock.sleep(_WHOLE_PAUSE_S)
        return None

    def _convey_body(self) -> None:
        with self._source.open_whole(self._media) as body:
            reader = BodyReader(body, self._clock, self._reader.size_bytes)
            self._reader.resize(reader.size_bytes)
            self._hooks.admit(reader.size_bytes)
            buffer = memoryview(bytearray(self._buffer_bytes()))
            for number in range(1, max(1, self._layout.count(reader.size_bytes)) + 1):
                chunks, filled = [], 0
                for segment in self._segments(number):
                    self._check_cancelled()
                    chunks.append(reader.read(segment, buffer[filled : filled + segment.size_bytes]))
                    filled += segment.size_bytes
                self._show(number, buffer[:filled])
                self._keep(number, buffer[:filled], chunks)
            reader.expect_end()


def _taken(queue: SimpleQueue[int]) -> int | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None
