"""The requests of every recording without botocore in between: PutObject, UploadPart, and GetObject of documents.

botocore spends half a millisecond of Python on a request, most of it on what is the same each time. Here the request is
put together from a table, signed with the day's key, and written in one piece. Everything that is out of the ordinary,
another parameter, another kind of address or of signing, a proxy, stays with botocore, and so do all other requests.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import botocore.session
from botocore.exceptions import ClientError, FlexibleChecksumError, NoRegionError
from botocore.httpsession import get_cert_path
from botocore.parsers import create_parser

from cxone_provider.adapters.s3.answering import Answer
from cxone_provider.adapters.s3.connections import Connections
from cxone_provider.adapters.s3.routing import Route, route_of
from cxone_provider.adapters.s3.signing import Signer, query_text
from cxone_provider.adapters.s3.writing import base64_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ANSWER_BYTES = 2**20
_METHODS = {"PutObject": "PUT", "UploadPart": "PUT", "GetObject": "GET"}
_QUERY = {"PartNumber": "partNumber", "UploadId": "uploadId"}
_HEADERS = {
    "BucketKeyEnabled": "x-amz-server-side-encryption-bucket-key-enabled",
    "ChecksumAlgorithm": "x-amz-sdk-checksum-algorithm",
    "ChecksumMode": "x-amz-checksum-mode",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ContentMD5": "content-md5",
    "ContentType": "content-type",
    "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "ObjectLockLegalHoldStatus": "x-amz-object-lock-legal-hold",
    "ObjectLockMode": "x-amz-object-lock-mode",
    "ObjectLockRetainUntilDate": "x-amz-object-lock-retain-until-date",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
}
_CHECKSUMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
_ANSWERED = {
    "ETag": "etag",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "VersionId": "x-amz-version-id",
    **{f"Checksum{name}": f"x-amz-checksum-{name.lower()}" for name in _CHECKSUMS},
}
_CHECKS: Mapping[str, Callable[[bytes], bytes]] = {
    "sha256": lambda body: hashlib.sha256(body).digest(),
    "sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
}
_APART = frozenset({"Body", "Bucket", "Key", "Metadata", *_QUERY})
_META = "x-amz-meta-"
_ERRORS: Any = create_parser("rest-xml")


class DirectRequests:
    """Sends a bucket's plain requests itself; what is not plain, it does not take.

    Args:
        client: says where the bucket is, how requests are signed, and how long they may take. Asked at the first use.
        bucket: its name.
        verify: the CA bundle that the client trusts; None where botocore found one by itself, False for none.
        now: the time in UTC.
    """

    def __init__(
        self, client: S3Client, bucket: str, *, verify: bool | str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self._client = client
        self._bucket = bucket
        self._verify = verify
        self._now = now
        self._lock = threading.Lock()
        self._line: _Line | None = None
        self._asked = False

    def takes(self, operation: str, parameters: Mapping[str, Any]) -> bool:
        """Tell whether a request is one of the three, asks for nothing unknown, and goes to a plain place."""
        if operation not in _METHODS or parameters.keys() - _HEADERS.keys() - _APART:
            return False
        if not self._asked:
            with self._lock:
                if not self._asked:
                    self._line, self._asked = self._found_line(), True
        return self._line is not None

    def send(self, operation: str, parameters: Mapping[str, Any], most_bytes: int = ANSWER_BYTES) -> dict[str, Any]:
        """Send one request that :meth:`takes` took, and return what boto3 would.

        Args:
            operation: S3's name of it.
            parameters: boto3's names and values.
            most_bytes: of a larger object, only what is known of it is returned.

        Raises:
            ClientError, BotoCoreError: as botocore raises them.
        """
        line = self._line
        if line is None:
            raise NoRegionError
        method = _METHODS[operation]
        path = line.route.path + quote(parameters["Key"], safe="/-_.~")
        query = {name: str(parameters[asked]) for asked, name in _QUERY.items() if asked in parameters}
        headers = {**line.fixed, **_headers(parameters)}
        signed = line.signer.signed(method, path, query, headers, line.route.keys(), self._now())
        target = f"{path}?{query_text(query)}" if query else path
        answer = line.connections.send(method, target, signed, parameters.get("Body", b""), most_bytes)
        if answer.status >= 300:
            raise ClientError(_refusal(answer), operation)
        if method == "GET" and answer.body:
            _check(answer)
        return _told(answer)

    def _found_line(self) -> _Line | None:
        route = None if self._verify is False else route_of(self._client, self._bucket)
        if route is None:
            return None
        config: Any = self._client.meta.config
        address, tls = urlsplit(f"//{route.host}"), _tls(route.scheme, verify=self._verify)
        connections = Connections(
            str(address.hostname), address.port or (443 if tls else 80), tls, config.connect_timeout,
            config.read_timeout, config.max_pool_connections,
        )  # fmt: skip
        fixed = {"accept-encoding": "identity", "host": route.host, "user-agent": str(config.user_agent)}
        return _Line(route, Signer(route.region), connections, fixed)


@dataclass(frozen=True, slots=True)
class _Line:
    """All that a request needs besides itself."""

    route: Route
    signer: Signer
    connections: Connections
    fixed: Mapping[str, str]


def _tls(scheme: str, *, verify: bool | str | None) -> ssl.SSLContext | None:
    if scheme == "http":
        return None
    bundle: Any = verify or botocore.session.get_session().get_config_variable("ca_bundle") or True
    return ssl.create_default_context(cafile=get_cert_path(bundle))


def _headers(parameters: Mapping[str, Any]) -> dict[str, str]:
    headers = {_HEADERS[name]: _text(value) for name, value in parameters.items() if name in _HEADERS}
    for name, value in parameters.get("Metadata", {}).items():
        headers[_META + name] = value
    return headers


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else str(value)


def _check(answer: Answer) -> None:
    """Check a body against the checksums that came with it; those over parts end in their number."""
    for name, computed in _CHECKS.items():
        told = answer.headers.get(f"x-amz-checksum-{name}")
        if told is not None and "-" not in told and told != base64_of(computed(answer.body)):
            raise FlexibleChecksumError(error_msg=f"the body's {name} is not the one it came with")


def _told(answer: Answer) -> dict[str, Any]:
    told: dict[str, Any] = {name: answer.headers[field] for name, field in _ANSWERED.items() if field in answer.headers}
    told["ContentLength"] = answer.size_bytes
    told["Body"] = BytesIO(answer.body)
    told["Metadata"] = {name[len(_META) :]: value for name, value in answer.headers.items() if name.startswith(_META)}
    return told


def _refusal(answer: Answer) -> Any:
    return _ERRORS.parse({"status_code": answer.status, "headers": answer.headers, "body": answer.body}, None)
