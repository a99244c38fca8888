"""Objects as S3 answers describe them, and their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pendulum
from botocore.exceptions import BotoCoreError, IncompleteReadError, ResponseStreamingError
from urllib3.exceptions import HTTPError

from cxone_provider.adapters.retrying import TryAgain
from cxone_provider.adapters.s3.bucket import Bucket
from cxone_provider.adapters.s3.errors import ABSENT
from cxone_provider.archive.errors import ObjectExists, ShortBody, StoreRefused, StoreUnavailable
from cxone_provider.archive.ports import StoredObject

PIECE_BYTES = 2**20
_CHECKSUMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")


def stored_object(key: str, size_bytes: int, metadata: Mapping[str, str], answer: Mapping[str, Any]) -> StoredObject:
    """Return an object as one of S3's answers describes it."""
    version_id, modified_at = answer.get("VersionId"), answer.get("LastModified")
    return StoredObject(
        key=key,
        size_bytes=size_bytes,
        etag=str(answer.get("ETag", "")).strip('"'),
        # "null" is what a bucket that keeps no versions calls the only one.
        version_id=None if version_id == "null" else version_id,
        metadata=dict(metadata),
        checksums={name.lower(): answer[f"Checksum{name}"] for name in _CHECKSUMS if answer.get(f"Checksum{name}")},
        modified_at=None if modified_at is None else pendulum.instance(modified_at).in_timezone("UTC"),
    )


def checksum_mode(bucket: Bucket) -> dict[str, str]:
    """Return the parameter that asks for checksums, where the settings have any."""
    return {"ChecksumMode": "ENABLED"} if bucket.settings.checksum == "sha256" else {}


def read_small(bucket: Bucket, key: str, max_bytes: int) -> tuple[bytes, StoredObject] | None:
    """Read an object in one request, or return None if there is none.

    Raises:
        TryAgain: the body broke.
        StoreRefused: it is larger than `max_bytes`.
    """
    answer = bucket.find_document(key, ABSENT, max_bytes, **checksum_mode(bucket))
    if answer is None:
        return None
    with closing(answer["Body"]) as body:
        declared = int(answer["ContentLength"])
        if declared > max_bytes:
            raise StoreRefused(f"{key} is too large to be read whole", found=declared, expected=f"{max_bytes} bytes")
        try:
            content: bytes = body.read()
        except (BotoCoreError, HTTPError) as error:
            raise bucket.failure("GetObject", key, error) from error
    return content, stored_object(key, len(content), answer.get("Metadata", {}), answer)


def read_range(bucket: Bucket, key: str, span: range, version_id: str | None) -> bytes:
    """Read ``[span.start, span.stop)`` in one request.

    Raises:
        TryAgain: the body broke.
        StoreRefused: there is no such object, or it ends before `span`.
        StoreUnavailable: the store answers with other bytes.
    """
    version = {} if version_id is None else {"VersionId": version_id}
    asked = f"bytes={span.start}-{span.stop - 1}"
    answer = bucket.find("GetObject", key, ABSENT, Range=asked, **version)
    if answer is None:
        raise StoreRefused("there is no such object", found=key)
    with closing(answer["Body"]) as body:
        if not str(answer.get("ContentRange", "")).startswith(f"bytes {span.start}-"):
            raise StoreUnavailable("the store ignores ranges", found=answer.get("ContentRange"), expected=asked)
        declared = int(answer["ContentLength"])
        if declared > len(span):
            raise StoreUnavailable("the store sends more than was asked for", found=declared, expected=len(span))
        try:
            content: bytes = body.read()
        except (IncompleteReadError, ResponseStreamingError) as error:
            raise TryAgain(ShortBody(f"{key} ends early", expected=declared)) from error
        except (BotoCoreError, HTTPError) as error:
            raise bucket.failure("GetObject", key, error) from error
    return content


class ObjectReader:
    """An object's bytes in order; a broken connection is taken up where it broke, of the same entity only.

    Args:
        bucket, key, version_id: the object; None for its newest version.
    """

    def __init__(self, bucket: Bucket, key: str, version_id: str | None) -> None:
        self._bucket = bucket
        self._key = key
        self._version = {} if version_id is None else {"VersionId": version_id}
        self._body: Any = None
        self._etag = ""
        self._offset = 0
        self._total = 0

    def open(self) -> None:
        """Ask for the object.

        Raises:
            StoreRefused: there is none.
        """
        answer = self._get()
        self._etag, self._total = answer["ETag"], int(answer["ContentLength"])

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in pieces of at most 1 MiB.

        Raises:
            ShortBody: the store declares more than it sends.
        """
        while self._offset < self._total:
            piece = self._bucket.repeat(self._piece)
            self._offset += len(piece)
            yield piece

    def close(self) -> None:
        """Let go of the connection; closing twice is no error."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _get(self, **parameters: str) -> dict[str, Any]:
        answer = self._bucket.find("GetObject", self._key, ABSENT, **self._version, **parameters)
        if answer is None:
            raise StoreRefused("there is no such object", found=self._key)
        self._body = answer["Body"]
        return answer

    def _piece(self) -> bytes:
        if self._body is None:
            self._go_on()
        try:
            piece: bytes = self._body.read(PIECE_BYTES)
        except (IncompleteReadError, ResponseStreamingError) as error:
            self.close()
            raise TryAgain(self._short()) from error
        except (BotoCoreError, HTTPError) as error:
            self.close()
            raise self._bucket.failure("GetObject", self._key, error) from error
        if not piece:
            self.close()
            raise TryAgain(self._short())
        return piece

    def _go_on(self) -> None:
        try:
            answer = self._get(Range=f"bytes={self._offset}-", IfMatch=self._etag)
        except ObjectExists as error:
            raise StoreRefused("the object was replaced while it was read", found=self._key) from error
        if not str(answer.get("ContentRange", "")).startswith(f"bytes {self._offset}-"):
            self.close()
            raise StoreUnavailable("the store ignores ranges", found=answer.get("ContentRange"))

    def _short(self) -> ShortBody:
        return ShortBody(f"{self._key} ends early", found=self._offset, expected=self._total)
