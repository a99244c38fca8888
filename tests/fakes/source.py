"""A tenant in memory: recordings are bytes, faults are data."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pendulum

from cxone_provider.archive.errors import (
    ArchiveError,
    RangeIgnored,
    RangeNotSatisfiable,
    RecordingChanged,
    RecordingNotFound,
    ShortBody,
    SizeDisagrees,
)
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Media, SegmentRead
from cxone_provider.archive.recording import RecordingDescription, RecordingRef, checked_recording_id

DESCRIBE = "describe"
RESOLVE = "resolve"
WHOLE = "whole"
_DESCRIBED_AS_CONTENT = -1


@dataclass(frozen=True, slots=True)
class Altered:
    """One answer that is not an error and not the truth.

    Attributes:
        changes: fields of SegmentRead to put in place of the right ones, e.g. ``{"signature": None}``.
        flip_byte: position in the chunk of a byte that arrives damaged, or None.
    """

    changes: Mapping[str, Any] = field(default_factory=dict)
    flip_byte: int | None = None


Fault = ArchiveError | Altered


@dataclass(slots=True)
class FakeRecording:
    """What the tenant holds of one recording; may be changed in the middle of a test.

    Attributes:
        content: the media's bytes.
        etag: strong entity tag of the media, or None.
        described_size_bytes: size in the metadata; None where the metadata does not tell; by default the content's.
        total_told: whether ranged answers tell the total size.
        ranges: whether ranged requests are answered with 206.
        length_told: whether the answer for the whole media declares its length.
        single_request: whether its media ask to be read in one request.
        digested: whether a digest covers the answer for the whole media.
    """

    content: bytes
    format: str | None = "mp3"
    duration_s: float | None = None
    status: str | None = "completed"
    storage_state: str | None = "available"
    recorded_at: pendulum.DateTime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    etag: str | None = '"v1"'
    described_size_bytes: int | None = _DESCRIBED_AS_CONTENT
    total_told: bool = True
    ranges: bool = True
    length_told: bool = True
    single_request: bool = False
    digested: bool = False


@dataclass(slots=True)
class FakeInteraction:
    """One interaction of a contact: its stable name, its start, its media."""

    identity: str
    recorded_at: pendulum.DateTime
    recording: FakeRecording
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One call that was made: ``describe``, ``resolve``, ``segment`` (with its range), ``whole`` (with its start)."""

    operation: str
    recording_id: str
    segment: Segment | None = None
    start: int | None = None


class FakeBody:
    """The media from some byte on, read in order."""

    def __init__(self, recording: FakeRecording, start: int, stop: int, broken_off: ArchiveError | None) -> None:
        self.total_bytes: int | None = len(recording.content) if recording.length_told else None
        self.etag: str | None = recording.etag
        self.position = start
        self.continuable = recording.etag is not None and not recording.digested
        self._body = recording.content[:stop]
        self._broken_off = broken_off

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer`; at the end of a body that was cut, raise what cut it."""
        piece = self._body[self.position : self.position + len(buffer)]
        buffer[: len(piece)] = piece
        self.position += len(piece)
        if len(piece) < len(buffer) and self._broken_off is not None:
            raise self._broken_off
        return len(piece)


class FakeSource:
    """Implements :class:`cxone_provider.archive.ports.RecordingSource` over a dictionary.

    Args:
        recordings: the tenant's recordings by id; the attribute of that name may be changed at any time.
        stream_secret: signs every chunk where given.
        contacts: interactions by contact id, in the order the tenant answers them in; may be changed as well.

    Attributes:
        calls: every call in order.
        closed: how often :meth:`close` was called.
    """

    def __init__(
        self,
        recordings: Mapping[str, FakeRecording] | None = None,
        *,
        stream_secret: bytes | None = None,
        contacts: Mapping[str, Sequence[FakeInteraction]] | None = None,
    ) -> None:
        self.recordings = dict(recordings or {})
        self.contacts = {contact_id: list(interactions) for contact_id, interactions in (contacts or {}).items()}
        self.calls: list[Call] = []
        self.closed = 0
        self._secret = stream_secret
        self._faults: dict[tuple[str, str | int], deque[Fault | None]] = defaultdict(deque)
        self._cuts: dict[str, deque[int]] = defaultdict(deque)
        self._lock = threading.Lock()

    def script(self, recording_id: str, at: str | int, faults: Iterable[Fault | None]) -> None:
        """Queue answers for one place: a segment's index, ``DESCRIBE``, ``RESOLVE`` or ``WHOLE``.

        Each call takes one from the queue. None stands for a good answer; past the queue all are good.
        """
        with self._lock:
            self._faults[recording_id, at].extend(faults)

    def cut_whole(self, recording_id: str, positions: Iterable[int]) -> None:
        """Queue offsets in the media at which the bodies of requests for the whole, or the rest, break off."""
        with self._lock:
            self._cuts[recording_id].extend(positions)

    def calls_of(self, operation: str, recording_id: str | None = None) -> list[Call]:
        """Return the calls of one operation, of one recording or all."""
        with self._lock:
            return [c for c in self.calls if c.operation == operation and recording_id in (None, c.recording_id)]

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return what the tenant says of a recording; of a contact, what the listing says where it says anything."""
        if ref.recording_id in self.contacts:
            return self._contact(ref)
        recording = self._enter(Call("describe", checked_recording_id(ref.recording_id)), DESCRIBE)
        size_bytes = recording.described_size_bytes
        return RecordingDescription(
            recording_id=ref.recording_id,
            format=recording.format,
            size_bytes=len(recording.content) if size_bytes == _DESCRIBED_AS_CONTENT else size_bytes,
            duration_s=recording.duration_s,
            status=recording.status,
            storage_state=recording.storage_state,
            recorded_at=recording.recorded_at or ref.recorded_at,
            metadata={**ref.metadata, **recording.metadata},
        )

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return the one file behind a plan, or every interaction of a contact."""
        recording_id = checked_recording_id(plan.recording_id)
        recording = self._enter(Call("resolve", recording_id), RESOLVE, must_exist=False)
        if recording_id not in self.contacts:
            single = recording.single_request
            return (Media(recording_id, plan.requested_format, plan.size_bytes, plan.etag, single_request=single),)
        ordered = sorted(self.contacts[recording_id], key=lambda one: (one.recorded_at, one.identity))
        return [_media_of(f"{recording_id}.{number}", one) for number, one in enumerate(ordered, 1)]

    def _contact(self, ref: RecordingRef) -> RecordingDescription:
        if not ref.metadata:
            self._enter(Call("describe", ref.recording_id), DESCRIBE, must_exist=False)
        return RecordingDescription(
            ref.recording_id, None, None, ref.duration_s, None, None, ref.recorded_at, ref.metadata,
            settled_by_media=True,
        )  # fmt: skip

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Copy the segment's bytes as one ranged request would bring them."""
        call = Call("segment", media.recording_id, segment)
        recording, fault = self._next(call, segment.index, locator=media.locator)
        if isinstance(fault, ArchiveError):
            raise fault
        _check_answerable(recording, media, segment)
        chunk = recording.content[segment.start : segment.stop]
        total_bytes = len(recording.content) if recording.total_told else None
        signature = None if self._secret is None else _signed(self._secret, segment.start, chunk)
        answer = SegmentRead(len(chunk), total_bytes, recording.etag, 1, signature)
        buffer[: len(chunk)] = chunk
        if fault is None:
            return answer
        if fault.flip_byte is not None:
            buffer[fault.flip_byte] ^= 0x01
        return replace(answer, **fault.changes)

    @contextmanager
    def open_whole(self, media: Media, start: int = 0) -> Iterator[FakeBody]:
        """Give the whole media, or the rest of it, in one body."""
        call = Call("whole", media.recording_id, start=start)
        recording, fault = self._next(call, WHOLE, locator=media.locator)
        if isinstance(fault, ArchiveError):
            raise fault
        size_bytes = len(recording.content)
        if start:
            if media.etag is None:
                raise RangeIgnored("no strong ETag, so the rest cannot be asked for")
            _check_answerable(recording, media, Segment(0, start, size_bytes))
        elif media.etag is not None and recording.etag != media.etag:
            raise RecordingChanged("another entity", found=recording.etag, expected=media.etag)
        if recording.length_told and media.size_bytes not in (None, size_bytes):
            raise SizeDisagrees("the media's size", found=size_bytes, expected=media.size_bytes)
        with self._lock:
            cuts = self._cuts[media.recording_id]
            cut = cuts.popleft() if cuts else None
        if cut is None:
            yield FakeBody(recording, start, size_bytes, None)
        else:
            broken_off = ShortBody("the body ended early", found=cut, expected=size_bytes)
            yield FakeBody(recording, start, cut, broken_off)

    def close(self) -> None:
        """Count the call."""
        self.closed += 1

    def _enter(self, call: Call, at: str, *, must_exist: bool = True) -> FakeRecording:
        recording, fault = self._next(call, at, must_exist=must_exist)
        if isinstance(fault, ArchiveError):
            raise fault
        assert fault is None, f"only segments can be altered, not {at}"
        return recording

    def _next(
        self, call: Call, at: str | int, *, must_exist: bool = True, locator: str = ""
    ) -> tuple[FakeRecording, Fault | None]:
        with self._lock:
            self.calls.append(call)
            queue = self._faults[call.recording_id, at]
            fault = queue.popleft() if queue else None
            recording = self._behind(locator) if locator else self.recordings.get(call.recording_id)
        if recording is None:
            if must_exist and fault is None:
                raise RecordingNotFound("no such recording", found=call.recording_id)
            recording = FakeRecording(b"")
        return recording, fault

    def _behind(self, locator: str) -> FakeRecording | None:
        every = (one for interactions in self.contacts.values() for one in interactions)
        return next((one.recording for one in every if one.identity == locator), None)


def _media_of(recording_id: str, interaction: FakeInteraction) -> Media:
    recording = interaction.recording
    return Media(
        recording_id, locator=interaction.identity, recorded_at=interaction.recorded_at,
        duration_s=recording.duration_s, metadata=interaction.metadata, identity=interaction.identity,
        single_request=recording.single_request,
    )  # fmt: skip


def _check_answerable(recording: FakeRecording, media: Media, segment: Segment) -> None:
    """Raise what a tenant's honest answer to this range would lead to."""
    size_bytes = len(recording.content)
    if media.etag is not None and recording.etag != media.etag:
        raise RecordingChanged("another entity", found=recording.etag, expected=media.etag)
    if not recording.ranges:
        raise RangeIgnored("200 to a ranged request", found="200", expected="206")
    if segment.start >= size_bytes:
        error = RangeNotSatisfiable("range outside the media", found=segment.inclusive, expected=f"below {size_bytes}")
        error.actual_size_bytes = size_bytes
        raise error
    if media.size_bytes is not None and segment.stop > size_bytes:
        raise SizeDisagrees("the media ends inside the segment", found=size_bytes, expected=media.size_bytes)


def _signed(secret: bytes, start: int, chunk: bytes) -> str:
    return hmac.new(secret, start.to_bytes(8, "big") + chunk, hashlib.sha256).hexdigest()
