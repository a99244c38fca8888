"""The `cxone` connection as a tenant's Media Download API."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cxone_provider.hooks.supervisor import mask

if TYPE_CHECKING:
    from cxone_provider.adapters.cxone.settings import CXoneSettings
    from cxone_provider.adapters.cxone.tenant_api import TenantApi
    from cxone_provider.adapters.media_download.api import MediaDownloadApi
    from cxone_provider.archive.downloads import DownloadStatus
    from cxone_provider.hooks.cxone import CXoneHook

_FREE_INTERVAL_S = 1.0


@contextmanager
def media_download_api(hook: CXoneHook) -> Iterator[MediaDownloadApi]:
    """Give a tenant's Media Download API with this task's own share of its quota.

    Args:
        hook: of the tenant.

    Raises:
        InvalidSetting: a field of the connection is missing or makes no sense.
    """
    from cxone_provider.adapters.cxone.quota import RequestBudget
    from cxone_provider.adapters.media_download.api import MediaDownloadApi

    with closing(_tenant(hook.settings, hook)) as api:
        settings = api.settings.media_download
        yield MediaDownloadApi(api, settings, RequestBudget(settings.quota, api.clock))


@dataclass(frozen=True, slots=True)
class PacedLooks:
    """Looks at requests for a trigger, which keeps the pace itself: no thread of the triggerer is held by a wait.

    Attributes:
        interval_s: seconds to wait before each look.
    """

    interval_s: float
    _tenant: TenantApi
    _api: MediaDownloadApi

    @classmethod
    async def of(cls, hook: CXoneHook) -> PacedLooks:
        """Return the looks at a tenant's requests; each is sent once.

        Raises:
            InvalidSetting: a field of the connection is missing or makes no sense.
        """
        from cxone_provider.adapters.media_download.api import MediaDownloadApi

        tenant = await asyncio.to_thread(_tenant, await hook.asettings(), hook)
        settings = tenant.settings.media_download
        interval_s = settings.quota.interval_s if settings.status_counts else _FREE_INTERVAL_S
        return cls(interval_s, tenant, MediaDownloadApi(tenant, settings, None))

    def ask(self, request_id: str) -> DownloadStatus:
        """Return how a request stands; blocks for one request."""
        return self._api.status(request_id)

    def close(self) -> None:
        """Release connections."""
        self._tenant.close()


def _tenant(settings: CXoneSettings, hook: CXoneHook) -> TenantApi:
    from cxone_provider.adapters.clock import SystemClock
    from cxone_provider.adapters.cxone.tenant_api import TenantApi

    return TenantApi(settings, SystemClock(hook.cancelled), on_token=mask)
