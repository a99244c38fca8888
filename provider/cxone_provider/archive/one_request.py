"""One request for a whole media: read in order, and after a break continued from the byte it came to.

One buffer is filled while another one is being stored. Both are taken before the request and kept until its end: a
body that waited for memory could hold the request that another recording's memory waits for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from cxone_provider.archive.conveyor import Conveyor
from cxone_provider.archive.errors import (
    ArchiveError,
    DigestMismatch,
    ExcessBody,
    RangeIgnored,
    RecordingChanged,
    ShortBody,
    SizeDisagrees,
    SourceUnavailable,
    TransferStalled,
    UnexpectedAnswer,
)
from cxone_provider.archive.media import Media
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Clock, RecordingSource, WholeBody
from cxone_provider.archive.reading import Chunk, chunk_of
from cxone_provider.archive.slots import Slots

log = logging.getLogger(__name__)
_TRIES = 3
_PAUSE_S = 1.0


class ContinuedBody:
    """The body of one request for a media from some byte on; after a break, of one more for the rest.

    Args:
        source: the tenant.
        media: what is read; its size and entity tag are taken as agreed where they are known.
        clock: for latencies and pauses.
        start: first byte.
        progress_bytes: what a request must bring, to count as more than a try in vain.
    """

    def __init__(self, source: RecordingSource, media: Media, clock: Clock, *, start: int, progress_bytes: int) -> None:
        self._source = source
        self._clock = clock
        self._stack = ExitStack()
        self._start = start
        self._opened_at = start
        self._progress_bytes = progress_bytes
        self._tries_left = _TRIES - 1
        self._body: WholeBody | None = None
        self._ranges = True
        self.media = media

    def __enter__(self) -> Self:
        self._open(self._start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def continuable(self) -> bool:
        """Whether a break leaves a rest that can be asked for."""
        return self._ranges and self._body is not None and self._body.continuable

    def read(self, segment: Segment, buffer: memoryview) -> Chunk:
        """Read the next segment into `buffer`.

        Raises:
            SourceUnavailable, ShortBody, TransferStalled: it broke, and the rest cannot be asked for, or was in vain.
            RangeIgnored, RecordingChanged, and what else the source raises when the rest is asked for.
        """
        began_s = self._clock.monotonic_s()
        view, attempts = buffer[: segment.size_bytes], 1
        while self._position < segment.stop:
            try:
                self._fill(view[self._position - segment.start :])
            except (SourceUnavailable, ShortBody, TransferStalled) as error:
                self._ask_for_the_rest(error)
                attempts += 1
        return chunk_of(self._clock, segment, view, began_s, attempts, "none")

    def _fill(self, view: memoryview) -> None:
        if self._opened.readinto(view) == 0:
            raise ShortBody("the body ended early", found=self._position, expected=self.media.size_bytes)

    def expect_end(self) -> None:
        """Check that the body ends where the size says.

        Raises:
            ExcessBody: more bytes follow.
        """
        size_bytes = self.media.size_bytes
        if self._opened.readinto(memoryview(bytearray(1))):
            raise ExcessBody("the body goes on", found=f"more than {size_bytes} bytes", expected=size_bytes)

    @property
    def _opened(self) -> WholeBody:
        if self._body is None:
            raise UnexpectedAnswer("no body is open")
        return self._body

    @property
    def _position(self) -> int:
        return self._opened.position

    def _open(self, start: int) -> None:
        with ExitStack() as stack:
            self._body = body = stack.enter_context(self._source.open_whole(self.media, start))
            self._opened_at = start
            if body.position != start or (self.media.etag is not None and body.etag != self.media.etag):
                raise RecordingChanged("another entity than at the start", found=body.etag, expected=self.media.etag)
            size_bytes = self.media.size_bytes
            if size_bytes is not None and body.total_bytes not in (None, size_bytes):
                raise SizeDisagrees("not the agreed size", found=body.total_bytes, expected=size_bytes)
            agreed = size_bytes if size_bytes is not None else body.total_bytes
            if agreed is None:
                # The end of the connection proves nothing (RFC 9112 §8).
                raise UnexpectedAnswer("the source never tells the size", expected="Content-Length")
            self.media = replace(self.media, size_bytes=agreed, etag=body.etag)
            self._stack = stack.pop_all()

    def _ask_for_the_rest(self, error: ArchiveError) -> None:
        position = self._position
        if not self.continuable:
            raise error
        self._tries_left = _TRIES - 1 if position - self._opened_at >= self._progress_bytes else self._tries_left - 1
        if self._tries_left < 0:
            raise error
        log.warning("recording %s: asking for the rest from byte %d: %s", self.media.recording_id, position, error)
        self._stack.close()
        self._clock.sleep(_PAUSE_S)
        try:
            self._open(position)
        except RangeIgnored:
            self._ranges = False
            raise error from None


class WriteBehind:
    """Buffers that are filled by one thread and stored by others."""

    def __init__(self, buffers: Sequence[memoryview]) -> None:
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        for buffer in buffers:
            self._free.put(buffer)
        count = len(buffers)
        self._pool = ThreadPoolExecutor(count - 1, thread_name_prefix="cxone-store") if count > 1 else None
        self._writes: list[Future[None]] = []

    def buffer(self) -> memoryview:
        """Return a free buffer as soon as there is one.

        Raises:
            what an earlier write raised.
        """
        free = self._free.get()
        self._raise_failed()
        return free

    def write(self, buffer: memoryview, store: Callable[[], None]) -> None:
        """Call `store`, in another thread where there is one, and free the buffer afterwards."""

        def work() -> None:
            try:
                store()
            finally:
                self._free.put(buffer)

        if self._pool is None:
            work()
        else:
            self._writes.append(self._pool.submit(work))

    def _raise_failed(self) -> None:
        for done in [write for write in self._writes if write.done()]:
            self._writes.remove(done)
            done.result()

    @contextmanager
    def finishing(self) -> Iterator[Self]:
        """Wait at the end until everything is stored, however the block is left.

        What is filled and verified is stored also when the body broke off behind it: the next try goes on from there.

        Raises:
            what a write raised.
        """
        try:
            yield self
        finally:
            if self._pool is not None:
                self._pool.shutdown(wait=True)
        self._raise_failed()


class OneRequest:
    """Moves a media by one request, and by more only where that breaks off.

    Args:
        source: the tenant.
        clock: time.
        conveyor: what takes the parts.
        slots: memory and requests of the run.
        held: gets the buffer that the whole lies in, where it fits one part.
        segment_size_bytes: of the plan.
    """

    def __init__(
        self, source: RecordingSource, clock: Clock, conveyor: Conveyor, slots: Slots, *, held: ExitStack,
        segment_size_bytes: int,
    ) -> None:  # fmt: skip
        self._source = source
        self._clock = clock
        self._conveyor = conveyor
        self._slots = slots
        self._held = held
        self._segment_size_bytes = segment_size_bytes

    def run(self) -> None:
        """Move every byte that is not stored yet; start over where the rest cannot be asked for.

        Raises:
            what the source raises, and RangeIgnored, after so many tries.
        """
        for tries_left in range(_TRIES - 1, -1, -1):
            body = self._body_from_first_missing()
            if body is None:
                return
            try:
                self._convey_all(body)
            except (SourceUnavailable, ShortBody, TransferStalled, DigestMismatch, RangeIgnored) as error:
                # A body that can be continued was, as often as that helped; what it brought stays for the next try.
                broke = not isinstance(error, (DigestMismatch, RangeIgnored))
                if not tries_left or (broke and body.continuable):
                    raise
                log.warning("recording %s: starting its one request over: %s", body.media.recording_id, error)
            else:
                return
            self._conveyor.start_over()
            self._clock.sleep(_PAUSE_S)

    def _body_from_first_missing(self) -> ContinuedBody | None:
        conveyor = self._conveyor
        first = next(conveyor.missing(), None)
        if first is None:
            return None
        return ContinuedBody(
            self._source, conveyor.media, self._clock, start=conveyor.start_of(first),
            progress_bytes=self._segment_size_bytes,
        )  # fmt: skip

    def _convey_all(self, body: ContinuedBody) -> None:
        with ExitStack() as room:
            size_bytes = self._conveyor.buffer_bytes()
            buffers = [room.enter_context(self._slots.buffer(size_bytes))]
            if (spare := self._slots.spare_buffer(room, size_bytes)) is not None:
                buffers.append(spare)
            with self._slots.request(), body:
                self._convey(body, buffers)
            if self._conveyor.whole is not None:
                self._held.enter_context(room.pop_all())

    def _convey(self, body: ContinuedBody, buffers: Sequence[memoryview]) -> None:
        conveyor = self._conveyor
        conveyor.media = body.media
        conveyor.admit()
        numbers = conveyor.remaining()
        with WriteBehind(buffers[: max(1, len(numbers))]).finishing() as behind:
            for number in numbers:
                self._convey_part(number, body, behind)
            body.expect_end()

    def _convey_part(self, number: int, body: ContinuedBody, behind: WriteBehind) -> None:
        conveyor, buffer = self._conveyor, behind.buffer()
        chunks: list[Chunk] = []
        filled = 0
        for segment in conveyor.segments(number):
            conveyor.check()
            chunks.append(body.read(segment, buffer[filled : filled + segment.size_bytes]))
            filled += segment.size_bytes
        view = buffer[:filled]
        conveyor.show(number, view, chunks)
        if conveyor.place(number, view):
            behind.write(buffer, lambda: conveyor.store(number, view, chunks))
        else:
            conveyor.note(chunks)
