"""How multipart uploads are opened, so that another process can complete them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from cxone_provider.adapters.s3.bucket import Bucket
from cxone_provider.adapters.s3.settings import Checksum
from cxone_provider.adapters.s3.writing import base64_of, digest_parameters
from cxone_provider.archive.errors import ArchiveError
from cxone_provider.archive.ports import Part

_PROBE_SHA256 = bytes.fromhex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
_PROBE = bytearray(1)


class Uploads:
    """Opens a bucket's uploads with a checksum over all parts where the store lists the parts' digests.

    S3 wants every part's digest to complete such an upload, and who takes up another process's upload knows them from
    ListParts only. Some stores (SeaweedFS 4.48) want them and do not list them: there, uploads are opened without that
    checksum, and every part is still verified by its own digest. The first upload finds out which.

    Args:
        checksum: the store's setting of the same name.
    """

    def __init__(self, checksum: Checksum) -> None:
        self._lists_digests = None if checksum == "sha256" else False

    def open(self, bucket: Bucket, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Open an upload and return S3's answer.

        The first one costs 1 request more, or 5 where digests are not listed.
        """
        if self._lists_digests is not False:
            answer = bucket.call("CreateMultipartUpload", key, ChecksumAlgorithm="SHA256", **parameters)
            if self._lists_digests is None:
                self._lists_digests = self._found_out(bucket, key, answer["UploadId"])
            if self._lists_digests:
                return answer
            bucket.call("AbortMultipartUpload", key, UploadId=answer["UploadId"])
        return bucket.call("CreateMultipartUpload", key, **parameters)

    def _found_out(self, bucket: Bucket, key: str, upload_id: str) -> bool:
        try:
            return self._are_listed(bucket, key, upload_id)
        except ArchiveError:
            # Its id is known here only: nobody else could remove it.
            with suppress(ArchiveError):
                bucket.call("AbortMultipartUpload", key, UploadId=upload_id)
            raise

    def _are_listed(self, bucket: Bucket, key: str, upload_id: str) -> bool:
        upload = {"UploadId": upload_id}
        if bucket.call("ListParts", key, **upload).get("ChecksumAlgorithm"):
            return True
        # The upload's real first part will take this one's place.
        digest = digest_parameters(bucket.settings, _PROBE, _PROBE_SHA256)
        bucket.call("UploadPart", key, PartNumber=1, Body=_PROBE, **upload, **digest)
        listed = bucket.call("ListParts", key, **upload).get("Parts", [])
        return any(part.get("ChecksumSHA256") == base64_of(_PROBE_SHA256) for part in listed)


def stored_parts(listed: list[dict[str, Any]]) -> list[Part]:
    """Return the parts in order, of each number the one that was stored last: some stores list replaced ones, too."""
    newest: dict[int, dict[str, Any]] = {}
    for part in listed:
        known = newest.get(part["PartNumber"])
        if known is None or part["LastModified"] >= known["LastModified"]:
            newest[part["PartNumber"]] = part
    return [
        Part(number, part["Size"], part["ETag"].strip('"'), part.get("ChecksumSHA256"))
        for number, part in sorted(newest.items())
    ]
