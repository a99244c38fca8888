"""One bucket behind a boto3 client: requests are repeated within bounds, failures become the archive's errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from cxone_provider.adapters.retrying import RetryPolicy, TryAgain
from cxone_provider.adapters.s3.direct import ANSWER_BYTES, DirectRequests
from cxone_provider.adapters.s3.errors import DIGEST_REFUSALS, Request, archive_error, error_code
from cxone_provider.adapters.s3.settings import StoreSettings
from cxone_provider.adapters.s3.writing import as_body
from cxone_provider.archive.errors import ArchiveError, StoreRefused, StoreUnavailable
from cxone_provider.archive.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

_NOTHING: frozenset[str] = frozenset()
# boto3's method and the IAM actions of each request this archive makes
_OPERATIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "AbortMultipartUpload": ("abort_multipart_upload", ("s3:AbortMultipartUpload",)),
    "CompleteMultipartUpload": ("complete_multipart_upload", ("s3:PutObject",)),
    "CreateMultipartUpload": ("create_multipart_upload", ("s3:PutObject",)),
    # The second one where a version is named, as reading back does.
    "GetObject": ("get_object", ("s3:GetObject", "s3:GetObjectVersion")),
    "GetObjectLegalHold": ("get_object_legal_hold", ("s3:GetObjectLegalHold",)),
    "GetObjectLockConfiguration": ("get_object_lock_configuration", ("s3:GetBucketObjectLockConfiguration",)),
    "GetObjectRetention": ("get_object_retention", ("s3:GetObjectRetention",)),
    "HeadBucket": ("head_bucket", ("s3:ListBucket",)),
    # Without the right to list, S3 answers 403 for an object that is not there.
    "HeadObject": ("head_object", ("s3:GetObject", "s3:ListBucket")),
    "ListMultipartUploads": ("list_multipart_uploads", ("s3:ListBucketMultipartUploads",)),
    "ListObjectsV2": ("list_objects_v2", ("s3:ListBucket",)),
    "ListParts": ("list_parts", ("s3:ListMultipartUploadParts",)),
    "PutObject": ("put_object", ("s3:PutObject",)),
    "PutObjectLegalHold": ("put_object_legal_hold", ("s3:PutObjectLegalHold",)),
    "PutObjectRetention": ("put_object_retention", ("s3:PutObjectRetention",)),
    "UploadPart": ("upload_part", ("s3:PutObject",)),
}
_CARRIES_SETTINGS = frozenset({"CreateMultipartUpload", "PutObject"})


class Bucket:
    """A bucket's requests.

    Args:
        client: a boto3 S3 client; safe to share between threads.
        name: the bucket.
        settings: who must own it, and what writes need besides the right to write.
        retry: bounds of the repetitions of one request.
        clock: waits between them.
        direct: sends plain requests without botocore; None for none.
    """

    def __init__(
        self,
        client: S3Client,
        name: str,
        settings: StoreSettings,
        retry: RetryPolicy,
        clock: Clock,
        direct: DirectRequests | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self._client = client
        self._retry = retry
        self._clock = clock
        self._direct = direct

    def with_settings(self, settings: StoreSettings) -> Bucket:
        """Return the same bucket, asked with other settings."""
        return Bucket(self._client, self.name, settings, self._retry, self._clock, self._direct)

    def repeat(self, attempt: Callable[[], T]) -> T:
        """Return what `attempt` returns, calling it again after each TryAgain within the bounds."""
        return self._retry.call(attempt, self._clock)

    def call(self, operation: str, key: str = "", **parameters: Any) -> dict[str, Any]:
        """Send one request and return S3's answer.

        Raises:
            StoreError: what :func:`~cxone_provider.adapters.s3.errors.archive_error` makes of a failure.
        """
        return self._send(operation, key, _NOTHING, parameters, self._direct) or {}

    def find(self, operation: str, key: str, absent: frozenset[str], **parameters: Any) -> dict[str, Any] | None:
        """Send one request and return S3's answer, or None where its error code is one of `absent`."""
        return self._send(operation, key, absent, parameters)

    def find_document(
        self, key: str, absent: frozenset[str], max_bytes: int, **parameters: Any
    ) -> dict[str, Any] | None:
        """Send GetObject as :meth:`find` does; the body of an object over `max_bytes` may be missing."""
        return self._send("GetObject", key, absent, parameters, self._direct, max_bytes)

    def pages(
        self, operation: str, key: str, markers: Mapping[str, str], **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield every page of a listing; `markers` says which answers ask, under which names, for the next page.

        Raises:
            StoreRefused: the store names the same page again and again.
        """
        position: dict[str, Any] = {}
        while True:
            page = self.call(operation, key, **parameters, **position)
            yield page
            following = {asked: page[told] for asked, told in markers.items() if page.get(told)}
            if not page.get("IsTruncated"):
                return
            if not following or following == position:
                raise StoreRefused(f"{operation} does not come to an end", found=position)
            position = following

    def _request(self, operation: str, key: str) -> Request:
        """Return the request as errors describe it."""
        extra = self._extra_actions() if operation in _CARRIES_SETTINGS else ()
        return Request(operation, self.name, key, _OPERATIONS[operation][1] + extra)

    def _send(
        self,
        operation: str,
        key: str,
        absent: frozenset[str],
        parameters: dict[str, Any],
        direct: DirectRequests | None = None,
        most_bytes: int = ANSWER_BYTES,
    ) -> dict[str, Any] | None:
        asked = {"Bucket": self.name, **({"Key": key} if key else {}), **parameters}
        if self.settings.expected_bucket_owner is not None:
            asked["ExpectedBucketOwner"] = self.settings.expected_bucket_owner

        def ask() -> dict[str, Any]:
            if direct is not None and direct.takes(operation, asked):
                return direct.send(operation, asked, most_bytes)
            through = {**asked, "Body": as_body(asked["Body"])} if "Body" in asked else asked
            answer: dict[str, Any] = getattr(self._client, _OPERATIONS[operation][0])(**through)
            return answer

        def attempt() -> dict[str, Any] | None:
            try:
                return ask()
            except (ClientError, BotoCoreError) as error:
                if error_code(error) in absent:
                    return None
                raise self.failure(operation, key, error) from error

        return self.repeat(attempt)

    def failure(self, operation: str, key: str, error: Exception) -> ArchiveError | TryAgain:
        """Return what to raise for what botocore raised: the archive's error, in a TryAgain where that can mend it."""
        failure = archive_error(error, self._request(operation, key))
        mendable = isinstance(failure, StoreUnavailable) or error_code(error) in DIGEST_REFUSALS
        return TryAgain(failure) if mendable else failure

    def _extra_actions(self) -> tuple[str, ...]:
        settings, lock = self.settings, self.settings.lock
        needed = {
            "s3:PutObjectTagging": bool(settings.tags),
            "s3:PutObjectRetention": lock is not None and lock.mode is not None,
            "s3:PutObjectLegalHold": lock is not None and lock.legal_hold,
            "kms:GenerateDataKey": settings.encryption == "SSE-KMS",
            "kms:Decrypt": settings.encryption == "SSE-KMS",
        }
        return tuple(action for action, wanted in needed.items() if wanted)
