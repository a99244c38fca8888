"""What a tenant made ready in bulk, beside its other recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxone_provider.archive.errors import InvalidSetting
from cxone_provider.hooks.external_access import external_access_source
from cxone_provider.hooks.supervisor import mask

if TYPE_CHECKING:
    from cxone_provider.adapters.cxone.settings import CXoneSettings
    from cxone_provider.adapters.cxone.sources import TenantSource
    from cxone_provider.adapters.media_download.source import Ask, DownloadedSource, DownloadPlace
    from cxone_provider.archive.ports import Clock


def with_downloads(source: TenantSource, settings: CXoneSettings, clock: Clock) -> TenantSource:
    """Return a source that also reads what was made ready in bulk; nothing is sent or opened yet.

    Args:
        source: the tenant's other recordings.
        settings: the tenant.
        clock: for waits and quotas.
    """
    from cxone_provider.adapters.media_download.routed import RoutedSource

    return RoutedSource(source, lambda: _downloads(settings, clock))


def _downloads(settings: CXoneSettings, clock: Clock) -> DownloadedSource:
    from cxone_provider.adapters.cxone.quota import RequestBudget
    from cxone_provider.adapters.cxone.tenant_api import TenantApi
    from cxone_provider.adapters.media_download.api import MediaDownloadApi
    from cxone_provider.adapters.media_download.source import DownloadedSource

    options = settings.media_download
    tenant = TenantApi(settings, clock, on_token=mask)
    api = MediaDownloadApi(tenant, options, RequestBudget(options.quota, clock))
    return DownloadedSource(api.status, _place(settings, api.status, clock), tenant.close)


def _place(settings: CXoneSettings, ask: Ask, clock: Clock) -> DownloadPlace:
    from cxone_provider.adapters.media_download.bucket_place import BucketPlace
    from cxone_provider.adapters.media_download.link_place import LinkPlace
    from cxone_provider.adapters.media_download.settings import Location

    options = settings.media_download
    if options.location is Location.LINKS:
        return LinkPlace(settings, ask, clock)
    if options.bucket is None:
        raise InvalidSetting(
            "connection field media_download: bucket", found="nothing",
            expected="the bucket that downloads are put into",
            hint="Or set location to links, if downloadLocation is a link or holds links.",
        )  # fmt: skip
    return BucketPlace(options.bucket.bucket, external_access_source(options.bucket, clock))
