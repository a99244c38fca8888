"""What lies in the bucket, seen by a plain client: nothing here asks the archive's own code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Seen:
    """What lies under one prefix.

    Attributes:
        media: SHA-256 in hex of every object in the folder of recordings, by key.
        manifests: the document of every recording's manifest, by key.
        contacts: of every contact's.
        uploads: ids of unfinished multipart uploads, by key.
    """

    media: Mapping[str, str]
    manifests: Mapping[str, Mapping[str, Any]]
    contacts: Mapping[str, Mapping[str, Any]]
    uploads: Mapping[str, str]


def look(client: S3Client, bucket: str, prefix: str) -> Seen:
    """Read everything under `prefix`."""
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
    keys = [entry["Key"] for entry in listed]
    documents = {key: _document(client, bucket, key) for key in keys if key.startswith(f"{prefix}/manifests/")}
    return Seen(
        media={key: _sha256(client, bucket, key) for key in keys if key.startswith(f"{prefix}/recordings/")},
        manifests={key: document for key, document in documents.items() if "recordings" not in document},
        contacts={key: document for key, document in documents.items() if "recordings" in document},
        uploads=_uploads(client, bucket, prefix),
    )


def _sha256(client: S3Client, bucket: str, key: str) -> str:
    digest = hashlib.sha256()
    for piece in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(2**20):
        digest.update(piece)
    return digest.hexdigest()


def _document(client: S3Client, bucket: str, key: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return document


def _uploads(client: S3Client, bucket: str, prefix: str) -> Mapping[str, str]:
    # Not every server filters by prefix.
    listed = client.list_multipart_uploads(Bucket=bucket, Prefix=f"{prefix}/").get("Uploads", [])
    return {entry["Key"]: entry["UploadId"] for entry in listed if entry["Key"].startswith(f"{prefix}/")}
