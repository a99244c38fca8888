"""What moves one media has in common, however its bytes are asked for: their order, their proofs, and where they go."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from cxone_provider.archive.audit import AuditEntry
from cxone_provider.archive.errors import ShortBody, TransferCancelled, TruncatedAudio
from cxone_provider.archive.integrity import Witness
from cxone_provider.archive.media import Media
from cxone_provider.archive.ordering import InOrder
from cxone_provider.archive.parts import PartLayout
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.reading import Chunk
from cxone_provider.archive.storing import MultipartSink


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """How a media is moved.

    Attributes:
        layout: segments and parts.
        stream_secret: key of the chunk signatures, or None.
        expected_format: audio format, or None for any known one.
    """

    layout: PartLayout
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


class Conveyor:
    """Takes verified parts of one media: shows them to the witness in order, and stores them.

    Attributes:
        media: what is moved, with size and entity tag as agreed so far.
        order: the witness, and whose turn it is.
        entries: audit entries of the segments fetched so far, by index.
        whole: the verified bytes where they fit one part: not stored yet.
        resumed: earlier parts are in the sink: the witness does not see them, the finished object is read back instead.
    """

    def __init__(
        self,
        media: Media,
        sink: MultipartSink,
        settings: TransferSettings,
        hooks: Hooks,
        cancelled: threading.Event,
    ) -> None:
        self.media = media
        self.order = InOrder(Witness(settings.expected_format))
        self.entries: dict[int, AuditEntry] = {}
        self.whole: memoryview | None = None
        self.resumed = sink.part_count > 0
        self._sink = sink
        self._layout = settings.layout
        self._expected_format = settings.expected_format
        self._hooks = hooks
        self._cancelled = cancelled

    @property
    def size_bytes(self) -> int:
        """Agreed size of the media.

        Raises:
            ShortBody: nothing is read yet that would tell it.
        """
        if self.media.size_bytes is None:
            raise ShortBody("the transfer has not read anything yet")
        return self.media.size_bytes

    def buffer_bytes(self) -> int:
        """Return the size of a buffer that holds any part."""
        unit_bytes = self._layout.unit_bytes
        return unit_bytes if self.media.size_bytes is None else min(unit_bytes, self.media.size_bytes)

    def missing(self) -> Iterator[int]:
        """Yield the parts to be fetched, in order; the size may become known after the first one."""
        number = 1 if self.resumed else self.order.shown_bytes // self._layout.unit_bytes + 1
        while self.media.size_bytes is None or number <= max(1, self._layout.count(self.media.size_bytes)):
            if not self._sink.holds(number):
                yield number
            number += 1

    def remaining(self) -> range:
        """Return every part from the first missing one to the last, of a media of known size."""
        first = next(self.missing(), 1)
        return range(first, max(1, self._layout.count(self.size_bytes)) + 1)

    def segments(self, number: int) -> Iterator[Segment]:
        """Yield the part's segments; the size may become known with the first of them."""
        if self.media.size_bytes == 0:
            raise TruncatedAudio("the recording is empty", found="0 bytes", expected="audio")
        for segment in self._layout.segments(number, None):
            size_bytes = self.media.size_bytes
            if size_bytes is None:
                yield segment
            elif segment.start < size_bytes:
                yield Segment(segment.index, segment.start, min(segment.stop, size_bytes))

    def start_of(self, number: int) -> int:
        """Return the offset of a part's first byte."""
        return (number - 1) * self._layout.unit_bytes

    def check(self) -> None:
        """Raise TransferCancelled when the transfer, or another reader of it, was stopped."""
        if self._cancelled.is_set():
            raise TransferCancelled("the transfer was stopped", found=self.media.recording_id)
        self.order.check()

    def admit(self) -> None:
        """Ask policy whether a media of the agreed size may be archived."""
        self._hooks.admit(self.size_bytes)

    def show(self, number: int, view: memoryview, chunks: Sequence[Chunk]) -> None:
        """Show a part's bytes to the witness when their turn has come."""
        if not self.resumed:
            self.order.show(self.start_of(number), view, chunks[0].hashed if len(chunks) == 1 else None)

    def place(self, number: int, view: memoryview) -> bool:
        """Make a place for a part that was shown; False where it is the whole and waits in :attr:`whole`."""
        if number == 1 and self.size_bytes <= self._layout.unit_bytes and not self.resumed:
            self.whole = view
            return False
        if self._sink.upload is None:
            self._hooks.open_upload(self.order.witness.format, self.size_bytes, self.media.etag)
        return True

    def store(self, number: int, view: memoryview, chunks: Sequence[Chunk]) -> None:
        """Store a part that has its place; may run beside the reading of later ones."""
        if not self._sink.holds(number):
            digest = chunks[0].sha256 if len(chunks) == 1 else hashlib.sha256(view).digest()
            self._sink.put(number, view, digest)
        self.note(chunks)

    def note(self, chunks: Sequence[Chunk]) -> None:
        """Keep the audit entries of a part that was taken."""
        self.entries.update((chunk.entry.chunk_index, chunk.entry) for chunk in chunks)

    def start_over(self) -> None:
        """Forget every byte so far, stored ones included."""
        self._sink.abort()
        self.resumed = False
        self.whole = None
        self.order = InOrder(Witness(self._expected_format))
        self.entries.clear()
