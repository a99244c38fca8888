"""Buttons that lead from a stream task to what it archived.

Airflow asks a link for its address on the worker, right after the task, so the operator remembers where things lie.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast
from urllib.parse import quote, urlencode, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink

from cxone_provider.archive.audit import AuditLog
from cxone_provider.archive.keys import split_uri

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, TaskInstanceKey

_CONSOLES = {"amazonaws.com": "console.aws.amazon.com", "amazonaws.com.cn": "console.amazonaws.cn"}
_GOV_CONSOLE = "console.amazonaws-us-gov.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an S3 client talks to: its base URL and region."""

    url: str
    region: str | None

    def address_of(self, uris: Sequence[str]) -> str:
        """Return a page about objects of one bucket: one object, or the folder that holds them all; empty for none.

        Objects of AWS are shown in its console. Another store has none that is known, so it is the object's own URL
        there, which asks for credentials.
        """
        if not uris:
            return ""
        bucket, key = split_uri(uris[0])
        console = self._console()
        if len(uris) == 1:
            if console is None:
                return f"{self.url.rstrip('/')}/{bucket}/{quote(key)}"
            return f"https://{console}/s3/object/{bucket}?{self._query(key)}"
        folder = _folder_of([split_uri(uri)[1] for uri in uris])
        if console is None:
            return f"{self.url.rstrip('/')}/{bucket}/?{urlencode({'prefix': folder})}"
        return f"https://{console}/s3/buckets/{bucket}?{self._query(folder)}"

    def _query(self, prefix: str) -> str:
        return urlencode({"region": self.region or "us-east-1", "prefix": prefix})

    def _console(self) -> str | None:
        host = urlsplit(self.url).hostname or ""
        domain = next((domain for domain in _CONSOLES if host.endswith(f".{domain}")), None)
        if domain is None:
            return None
        return _GOV_CONSOLE if (self.region or "").startswith("us-gov-") else _CONSOLES[domain]


def _folder_of(keys: Sequence[str]) -> str:
    common = posixpath.commonprefix(list(keys))
    return common[: common.rfind("/") + 1]


@dataclass(frozen=True, slots=True)
class ArchiveAddresses:
    """Where a person finds what a task archived."""

    media: str = ""
    manifests: str = ""

    @classmethod
    def of(cls, logs: Sequence[AuditLog], endpoint: Endpoint) -> ArchiveAddresses:
        """Return the addresses of the logs' archived recordings."""
        archived = [log for log in logs if log.success and log.s3_uri and log.manifest_uri]
        return cls(
            endpoint.address_of([log.s3_uri for log in archived if log.s3_uri]),
            endpoint.address_of([log.manifest_uri for log in archived if log.manifest_uri]),
        )


class Archiving(Protocol):
    """An operator that remembers where it archived."""

    addresses: ArchiveAddresses


class ArchivedMediaLink(BaseOperatorLink):
    """Leads to the recording, or to the folder of a batch."""

    name = "Recording in S3"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or nothing while nothing is archived."""
        return cast("Archiving", operator).addresses.media


class ManifestLink(BaseOperatorLink):
    """Leads to the manifest, or to the folder of a batch's manifests."""

    name = "Manifest"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address, or nothing while nothing is archived."""
        return cast("Archiving", operator).addresses.manifests
