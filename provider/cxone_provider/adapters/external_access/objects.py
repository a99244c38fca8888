"""The vendor's bucket by three requests: look at an object, read it, list a page. Nothing is ever written to it."""

from __future__ import annotations

import io
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pendulum
import requests
from botocore.exceptions import BotoCoreError, ClientError
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from cxone_provider.adapters.cxone.ranges import strong_etag
from cxone_provider.adapters.external_access.answers import source_error, status_of
from cxone_provider.adapters.redacting import redact_library_logs
from cxone_provider.adapters.retrying import RetryPolicy, TryAgain
from cxone_provider.archive.errors import SourceUnavailable, UnexpectedAnswer
from cxone_provider.archive.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# What they answer with is the caller's to read: the range lies outside, or the object is another one.
_ANSWERS = frozenset({412, 416})
_ARCHIVE_CLASSES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_METHODS = {"HeadObject": "head_object", "ListObjectsV2": "list_objects_v2"}
_PARAMETERS = {"Range": "Range", "If-Match": "IfMatch"}


@dataclass(frozen=True, slots=True)
class ObjectHead:
    """What a look at an object tells.

    Attributes:
        size_bytes: its size.
        etag: strong entity tag with its quotes, or None.
        version_id: its version, or None where the bucket keeps none.
        modified_at: when it was put there.
        storage_state: ``available``, ``archived`` or ``restoring``, by storage class and restore.
        sha256: hexadecimal digest of the whole object, where the store keeps one, or None.
    """

    size_bytes: int
    etag: str | None
    version_id: str | None
    modified_at: pendulum.DateTime
    storage_state: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One line of a listing."""

    key: str
    size_bytes: int
    modified_at: pendulum.DateTime


class SourceObjects:
    """One bucket that is only read.

    Args:
        client: boto3 S3 client, best made with :func:`~cxone_provider.adapters.s3.client.tuned_client_config`.
        bucket: its name.
        retries: bounds of the repetitions of one request.
        clock: waits between them.
    """

    def __init__(self, client: S3Client, bucket: str, retries: RetryPolicy, clock: Clock) -> None:
        redact_library_logs()
        self.bucket = bucket
        self.retries = retries
        self.clock = clock
        self._client = client

    def head(self, key: str) -> ObjectHead:
        """Look at an object's newest version.

        Raises:
            RecordingNotFound, AccessDenied, AuthenticationFailed, RateLimited, SourceUnavailable, UnexpectedAnswer.
        """
        answer = self.retries.call(lambda: self._sent("HeadObject", key, Key=key, ChecksumMode="ENABLED"), self.clock)
        return _head_of(answer)

    @contextmanager
    def get(self, key: str, version_id: str | None, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Ask once for an object; yield a success, 412 or 416 in the form in which HTTP media are read.

        Raises:
            TryAgain: no answer came, or reading the body in the block failed.
            the errors of :meth:`head`.
        """
        asked = {parameter: headers[name] for name, parameter in _PARAMETERS.items() if name in headers}
        if version_id is not None:
            asked["VersionId"] = version_id
        try:
            answer = self._client.get_object(Bucket=self.bucket, Key=key, **asked)  # type: ignore[arg-type]  # by name
        except (ClientError, BotoCoreError) as error:
            if not isinstance(error, ClientError) or status_of(error) not in _ANSWERS:
                raise source_error(error, "GetObject", self.bucket, key) from error
            yield _refusal(error)
            return
        # Entering gives the connection's own stream: botocore's wrapper would make a second check of the length.
        with answer["Body"] as raw:
            try:
                yield _response(answer["ResponseMetadata"], raw)
            except HTTPError as error:
                raise TryAgain(SourceUnavailable("the answer broke off", found=type(error).__name__)) from error

    def read(self, key: str, max_bytes: int) -> bytes:
        """Return a small object.

        Raises:
            UnexpectedAnswer: it is larger than `max_bytes`; no more than that is read.
            the errors of :meth:`head`.
        """

        def attempt() -> bytes:
            with self.get(key, None, {}) as answer:
                body = bytes(answer.raw.read(max_bytes + 1))
            if len(body) > max_bytes:
                raise UnexpectedAnswer(f"{key} is too large", found="more", expected=f"at most {max_bytes} bytes")
            return body

        return self.retries.call(attempt, self.clock)

    def list(self, prefix: str) -> Iterator[ListedObject]:
        """Yield the objects whose keys start with `prefix` in the order of their keys; asks for pages as needed.

        Raises:
            the errors of :meth:`head`; UnexpectedAnswer also where the listing does not come to an end.
        """
        position: dict[str, str] = {}
        while True:
            page = self._page(prefix, position)
            for entry in page.get("Contents", []):
                modified_at = pendulum.instance(entry["LastModified"]).in_timezone("UTC")
                yield ListedObject(str(entry["Key"]), int(entry["Size"]), modified_at)
            if not page.get("IsTruncated"):
                return
            following = {"ContinuationToken": str(page.get("NextContinuationToken", ""))}
            if following == position or not following["ContinuationToken"]:
                raise UnexpectedAnswer("the listing of the source bucket does not come to an end", found=following)
            position = following

    def _page(self, prefix: str, position: Mapping[str, str]) -> dict[str, Any]:
        return self.retries.call(lambda: self._sent("ListObjectsV2", "", Prefix=prefix, **position), self.clock)

    def _sent(self, operation: str, key: str, **parameters: str) -> dict[str, Any]:
        method: Any = getattr(self._client, _METHODS[operation])
        try:
            answer = method(Bucket=self.bucket, **parameters)
        except (ClientError, BotoCoreError) as error:
            raise source_error(error, operation, self.bucket, key) from error
        return dict(answer)

    def close(self) -> None:
        """Release connections; may be called twice."""
        self._client.close()


def _head_of(answer: Mapping[str, Any]) -> ObjectHead:
    version_id = answer.get("VersionId")
    return ObjectHead(
        size_bytes=int(answer["ContentLength"]),
        etag=strong_etag(answer.get("ETag")),
        # "null" is what a bucket that keeps no versions calls the only one.
        version_id=None if version_id == "null" else version_id,
        modified_at=pendulum.instance(answer["LastModified"]).in_timezone("UTC"),
        storage_state=_storage_state(answer),
        sha256=_whole_sha256(answer),
    )


def _storage_state(answer: Mapping[str, Any]) -> str:
    if answer.get("StorageClass") not in _ARCHIVE_CLASSES and not answer.get("ArchiveStatus"):
        return "available"
    restore = str(answer.get("Restore", ""))
    if 'ongoing-request="true"' in restore:
        return "restoring"
    return "available" if 'ongoing-request="false"' in restore else "archived"


def _whole_sha256(answer: Mapping[str, Any]) -> str | None:
    """Return the digest of the whole; the checksum of a multipart object is one over its parts' and proves no bytes."""
    checksum = str(answer.get("ChecksumSHA256") or "")
    # Not every server marks the checksum; the tag of a multipart object is marked by all.
    if "-" in checksum or "-" in str(answer.get("ETag", "")):
        return None
    try:
        digest = b64decode(checksum, validate=True)
    except ValueError:
        return None
    return digest.hex() if len(digest) == 32 else None


def _response(metadata: Mapping[str, Any], raw: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = int(metadata["HTTPStatusCode"])
    response.headers = CaseInsensitiveDict(metadata["HTTPHeaders"])
    response.raw = raw
    return response


def _refusal(error: ClientError) -> requests.Response:
    response = _response(error.response["ResponseMetadata"], io.BytesIO())
    told: Any = error.response.get("Error", {})
    if response.status_code == 416 and "ActualObjectSize" in told:
        response.headers.setdefault("Content-Range", f"bytes */{told['ActualObjectSize']}")
    return response
