"""The Amazon provider's ``aws`` connection as the archive's bucket.

Endpoint, role, profile and instance credentials are what the connection says. What only an archive needs to know of a
store goes into its extra, beside the other settings of the S3 service::

    {"service_config": {"s3": {"archive": {"checksum": "none", "conditional_writes": "emulated"}}}}

Known are ``checksum``, ``conditional_writes``, ``storage_class`` and ``expected_bucket_owner``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.hooks.aws import aws_hook, s3_client

if TYPE_CHECKING:
    from cxone_provider.adapters.s3.settings import StoreSettings
    from cxone_provider.adapters.s3.store import S3Store
    from cxone_provider.archive.ports import Clock

_KNOWN = frozenset({"checksum", "conditional_writes", "storage_class", "expected_bucket_owner"})


@dataclass(frozen=True, slots=True)
class ArchiveBucket:
    """A bucket as the `aws` connection reaches it.

    Attributes:
        store: the bucket's objects.
        settings: how they are written.
        endpoint_url: base URL of the S3 server.
        region: region requests are signed for.
    """

    store: S3Store
    settings: StoreSettings
    endpoint_url: str
    region: str | None

    def storage_document(self) -> dict[str, Any]:
        """Return how objects are written, for the manifest; what is left to the bucket is left out."""
        settings = self.settings
        document = {
            "encryption": settings.encryption,
            "kms_key_id": settings.kms_key_id,
            "storage_class": settings.storage_class,
            "tags": dict(settings.tags) or None,
        }
        return {name: value for name, value in document.items() if value is not None}


def archive_bucket(
    bucket: str, *, aws_conn_id: str | None, concurrency: int = 4, clock: Clock | None = None, **writing: Any
) -> ArchiveBucket:
    """Return a bucket; nothing is sent yet.

    Args:
        bucket: its name.
        aws_conn_id: connection of the Amazon provider; None for boto3's own way to credentials.
        concurrency: threads that will use it at once.
        clock: for waits; the machine's by default.
        writing: `encryption`, `tags`, see :func:`cxone_provider.adapters.s3.settings.store_settings`.

    Raises:
        InvalidSetting: a setting that S3 would refuse.
    """
    from cxone_provider.adapters.s3.settings import store_settings
    from cxone_provider.adapters.s3.store import S3Store

    hook = aws_hook(aws_conn_id)
    settings = store_settings(**_archive_options(hook.service_config), **writing)
    client = s3_client(hook, concurrency=concurrency, checksum=settings.checksum)
    store = S3Store(client, bucket, settings, clock=clock, verify=hook.verify)
    return ArchiveBucket(store, settings, client.meta.endpoint_url, client.meta.region_name)


def _archive_options(service_config: Mapping[str, Any]) -> dict[str, Any]:
    options = service_config.get("archive") or {}
    if not isinstance(options, Mapping) or options.keys() - _KNOWN:
        raise InvalidSetting(
            "service_config.s3.archive of the aws connection", found=options, expected=", ".join(sorted(_KNOWN))
        )
    return dict(options)
