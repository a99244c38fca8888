"""What S3 says of the vendor's bucket, as the errors of a recording source."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError, NoCredentialsError, PartialCredentialsError

from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.adapters.s3.errors import Request, archive_error, error_code
from cxone_provider.archive.errors import (
    AccessDenied,
    ArchiveError,
    AuthenticationFailed,
    RateLimited,
    RecordingNotFound,
    SourceError,
    SourceUnavailable,
    StoreUnavailable,
    UnexpectedAnswer,
)

_ACTIONS = {
    "GetObject": ("s3:GetObject", "s3:GetObjectVersion"),
    "HeadObject": ("s3:GetObject", "s3:ListBucket"),
    "ListObjectsV2": ("s3:ListBucket",),
}
_CREDENTIALS = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)
_THROTTLED = frozenset({"RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException"})
_COLD_HINT = "The object lies in an archive tier: wait for its restore, or have the vendor restore it."


def status_of(error: Exception) -> int:
    """Return the HTTP status behind one of botocore's errors; 0 where no answer came."""
    answer: Any = error.response if isinstance(error, ClientError) else {}
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def source_error(error: Exception, operation: str, bucket: str, key: str) -> SourceError | TryAgain:
    """Return what to raise for what botocore raised: typed, and in a TryAgain where that can mend it."""
    failure = archive_error(error, Request(operation, bucket, key, _ACTIONS[operation]))
    status, code = status_of(error), error_code(error)
    if isinstance(failure, StoreUnavailable) or status == 429:
        kind = RateLimited if status == 429 or code in _THROTTLED else SourceUnavailable
        return TryAgain(kind(f"{operation} of the source bucket is not served now", found=failure.found))
    return _final(failure, error, f"{operation} of {key or bucket}")


def _final(failure: ArchiveError, error: Exception, subject: str) -> SourceError:
    status, code = status_of(error), error_code(error)
    if code == "NoSuchBucket":
        return UnexpectedAnswer("there is no such source bucket", found=failure.found, hint=failure.hint)
    if status in (404, 410):
        return RecordingNotFound(f"no object for {subject}", found=failure.found)
    if code in _CREDENTIALS or isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return AuthenticationFailed(
            f"{subject}: the source bucket refuses the credentials", found=failure.found, hint=failure.hint
        )
    if code == "InvalidObjectState":
        return AccessDenied(f"{subject} was refused", found=failure.found, hint=_COLD_HINT)
    if status in (401, 403):
        return AccessDenied(f"{subject} was refused", found=failure.found, hint=failure.hint)
    return UnexpectedAnswer(f"{subject} was refused", found=failure.found, hint=failure.hint)
