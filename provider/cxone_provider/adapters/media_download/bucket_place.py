"""Media of Media Download in a bucket: ``downloadLocation`` is an ``s3://`` URI of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from cxone_provider.adapters.external_access.source import ExternalAccessSource
from cxone_provider.archive.downloads import DownloadStatus, entity_id_of
from cxone_provider.archive.errors import InvalidInput, InvalidSetting, UnexpectedAnswer
from cxone_provider.archive.keys import split_uri
from cxone_provider.archive.plan import Segment
from cxone_provider.archive.ports import Media, SegmentRead, WholeBody

_HINT = "If downloadLocation is a link or holds links, set location of media_download to links."


class BucketPlace:
    """The one bucket that the connection allows; implements :class:`~.source.DownloadPlace`.

    Args:
        bucket: its name.
        objects: reads it.
    """

    def __init__(self, bucket: str, objects: ExternalAccessSource) -> None:
        self._bucket = bucket
        self._objects = objects

    def resolve(self, recording_id: str, request_id: str, status: DownloadStatus) -> Sequence[Media]:
        """Return every object of a recording below the request's folder, in the order of their keys."""
        folder = self._folder(status.location)
        medias = self._objects.files(recording_id, entity_id_of(recording_id), folder)
        if not medias:
            raise UnexpectedAnswer(
                f"no object of {recording_id} where its request {request_id} says", found=f"s3://{self._bucket}/{folder}",
                hint="Set key_template of media_download to how the objects are named below that folder.",
            )  # fmt: skip
        return medias

    def read_segment(self, media: Media, segment: Segment, buffer: memoryview) -> SegmentRead:
        """Fetch ``[segment.start, segment.stop)`` into `buffer`."""
        return self._objects.read_segment(media, segment, buffer)

    def open_whole(self, media: Media, start: int = 0) -> AbstractContextManager[WholeBody]:
        """Ask for the object, or the rest of it, in one request."""
        return self._objects.open_whole(media, start)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._objects.close()

    def _folder(self, location: object) -> str:
        try:
            bucket, folder = split_uri(location) if isinstance(location, str) else ("", "")
        except InvalidInput:
            bucket = folder = ""
        if not bucket:
            # It may be a presigned link, so it is not shown.
            raise UnexpectedAnswer(
                "downloadLocation", found=type(location).__name__, expected="s3://bucket/folder", hint=_HINT
            )
        if bucket != self._bucket:
            raise InvalidSetting(
                "downloadLocation is in another bucket", found=bucket, expected=self._bucket,
                hint="If the tenant exports there, set bucket of media_download.",
            )  # fmt: skip
        return folder if folder.endswith("/") else f"{folder}/"
