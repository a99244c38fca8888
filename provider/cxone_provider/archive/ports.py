"""What the core asks of the outside world. Each docstring is a contract; one conformance suite per port checks it.

Adapters turn every failure into an error of :mod:`cxone_provider.archive.errors`; nothing of requests or boto3 passes
through. All methods may be called from several threads at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import pendulum

from cxone_provider.archive.media import Media, SegmentRead
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.recording import RecordingDescription, RecordingRef
from cxone_provider.archive.stored import ObjectAttributes, ObjectLock, Part, StoredObject, Upload

__all__ = [
    "Clock",
    "Delivery",
    "Media",
    "Notifier",
    "ObjectAttributes",
    "ObjectLock",
    "ObjectStore",
    "Part",
    "RecordingSource",
    "ResumeJournal",
    "SegmentRead",
    "StoredObject",
    "Upload",
    "WholeBody",
]


class Clock(Protocol):
    """Time, injected so that no test sleeps."""

    def now(self) -> pendulum.DateTime:
        """Return the time in UTC."""

    def monotonic_s(self) -> float:
        """Return seconds of a clock that never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait; raise TransferCancelled at once when the work is cancelled meanwhile."""


class WholeBody(Protocol):
    """The body of one request for a media, from some byte on to its end, read in order.

    Attributes:
        total_bytes: size of the whole media, wherever the body starts, or None where the source does not say.
        etag: strong entity tag of the answer, or None (absent or weak).
        position: offset in the media behind the last byte put into a buffer, also by a call that raised: those bytes
            are good.
        continuable: True where the rest may be asked for after a break: the tag is strong, and no digest covers the
            answer as a whole, which nobody could check any more.
    """

    total_bytes: int | None
    etag: str | None
    position: int
    continuable: bool

    def readinto(self, buffer: memoryview) -> int:
        """Fill `buffer` as far as the body goes and return the count; less than its length only at the body's end.

        Raises:
            SourceUnavailable: the connection broke.
            ShortBody: the body ended before the length that the answer declared.
            TransferStalled: bytes come too slowly.
        """


class RecordingSource(Protocol):
    """A tenant's recordings. Retries within its own bounds; what it raises after that is final for this try."""

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return what the source says of one recording or contact; moves no media.

        A source whose requests are scarce answers from a ref that carries its listing's metadata, without a request,
        and says `settled_by_media`. Of a bare id it asks.

        Raises:
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return the files behind a READY plan; may cost one request where links must be made.

        Either the one file that the plan itself names, under the plan's id; or every interaction of a contact that has
        voice media, under `{contact_id}.{n}`, n from 1 without a gap, in the order of their start, then of their
        identity. Each of those has an identity, and no two share one. Empty where the contact has no voice media.

        Raises:
            RecordingNotFound: the source does not know it; and the other errors of :meth:`describe`.
        """

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`, which is at least that long.

        Exactly the segment is read, except that a segment of a media of unknown size may end at the media's end.
        A legally shorter 206 is continued, a broken answer repeated, 401 gets one new token, 429 waits.
        The answer's entity tag is compared with ``media.etag`` where both are known.

        Raises:
            RangeIgnored: the answer was 200; nothing of it was used.
            RangeNotSatisfiable, RecordingChanged, ShortBody, ExcessBody, WrongRange, EncodedBody, WrongContentType,
            DigestMismatch, TransferStalled, and the errors of :meth:`describe`.
            MediaWithheld: the source names the media and gives no way to it now.
        """

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the media in one request: the whole without a range, or the rest from byte `start` on.

        Opening is repeated within the source's bounds; reading is not: after a break the caller asks for the rest from
        `position` on, with the tag of the first answer in ``media.etag``, or starts over where that is not possible.
        A link that has expired is made anew for either, once. The body may end before the media where the source gives
        less than was asked for; that is ShortBody.

        Raises:
            RangeIgnored: `start` is not 0, and the answer is not of a range, or ``media.etag`` is None so that the rest
                could be another entity's; nothing of it was used.
            RecordingChanged: ``media.etag`` is known, and the entity is another one.
            the other errors of :meth:`read_segment`.
        """

    def close(self) -> None:
        """Release connections; may be called twice."""


class ObjectStore(Protocol):
    """One S3 bucket. Every call may be repeated: S3's own 5xx and broken connections are retried inside.

    Encryption, tags, storage class and Object Lock are the store's settings, applied to every write; :meth:`locked`
    gives the same bucket with another lock. Raises StoreUnavailable and StoreRefused everywhere besides what is named.
    """

    bucket: str

    def check(self) -> None:
        """Show before the first byte that writes can work as asked.

        Raises:
            LockUnsupported: Object Lock is asked for and the bucket does not have it.
            StoreRefused: the bucket does not exist or may not be used.
        """

    def locked(self, lock: ObjectLock) -> ObjectStore:
        """Return this bucket with `lock` on everything written through it; sends nothing, costs nothing."""

    def ensure_locked(self, stored: StoredObject) -> None:
        """Make sure that an object, perhaps another try's, carries this store's lock; does nothing without one.

        Raises:
            StoreRefused: it does not, and locking it does not hold.
        """

    def read(self, key: str, *, max_bytes: int) -> tuple[bytes, StoredObject] | None:
        """Return a small object, or None if there is none.

        Raises:
            StoreRefused: it is larger than `max_bytes`; nothing is read then.
        """

    def stat(self, key: str) -> StoredObject | None:
        """Return what the store says of an object, or None if there is none."""

    def list_keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys of the newest objects that start with `prefix`, in their order; asks for pages as needed."""

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[StoredObject]:
        """Yield the newest objects whose keys start with `prefix` and come behind `after`, in the keys' order.

        Key, size, entity tag and time are what a listing tells; nothing else is set. Pages are asked for as needed.
        """

    def stream(self, key: str, *, version_id: str | None = None) -> AbstractContextManager[Iterator[bytes]]:
        """Yield an object's bytes in pieces of at most 1 MiB; checks that as many came as the store declared.

        Raises:
            ShortBody: fewer bytes came.
            StoreRefused: there is no such object.
        """

    def put(
        self,
        key: str,
        body: bytes | bytearray | memoryview,
        attributes: ObjectAttributes,
        *,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> StoredObject:
        """Write an object in one request; visible only when complete.

        Raises:
            ObjectExists: `if_absent`, and there is one; or `if_match`, and the one there has another entity tag.
        """

    def create_upload(self, key: str, attributes: ObjectAttributes) -> str:
        """Open a multipart upload and return its id."""

    def put_part(self, key: str, upload_id: str, number: int, body: memoryview, sha256: bytes) -> Part:
        """Store part `number` (from 1); the store verifies `sha256` (the raw digest of `body`) where it can.

        May be repeated: the last one stays. The body is not used after the return.

        Raises:
            UploadVanished: there is no such upload.
        """

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[Part], *, if_absent: bool = False
    ) -> StoredObject:
        """Make the object visible. `parts` must be all of them, in order.

        Raises:
            ObjectExists: `if_absent`, and there is an object.
            UploadVanished: there is no such upload: aborted, or completed before.
        """

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Remove an unfinished upload and its parts; removing one that is gone is no error."""

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the unfinished uploads whose keys start with `prefix`."""

    def parts(self, key: str, upload_id: str) -> Sequence[Part]:
        """Return the stored parts in order.

        Raises:
            UploadVanished: there is no such upload.
        """


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered notification."""

    status_code: int
    attempts: int
    delivered_at: pendulum.DateTime


class Notifier(Protocol):
    """The archive's webhook."""

    def deliver(self, webhook_id: str, body: bytes) -> Delivery:
        """Post `body` until the receiver answers 2xx, within bounds; every try carries the same `webhook_id`.

        Raises:
            DeliveryRefused, DeliveryFailed, ReceiverForbidden.
        """


class ResumeJournal(Protocol):
    """Where an unfinished upload is remembered between tries, e.g. Airflow's task state store."""

    def load(self, recording_id: str) -> Mapping[str, Any] | None:
        """Return what was saved last for the recording, or None."""

    def save(self, recording_id: str, state: Mapping[str, Any]) -> None:
        """Remember `state` (a small JSON object) across a crash of this process."""

    def clear(self, recording_id: str) -> None:
        """Forget the recording; forgetting twice is no error."""
