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
from cxone_provider.hooks.supervisor import mask_proxies

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
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    from cxone_provider.adapters.redacting import redact_library_logs
    from cxone_provider.adapters.s3.client import tuned_client_config
    from cxone_provider.adapters.s3.settings import store_settings
    from cxone_provider.adapters.s3.store import S3Store

    # Before the first request for credentials: its answer holds them.
    redact_library_logs()
    _mask_proxies(aws_conn_id)
    hook: Any = AwsGenericHook(aws_conn_id=aws_conn_id, client_type="s3")
    settings = store_settings(**_archive_options(hook.service_config), **writing)
    config = tuned_client_config(concurrency=concurrency, checksum=settings.checksum, user=hook.config)
    client = hook.get_client_type(region_name=hook.region_name, config=config)
    store = S3Store(client, bucket, settings, clock=clock)
    return ArchiveBucket(store, settings, client.meta.endpoint_url, client.meta.region_name)


def _mask_proxies(aws_conn_id: str | None) -> None:
    """Have Airflow hide the passwords of the connection's proxies: the Amazon provider logs them at DEBUG."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    if not aws_conn_id:
        return
    try:
        extra = BaseHook.get_connection(aws_conn_id).extra_dejson
    except AirflowNotFoundException:
        return  # then the Amazon provider leaves credentials to boto3
    config = extra.get("config_kwargs")
    mask_proxies(config.get("proxies") if isinstance(config, Mapping) else None)


def _archive_options(service_config: Mapping[str, Any]) -> dict[str, Any]:
    options = service_config.get("archive") or {}
    if not isinstance(options, Mapping) or options.keys() - _KNOWN:
        raise InvalidSetting(
            "service_config.s3.archive of the aws connection", found=options, expected=", ".join(sorted(_KNOWN))
        )
    return dict(options)
