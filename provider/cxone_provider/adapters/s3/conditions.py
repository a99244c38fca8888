"""Writes that must not overwrite: by S3's conditional headers, or by looking first where a store lacks them."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from cxone_provider.adapters.s3.bucket import Bucket
from cxone_provider.adapters.s3.errors import ABSENT, error_code
from cxone_provider.adapters.s3.writing import object_parameters
from cxone_provider.archive.errors import ObjectExists, StoreRefused
from cxone_provider.archive.ports import ObjectAttributes

log = logging.getLogger(__name__)

_NO_ENTITY = '"00000000000000000000000000000000"'
_EMPTY_MD5 = "1B2M2Y8AsgTpgAmY7PhCfg=="


class Conditions:
    """How this bucket's conditional writes are made.

    Args:
        bucket: the bucket; its setting `conditional_writes` is where this starts.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.native = bucket.settings.conditional_writes == "native"

    def parameters(self, key: str, *, if_absent: bool = False, if_match: str | None = None) -> dict[str, str]:
        """Return the condition's parameter; where it is emulated, none, after a look.

        Raises:
            ObjectExists: the look found another state than the condition wants.
        """
        if not self.native and (if_absent or if_match is not None):
            self._look(key, if_match)
            return {}
        if if_match is not None:
            return {"IfMatch": f'"{if_match}"'}
        return {"IfNoneMatch": "*"} if if_absent else {}

    def probe(self, key: str) -> None:
        """Find out whether the store honours conditions, and emulate them if not.

        One Put that asks for an entity no object has. A store that honours the condition refuses it and writes
        nothing; one that ignores it leaves an empty object at `key`. It also shows that writing is allowed at all.

        Raises:
            StoreRefused: writing is not allowed.
        """
        try:
            self._bucket.call("PutObject", key, Body=bytearray(), IfMatch=_NO_ENTITY, **self._probe_parameters())
        except ObjectExists:
            return
        except StoreRefused as error:
            if error_code(error.__cause__) != "NotImplemented":
                raise
        log.warning(
            "bucket %s does not honour conditional writes: two writers of one object at the same moment both succeed",
            self._bucket.name,
        )
        self.native = False

    def _probe_parameters(self) -> dict[str, Any]:
        # Everything a bucket policy may insist on, but no lock: what a poor store leaves behind can be removed.
        unlocked = replace(self._bucket.settings, lock=None)
        return {**object_parameters(unlocked, ObjectAttributes("application/octet-stream")), "ContentMD5": _EMPTY_MD5}

    def _look(self, key: str, if_match: str | None) -> None:
        there = self._bucket.find("HeadObject", key, ABSENT)
        etag = None if there is None else str(there.get("ETag", "")).strip('"')
        if etag != if_match:
            raise ObjectExists("a look before the write found another state", found=etag, expected=if_match)
