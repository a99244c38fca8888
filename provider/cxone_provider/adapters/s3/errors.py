"""What S3 and botocore say, as errors of this archive: by code and status, never by the text of a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from urllib3.exceptions import HTTPError

from cxone_provider.archive.errors import (
    ArchiveError,
    ObjectExists,
    StoreRefused,
    StoreUnavailable,
    UploadVanished,
    shown,
)

DIGEST_REFUSALS = frozenset({"BadDigest", "XAmzContentChecksumMismatch", "XAmzContentSHA256Mismatch"})
ABSENT = frozenset({"404", "NoSuchKey", "NoSuchVersion"})
NO_LOCK = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NoSuchObjectLegalHold"})

# S3's words for "not now", whatever status they come with: a 200 to CompleteMultipartUpload can carry any of them
_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestLimitExceeded",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_FORBIDDEN = frozenset({"403", "AccessDenied", "AllAccessDisabled", "AccountProblem", "MethodNotAllowed"})
_MOVED = frozenset(
    {"301", "307", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
)
_CREDENTIALS = frozenset(
    {"ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)
_NO_CREDENTIALS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
# refused and broken connections and time-outs; bodies that end early; bodies that are not what their checksum says
_BROKEN_ANSWERS = (BotocoreConnectionError, HTTPClientError, HTTPError, IncompleteReadError, FlexibleChecksumError)
_TIME_CHARACTERS = 64
_HINTS = {
    "EntityTooSmall": "Every part but the last must have at least 5 MiB.",
    "NoSuchBucket": "Make the bucket, or correct its name or the connection's endpoint.",
    "NotImplemented": "If this store lacks conditional writes, set conditional_writes to emulated.",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, for the error that may come of it.

    Attributes:
        operation: S3's own name of the operation, e.g. ``PutObject``.
        bucket: the bucket.
        key: the object's key; empty for requests about the bucket.
        actions: IAM actions the request needs.
    """

    operation: str
    bucket: str
    key: str = ""
    actions: tuple[str, ...] = ()

    @property
    def resource(self) -> str:
        """The resource as IAM policies name it."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}" if self.key else f"arn:aws:s3:::{self.bucket}"


def error_code(error: BaseException | None) -> str:
    """Return the S3 error code behind an exception, or the empty text."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def archive_error(error: Exception, request: Request) -> ArchiveError:
    """Return the archive's error for one of botocore's."""
    if isinstance(error, ClientError):
        return _of_answer(error.response, request)
    if isinstance(error, _NO_CREDENTIALS):
        return StoreRefused(
            f"{request.operation} has no usable credentials", found=str(error),
            hint="Give the AWS connection a key, a profile or a role.",
        )  # fmt: skip
    if isinstance(error, SSLError):
        return StoreRefused(
            f"{request.operation}: the store's TLS certificate is not trusted", found=str(error),
            hint="Name the CA bundle in the AWS connection's verify setting.",
        )  # fmt: skip
    if isinstance(error, _BROKEN_ANSWERS):
        return StoreUnavailable(f"{request.operation} got no whole answer", found=str(error))
    return StoreRefused(f"{request.operation} cannot be sent", found=str(error))


def _of_answer(response: Mapping[str, Any], request: Request) -> ArchiveError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    found = f"{status} {code}: {response.get('Error', {}).get('Message', '')}"
    # A Put names no other object than the one its If-Match asks for, so that one is what is missing.
    missing = code == "NoSuchKey" and request.operation == "PutObject"
    if status == 412 or code == "PreconditionFailed" or missing:
        return ObjectExists(f"{request.operation} lost its condition", found=found, expected=request.key)
    if code == "NoSuchUpload":
        return UploadVanished("there is no such multipart upload", found=found, expected=request.key)
    if code in _BUSY or status == 429 or (status >= 500 and status != 501):
        return StoreUnavailable(f"{request.operation} is not served now", found=found)
    return StoreRefused(f"{request.operation} was refused", found=found, hint=_hint(code, response, request))


def _hint(code: str, response: Mapping[str, Any], request: Request) -> str | None:
    if code in _FORBIDDEN:
        return f"Allow {' and '.join(request.actions)} on {request.resource}."
    if code in _CREDENTIALS:
        return "Check access key, secret and session token of the AWS connection."
    if code in _MOVED:
        return "Set the bucket's region and endpoint in the AWS connection."
    if code == "RequestTimeTooSkewed":
        return _skew(response.get("Error", {}), response.get("ResponseMetadata", {}).get("HTTPHeaders", {}))
    if code.startswith("KMS."):
        return "Check key_id of encryption, and that the role may use the key."
    return _HINTS.get(code)


def _skew(error: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    theirs = shown(error.get("ServerTime") or headers.get("date", "unknown"), limit=_TIME_CHARACTERS)
    ours = shown(error.get("RequestTime", "unknown"), limit=_TIME_CHARACTERS)
    return f"This machine's clock is wrong: the request says {ours}, the store {theirs}. Synchronise it (NTP)."
