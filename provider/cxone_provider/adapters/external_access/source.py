"""Recordings in the vendor's bucket: the same port as the APIs', so the same verification and the same manifest."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import requests

from cxone_provider.adapters.cxone.media import ChunkSigning, SegmentFetch
from cxone_provider.adapters.cxone.ranges import parse_unsatisfied
from cxone_provider.adapters.cxone.whole import body_headers, body_of
from cxone_provider.adapters.external_access.expiry import expiry_of
from cxone_provider.adapters.external_access.finding import contact_keys, key_of
from cxone_provider.adapters.external_access.key_mapping import MappedKey
from cxone_provider.adapters.external_access.listing import KEY_FIELD, MODIFIED_FIELD, listed_objects
from cxone_provider.adapters.external_access.objects import ObjectHead, SourceObjects
from cxone_provider.adapters.external_access.settings import ExternalAccessSettings
from cxone_provider.adapters.external_access.sidecar import MAX_SIDECAR_BYTES, Sidecar, parse_sidecar, sidecar_key
from cxone_provider.archive.audio import canonical_format
from cxone_provider.archive.errors import (
    InvalidDocument,
    RangeNotSatisfiable,
    RecordingChanged,
    RecordingNotFound,
    UnexpectedAnswer,
    WrongFormat,
)
from cxone_provider.archive.listing import Window
from cxone_provider.archive.plan import Segment, SegmentPlan
from cxone_provider.archive.ports import Clock, Media, SegmentRead, WholeBody
from cxone_provider.archive.recording import RecordingDescription, RecordingRef, checked_recording_id, iso, parse_time

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)
_UNSIGNED = ChunkSigning("", None)


@dataclass(frozen=True, slots=True)
class _Place:
    """One object: its key and, once it is pinned, its version."""

    key: str
    version_id: str | None = None

    def to_locator(self) -> str:
        return json.dumps([self.key, self.version_id])

    @classmethod
    def of_locator(cls, locator: str) -> _Place:
        return cls(*json.loads(locator))


class ExternalAccessSource:
    """The vendor's bucket; implements :class:`cxone_provider.archive.ports.RecordingSource`.

    A recording is found by the key that its ref's metadata carries, as the listing makes it, or else by a search below
    what the key template tells of its id. Its newest version is looked at when a plan is resolved, and that version is
    read to the end. Requests: `describe` one and one for a sidecar, `resolve` one, each segment one; a search one more.

    Args:
        client: boto3 S3 client, best made with :func:`~cxone_provider.adapters.s3.client.tuned_client_config`.
        settings: the bucket.
        clock: waits, and tells how near an object's deletion is.
    """

    def __init__(self, client: S3Client, settings: ExternalAccessSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._objects = SourceObjects(client, settings.bucket, settings.retries, clock)

    @property
    def requests_used(self) -> int:
        """Always 0: a bucket costs no quota of the tenant."""
        return 0

    def check(self) -> str:
        """List the first object and return where that was: shows that bucket, prefix and credentials are right.

        Raises:
            AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        next(self._objects.list(self._settings.mapping.prefix), None)
        return f"s3://{self._settings.bucket}/{self._settings.mapping.prefix}"

    def refs(self, window: Window) -> Iterator[dict[str, Any]]:
        """Yield a ref document for each object that was put into the bucket in `window`; see the listing."""
        return listed_objects(self._objects, self._settings, window, self._clock.now())

    def describe(self, ref: RecordingRef) -> RecordingDescription:
        """Return what the bucket says of a recording; one whose time is over and that is gone is ``deleted``.

        Raises:
            InvalidRecordingId: before any request.
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        try:
            key = self._key_of(checked_recording_id(ref.recording_id), ref.metadata)
            head = self._objects.head(key)
        except RecordingNotFound:
            if not self._is_expired(ref.metadata):
                raise
            return RecordingDescription(ref.recording_id, None, None, None, None, "deleted", metadata=ref.metadata)
        self._warn(ref.recording_id, head)
        return self._described(ref, key, head)

    def _described(self, ref: RecordingRef, key: str, head: ObjectHead) -> RecordingDescription:
        mapped, sidecar = self._settings.mapping.parse(key), self._sidecar(key)
        source = {
            KEY_FIELD: key,
            MODIFIED_FIELD: iso(head.modified_at),
            "source_bucket": self._settings.bucket,
        } | ({} if head.version_id is None else {"source_version_id": head.version_id})
        return RecordingDescription(
            recording_id=ref.recording_id,
            format=mapped.format,
            size_bytes=head.size_bytes,
            duration_s=sidecar.duration_s,
            status="completed",
            storage_state=head.storage_state,
            recorded_at=ref.recorded_at or sidecar.recorded_at,
            # First, for a plan keeps as many fields as fit it; and last, for a sidecar may not move a recording.
            metadata={**source, **ref.metadata, **sidecar.metadata, **source},
        )

    def resolve(self, plan: SegmentPlan) -> Sequence[Media]:
        """Return the one object behind a plan, pinned to its newest version where the bucket keeps versions.

        Raises:
            WrongFormat: the plan asks for another format than the object has; a bucket transcodes nothing.
            the errors of :meth:`describe`.
        """
        recording_id = checked_recording_id(plan.recording_id)
        key = self._key_of(recording_id, plan.metadata)
        _check_format(plan, self._settings.mapping.parse(key))
        media = self._file(recording_id, key)
        agreed_bytes = media.size_bytes if plan.size_bytes is None else plan.size_bytes
        return (replace(media, size_bytes=agreed_bytes, etag=plan.etag or media.etag),)

    def files(self, recording_id: str, contact_id: str, folder: str) -> Sequence[Media]:
        """Return every object below `folder` that is of a contact by the key template, in the order of their keys.

        They are ``{recording_id}.{n}``, and their identity is the key below the folder.

        Raises:
            the errors of :meth:`describe`.
        """
        mapping = replace(self._settings.mapping, prefix=folder)
        keys = contact_keys(self._objects, mapping, contact_id)
        return [self._file(f"{recording_id}.{n}", key, key.removeprefix(folder)) for n, key in enumerate(keys, start=1)]

    def _file(self, recording_id: str, key: str, identity: str | None = None) -> Media:
        head = self._objects.head(key)
        return Media(
            recording_id, size_bytes=head.size_bytes, etag=head.etag,
            locator=_Place(key, head.version_id).to_locator(), identity=identity, sha256=head.sha256,
        )  # fmt: skip

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`; contract in the port."""
        asking = _Asking(self._objects, self._place_of(media))
        refuse = partial(self._refused, media)
        fetch = SegmentFetch(media, segment, buffer, asking.ask, refuse, _UNSIGNED)
        self._settings.retries.call(fetch.advance, self._clock)
        return fetch.result(asking.requests)

    @contextmanager
    def open_whole(self, media: Media, start: int = 0) -> Iterator[WholeBody]:
        """Ask for the whole object, or the rest of it, in one request; opening is retried, reading is not."""
        asking = _Asking(self._objects, self._place_of(media))
        headers = body_headers(media, start)
        refuse = partial(self._refused, media)

        def attempt() -> tuple[WholeBody, ExitStack]:
            with ExitStack() as stack:
                answer = stack.enter_context(asking.ask(headers))
                return body_of(answer, media, start, refuse), stack.pop_all()

        body, stack = self._settings.retries.call(attempt, self._clock)
        with stack:
            yield body

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._objects.close()

    def _place_of(self, media: Media) -> _Place:
        if media.locator:
            return _Place.of_locator(media.locator)
        return _Place(self._key_of(checked_recording_id(media.recording_id), {}))

    def _key_of(self, recording_id: str, metadata: Mapping[str, Any]) -> str:
        return key_of(self._objects, self._settings.mapping, recording_id, metadata)

    def _sidecar(self, key: str) -> Sidecar:
        settings = self._settings
        if settings.sidecar is None:
            return Sidecar()
        name = sidecar_key(settings.sidecar, key)
        try:
            return parse_sidecar(
                self._objects.read(name, MAX_SIDECAR_BYTES), name,
                recorded_at=settings.sidecar_recorded_at, duration_s=settings.sidecar_duration_s,
            )  # fmt: skip
        except RecordingNotFound:
            return Sidecar()
        except InvalidDocument as error:
            # The recording is worth more than what is told beside it, and is deleted soon.
            log.warning("the metadata beside an object cannot be used: %s", error)
            return Sidecar(metadata={"sidecar_problem": error.what})

    def _is_expired(self, metadata: Mapping[str, Any]) -> bool:
        try:
            modified_at = parse_time(metadata.get(MODIFIED_FIELD), MODIFIED_FIELD)
        except InvalidDocument:
            return False
        return modified_at is not None and expiry_of(self._settings, modified_at) <= self._clock.now()

    def _warn(self, recording_id: str, head: ObjectHead) -> None:
        expires_at = expiry_of(self._settings, head.modified_at)
        if expires_at.subtract(seconds=int(self._settings.warn_before.total_seconds())) <= self._clock.now():
            log.warning("recording %s: the vendor deletes it at %s", recording_id, iso(expires_at))

    def _refused(self, media: Media, answer: requests.Response) -> Exception:
        subject = f"media of {media.recording_id}"
        if answer.status_code == 412:
            return RecordingChanged(f"{subject} is another entity by now", found="412")
        if answer.status_code != 416:
            return UnexpectedAnswer(f"unexpected status for {subject}", found=answer.status_code)
        error = RangeNotSatisfiable(f"range outside {subject}", found=answer.headers.get("Content-Range", "416"))
        size_bytes = parse_unsatisfied(answer.headers.get("Content-Range"))
        # Not every server names the size with its refusal.
        error.actual_size_bytes = (
            self._objects.head(self._place_of(media).key).size_bytes if size_bytes is None else size_bytes
        )
        return error


class _Asking:
    """Requests for one object, counted."""

    def __init__(self, objects: SourceObjects, place: _Place) -> None:
        self._objects = objects
        self._place = place
        self.requests = 0

    @contextmanager
    def ask(self, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        self.requests += 1
        with self._objects.get(self._place.key, self._place.version_id, headers) as answer:
            yield answer


def _check_format(plan: SegmentPlan, mapped: MappedKey) -> None:
    wanted = plan.requested_format
    if wanted is not None and mapped.format is not None and canonical_format(wanted) != mapped.format:
        raise WrongFormat(
            "a bucket does not transcode", found=mapped.format, expected=wanted, hint="Leave audio_format out."
        )
