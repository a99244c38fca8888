"""One bucket behind a boto3 client: every request names its owner check, every failure becomes the archive's error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from cxone_provider.adapters.s3.errors import Request, archive_error, error_code
from cxone_provider.adapters.s3.settings import StoreSettings
from cxone_provider.archive.errors import StoreRefused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NOWHERE: frozenset[str] = frozenset()
# boto3's method and the IAM actions of each request this archive makes
_OPERATIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "AbortMultipartUpload": ("abort_multipart_upload", ("s3:AbortMultipartUpload",)),
    "CompleteMultipartUpload": ("complete_multipart_upload", ("s3:PutObject",)),
    "CreateMultipartUpload": ("create_multipart_upload", ("s3:PutObject",)),
    "GetObject": ("get_object", ("s3:GetObject",)),
    "GetObjectLegalHold": ("get_object_legal_hold", ("s3:GetObjectLegalHold",)),
    "GetObjectLockConfiguration": ("get_object_lock_configuration", ("s3:GetBucketObjectLockConfiguration",)),
    "GetObjectRetention": ("get_object_retention", ("s3:GetObjectRetention",)),
    "HeadBucket": ("head_bucket", ("s3:ListBucket",)),
    # Without the right to list, S3 answers 403 for an object that is not there.
    "HeadObject": ("head_object", ("s3:GetObject", "s3:ListBucket")),
    "ListMultipartUploads": ("list_multipart_uploads", ("s3:ListBucketMultipartUploads",)),
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
    """

    def __init__(self, client: S3Client, name: str, settings: StoreSettings) -> None:
        self.name = name
        self.settings = settings
        self._client = client

    def call(self, operation: str, key: str = "", **parameters: Any) -> dict[str, Any]:
        """Send one request and return S3's answer.

        Raises:
            StoreError: what :func:`~cxone_provider.adapters.s3.errors.archive_error` makes of a failure.
        """
        return self._send(operation, key, NOWHERE, parameters) or {}

    def find(self, operation: str, key: str, absent: frozenset[str], **parameters: Any) -> dict[str, Any] | None:
        """Send one request and return S3's answer, or None where its error code is one of `absent`."""
        return self._send(operation, key, absent, parameters)

    def pages(self, operation: str, key: str, markers: tuple[str, ...], **parameters: Any) -> Iterator[dict[str, Any]]:
        """Yield every page of a listing whose next page is asked for by `markers`.

        Raises:
            StoreRefused: the store names the same page again and again.
        """
        position: dict[str, Any] = {}
        while True:
            page = self.call(operation, key, **parameters, **position)
            yield page
            following = {name: page[f"Next{name}"] for name in markers if page.get(f"Next{name}")}
            if not page.get("IsTruncated"):
                return
            if not following or following == position:
                raise StoreRefused(f"{operation} does not come to an end", found=position)
            position = following

    def request(self, operation: str, key: str = "") -> Request:
        """Return the request as errors describe it."""
        extra = self._extra_actions() if operation in _CARRIES_SETTINGS else ()
        return Request(operation, self.name, key, _OPERATIONS[operation][1] + extra)

    def _send(
        self, operation: str, key: str, absent: frozenset[str], parameters: dict[str, Any]
    ) -> dict[str, Any] | None:
        target = {"Bucket": self.name, **({"Key": key} if key else {})}
        if self.settings.expected_bucket_owner is not None:
            target["ExpectedBucketOwner"] = self.settings.expected_bucket_owner
        try:
            answer: dict[str, Any] = getattr(self._client, _OPERATIONS[operation][0])(**target, **parameters)
        except (ClientError, BotoCoreError) as error:
            if error_code(error) in absent:
                return None
            raise archive_error(error, self.request(operation, key)) from error
        return answer

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
